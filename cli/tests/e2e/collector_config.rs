//! Each backend file, alone and with each other one, is a valid configuration.

use std::process::Command;

use crate::root;

#[test]
fn every_combination_of_backends_validates() {
    let Some(otelcol) = crate::collector() else {
        return;
    };
    let folder = root().join("otelcol");
    let storage = tempfile::tempdir().unwrap();
    let mut backends: Vec<_> = std::fs::read_dir(folder.join("backends"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    backends.sort();
    assert!(backends.len() >= 2, "{backends:?}");
    for one in &backends {
        for other in &backends {
            let mut command = Command::new(&otelcol);
            command.arg("validate");
            for config in [&folder.join("config.yaml"), one, other] {
                command.arg("--config").arg(config);
            }
            let output = command
                .env("OTELCOL_STORAGE", storage.path())
                .output()
                .unwrap();
            assert!(
                output.status.success(),
                "{} and {}: {}",
                one.display(),
                other.display(),
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
}
