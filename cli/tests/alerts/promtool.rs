//! The rule files by promtool: they are valid, every alert has tests, and the tests pass.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use regex::Regex;

use crate::{
    here::{is_installed, root},
    rules,
};

/// Whether promtool says so; what it says is the message.
fn assert_passes(arguments: &[&str], files: &[PathBuf]) {
    let output = Command::new("promtool")
        .args(arguments)
        .args(files)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{arguments:?} {files:?}:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = paths
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .collect();
    files.sort();
    files
}

#[test]
fn the_rules_are_valid_and_do_on_made_up_series_what_their_tests_say() {
    if !is_installed("promtool", "prometheus") {
        return;
    }
    let folder = root().join(rules::FOLDER);
    assert_passes(&["check", "rules"], &yaml_files(&folder));
    assert_passes(&["test", "rules"], &yaml_files(&folder.join("tests")));
}

#[test]
fn every_alert_has_a_test_that_it_fires_one_that_it_is_quiet_and_a_runbook() {
    let folder = root().join(rules::FOLDER);
    let tests = yaml_files(&folder.join("tests"));
    let tests: String = tests
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let alerts = rules::alerts();
    assert_eq!(alerts.len(), 14, "{alerts:?}");
    for alert in alerts {
        let fires = format!("alertname: {alert}\n        exp_alerts:\n          - exp_labels");
        assert!(tests.contains(&fires), "no test that {alert} fires");
        let is_quiet = format!("alertname: {alert}, exp_alerts: []");
        assert!(tests.contains(&is_quiet), "no test that {alert} is quiet");
        let runbook = root().join(format!("docs/runbooks/{alert}.md"));
        let runbook = fs::read_to_string(&runbook)
            .unwrap_or_else(|error| panic!("{}: {error}", runbook.display()));
        for part in [
            "What it means",
            "What users see",
            "Look first",
            "Likely causes",
            "Fix",
        ] {
            let heading = Regex::new(&format!("(?m)^## {part}$")).unwrap();
            assert!(heading.is_match(&runbook), "{alert}: no part {part:?}");
        }
    }
}
