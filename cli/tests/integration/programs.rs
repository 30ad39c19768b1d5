//! `trivium up` where a program is not beside it.

use std::fs;

use crate::{
    failure,
    fake::Installation,
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
