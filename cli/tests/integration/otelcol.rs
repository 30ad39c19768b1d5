//! `trivium otelcol` with a stand-in for Go, which writes down each of its runs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use crate::{failure, fake::Installation, trivium, write_script};

/// A folder with an executable `go` that runs `script` in the builder's place.
fn fake_go(installation: &Installation, script: &str) -> PathBuf {
    let folder = installation.path("go");
    fs::create_dir(&folder).unwrap();
    let note = format!(
        "#!/bin/sh\nset -e\necho \"$*\" >> '{}/runs'\n",
        folder.display()
    );
    write_script(&folder.join("go"), &(note + script));
    folder
}

fn otelcol(installation: &Installation, go: &Path) -> Command {
    let mut command = trivium();
    command
        .arg("otelcol")
        .arg("--root")
        .arg(installation.path("clone"));
    command
        .env("XDG_CACHE_HOME", installation.path("cache"))
        .env("PATH", format!("{}:/usr/bin:/bin", go.display()));
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn printed(output: &Output) -> PathBuf {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim_end().into()
}

fn runs(go: &Path) -> Vec<String> {
    fs::read_to_string(go.join("runs"))
        .unwrap_or_default()
        .lines()
        .map(str::to_owned)
        .collect()
}

const BUILDS: &str = "mkdir build; printf '#!/bin/sh\\n' > build/otelcol; chmod +x build/otelcol\n";

#[test]
fn as_json_the_path_has_a_name() {
    let installation = Installation::new();
    let go = fake_go(&installation, BUILDS);
    let plain = printed(&otelcol(&installation, &go).output().unwrap());
    let json = otelcol(&installation, &go).arg("--json").output().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json, serde_json::json!({"path": plain}));
}

#[test]
fn a_manifest_is_built_once_and_a_changed_one_again() {
    let installation = Installation::new();
    let go = fake_go(&installation, BUILDS);
    let first = printed(&otelcol(&installation, &go).output().unwrap());
    assert!(
        first.starts_with(installation.path("cache/trivium/otelcol")),
        "{}",
        first.display()
    );
    assert!(first.is_file());
    assert_eq!(
        printed(&otelcol(&installation, &go).output().unwrap()),
        first
    );
    let manifest = installation.path("clone/otelcol/builder.yaml");
    let run = format!(
        "run go.opentelemetry.io/collector/cmd/builder@v0.161.0 --config {}",
        manifest.display()
    );
    assert_eq!(runs(&go), [run.as_str()]);

    let changed = fs::read_to_string(&manifest).unwrap() + "# changed\n";
    fs::write(&manifest, changed).unwrap();
    assert_ne!(
        printed(&otelcol(&installation, &go).output().unwrap()),
        first
    );
    assert_eq!(runs(&go).len(), 2);
    assert!(!installation.path("cache/trivium/otelcol/building").exists());
}

#[test]
fn two_starts_at_once_build_once() {
    let installation = Installation::new();
    // Slow enough that the second start finds the first one building.
    let go = fake_go(&installation, &format!("sleep 1\n{BUILDS}"));
    let both = [(); 2].map(|()| otelcol(&installation, &go).spawn().unwrap());
    let paths = both.map(|child| printed(&child.wait_with_output().unwrap()));
    assert_eq!(paths[0], paths[1]);
    assert_eq!(runs(&go).len(), 1);
}

#[test]
fn a_failed_build_shows_the_end_of_the_builders_output() {
    let installation = Installation::new();
    let go = fake_go(&installation, "echo 'unknown revision v9' >&2; exit 1\n");
    let error = failure(&otelcol(&installation, &go).output().unwrap());
    assert!(
        error.contains("cannot build the Collector: go failed (exit status: 1)"),
        "{error}"
    );
    assert!(error.contains("    unknown revision v9\n"), "{error}");
    let log = installation.path("cache/trivium/otelcol/build.log");
    assert_eq!(fs::read_to_string(log).unwrap(), "unknown revision v9\n");
}

#[test]
fn a_missing_go_says_how_to_get_it_and_how_to_do_without() {
    let installation = Installation::new();
    let error = failure(
        &otelcol(&installation, Path::new(""))
            .env("PATH", "/nowhere")
            .output()
            .unwrap(),
    );
    assert!(error.contains("`go` is not on PATH"), "{error}");
    assert!(error.contains("https://go.dev/dl"), "{error}");
    assert!(
        error.contains("--otelcol PATH to an otelcol-contrib 0.161.0"),
        "{error}"
    );
}

#[test]
fn another_version_is_warned_about_and_used() {
    let installation = Installation::new();
    let other = installation.path("other");
    write_script(&other, "#!/bin/sh\necho otelcol-contrib version 0.150.0\n");
    let output = otelcol(&installation, Path::new(""))
        .arg("--otelcol")
        .arg(&other)
        .output()
        .unwrap();
    assert_eq!(printed(&output), other.canonicalize().unwrap());
    let warning = String::from_utf8_lossy(&output.stderr);
    assert!(
        warning.contains("is version 0.150.0; the configuration is written for 0.161.0"),
        "{warning}"
    );
}
