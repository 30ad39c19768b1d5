//! Every query of every board, on data that came the whole way, with every choice of the board's variables and with one.

use std::{
    fmt,
    time::{Duration, Instant},
};

use regex::Regex;
use serde_json::Value;

use crate::{
    boards::{self, Board, Language, Query, items},
    grammar::{self, Reading},
    here::until,
    host,
    prometheus::Prometheus,
    records::{self, Record},
    setup::Stack,
    traffic,
    variables::fill,
};

/// The budget's queries look at full minutes only, and the agent measures itself every 15 s.
const DEADLINE: Duration = Duration::from_secs(150);

/// What Loki finds out by itself.
const OF_LOKI: &str = "detected_level";

/// A query with values for its variables.
struct Case {
    query: Query,
    text: String,
}

fn cases(board: &Board, one: &[(&str, &str)]) -> Vec<Case> {
    let all = board.variables().iter().map(|variable| {
        let name = variable["name"].as_str().unwrap();
        let (_, chosen) = one.iter().find(|(of, _)| *of == name).unwrap();
        (name, variable["allValue"].as_str().unwrap_or(chosen))
    });
    let all: Vec<_> = all.collect();
    let queries = board.queries().into_iter();
    let both = queries.flat_map(|query| [&all[..], one].map(|values| (query.clone(), values)));
    both.map(|(query, values)| Case {
        text: fill(&query.text, values),
        query,
    })
    .collect()
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.query.place, self.text)
    }
}

/// Why a panel would show nothing; `None` when it shows something.
async fn fault(prometheus: &Prometheus, case: &Case) -> Option<String> {
    let series = match prometheus.range(&case.text).await {
        Ok(series) => series,
        Err(error) => return Some(error),
    };
    let is_number = |value: &Value| {
        let text = value[1].as_str().unwrap();
        text.parse::<f64>().unwrap().is_finite()
    };
    let values = series.iter().flat_map(|series| items(&series["values"]));
    if !values.into_iter().any(is_number) {
        return Some(format!("no value in {} series", series.len()));
    }
    let label = case.query.values_of.as_ref()?;
    let has_label = series
        .iter()
        .any(|series| series["metric"][label].is_string());
    (!has_label).then(|| format!("no label {label}"))
}

/// Waits until nothing is missing; fails with all that still is.
async fn until_complete(mut missing: impl AsyncFnMut() -> Vec<String>) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let missing = missing().await;
        if missing.is_empty() {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "{} are missing:\n{}",
            missing.len(),
            missing.join("\n")
        );
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// A panel that once had data is not asked again.
async fn wait_for_data(prometheus: &Prometheus, mut waiting: Vec<&Case>) {
    until_complete(async || {
        let mut faults = Vec::new();
        for case in std::mem::take(&mut waiting) {
            if let Some(fault) = fault(prometheus, case).await {
                faults.push(format!("{case}: {fault}"));
                waiting.push(case);
            }
        }
        faults
    })
    .await;
}

async fn wait_for_exemplars(prometheus: &Prometheus, cases: &[Case]) {
    until_complete(async || {
        let mut faults = Vec::new();
        for case in cases.iter().filter(|case| case.query.with_exemplars) {
            let exemplars = prometheus.exemplars(&case.text).await;
            let lead_to_traces = exemplars.iter().all(|of| of["trace_id"].is_string());
            if exemplars.is_empty() || !lead_to_traces {
                faults.push(format!("{case}: exemplars {exemplars:?}"));
            }
        }
        faults
    })
    .await;
}

/// Every name that a query of Prometheus mentions has come, also those on the right of an `or`.
async fn wait_for_names(prometheus: &Prometheus, read: &[(&Case, &Reading)]) {
    until_complete(async || {
        let metrics = prometheus.metric_names().await;
        let labels = prometheus.label_names().await;
        let unknown = read.iter().flat_map(|(case, reading)| {
            let metrics = reading
                .metrics
                .iter()
                .filter(|name| !metrics.contains(*name));
            // A label that the query makes itself stands in quotes in it.
            let labels = reading.labels.iter().filter(|name| {
                !labels.contains(*name) && !case.text.contains(&format!("\"{name}\""))
            });
            metrics
                .chain(labels)
                .map(move |name| format!("{name} of {case}"))
        });
        unknown.collect()
    })
    .await;
}

fn matches(record: &Record, [label, operator, value]: &[String; 3]) -> bool {
    let found = record.get(label).map_or("", String::as_str);
    let matches = || {
        Regex::new(&format!("^(?:{value})$"))
            .unwrap()
            .is_match(found)
    };
    match operator.as_str() {
        "=" => found == value,
        "!=" => found != value,
        "=~" => matches(),
        "!~" => !matches(),
        other => panic!("the test does not know the operator {other}"),
    }
}

/// Loki names what has no service after its container.
fn with_service(mut record: Record) -> Record {
    let container = record.get("container_name").cloned();
    record
        .entry("service_name".to_owned())
        .or_insert_with(|| container.unwrap_or_else(|| "unknown_service".to_owned()));
    record
}

/// A query of Loki selects at least one record that was sent, and every label it names was sent.
async fn wait_for_logs(stack: &Stack, read: &[(&Case, &Reading)]) {
    until_complete(async || {
        let records = records::logs(&stack.sent("logs"));
        let records: Vec<_> = records.into_iter().map(with_service).collect();
        let are_there = |reading: &Reading| {
            let selects = records.iter().any(|record| {
                let mut matchers = reading.matchers.iter();
                matchers.all(|matcher| matcher[0] == OF_LOKI || matches(record, matcher))
            });
            let mut labels = reading.labels.iter().filter(|label| *label != OF_LOKI);
            selects && labels.all(|label| records.iter().any(|of| of.contains_key(label)))
        };
        let without = read.iter().filter(|(_, reading)| !are_there(reading));
        without
            .map(|(case, _)| format!("a log record for {case}"))
            .collect()
    })
    .await;
}

async fn wait_for_spans(stack: &Stack, read: &[(&Case, &Reading)]) {
    until_complete(async || {
        let sent = records::span_attributes(&stack.sent("traces"));
        let names = read.iter().flat_map(|(case, reading)| {
            let unknown = reading.labels.iter().filter(|name| !sent.contains(*name));
            unknown.map(move |name| format!("{name} of {case}"))
        });
        names.collect()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_of_every_board_finds_what_was_sent() {
    let Some(stack) = Stack::start().await else {
        return;
    };
    let prometheus = &stack.prometheus;
    traffic::write_lines(&stack.log_file());
    let _traffic = traffic::start(stack.app.clone());
    traffic::overfill(&stack.lossy_otlp).await;
    let instance = until("the app's metrics", || prometheus.a_value_of("instance")).await;
    let one = [
        ("namespace", "trivium"),
        ("service", "auth"),
        ("instance", instance.as_str()),
        ("route", "/login/"),
        ("host", host::NAME),
        ("container", host::CONTAINER),
        ("search", ""),
    ];
    let boards = boards::all();
    let cases: Vec<_> = boards.iter().flat_map(|board| cases(board, &one)).collect();
    let promql = cases
        .iter()
        .filter(|case| case.query.language == Language::Promql);
    let promql: Vec<_> = promql.collect();
    assert!(promql.len() > 100, "{} queries", promql.len());

    wait_for_data(prometheus, promql).await;
    wait_for_exemplars(prometheus, &cases).await;

    let texts: Vec<_> = cases
        .iter()
        .map(|case| (case.query.language, case.text.clone()))
        .collect();
    let Some(readings) = grammar::read(&texts) else {
        return;
    };
    let read: Vec<_> = cases.iter().zip(&readings).collect();
    for (case, reading) in &read {
        assert!(reading.errors.is_empty(), "{case}: {:?}", reading.errors);
    }
    let of_language = |language| {
        let mut of = read.clone();
        of.retain(|(case, _)| case.query.language == language);
        assert!(!of.is_empty(), "no query in {language:?}");
        of
    };
    wait_for_names(prometheus, &of_language(Language::Promql)).await;
    wait_for_logs(&stack, &of_language(Language::Logql)).await;
    wait_for_spans(&stack, &of_language(Language::Traceql)).await;
}
