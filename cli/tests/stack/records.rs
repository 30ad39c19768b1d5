//! What the Collector sent to its `file` exporters, with the names that Loki and Tempo give it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde_json::Value;

use crate::boards::items;

/// Of a log record what Loki makes labels and structured metadata of.
pub(crate) type Record = BTreeMap<String, String>;

/// The requests of a file, each a line. The last may not be whole yet.
fn requests(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

fn attributes(of: &Value) -> impl Iterator<Item = (&str, String)> {
    items(&of["attributes"]).iter().map(|attribute| {
        let value = attribute["value"].as_object().unwrap().values().next();
        let value = match value {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        };
        (attribute["key"].as_str().unwrap(), value)
    })
}

/// Loki's name: dots are underscores.
fn loki(name: &str) -> String {
    name.replace(['.', '-'], "_")
}

/// The log records in a file.
pub(crate) fn logs(file: &Path) -> Vec<Record> {
    let mut records = Vec::new();
    for request in requests(file) {
        for of_resource in items(&request["resourceLogs"]) {
            let scopes = items(&of_resource["scopeLogs"]).iter();
            for record in scopes.flat_map(|scope| items(&scope["logRecords"])) {
                let both = attributes(&of_resource["resource"]).chain(attributes(record));
                let mut names: Record = both.map(|(key, value)| (loki(key), value)).collect();
                for (key, name) in [
                    ("eventName", "event_name"),
                    ("severityText", "severity_text"),
                    ("traceId", "trace_id"),
                    ("spanId", "span_id"),
                ] {
                    if let Some(value) = record[key].as_str().filter(|value| !value.is_empty()) {
                        names.insert(name.to_owned(), value.to_owned());
                    }
                }
                records.push(names);
            }
        }
    }
    records
}

/// The attributes of the spans in a file, with their scope, as a query of Tempo names them.
pub(crate) fn span_attributes(file: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for request in requests(file) {
        for of_resource in items(&request["resourceSpans"]) {
            let of = attributes(&of_resource["resource"]);
            names.extend(of.map(|(key, _)| format!("resource.{key}")));
            let scopes = items(&of_resource["scopeSpans"]).iter();
            for span in scopes.flat_map(|scope| items(&scope["spans"])) {
                names.extend(attributes(span).map(|(key, _)| format!("span.{key}")));
            }
        }
    }
    names
}
