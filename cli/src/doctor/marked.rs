//! The marked request, and what the doctor itself tells of it: like any service on the way it sends its span, a log record
//! and the duration with an exemplar, to the Collector, over OTLP/HTTP with JSON.
//!
//! So there are two senders of the same trace, the app and the doctor. Where both are lost, the road is broken; where only the
//! app's is, the app.

use std::time::{Duration, SystemTime};

use reqwest::{Client, Url};
use serde_json::{Value, json};

use super::ask::{Answer, NoAnswer, ask, below, shown};
use crate::journey::traceparent::TraceParent;

/// `service.name` of the doctor.
pub(super) const SERVICE: &str = "trivium-doctor";

/// One sampled trace, whose root is the doctor's span.
#[derive(Debug)]
pub(super) struct Marked {
    parent: TraceParent,
    /// `service.instance.id` of this run.
    pub(super) instance: String,
    pub(super) sent: SystemTime,
    /// Method and address.
    pub(super) question: String,
    pub(super) answer: Result<Answer, NoAnswer>,
    url: Url,
}

impl Marked {
    /// Sends the request and waits for its answer.
    pub(super) async fn send(client: &Client, url: &Url) -> Self {
        let parent = TraceParent::random();
        let sent = SystemTime::now();
        let request = client.get(url.clone());
        let answer = ask(request.header("traceparent", parent.to_string())).await;
        Self {
            parent,
            instance: uuid::Uuid::new_v4().to_string(),
            sent,
            question: shown("GET", url),
            answer,
            url: url.clone(),
        }
    }

    /// 32 lower-case hex digits.
    pub(super) fn trace_id(&self) -> String {
        self.parent.trace_id()
    }

    /// What an OTLP exporter would send of it: the path of each signal and its request.
    fn told(&self, took: Duration, status: u16) -> [(&'static str, Value); 3] {
        let (trace_id, span_id) = (self.parent.trace_id(), self.parent.parent_id());
        let (start, end) = (nanoseconds(self.sent), nanoseconds(self.sent + took));
        let resource = json!({"attributes": [
            text("service.name", SERVICE),
            text("service.namespace", "trivium"),
            text("service.instance.id", &self.instance),
            text("service.version", env!("CARGO_PKG_VERSION")),
        ]});
        let scope = json!({"name": SERVICE, "version": env!("CARGO_PKG_VERSION")});
        let attributes = json!([
            text("http.request.method", "GET"),
            text("server.address", self.url.host_str().unwrap_or_default()),
            number(
                "server.port",
                self.url.port_or_known_default().unwrap_or_default()
            ),
            number("http.response.status_code", status),
        ]);
        let span = json!({
            "traceId": trace_id, "spanId": span_id, "name": "GET", "kind": 3, "flags": 1,
            "startTimeUnixNano": start, "endTimeUnixNano": end, "attributes": attributes,
        });
        let record = json!({
            "traceId": trace_id, "spanId": span_id, "flags": 1,
            "timeUnixNano": end, "observedTimeUnixNano": end,
            "severityNumber": 9, "severityText": "INFO", "eventName": "doctor.request",
            "body": {"stringValue": "the doctor's marked request was answered"}, "attributes": attributes,
        });
        let seconds = took.as_secs_f64();
        let point = json!({
            "startTimeUnixNano": start, "timeUnixNano": end, "attributes": attributes,
            "count": "1", "sum": seconds, "explicitBounds": [1.0],
            "bucketCounts": if seconds <= 1.0 { ["1", "0"] } else { ["0", "1"] },
            "exemplars": [{"timeUnixNano": end, "asDouble": seconds, "traceId": trace_id, "spanId": span_id}],
        });
        let metric = json!({
            "name": "http.client.request.duration", "unit": "s",
            "histogram": {"aggregationTemporality": 2, "dataPoints": [point]},
        });
        [
            (
                "/v1/metrics",
                json!({"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"scope": scope, "metrics": [metric]}]}]}),
            ),
            (
                "/v1/logs",
                json!({"resourceLogs": [{"resource": resource, "scopeLogs": [{"scope": scope, "logRecords": [record]}]}]}),
            ),
            (
                "/v1/traces",
                json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": scope, "spans": [span]}]}]}),
            ),
        ]
    }

    /// Tells the Collector of a request that was answered; metrics, logs and traces, each with what the Collector said.
    pub(super) async fn tell(
        &self,
        client: &Client,
        collector: &Url,
        token: Option<&str>,
    ) -> Delivery {
        let (took, status) = match &self.answer {
            Ok(answer) => (answer.took, answer.status.as_u16()),
            Err(_) => (Duration::ZERO, 0),
        };
        let [metrics, logs, traces] = self.told(took, status);
        Delivery {
            metrics: deliver(client, collector, token, metrics).await,
            logs: deliver(client, collector, token, logs).await,
            traces: deliver(client, collector, token, traces).await,
        }
    }
}

/// What the Collector said to the doctor's own signals.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) metrics: Delivered,
    pub(super) logs: Delivered,
    pub(super) traces: Delivered,
}

/// Of one signal.
#[derive(Debug)]
pub(super) struct Delivered {
    /// Method and address.
    pub(super) question: String,
    /// How long it took to accept it.
    pub(super) outcome: Result<Duration, NoAnswer>,
    pub(super) clock_ahead_seconds: Option<i64>,
}

async fn deliver(
    client: &Client,
    collector: &Url,
    token: Option<&str>,
    (path, body): (&str, Value),
) -> Delivered {
    let url = below(collector, path, &[]);
    let question = shown("POST", &url);
    let mut request = client.post(url).json(&body);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    match ask(request).await {
        Ok(answer) => Delivered {
            question,
            clock_ahead_seconds: answer.clock_ahead_seconds,
            outcome: answer.json("an OTLP receiver").map(|_| answer.took),
        },
        Err(error) => Delivered {
            question,
            outcome: Err(error),
            clock_ahead_seconds: None,
        },
    }
}

/// Whether the Collector refuses an empty request without a token.
pub(super) async fn is_token_wanted(client: &Client, collector: &Url) -> bool {
    let delivered = deliver(client, collector, None, ("/v1/traces", json!({}))).await;
    delivered
        .outcome
        .is_err_and(|error| error.is_unauthorized())
}

fn nanoseconds(time: SystemTime) -> String {
    let since = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    since.as_nanos().to_string()
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

fn number(key: &str, value: u16) -> Value {
    json!({"key": key, "value": {"intValue": value.to_string()}})
}
