//! The Collector takes each backend file: alone, with each other one, with each policy, and behind Kafka.

use std::{path::PathBuf, process::Command};

use tempfile::TempDir;

use crate::{
    here::{collector, root},
    install::collector_with_kafka,
};

const POLICIES: [&[&str]; 4] = [
    &["token"],
    &["token", "tls"],
    &["tail-sampling"],
    &["token", "tls", "tail-sampling"],
];

/// The two builds, and what the files read.
struct Collectors {
    main: PathBuf,
    with_kafka: PathBuf,
    folder: TempDir,
}

impl Collectors {
    fn find() -> Option<Self> {
        let (main, with_kafka) = (collector()?, collector_with_kafka()?);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "0123").unwrap();
        Some(Self {
            main,
            with_kafka,
            folder,
        })
    }

    /// `files`: of otelcol/, without their ending. Kafka's parts and Zipkin's are in no build together; upstream's image has both.
    fn assert_valid(&self, files: &[&str]) {
        let has = |name: &str| files.iter().any(|file| file.ends_with(name));
        let program = match (has("kafka"), has("backends/zipkin")) {
            (true, true) => return,
            (true, false) => &self.with_kafka,
            (false, _) => &self.main,
        };
        let mut command = Command::new(program);
        command.arg("validate");
        for file in files {
            let file = root().join("otelcol").join(file).with_extension("yaml");
            command.arg("--config").arg(file);
        }
        let path = |name: &str| self.folder.path().join(name);
        command
            .env("OTELCOL_STORAGE", path("storage"))
            .env("OTELCOL_TOKEN_FILE", path("token"))
            .env("TENANT", "team")
            .env("OTLP_HEADERS", "{api-key: '0123'}");
        for variable in ["OTELCOL_TLS_CERT", "OTELCOL_TLS_KEY", "OTELCOL_TLS_CA"] {
            // `validate` does not look into it.
            command.env(variable, path("pem"));
        }
        let output = command.output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{files:?}: {error}");
    }
}

fn files() -> Vec<PathBuf> {
    let entries = root().join("otelcol/backends").read_dir().unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 10, "{files:?}");
    files
}

/// Each as `backends/NAME`.
fn backends() -> Vec<String> {
    let name = |file: &PathBuf| file.file_stem().unwrap().to_str().unwrap().to_owned();
    let names = files().iter().map(name).collect::<Vec<_>>();
    names
        .iter()
        .map(|name| format!("backends/{name}"))
        .collect()
}

#[test]
fn every_combination_of_backends_validates() {
    let Some(collectors) = Collectors::find() else {
        return;
    };
    for one in &backends() {
        for other in &backends() {
            collectors.assert_valid(&["config", one, other]);
        }
    }
}

#[test]
fn every_policy_validates_with_every_backend() {
    let Some(collectors) = Collectors::find() else {
        return;
    };
    for backend in &backends() {
        for policies in POLICIES {
            let policies: Vec<_> = policies
                .iter()
                .map(|policy| format!("policies/{policy}"))
                .collect();
            let files = ["config", backend].into_iter();
            let files = files.chain(policies.iter().map(String::as_str));
            collectors.assert_valid(&files.collect::<Vec<_>>());
        }
    }
}

#[test]
fn every_backend_validates_behind_kafka() {
    let Some(collectors) = Collectors::find() else {
        return;
    };
    let [policy, there] = [
        "policies/tail-sampling",
        "policies/tail-sampling-from-kafka",
    ];
    for backend in &backends() {
        collectors.assert_valid(&["config-from-kafka", backend]);
        collectors.assert_valid(&["config-from-kafka", backend, policy, there]);
    }
}

#[test]
fn a_backend_file_is_short_and_begins_with_what_it_needs() {
    for file in files() {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.lines().count() < 40, "{} is long", file.display());
        assert!(text.starts_with("# "), "{} says nothing", file.display());
    }
}
