//! A program that samples nothing by itself: who can make it, and what an unsampled request leaves. One test, for it has
//! the process's telemetry to itself.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/collector.rs"]
#[expect(
    dead_code,
    reason = "shared with the integration tests, which use all of it"
)]
mod collector;

use std::convert::Infallible;

use collector::Collector;
use http::{Request, Response};
use http_body_util::Empty;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use tower::{Layer as _, ServiceExt as _};
use trivium_telemetry::{Telemetry, http::ServerLayer};

async fn send(layer: ServerLayer, traceparent: &str) {
    let handle = async |_: Request<()>| {
        let empty = Empty::<&[u8]>::new();
        Ok::<_, Infallible>(Response::new(empty))
    };
    let request = Request::get("/").header("traceparent", traceparent);
    let service = layer.layer(tower::service_fn(handle));
    service.oneshot(request.body(()).unwrap()).await.unwrap();
}

#[tokio::test]
async fn only_a_trusted_caller_can_ask_for_a_trace() {
    let collector = Collector::start();
    let endpoint = collector.endpoint();
    let telemetry = Telemetry::builder("tested")
        .init_from(|variable| match variable {
            "OTEL_EXPORTER_OTLP_ENDPOINT" => Some(endpoint.clone()),
            "OTEL_TRACES_SAMPLER" => Some("parentbased_always_off".to_owned()),
            _ => None,
        })
        .unwrap();
    let trusting = ServerLayer::new(|_| Some("/trusted"));
    let public = ServerLayer::new(|_| Some("/public")).trust_callers_if(|_| false);
    let sampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let unsampled = "00-0af7651916cd43dd8448eb211c80319d-b7ad6b7169203331-00";
    send(trusting.clone(), sampled).await;
    send(trusting, unsampled).await;
    send(public.clone(), sampled).await;
    send(public, unsampled).await;
    telemetry.shutdown().await.unwrap();

    let received = collector.received();
    let names: Vec<_> = received.spans.iter().map(|span| &*span.name).collect();
    assert_eq!(names, ["GET /trusted"]);
    let durations =
        received
            .metrics
            .iter()
            .filter_map(|metric| match (&*metric.name, metric.data.as_ref()?) {
                ("http.server.request.duration", Data::Histogram(histogram)) => Some(histogram),
                _ => None,
            });
    let points: Vec<_> = durations
        .flat_map(|histogram| &histogram.data_points)
        .collect();
    let counted: u64 = points.iter().map(|point| point.count).sum();
    assert_eq!(counted, 4, "all four requests are measured");
    let exemplars: Vec<_> = points.iter().flat_map(|point| &point.exemplars).collect();
    assert_eq!(
        exemplars.len(),
        1,
        "an exemplar never points to an unsampled span"
    );
    assert_eq!(exemplars[0].span_id, received.spans[0].span_id);
}
