//! A lens in this process, with its API and page on a free port and its store in a temporary folder, and short ways to
//! write rows into it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use trivium_lens::model::{Batch, Exemplar, LogRecord, Resource, Sample, Series, SeriesRows, Span};
use trivium_lens::store::{Store, StoreConfig};
use trivium_lens::{AppState, api, page};

pub(crate) struct SeededLens {
    pub(crate) store: Store,
    /// `http://127.0.0.1:PORT`
    pub(crate) origin: String,
    server: tokio::task::JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl SeededLens {
    pub(crate) async fn start(batch: Batch) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = StoreConfig {
            path: folder.path().join("lens.db"),
            retention: Duration::from_secs(24 * 3600),
            max_bytes: 1 << 30,
        };
        let store = Store::open(&config).await.expect("the store opens");
        store.write(batch).await.expect("the seed is stored");
        let state = AppState {
            store: store.clone(),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let origin = format!("http://{}", listener.local_addr().expect("a bound port"));
        let router = api::router(state.clone()).merge(page::router(state));
        let server = tokio::spawn(async move {
            axum::serve(listener, router)
                .await
                .expect("serves until aborted");
        });
        Self {
            store,
            origin,
            server,
            _folder: folder,
        }
    }

    /// Status and body of a JSON answer.
    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Value) {
        let answer = reqwest::get(format!("{}{path}", self.origin))
            .await
            .expect("an answer");
        (answer.status(), answer.json().await.expect("a JSON body"))
    }

    /// The page at an address, which must be 200.
    pub(crate) async fn text(&self, path: &str) -> String {
        let answer = reqwest::get(format!("{}{path}", self.origin))
            .await
            .expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.text().await.expect("a text")
    }

    /// The body of an answer that must be 200.
    pub(crate) async fn ok(&self, path: &str) -> Value {
        let (status, body) = self.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }
}

impl Drop for SeededLens {
    fn drop(&mut self) {
        self.server.abort();
    }
}

pub(crate) fn resource(service: &str, instance: &str) -> Arc<Resource> {
    let attributes = json!({
        "service.instance.id": instance, "service.name": service, "service.namespace": "trivium", "host.name": "testhost",
    });
    Arc::new(Resource {
        service_name: service.to_owned(),
        service_namespace: "trivium".to_owned(),
        service_instance_id: instance.to_owned(),
        attributes: attributes.to_string(),
    })
}

/// An id whose bytes are all `digit`.
pub(crate) fn trace_id(digit: u8) -> [u8; 16] {
    [digit; 16]
}

pub(crate) fn span_id(digit: u8) -> [u8; 8] {
    [digit; 8]
}

/// A root server span that took 10 ms; change what matters.
pub(crate) fn server_span(
    resource: &Arc<Resource>,
    trace: [u8; 16],
    span: [u8; 8],
    start_ns: i64,
) -> Span {
    Span {
        trace_id: trace,
        span_id: span,
        parent_span_id: None,
        resource: Arc::clone(resource),
        scope: "trivium-telemetry".into(),
        name: "GET /login/".to_owned(),
        kind: 2,
        start_ns,
        duration_ns: 10_000_000,
        status: 0,
        status_message: String::new(),
        http_route: Some("/login/".to_owned()),
        http_status: Some(200),
        attributes: json!({"http.request.method": "GET", "http.route": "/login/"}).to_string(),
        events: None,
        links: None,
    }
}

/// An INFO record outside of any trace; change what matters.
pub(crate) fn log_record(resource: &Arc<Resource>, time_ns: i64, body: &str) -> LogRecord {
    LogRecord {
        time_ns,
        trace_id: None,
        span_id: None,
        resource: Arc::clone(resource),
        scope: "auth".into(),
        severity: 9,
        severity_text: "INFO".to_owned(),
        event_name: String::new(),
        body: body.to_owned(),
        attributes: "{}".to_owned(),
    }
}

/// A series with its samples: milliseconds and value, or no value for a stale marker.
pub(crate) fn series(
    metric: &str,
    labels: &[(&str, &str)],
    samples: &[(i64, Option<f64>)],
) -> SeriesRows {
    let mut all: BTreeMap<&str, &str> = labels.iter().copied().collect();
    all.insert("__name__", metric);
    SeriesRows {
        series: Series {
            metric: metric.to_owned(),
            labels: json!(all).to_string(),
        },
        samples: samples
            .iter()
            .map(|&(time_ms, value)| Sample { time_ms, value })
            .collect(),
        exemplars: Vec::new(),
    }
}

/// The series of one histogram: `bounds` are the buckets' upper bounds as `le` has them, without `+Inf`. Each sample has
/// the cumulative counts of those buckets and then of `+Inf`.
pub(crate) fn histogram(
    name: &str,
    labels: &[(&str, &str)],
    bounds: &[&str],
    samples: &[(i64, Vec<f64>)],
) -> Vec<SeriesRows> {
    let column = |index: usize| -> Vec<_> {
        samples
            .iter()
            .map(|(time, counts)| (*time, Some(counts[index])))
            .collect()
    };
    let mut rows: Vec<SeriesRows> = bounds
        .iter()
        .chain(&["+Inf"])
        .enumerate()
        .map(|(index, le)| {
            let labels: Vec<_> = labels.iter().copied().chain([("le", *le)]).collect();
            series(&format!("{name}_bucket"), &labels, &column(index))
        })
        .collect();
    rows.push(series(
        &format!("{name}_count"),
        labels,
        &column(bounds.len()),
    ));
    rows.push(series(
        &format!("{name}_sum"),
        labels,
        &column(bounds.len()),
    ));
    rows
}

pub(crate) fn exemplar(time_ms: i64, value: f64, trace: [u8; 16], span: [u8; 8]) -> Exemplar {
    Exemplar {
        time_ms,
        value,
        trace_id: trace,
        span_id: span,
    }
}
