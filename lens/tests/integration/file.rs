//! `trivium-lens export` and `import`, by the program itself: what one lens had, another has.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use trivium_lens::model::{Batch, LogRecord, Sample, SeriesRows, Span};
use trivium_lens::store::{Store, StoreConfig};

use crate::seed::{
    exemplar, histogram, log_record, resource, series, server_span, span_id, trace_id,
};
use crate::support::rows;

const SECOND_NS: i64 = 1_000_000_000;

/// A database in a folder of its own, with a lens that runs on it.
struct Running {
    store: Store,
    folder: tempfile::TempDir,
}

impl Running {
    async fn with(batch: Batch) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreConfig {
            path: folder.path().join("lens.db"),
            retention: Duration::from_secs(24 * 3600),
            max_bytes: 1 << 30,
        })
        .await
        .unwrap();
        store.write(batch).await.unwrap();
        Self { store, folder }
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("lens.db")
    }
}

fn lens(database: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trivium-lens"));
    command.env("LENS_DATA", database).args(arguments);
    command.output().unwrap()
}

/// What it said on success.
fn done(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

fn failed(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// All rows of all signals as text, whatever their ids are.
async fn dump(database: &Path) -> Vec<String> {
    let mut all = Vec::new();
    for sql in [
        "SELECT hex(trace_id) || hex(span_id) || coalesce(hex(parent_span_id), '') || r.attributes || scope || name || kind
           || start_ns || ' ' || duration_ns || ' ' || status || status_message || is_entry || coalesce(http_route, '')
           || coalesce(http_status, '') || s.attributes || coalesce(events, '') || coalesce(links, '')
         FROM spans s JOIN resources r ON r.id = resource_id",
        "SELECT time_ns || coalesce(hex(trace_id), '') || coalesce(hex(span_id), '') || r.attributes || scope || severity
           || severity_text || event_name || body || l.attributes
         FROM logs l JOIN resources r ON r.id = resource_id",
        "SELECT metric || labels || time_ms || ' ' || coalesce(value, 'stale') FROM samples JOIN series ON id = series_id",
        "SELECT metric || labels || time_ms || ' ' || value || hex(trace_id) || hex(span_id)
         FROM exemplars JOIN series ON id = series_id",
    ] {
        let mut found: Vec<String> = rows::<(String,)>(database, sql)
            .await
            .into_iter()
            .map(|(row,)| row)
            .collect();
        found.sort();
        all.extend(found);
    }
    all
}

fn assert_same(got: &[String], expected: &[String]) {
    for (got, expected) in got.iter().zip(expected) {
        assert_eq!(got, expected);
    }
    assert_eq!(got.len(), expected.len());
}

fn now_ns() -> i64 {
    i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap()
}

/// A trace of two spans, the child of which starts after `end_ns`, with records in and outside of it.
fn trace_and_logs(end_ns: i64) -> (Vec<Span>, Vec<LogRecord>) {
    let auth = resource("auth", "a");
    let root = Span {
        status: 2,
        status_message: "timeout".to_owned(),
        attributes: json!({
            "http.route": "/login/", "http.response.status_code": 200, "ratio": 1.0, "list": [1, "x", null], "z": {"b": 1, "a": true},
        })
        .to_string(),
        // In the order in which ingest writes them.
        events: Some(format!(r#"[{{"time_ns":{end_ns},"name":"retry","attributes":{{"n":2}}}}]"#)),
        links: Some(format!(
            r#"[{{"trace_id":"{}","span_id":"{}","attributes":{{}}}}]"#,
            "0a".repeat(16),
            "0b".repeat(8)
        )),
        ..server_span(&auth, trace_id(1), span_id(1), end_ns - SECOND_NS)
    };
    let child = Span {
        parent_span_id: Some(span_id(1)),
        kind: 1,
        http_route: None,
        http_status: None,
        attributes: "{}".to_owned(),
        ..server_span(&auth, trace_id(1), span_id(2), end_ns + SECOND_NS)
    };
    let log = LogRecord {
        trace_id: Some(trace_id(1)),
        span_id: Some(span_id(1)),
        severity: 17,
        severity_text: "ERROR".to_owned(),
        event_name: "login.failed".to_owned(),
        attributes: json!({"user.id": 7, "first": 1}).to_string(),
        ..log_record(&auth, end_ns - SECOND_NS, "a \"quoted\" body\n")
    };
    // Nothing tells these two apart, and both are kept.
    let twin = log_record(&resource("worker", "w"), end_ns - 2 * SECOND_NS, "tick");
    (vec![root, child], vec![log, twin.clone(), twin])
}

/// A histogram with a stale marker, a half one, one whose bounds are written in another way, a counter and a gauge.
fn metrics(end_ms: i64) -> Vec<SeriesRows> {
    let auth = [
        ("service_name", "auth"),
        ("service_instance_id", "a"),
        ("job", "trivium/auth"),
        ("http_route", "/login/"),
    ];
    let times = [end_ms - 20_000, end_ms - 10_000];
    let counts = |last: f64| {
        vec![
            (times[0], vec![1.0, 2.0, 2.0]),
            (times[1], vec![1.0, 4.0, last]),
        ]
    };
    let mut all = histogram(
        "http_duration_seconds",
        &auth,
        &["0.005", "1"],
        &counts(5.0),
    );
    for rows in &mut all {
        rows.samples.push(Sample {
            time_ms: end_ms - 1_000,
            value: None,
        });
    }
    all[1].exemplars = vec![
        exemplar(end_ms - 20_500, 0.3, trace_id(1), span_id(1)),
        exemplar(end_ms - 500, 0.4, trace_id(2), span_id(1)),
    ];
    all[2].exemplars = vec![exemplar(end_ms - 15_000, 7.0, trace_id(3), span_id(1))];
    let mut half = histogram("half_seconds", &auth, &["0.005", "1"], &counts(5.0));
    half[0].samples.remove(0);
    all.extend(half);
    all.extend(histogram(
        "other_seconds",
        &auth,
        &["0.5", "1.0"],
        &counts(5.0),
    ));
    let mut counter = series(
        "jobs_total",
        &auth,
        &[(times[0], Some(1.0)), (times[1], None)],
    );
    counter.exemplars = vec![exemplar(times[0], 1.0, trace_id(1), span_id(1))];
    all.push(counter);
    all.push(series("memory_bytes", &[], &[(times[0], Some(0.25))]));
    all
}

fn everything(end_ns: i64) -> Batch {
    let (spans, logs) = trace_and_logs(end_ns);
    Batch {
        spans,
        logs,
        series: metrics(end_ns / 1_000_000),
        digest: None,
    }
}

#[tokio::test]
async fn another_lens_has_what_one_exported_and_importing_again_adds_nothing() {
    let end_ns = now_ns() - 60 * SECOND_NS;
    let from = Running::with(everything(end_ns)).await;
    let to = Running::with(Batch::default()).await;
    let file = from.folder.path().join("hour.jsonl");
    let name = file.to_str().unwrap();
    let until = jiff::Timestamp::from_nanosecond(i128::from(end_ns))
        .unwrap()
        .to_string();

    // It runs, and is read all the same. The child started later, but its trace is whole.
    let said = done(&lens(
        &from.database(),
        &["export", "--from", "-1h", "--to", &until, name],
    ));
    assert!(
        said.contains("2 spans, 3 log records, 21 data points, 4 exemplars, from 20"),
        "{said}"
    );
    let again = failed(&lens(&from.database(), &["export", "--from", "-1h", name]));
    assert!(
        again.contains("hour.jsonl exists; name another file, or remove it first"),
        "{again}"
    );

    let refused = failed(&lens(&to.database(), &["import", name]));
    assert!(
        refused.contains("is in use by another lens (process "),
        "{refused}"
    );
    to.store.close().await;
    let database = to.database();
    drop(to.store);
    let said = done(&lens(&database, &["import", name]));
    assert!(
        said.contains("2 spans, 3 log records, 37 samples, 4 exemplars; what was stored already (0 log records)"),
        "{said}"
    );
    let expected = dump(&from.database()).await;
    assert_same(&dump(&database).await, &expected);
    let said = done(&lens(&database, &["import", name]));
    assert!(
        said.contains("what was stored already (3 log records)"),
        "{said}"
    );
    assert_same(&dump(&database).await, &expected);
}

#[tokio::test]
async fn the_file_is_otlp_with_histograms_and_one_resource_for_all_signals() {
    let end_ns = now_ns() - 60 * SECOND_NS;
    let from = Running::with(everything(end_ns)).await;
    let file = from.folder.path().join("hour.jsonl");
    done(&lens(
        &from.database(),
        &["export", "--from", "1h", file.to_str().unwrap()],
    ));
    let text = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let all = |signal: &str, scopes: &str, items: &str| -> Vec<(Value, Value)> {
        let resources = lines
            .iter()
            .filter_map(|line| line[signal].as_array())
            .flatten();
        let items = resources.flat_map(|resource| {
            let scopes = resource[scopes].as_array().unwrap().iter();
            let items = scopes.flat_map(|scope| scope[items].as_array().unwrap());
            items.map(|item| (resource["resource"]["attributes"].clone(), item.clone()))
        });
        items.collect()
    };
    let name = |service: &str| json!({"key": "service.name", "value": {"stringValue": service}});
    let spans = all("resourceSpans", "scopeSpans", "spans");
    assert_eq!(spans.len(), 2);
    let (of_resource, root) = spans
        .iter()
        .find(|(_, span)| span["spanId"] == "01".repeat(8))
        .unwrap();
    assert!(of_resource.as_array().unwrap().contains(&name("auth")));
    assert_eq!(root["traceId"], "01".repeat(16));
    assert_eq!(root["startTimeUnixNano"], (end_ns - SECOND_NS).to_string());
    assert_eq!(
        (&root["kind"], &root["status"]),
        (&json!(2), &json!({"message": "timeout", "code": 2}))
    );
    assert_eq!(root["events"][0]["name"], "retry");
    assert_eq!(root["links"][0]["traceId"], "0a".repeat(16));
    let status = json!({"key": "http.response.status_code", "value": {"intValue": "200"}});
    assert!(root["attributes"].as_array().unwrap().contains(&status));

    let logs = all("resourceLogs", "scopeLogs", "logRecords");
    assert_eq!(
        logs.iter()
            .filter(|(_, log)| log["body"] == json!({"stringValue": "tick"}))
            .count(),
        2
    );

    let metrics = all("resourceMetrics", "scopeMetrics", "metrics");
    let histograms: Vec<_> = metrics
        .iter()
        .filter(|(_, metric)| metric["name"] == "http_duration_seconds")
        .collect();
    let [(of_resource, histogram)] = &histograms[..] else {
        panic!("{metrics:?}")
    };
    assert!(of_resource.as_array().unwrap().contains(&name("auth")));
    let points = histogram["histogram"]["dataPoints"].as_array().unwrap();
    assert_eq!(points.len(), 3);
    let point = &points[1];
    assert_eq!(
        (
            &point["explicitBounds"],
            &point["bucketCounts"],
            &point["count"]
        ),
        (&json!([0.005, 1.0]), &json!(["1", "3", "1"]), &json!("5"))
    );
    assert_eq!(point["exemplars"][0]["asDouble"], 7.0);
    assert_eq!(point["exemplars"][0]["traceId"], "03".repeat(16));
    assert_eq!(points[2]["flags"], 1, "the stale marker");
    let (_, counter) = metrics
        .iter()
        .find(|(_, metric)| metric["name"] == "jobs_total")
        .unwrap();
    assert_eq!(
        (
            &counter["sum"]["isMonotonic"],
            &counter["sum"]["aggregationTemporality"]
        ),
        (&json!(true), &json!(2))
    );
}

#[tokio::test]
async fn a_sample_is_found_whatever_its_value_and_the_number_of_its_series_are() {
    let end_ms = now_ns() / 1_000_000 - 60_000;
    let from = Running::with(Batch {
        series: vec![series(
            "memory_bytes",
            &[],
            &[(end_ms, Some(0.25)), (end_ms + 10, Some(4_096.0))],
        )],
        ..Batch::default()
    })
    .await;
    let file = from.folder.path().join("hour.jsonl");
    let said = done(&lens(
        &from.database(),
        &["export", "--from", "1h", file.to_str().unwrap()],
    ));
    assert!(said.contains(" 2 data points"), "{said}");
}

#[tokio::test]
async fn what_is_outside_of_the_range_is_left_out() {
    let end_ns = now_ns() - 60 * SECOND_NS;
    let from = Running::with(everything(end_ns)).await;
    let file = from.folder.path().join("before.jsonl");
    let said = done(&lens(
        &from.database(),
        &[
            "export",
            "--from",
            "2h",
            "--to",
            "1h",
            file.to_str().unwrap(),
        ],
    ));
    assert!(
        said.contains("0 spans, 0 log records, 0 data points, 0 exemplars"),
        "{said}"
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "");
}

#[tokio::test]
async fn a_program_s_own_names_become_those_of_the_collector() {
    let to = Running::with(Batch::default()).await;
    to.store.close().await;
    let (database, file) = (to.database(), to.folder.path().join("collector.jsonl"));
    drop(to.store);
    let time = (now_ns() - SECOND_NS).to_string();
    let ahead = (now_ns() + 3600 * SECOND_NS).to_string();
    let sum = |temporality: i32, time: &str| {
        json!({"isMonotonic": true, "aggregationTemporality": temporality,
            "dataPoints": [{"timeUnixNano": time, "asInt": "3", "attributes": [{"key": "http.route", "value": {"stringValue": "/"}}]}]})
    };
    let metrics = json!([
        {"name": "http.server.requests", "unit": "{request}", "sum": sum(2, &time)},
        {"name": "http.server.requests", "unit": "{request}", "sum": sum(2, &ahead)},
        {"name": "deltas", "sum": sum(1, &time)},
        {"name": "process.memory", "unit": "By", "gauge": {"dataPoints": [{"timeUnixNano": time, "asDouble": 0.5}]}},
    ]);
    let resource = json!({"attributes": [
        {"key": "service.name", "value": {"stringValue": "orders"}}, {"key": "os.type", "value": {"stringValue": "linux"}},
    ]});
    let line = json!({"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": metrics}]}]});
    std::fs::write(
        &file,
        format!("{line}\n\n{{\"resourceProfiles\":[]}}\n{{\"resourceSpans\": 7}}\n"),
    )
    .unwrap();
    let said = failed(&lens(&database, &["import", file.to_str().unwrap()]));
    assert!(said.contains("collector.jsonl, line 4: "), "{said}");
    assert!(said.contains("The lines before it are stored"), "{said}");
    let stored: Vec<(String, f64)> = rows(
        &database,
        "SELECT labels, value FROM samples JOIN series ON id = series_id ORDER BY metric",
    )
    .await;
    let counter =
        r#"{"__name__":"http_server_requests_total","http_route":"/","service_name":"orders"}"#;
    let gauge = r#"{"__name__":"process_memory_bytes","service_name":"orders"}"#;
    assert_eq!(stored, [(counter.to_owned(), 3.0), (gauge.to_owned(), 0.5)]);

    std::fs::write(&file, format!("{line}\n")).unwrap();
    let said = done(&lens(&database, &["import", file.to_str().unwrap()]));
    assert!(said.contains("2 were left out: "), "{said}");
}

#[tokio::test]
async fn an_export_that_is_stopped_leaves_no_file() {
    let now_ns = now_ns();
    let (_, logs) = trace_and_logs(now_ns);
    let from = Running::with(Batch {
        logs: logs.into_iter().cycle().take(50_000).collect(),
        ..Batch::default()
    })
    .await;
    let file = from.folder.path().join("f.jsonl");
    let mut command = Command::new(env!("CARGO_BIN_EXE_trivium-lens"));
    command.env("LENS_DATA", from.database());
    command.args(["export", "--from", "1h"]).arg(&file);
    let export = command.stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while !file.exists() {
        assert!(Instant::now() < deadline, "no file");
        std::thread::sleep(Duration::from_millis(1));
    }
    kill(Pid::from_raw(export.id().cast_signed()), Signal::SIGINT).unwrap();
    let said = failed(&export.wait_with_output().unwrap());
    assert!(said.contains("stopped before the end"), "{said}");
    assert!(!file.exists());
}

#[tokio::test]
async fn what_cannot_be_read_is_named_with_the_fix() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("none.db");
    let said = failed(&lens(&database, &["export", "--from", "1h", "f.jsonl"]));
    assert!(
        said.contains("there is no database ") && said.contains("set LENS_DATA"),
        "{said}"
    );
    assert!(!Path::new("f.jsonl").exists() && !database.exists());
    let said = failed(&lens(&database, &["import", "no/such/file.jsonl"]));
    assert!(said.contains("cannot read no/such/file.jsonl: "), "{said}");
}

#[tokio::test]
async fn a_range_that_ends_before_it_begins_writes_no_file() {
    let from = Running::with(Batch::default()).await;
    let file = from.folder.path().join("out.jsonl");
    let arguments = ["export", "--from", "-1h", "--to", "-2h"];
    let arguments = [&arguments[..], &[file.to_str().unwrap()]].concat();
    let said = failed(&lens(&from.database(), &arguments));
    assert!(said.contains("give --from the earlier one"), "{said}");
    assert!(!file.exists());
}

#[tokio::test]
async fn lines_of_another_kind_of_file_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("lens.db");
    let file = folder.path().join("in.jsonl");
    std::fs::write(&file, "{\"a\": 1}\n{\"resourceLogs\": [{}]}\n{}\n").unwrap();
    let said = done(&lens(&database, &["import", file.to_str().unwrap()]));
    assert!(
        said.contains("; lines without spans, log records or metrics: 2\n"),
        "{said}"
    );
}

#[tokio::test]
async fn metrics_older_than_the_retention_are_said_to_go() {
    let end_ns = now_ns() - 26 * 3600 * SECOND_NS;
    let from = Running::with(Batch::default()).await;
    let line = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "m", "gauge": {"dataPoints": [
        {"timeUnixNano": end_ns.to_string(), "asDouble": 1},
    ]}}]}]}]});
    let file = from.folder.path().join("old.jsonl");
    std::fs::write(&file, line.to_string()).unwrap();
    let other = from.folder.path().join("other.db");
    let said = done(&lens(&other, &["import", file.to_str().unwrap()]));
    assert!(
        said.contains("older than LENS_RETENTION (1day) are deleted: set it longer"),
        "{said}"
    );
    let said = done(&lens(
        &other,
        &["--retention", "48h", "import", file.to_str().unwrap()],
    ));
    assert!(!said.contains("LENS_RETENTION"), "{said}");
    assert_eq!(
        rows::<(i64,)>(&other, "SELECT count(*) FROM samples").await[0].0,
        1
    );
}
