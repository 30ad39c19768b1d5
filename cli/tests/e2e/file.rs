//! `trivium lens export` and `import`, with the real Collector between: what it makes of the file is what lens had.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

use serde_json::Value;

use crate::{
    here::{collector, free},
    part::Part,
    stack::Stack,
    start::ready,
};

/// Takes OTLP, and writes it to a file as the file exporter does.
const COLLECTOR: &str = "
receivers: {otlp: {protocols: {http: {endpoint: HTTP}}}}
exporters: {file: {path: FILE}}
extensions: {health_check: {endpoint: HEALTH}}
service:
  extensions: [health_check]
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics: {receivers: [otlp], exporters: [file]}
    logs: {receivers: [otlp], exporters: [file]}
    traces: {receivers: [otlp], exporters: [file]}
";

/// What `trivium lens` says on success, with the database in a state folder.
fn trivium_lens(state: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trivium"));
    command.arg("lens").arg("--state-dir").arg(state);
    command.arg("--root").arg(crate::root()).args(arguments);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

/// Every span, record and metric of a file with its resource and scope, however they are spread over lines.
fn items(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap();
    let mut items = Vec::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        for (signal, scopes, list) in [
            ("resourceSpans", "scopeSpans", "spans"),
            ("resourceLogs", "scopeLogs", "logRecords"),
            ("resourceMetrics", "scopeMetrics", "metrics"),
        ] {
            for resource in line[signal].as_array().into_iter().flatten() {
                for scope in resource[scopes].as_array().unwrap() {
                    let of = format!("{} {}", resource["resource"], scope["scope"]);
                    let list = scope[list].as_array().unwrap().iter();
                    items.extend(list.map(|item| format!("{of} {item}")));
                }
            }
        }
    }
    items.sort();
    items
}

/// Sends each line of a file to the Collector, which writes it to another.
async fn through_the_collector(file: &Path, folder: &Path) {
    let [http, health] = free();
    let config = folder.join("file.yaml");
    let text = COLLECTOR
        .replace("HTTP", &http.to_string())
        .replace("HEALTH", &health.to_string())
        .replace("FILE", folder.join("collector.jsonl").to_str().unwrap());
    fs::write(&config, text).unwrap();
    let mut command = Command::new(collector().unwrap());
    command.arg("--config").arg(config);
    let part = Part::start(&mut command, folder, "otelcol-file");
    let part = ready(part, format!("http://{health}/")).await;
    let client = reqwest::Client::new();
    for line in fs::read_to_string(file).unwrap().lines() {
        let signal = ["Spans", "Logs", "Metrics"]
            .into_iter()
            .zip(["traces", "logs", "metrics"]);
        let (_, signal) = signal
            .into_iter()
            .find(|(key, _)| line.starts_with(&format!("{{\"resource{key}\"")))
            .unwrap();
        let request = client
            .post(format!("http://{http}/v1/{signal}"))
            .header("content-type", "application/json")
            .body(line.to_owned());
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        // It would name what it could not take as a partial success.
        assert!(
            status.is_success() && !text.contains("rejected"),
            "{status} {text}"
        );
    }
    assert!(part.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lens_exports_goes_through_a_collector_and_comes_back_the_same() {
    let Some(mut stack) = Stack::start(1).await else {
        return;
    };
    let journey = stack.app(0).journey("file@example.com", 5).await;
    let sent = journey.sent.len();
    for request in &journey.sent {
        stack.lens.assert_observed(request).await;
    }
    stack.lens.wait_for_count(sent + 1).await;
    stack.stop_apps().await;
    stack.stop_otelcol().await;

    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("one")).unwrap();
    symlink(stack.database().parent().unwrap(), at("one/data")).unwrap();
    let first = at("first.jsonl");
    let said = trivium_lens(
        &at("one"),
        &["export", "--from", "-1h", first.to_str().unwrap()],
    );
    let counts = said
        .split_once(": ")
        .unwrap()
        .1
        .split(", from ")
        .next()
        .unwrap();
    assert!(!said.contains(" 0 "), "{said}");
    // The stack's lens runs on, and the next one begins with nothing.
    assert!(stack.lens.root(&journey.sent[0].trace_id).await.is_some());
    through_the_collector(&first, folder.path()).await;
    trivium_lens(
        &at("two"),
        &["import", at("collector.jsonl").to_str().unwrap()],
    );
    let second = at("second.jsonl");
    let again = trivium_lens(
        &at("two"),
        &["export", "--from", "-1h", second.to_str().unwrap()],
    );
    assert!(again.contains(counts), "{again} is not {said}");
    let (got, expected) = (items(&second), items(&first));
    for (got, expected) in got.iter().zip(&expected) {
        assert_eq!(got, expected);
    }
    assert_eq!(got.len(), expected.len());
    stack.stop_lens().await;
}
