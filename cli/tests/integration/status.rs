//! `trivium status`.

use std::process::Output;

use serde_json::{Value, json};

use crate::{
    background::{Background, run},
    failure,
    fake::Installation,
    success, until,
    up::{part, up},
};

/// The words of the line of a part, without the time that it has been up.
fn line(output: &Output, part: &str) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find(|line| line.starts_with(part));
    let line = line.unwrap_or_else(|| panic!("no {part} in\n{text}"));
    let cells = line.split("  ").map(str::trim);
    let mut cells: Vec<_> = cells
        .filter(|cell| !cell.is_empty())
        .map(str::to_owned)
        .collect();
    let age = cells.remove(2);
    assert!(age == "-" || age.ends_with('s'), "{age}");
    cells
}

fn status_json(background: &Background<'_>) -> (Option<i32>, Value) {
    let output = background.run(&["status", "--json"]);
    let json = serde_json::from_slice(&output.stdout).unwrap();
    (output.status.code(), json)
}

#[test]
fn each_part_has_its_line_with_what_lens_counted() {
    let installation = Installation::new();
    let background = Background::start(&installation);
    let state = background.state();
    let url = |name: &str, label: &str| {
        part(&state, name)["addresses"][label]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let output = background.run(&["status"]);
    success(&output);
    let (page, otlp, app) = (
        url("lens", "page"),
        url("otelcol", "otlp_grpc"),
        url("app", "http"),
    );
    assert_eq!(
        line(&output, "lens"),
        ["lens", "up", "1,180", "0", "-", "-", "0 B", &page]
    );
    assert_eq!(
        line(&output, "otelcol"),
        ["otelcol", "up", "1,190", "5", "3", "3/1,000", "-", &otlp]
    );
    assert_eq!(
        line(&output, "agent"),
        ["agent", "up", "77", "-", "0", "-", "1.5 s, 2.0 KiB", "-"]
    );
    assert_eq!(
        line(&output, "app"),
        ["app", "up", "1,200", "-", "0", "10/2,048", "-", &app]
    );

    let (code, json) = status_json(&background);
    assert_eq!(code, Some(0));
    assert_eq!(json["is_all_up"], true);
    assert_eq!(json["no_counts"], Value::Null);
    let otelcol = part(&json, "otelcol");
    assert_eq!(otelcol["state"], "up");
    assert_eq!(otelcol["pid"], background.pid("otelcol"));
    assert_eq!(
        otelcol["counts"],
        json!({"accepted": 1190.0, "refused": 5.0, "dropped": 3.0, "queue_size": 3.0, "queue_capacity": 1000.0,
            "lag_seconds": null, "lag_bytes": null})
    );
    assert_eq!(otelcol["hops"].as_array().unwrap().len(), 2);
}

#[test]
fn without_a_stack_it_says_how_to_start_one() {
    let installation = Installation::new();
    let output = run(&installation, &["status"]);
    assert_eq!(output.status.code(), Some(3));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.starts_with("Nothing runs with the state folder "),
        "{text}"
    );
    assert!(text.ends_with("; `trivium up -d` starts it.\n"), "{text}");
    let output = run(&installation, &["status", "--json"]);
    assert_eq!(output.status.code(), Some(3));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json, json!({"is_all_up": false, "parts": []}));
}

#[test]
fn a_killed_part_is_down_and_the_others_are_up() {
    let installation = Installation::new();
    let background = Background::start(&installation);
    background.kill("app");
    let json = until("the end of the app is noted", || {
        let (code, json) = status_json(&background);
        (code == Some(3) && part(&json, "app")["ended"] != Value::Null).then_some(json)
    });
    assert_eq!(part(&json, "app")["state"], "down");
    assert_eq!(part(&json, "app")["ended"]["status"], "signal: 9 (SIGKILL)");
    for name in ["lens", "otelcol", "agent"] {
        assert_eq!(part(&json, name)["state"], "up", "{name}");
    }
    let output = background.run(&["status"]);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(line(&output, "app")[..2], ["app", "down"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("\n! app ended by itself at "), "{text}");
    assert!(
        text.contains(" (signal: 9 (SIGKILL)): `trivium logs app` shows what it printed"),
        "{text}"
    );
    success(&background.run(&["down"]));
    let order = ["agent stopped", "otelcol stopped", "lens stopped"];
    assert_eq!(installation.journal()[4..], order);
}

#[test]
fn without_lens_the_parts_are_told_and_why_they_have_no_counts() {
    let installation = Installation::new();
    let background = Background::start(&installation);
    background.kill("lens");
    let output = until("lens is down", || {
        let output = background.run(&["status"]);
        (output.status.code() == Some(3)).then_some(output)
    });
    assert_eq!(line(&output, "lens")[..2], ["lens", "down"]);
    assert_eq!(line(&output, "otelcol")[..4], ["otelcol", "up", "-", "-"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("\n! no counts: lens, which keeps them, is not up\n"),
        "{text}"
    );
    drop(background);

    let background = Background::start_with(&installation, &["--backends", "lgtm"]);
    let output = background.run(&["status"]);
    let text = success(&output);
    assert!(
        text.contains("\n! no counts: lens, which keeps them, is not among the backends (lgtm)\n"),
        "{text}"
    );
}

#[test]
fn the_token_of_lens_in_a_file_named_from_the_working_folder_reaches_all_who_need_it() {
    let installation = Installation::new();
    std::fs::write(installation.path("token"), "0123456789abcdef").unwrap();
    let mut command = up(&installation);
    command.current_dir(installation.path(""));
    command.env("LENS_TOKEN_FILE", "token");
    let background = Background::of(&installation, command);
    let file = installation.path("token").display().to_string();
    for part in ["lens", "otelcol"] {
        assert_eq!(installation.settings(part)["LENS_TOKEN_FILE"], file);
    }
    let (code, json) = status_json(&background);
    assert_eq!(code, Some(0));
    assert_eq!(part(&json, "lens")["counts"]["accepted"], 1180.0);
}

#[test]
fn a_lens_that_wants_a_token_gets_the_one_it_was_started_with() {
    let installation = Installation::new();
    let file = installation.path("token");
    std::fs::write(&file, "0123456789abcdef").unwrap();
    let mut command = up(&installation);
    command.env("LENS_TOKEN_FILE", &file);
    let background = Background::of(&installation, command);
    let (code, json) = status_json(&background);
    assert_eq!(code, Some(0));
    assert_eq!(part(&json, "lens")["counts"]["accepted"], 1180.0);

    std::fs::write(&file, "another").unwrap();
    let text = success(&background.run(&["status"]));
    assert!(
        text.contains(" (401 Unauthorized); `trivium logs lens` may "),
        "{text}"
    );
    std::fs::remove_file(&file).unwrap();
    let text = success(&background.run(&["status"]));
    let remark = format!(
        "! no counts: cannot read the token of lens in {}: ",
        file.display()
    );
    assert!(text.contains(&remark), "{text}");
}

#[test]
fn a_token_file_is_looked_for_where_up_was_started() {
    let installation = Installation::new();
    std::fs::write(installation.path("token"), "0123456789abcdef").unwrap();
    let start = |working_folder: &str| {
        let mut command = up(&installation);
        command.current_dir(installation.path(working_folder));
        command.args(["--root".into(), installation.path("clone")]);
        command.env("LENS_TOKEN_FILE", "token");
        command
    };
    let background = Background::of(&installation, start(""));
    let token = installation.path("token");
    for part in ["lens", "otelcol"] {
        let settings = installation.settings(part);
        assert_eq!(settings["LENS_TOKEN_FILE"], token.to_str().unwrap());
    }
    assert_eq!(status_json(&background).0, Some(0));
    drop(background);

    let error = failure(&start("clone").output().unwrap());
    assert!(
        error.contains("LENS_TOKEN_FILE: cannot read token: "),
        "{error}"
    );
    let mut with_another_backend = start("clone");
    with_another_backend.args(["--backends", "lgtm"]);
    drop(Background::of(&installation, with_another_backend));
}

#[test]
fn parts_whose_up_was_killed_are_said_to_be_unwatched() {
    let installation = Installation::new();
    let background = Background::start(&installation);
    let pid = background.pid("up");
    background.kill("up");
    let (_, json) = until("nothing watches", || {
        Some(status_json(&background)).filter(|(_, json)| json["is_watched"] == false)
    });
    assert_eq!(json["is_all_up"], false);
    assert_eq!(part(&json, "app")["state"], "up");
    let output = background.run(&["status"]);
    assert_eq!(output.status.code(), Some(3));
    let text = String::from_utf8_lossy(&output.stdout);
    let remark = format!(
        "\n! `trivium up` (process {pid}) was killed, and nothing watches these parts: `trivium down` stops them\n"
    );
    assert!(text.contains(&remark), "{text}");
}

#[test]
fn colour_is_for_terminals_unless_it_is_asked_for() {
    let installation = Installation::new();
    let background = Background::start(&installation);
    let has_colour = |arguments: &[&str]| {
        let text = success(&background.run(arguments));
        text.contains('\u{1b}')
    };
    assert!(!has_colour(&["status"]));
    assert!(!has_colour(&["status", "--color", "never"]));
    assert!(has_colour(&["--color", "always", "status"]));
    assert!(has_colour(&["status", "--color", "always"]));
}
