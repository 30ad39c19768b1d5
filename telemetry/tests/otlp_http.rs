//! OTLP over HTTP against a receiver that refuses at will: what is sent where, what is tried again and what is given up.
//! One test, for it has the process's telemetry to itself.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    io::Read as _,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
};
use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    metrics::v1::{Metric, metric::Data, number_data_point::Value},
};
use prost::Message as _;
use tokio::net::TcpListener;
use trivium_telemetry::{Telemetry, metrics::meter};

#[derive(Debug, Clone)]
struct Post {
    path: String,
    headers: HeaderMap,
    body: Vec<u8>,
    at: Instant,
}

/// Everything posted, and the answers still to be given to traces; with none left it is 200.
#[derive(Debug, Clone, Default)]
struct Receiver(Arc<Mutex<(Vec<Post>, Vec<StatusCode>)>>);

async fn receive(
    State(receiver): State<Receiver>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, [(&'static str, &'static str); 1]) {
    let mut inside = receiver.0.lock().unwrap();
    let mut plain = Vec::new();
    if headers.contains_key("content-encoding") {
        GzDecoder::new(&*body).read_to_end(&mut plain).unwrap();
    } else {
        plain = body.to_vec();
    }
    let answer = match uri.path() {
        "/otel/v1/traces" => inside.1.pop().unwrap_or(StatusCode::OK),
        _ => StatusCode::OK,
    };
    inside.0.push(Post {
        path: uri.path().to_owned(),
        headers,
        body: plain,
        at: Instant::now(),
    });
    (answer, [("retry-after", "1")])
}

impl Receiver {
    fn posts(&self, path: &str) -> Vec<Post> {
        let mut posts = self.0.lock().unwrap().0.clone();
        posts.retain(|post| post.path == path);
        posts
    }

    async fn wait_for<T>(&self, what: &str, mut find: impl FnMut(&Self) -> Option<T>) -> T {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(found) = find(self) {
                return found;
            }
            assert!(Instant::now() < deadline, "{what} did not arrive");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Every metric of this name, the newest last.
    fn metrics(&self, name: &str) -> Vec<Metric> {
        let posts = self.posts("/otel/v1/metrics").into_iter();
        posts
            .flat_map(|post| {
                let request = ExportMetricsServiceRequest::decode(&*post.body).unwrap();
                request.resource_metrics
            })
            .flat_map(|resource| resource.scope_metrics)
            .flat_map(|scope| scope.metrics)
            .filter(|metric| metric.name == name)
            .collect()
    }
}

#[tokio::test]
async fn a_busy_receiver_is_tried_again_when_it_says_and_a_refusal_is_counted() {
    let receiver = Receiver::default();
    receiver.0.lock().unwrap().1 = vec![
        StatusCode::BAD_REQUEST,
        StatusCode::OK,
        StatusCode::SERVICE_UNAVAILABLE,
    ];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback(receive).with_state(receiver.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let telemetry = Telemetry::builder("tested")
        .init_from(|variable| {
            Some(match variable {
                "OTEL_EXPORTER_OTLP_PROTOCOL" => "http/protobuf".to_owned(),
                "OTEL_EXPORTER_OTLP_ENDPOINT" => format!("http://{address}/otel"),
                "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT" => format!("http://{address}/logs"),
                "OTEL_EXPORTER_OTLP_COMPRESSION" => "gzip".to_owned(),
                "OTEL_EXPORTER_OTLP_LOGS_COMPRESSION" => "none".to_owned(),
                "OTEL_EXPORTER_OTLP_HEADERS" => "x-tenant=core%2C1".to_owned(),
                "OTEL_METRIC_EXPORT_INTERVAL"
                | "OTEL_BSP_SCHEDULE_DELAY"
                | "OTEL_BLRP_SCHEDULE_DELAY" => "50".to_owned(),
                _ => return None,
            })
        })
        .unwrap();
    let requests = meter("test").u64_counter("requests").build();

    tracing::info_span!("delivered").in_scope(|| {
        requests.add(1, &[]);
        tracing::info!(name: "logged", "words");
    });
    let tries = receiver
        .wait_for("both tries", |receiver| {
            Some(receiver.posts("/otel/v1/traces")).filter(|posts| posts.len() == 2)
        })
        .await;
    assert_eq!(tries[0].body, tries[1].body, "the same data again");
    let pause = tries[1].at - tries[0].at;
    // The receiver asked for a second; 20 % are left to chance.
    let asked = Duration::from_millis(790)..Duration::from_secs(5);
    assert!(asked.contains(&pause), "{pause:?}");
    let request = ExportTraceServiceRequest::decode(&*tries[1].body).unwrap();
    let span = request.resource_spans[0].scope_spans[0].spans[0].clone();
    assert_eq!(span.name, "delivered");
    for (header, value) in [
        ("content-type", "application/x-protobuf"),
        ("content-encoding", "gzip"),
        ("x-tenant", "core,1"),
    ] {
        assert_eq!(tries[0].headers[header], value);
    }

    let log = receiver
        .wait_for("the log", |receiver| receiver.posts("/logs").pop())
        .await;
    assert!(!log.headers.contains_key("content-encoding"));
    let request = ExportLogsServiceRequest::decode(&*log.body).unwrap();
    let record = &request.resource_logs[0].scope_logs[0].log_records[0];
    assert_eq!(record.span_id, span.span_id);
    receiver
        .wait_for("the exemplar", |receiver| {
            let metrics = receiver.metrics("requests");
            let mut exemplars = metrics.into_iter().filter_map(|metric| match metric.data {
                Some(Data::Sum(sum)) => sum.data_points[0].exemplars.first().cloned(),
                _ => None,
            });
            exemplars.find(|exemplar| exemplar.span_id == span.span_id)
        })
        .await;

    tracing::info_span!("refused").in_scope(|| {});
    receiver
        .wait_for("the count of the refused span", |receiver| {
            let metric = receiver.metrics("otel.sdk.exporter.span.exported").pop()?;
            let Some(Data::Sum(sum)) = metric.data else {
                return None;
            };
            let counted = |error_type: Option<&str>| {
                let point = sum.data_points.iter().find(|point| {
                    let mut attributes = point.attributes.iter();
                    let found = attributes.find(|attribute| attribute.key == "error.type");
                    let value = found.and_then(|attribute| attribute.value.clone()?.value);
                    value
                        == error_type.map(|text| {
                            opentelemetry_proto::tonic::common::v1::any_value::Value::StringValue(
                                text.to_owned(),
                            )
                        })
                });
                point.and_then(|point| point.value)
            };
            let is_right = counted(None) == Some(Value::AsInt(1))
                && counted(Some("400")) == Some(Value::AsInt(1));
            is_right.then_some(())
        })
        .await;
    telemetry.shutdown().await.unwrap();
    assert_eq!(
        receiver.posts("/otel/v1/traces").len(),
        3,
        "a refusal is final"
    );
}
