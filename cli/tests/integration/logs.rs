//! `trivium logs`.

use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
};

use crate::{
    background::{Background, run},
    failure,
    fake::Installation,
    success, until,
};

#[test]
fn the_output_of_a_part_is_printed_whole() {
    let installation = Installation::new();
    let background = Background::start(&installation);
    for name in ["lens", "otelcol", "agent", "app", "up"] {
        let text = success(&background.run(&["logs", name]));
        let file = installation.path(&format!("state/logs/{name}.log"));
        assert_eq!(text, std::fs::read_to_string(file).unwrap(), "{name}");
    }
    let agent = success(&background.run(&["logs", "agent"]));
    assert!(agent.contains("running; sending to http://"), "{agent}");
    let up = success(&background.run(&["logs", "up"]));
    assert!(up.contains("✓ agent ready ("), "{up}");

    let error = failure(&background.run(&["logs", "build"]));
    let expected = "build has printed nothing yet: there is no ";
    assert!(error.contains(expected), "{error}");
    assert!(
        error.contains("there is output of: lens, otelcol, agent, app, up\n"),
        "{error}"
    );
}

#[test]
fn an_unknown_name_lists_the_known_ones() {
    let installation = Installation::new();
    let output = run(&installation, &["logs", "nope"]);
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        error.contains("[possible values: lens, otelcol, agent, app, up, build]"),
        "{error}"
    );
    let error = failure(&run(&installation, &["logs", "app"]));
    assert!(
        error.contains("nothing, as no stack was started here"),
        "{error}"
    );
}

#[test]
fn following_begins_with_the_last_lines_and_goes_on_over_a_restart() {
    let installation = Installation::new();
    let background = Background::start(&installation);
    let path = installation.path("state/logs/app.log");
    let write = |text: &str| {
        let mut log = File::options().append(true).open(&path).unwrap();
        log.write_all(text.as_bytes()).unwrap();
    };
    write(&(1..=30).map(|n| format!("line {n}\n")).collect::<String>());
    let mut command = Command::new(installation.path("trivium"));
    command.args(["logs", "app", "-f"]);
    command.env("TRIVIUM_STATE_DIR", installation.path("state"));
    let mut follower = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    let mut next = || lines.next().unwrap().unwrap();
    for n in 11..=30 {
        assert_eq!(next(), format!("line {n}"));
    }
    write("while it is followed\n");
    assert_eq!(next(), "while it is followed");

    success(&background.run(&["down"]));
    let again = Background::start(&installation);
    write("after the restart\n");
    while next() != "after the restart" {}
    follower.kill().unwrap();
    follower.wait().unwrap();
    drop(again);
}

#[test]
fn a_file_beyond_16_mib_is_moved_aside_while_its_part_writes_on() {
    let installation = Installation::new();
    let _background = Background::start(&installation);
    let path = installation.path("state/logs/app.log");
    let line = [b'a'; 1024 * 1024];
    let mut log = File::options().append(true).open(&path).unwrap();
    for _ in 0..16 {
        log.write_all(&line).unwrap();
    }
    log.write_all(b"the last\n").unwrap();
    until("the file is emptied", || {
        (log.metadata().unwrap().len() == 0).then_some(())
    });
    let before = std::fs::metadata(installation.path("state/logs/app.log.1")).unwrap();
    assert!(before.len() > 16 * 1024 * 1024, "{}", before.len());
    log.write_all(b"the next\n").unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "the next\n");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let installation = Installation::new();
    let _background = Background::start(&installation);
    let line = "a line\n".repeat(100_000);
    std::fs::write(installation.path("state/logs/app.log"), line).unwrap();
    let mut command = Command::new(installation.path("trivium"));
    command.args(["logs", "app"]);
    command.env("TRIVIUM_STATE_DIR", installation.path("state"));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    stdout.read_line(&mut first).unwrap();
    assert_eq!(first, "a line\n");
    drop(stdout);
    assert_eq!(success(&child.wait_with_output().unwrap()), "");
}
