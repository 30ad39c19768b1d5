//! Finds what `install` of this folder puts into the cache, and the Collector with Kafka's parts.

use std::{path::PathBuf, process::Command};

use crate::here::{is_installed, is_there, root};

/// The program, jar or folder of jars of this name, installed first where it is not there yet, which takes minutes; `None`,
/// with a word on it, when it can't be had and this is not CI.
pub(crate) fn installed(name: &str) -> Option<PathBuf> {
    printed(Command::new(root().join("cli/tests/backends/install")).arg(name))
}

/// One that Java runs.
pub(crate) fn installed_for_java(name: &str) -> Option<PathBuf> {
    if is_installed("java", "openjdk-17-jre-headless") && is_installed("mvn", "maven") {
        installed(name)
    } else {
        None
    }
}

pub(crate) fn collector_with_kafka() -> Option<PathBuf> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trivium"));
    command
        .args([
            "otelcol",
            "--manifest",
            "otelcol/builder-kafka.yaml",
            "--root",
        ])
        .arg(root());
    printed(&mut command)
}

/// The path that a command prints.
fn printed(command: &mut Command) -> Option<PathBuf> {
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    let found = is_there(&format!("{command:?} ({error})"), output.status.success());
    let path = String::from_utf8(output.stdout).unwrap();
    found.then(|| PathBuf::from(path.trim_end()))
}
