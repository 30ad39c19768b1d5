//! `trivium up` where a program is not beside it, and `trivium lens`, which becomes the program lens.

use std::{fs, process::Command};

use crate::{
    background::run,
    failure,
    fake::Installation,
    success,
    up::{Running, up},
    write_script,
};

#[test]
fn a_missing_program_is_built_with_cargo_in_the_clone() {
    let installation = Installation::new();
    let built = installation.path("clone/target/release/trivium-app");
    fs::create_dir_all(built.parent().unwrap()).unwrap();
    fs::rename(installation.path("trivium-app"), &built).unwrap();
    let message = format!(
        r#"{{"target":{{"name":"trivium-app"}},"executable":"{}"}}"#,
        built.display()
    );
    fs::create_dir(installation.path("cargo")).unwrap();
    write_script(
        &installation.path("cargo/cargo"),
        &format!(
            "#!/bin/sh\necho \"$PWD $*\" > '{}'\necho '{message}'\n",
            installation.path("cargo/run").display()
        ),
    );
    let mut command = up(&installation);
    command.env(
        "PATH",
        format!("{}:/usr/bin:/bin", installation.path("cargo").display()),
    );
    let _running = Running::start(&installation, command);
    let run = fs::read_to_string(installation.path("cargo/run")).unwrap();
    let clone = installation.path("clone").canonicalize().unwrap();
    let options = "build --release --message-format=json-render-diagnostics -p trivium-app";
    assert_eq!(run, format!("{} {options}\n", clone.display()));
    assert!(installation.journal().contains(&"app started".to_owned()));
}

#[test]
fn the_arguments_of_lens_are_its_own_also_help() {
    let installation = Installation::new();
    write_script(
        &installation.path("trivium-lens"),
        "#!/bin/sh\necho \"$LENS_DATA $*\"\n",
    );
    let state = installation.path("state");
    let lens = |arguments: &[&str]| {
        let mut command = Command::new(installation.path("trivium"));
        command.arg("lens").args(arguments);
        command.arg("--help");
        command.env("TRIVIUM_ROOT", installation.path("clone"));
        success(&command.env("TRIVIUM_STATE_DIR", &state).output().unwrap())
    };
    let data = state.join("data/lens.db");
    for arguments in [&["export"][..], &["import"], &["export", "--from", "-1h"]] {
        let said = lens(arguments);
        let expected = format!("{} {} --help\n", data.display(), arguments.join(" "));
        assert_eq!(said, expected);
    }
    assert!(lens(&[]).contains("Usage: trivium lens "));
}

#[test]
fn a_missing_cargo_says_what_to_do() {
    let installation = Installation::new();
    fs::remove_file(installation.path("trivium-lens")).unwrap();
    let error = failure(&up(&installation).env("PATH", "/nowhere").output().unwrap());
    assert!(
        error.contains("trivium-lens is not beside this executable, and `cargo`"),
        "{error}"
    );
    assert!(error.contains("https://rustup.rs"), "{error}");
}

#[test]
fn lens_gets_its_own_options_and_is_asked_for_help_on_them() {
    let installation = Installation::new();
    write_script(
        &installation.path("trivium-lens"),
        "#!/bin/sh\necho \"$LENS_DATA $*\"\n",
    );
    let root = installation.path("clone").display().to_string();
    let database = installation.path("state/data/lens.db");
    for arguments in [
        &["export", "--from", "-1h", "a.jsonl"][..],
        &["export", "--help"],
        &["import", "a.jsonl", "b.jsonl"],
    ] {
        let line = [&["lens", "--root", &root], arguments].concat();
        let said = success(&run(&installation, &line));
        let expected = format!("{} {}\n", database.display(), arguments.join(" "));
        assert_eq!(said, expected);
    }
}
