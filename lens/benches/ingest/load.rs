//! The rows that are sent: spans of a web service with ten attributes, log records with six, each with ids of its own.

use std::io::Write as _;
use std::ops::Range;

use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;
use tonic::Code;
use tonic::codec::CompressionEncoding;
use tonic::transport::Channel;

use crate::Failure;

/// Spans in a trace.
const TRACE_SPANS: u64 = 5;

/// Sends the rows with the numbers of a range; says whether they were acknowledged or refused.
pub(crate) trait Sender: Clone + Send + 'static {
    fn send(&mut self, rows: Range<u64>) -> impl Future<Output = Result<bool, Failure>> + Send;
}

#[derive(Clone)]
pub(crate) struct SpanSender {
    client: TraceServiceClient<Channel>,
}

impl SpanSender {
    pub(crate) async fn new(address: &str) -> Result<Self, Failure> {
        let client = TraceServiceClient::connect(format!("http://{address}")).await?;
        Ok(Self {
            client: client.send_compressed(CompressionEncoding::Gzip),
        })
    }
}

impl Sender for SpanSender {
    async fn send(&mut self, rows: Range<u64>) -> Result<bool, Failure> {
        let spans = rows.map(span).collect();
        let scope_spans = ScopeSpans {
            scope: Some(scope()),
            spans,
            ..ScopeSpans::default()
        };
        let resource_spans = ResourceSpans {
            resource: Some(resource()),
            scope_spans: vec![scope_spans],
            ..ResourceSpans::default()
        };
        match self
            .client
            .export(ExportTraceServiceRequest {
                resource_spans: vec![resource_spans],
            })
            .await
        {
            Ok(answer) if answer.get_ref().partial_success.is_none() => Ok(true),
            Ok(answer) => Err(format!("some spans were refused: {answer:?}").into()),
            Err(status) if status.code() == Code::ResourceExhausted => Ok(false),
            Err(status) => Err(status.into()),
        }
    }
}

#[derive(Clone)]
pub(crate) struct LogSender {
    client: reqwest::Client,
    url: String,
}

impl LogSender {
    pub(crate) fn new(address: &str) -> Self {
        Self {
            client: reqwest::Client::new(),
            url: format!("http://{address}/otlp/v1/logs"),
        }
    }
}

impl Sender for LogSender {
    async fn send(&mut self, rows: Range<u64>) -> Result<bool, Failure> {
        let log_records = rows.map(log).collect();
        let scope_logs = ScopeLogs {
            scope: Some(scope()),
            log_records,
            ..ScopeLogs::default()
        };
        let resource_logs = ResourceLogs {
            resource: Some(resource()),
            scope_logs: vec![scope_logs],
            ..ResourceLogs::default()
        };
        let request = ExportLogsServiceRequest {
            resource_logs: vec![resource_logs],
        };
        let mut body = GzEncoder::new(Vec::new(), Compression::default());
        body.write_all(&request.encode_to_vec())?;
        let answer = self
            .client
            .post(&self.url)
            .header("content-type", "application/x-protobuf")
            .header("content-encoding", "gzip")
            .body(body.finish()?)
            .send()
            .await?;
        match answer.status().as_u16() {
            204 => Ok(true),
            429 => Ok(false),
            status => Err(format!("lens answered {status}").into()),
        }
    }
}

fn text(key: &str, value: impl Into<String>) -> KeyValue {
    attribute(key, Value::StringValue(value.into()))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

fn resource() -> Resource {
    let attributes = [
        ("service.name", "auth"),
        ("service.namespace", "trivium"),
        (
            "service.instance.id",
            "6f2c1b0e-7a94-4f5e-9f0c-3d1f6f1f0a11",
        ),
        ("service.version", "0.1.0"),
        ("deployment.environment.name", "development"),
        ("host.name", "workstation"),
    ];
    Resource {
        attributes: attributes.map(|(key, value)| text(key, value)).to_vec(),
        ..Resource::default()
    }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: "trivium-app".to_owned(),
        ..InstrumentationScope::default()
    }
}

/// As random as real ids, so that the indexes are hit at random places.
fn ids(n: u64) -> (Vec<u8>, Vec<u8>) {
    let mix = |n: u64| {
        n.wrapping_add(1)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(31)
            .wrapping_mul(0xbf58_476d_1ce4_e5b9)
    };
    let trace = n / TRACE_SPANS;
    let trace_id = [mix(trace).to_be_bytes(), mix(!trace).to_be_bytes()].concat();
    (trace_id, mix(n << 1).to_be_bytes().to_vec())
}

fn now_ns() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or_default()
}

fn span(n: u64) -> Span {
    let (trace_id, span_id) = ids(n);
    let is_root = n.is_multiple_of(TRACE_SPANS);
    let start = now_ns();
    Span {
        trace_id,
        span_id,
        parent_span_id: if is_root {
            Vec::new()
        } else {
            ids(n - n % TRACE_SPANS).1
        },
        name: if is_root {
            "POST /login/".to_owned()
        } else {
            "SELECT users".to_owned()
        },
        kind: if is_root {
            SpanKind::Server as i32
        } else {
            SpanKind::Client as i32
        },
        start_time_unix_nano: start,
        end_time_unix_nano: start + 1_000_000 + n % 300_000_000,
        attributes: vec![
            text("http.request.method", "POST"),
            text("http.route", "/login/"),
            attribute(
                "http.response.status_code",
                Value::IntValue(if n.is_multiple_of(50) { 500 } else { 200 }),
            ),
            text("url.path", "/login/"),
            text("url.scheme", "http"),
            text("server.address", "127.0.0.1"),
            attribute("server.port", Value::IntValue(8000)),
            text(
                "client.address",
                format!("10.0.{}.{}", n / 250 % 250, n % 250),
            ),
            text("user_agent.original", "trivium-load/0.1.0"),
            text(
                "user.id",
                format!("{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            ),
        ],
        ..Span::default()
    }
}

fn log(n: u64) -> LogRecord {
    let (trace_id, span_id) = ids(n);
    let time = now_ns();
    LogRecord {
        time_unix_nano: time,
        observed_time_unix_nano: time,
        severity_number: 9,
        severity_text: "INFO".to_owned(),
        event_name: "auth.login.succeeded".to_owned(),
        body: Some(AnyValue {
            value: Some(Value::StringValue(format!("login of user {n} succeeded"))),
        }),
        attributes: vec![
            text("http.route", "/login/"),
            text(
                "user.id",
                format!("{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            ),
            text("code.file.path", "app/src/handlers/login.rs"),
            attribute("code.line.number", Value::IntValue(84)),
            text("thread.name", "tokio-runtime-worker"),
            attribute(
                "queue_wait_ms",
                Value::DoubleValue((n % 1000) as f64 / 10.0),
            ),
        ],
        trace_id,
        span_id,
        ..LogRecord::default()
    }
}
