//! Queries as the grammars read them that Grafana's editors use: `grammar/parse.mjs`, in Node.

use std::{
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use serde::Deserialize;
use serde_json::json;

use crate::{
    boards::Language,
    here::{is_there, root},
};

/// What a query mentions.
#[derive(Debug, Deserialize)]
pub(crate) struct Reading {
    /// What the grammar does not know.
    pub(crate) errors: Vec<String>,
    pub(crate) metrics: Vec<String>,
    /// Of a query of Tempo attributes with their scope.
    pub(crate) labels: Vec<String>,
    /// Of a query of Loki: label, operator and value, as they are written.
    pub(crate) matchers: Vec<[String; 3]>,
}

fn folder() -> PathBuf {
    root().join("cli/tests/stack/grammar")
}

/// Reads all of them at once. `None` when Node or the grammars are not there, and this is not CI.
pub(crate) fn read(queries: &[(Language, String)]) -> Option<Vec<Reading>> {
    let are_there = folder().join("node_modules").is_dir();
    if !is_there(
        "the grammars (`npm ci --prefix cli/tests/stack/grammar`)",
        are_there,
    ) {
        return None;
    }
    let input: Vec<_> = queries
        .iter()
        .map(|(language, text)| json!({"language": language, "text": text}))
        .collect();
    let mut node = Command::new("node")
        .arg(folder().join("parse.mjs"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = node.stdin.take().unwrap();
    stdin
        .write_all(json!(input).to_string().as_bytes())
        .unwrap();
    drop(stdin);
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    let readings: Vec<Reading> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(readings.len(), queries.len());
    Some(readings)
}
