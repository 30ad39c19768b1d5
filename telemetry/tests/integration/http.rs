//! The HTTP server layer.

use std::{convert::Infallible, time::Duration};

use http::{Request, Response, StatusCode, request::Parts};
use http_body_util::{BodyExt as _, Full};
use opentelemetry_proto::tonic::{
    common::v1::any_value,
    metrics::v1::{Exemplar, exemplar, metric::Data, number_data_point},
};
use tower::{Layer as _, Service as _, ServiceExt as _};
use trivium_telemetry::http::ServerLayer;

use crate::collector::{Received, attribute};

const DURATION: &str = "http.server.request.duration";

/// Every exemplar that ever arrived for a histogram: each export carries only its own.
pub(crate) fn exemplars(received: &Received, name: &str) -> Vec<Exemplar> {
    let metrics = received.metrics.iter().filter(|metric| metric.name == name);
    let mut found = Vec::new();
    for metric in metrics {
        if let Some(Data::Histogram(histogram)) = &metric.data {
            let points = histogram.data_points.iter();
            found.extend(points.flat_map(|point| point.exemplars.clone()));
        }
    }
    found
}

fn route_of(request: &Parts) -> Option<&'static str> {
    match request.uri.path() {
        "/orders/1" => Some("/orders/{id}"),
        "/gone/1" => Some("/gone/{id}"),
        "/broken/1" => Some("/broken/{id}"),
        "/never/1" => Some("/never/{id}"),
        _ => None,
    }
}

async fn handle(request: Request<()>) -> Result<Response<Full<&'static [u8]>>, Infallible> {
    tokio::time::sleep(Duration::from_millis(30)).await;
    let status = match request.uri().path() {
        "/orders/1" | "/gone/1" => StatusCode::OK,
        "/broken/1" => StatusCode::INTERNAL_SERVER_ERROR,
        "/never/1" => std::future::pending().await,
        _ => StatusCode::NOT_FOUND,
    };
    let mut response = Response::new(Full::new(b"body".as_slice()));
    *response.status_mut() = status;
    Ok(response)
}

/// Sends one request and reads the whole answer.
async fn send(request: Request<()>) {
    let mut service = ServerLayer::new(route_of).layer(tower::service_fn(handle));
    let response = service.ready().await.unwrap().call(request).await.unwrap();
    response.into_body().collect().await.unwrap();
}

fn get(path: &str) -> Request<()> {
    Request::get(path).body(()).unwrap()
}

#[tokio::test]
async fn the_span_continues_the_caller_s_trace_and_its_exemplar_agrees_with_it() {
    let collector = crate::collector();
    let mut request = get("/orders/1");
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let headers = request.headers_mut();
    headers.insert("traceparent", traceparent.parse().unwrap());
    headers.insert("user-agent", "test".parse().unwrap());
    send(request).await;

    let span = collector.wait_for("the span", |received| received.span("GET /orders/{id}"));
    let caller = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes();
    assert_eq!(span.trace_id, caller);
    assert_eq!(span.parent_span_id, 0xb7ad_6b71_6920_3331_u64.to_be_bytes());
    assert_eq!(span.kind, 2, "SERVER");
    for (key, value) in [
        ("http.request.method", "GET"),
        ("http.route", "/orders/{id}"),
        ("url.path", "/orders/1"),
        ("url.scheme", "http"),
        ("user_agent.original", "test"),
        ("network.protocol.version", "1.1"),
    ] {
        assert_eq!(
            attribute(&span.attributes, key).as_deref(),
            Some(value),
            "{key}"
        );
    }
    assert_eq!(attribute(&span.attributes, "error.type"), None);
    let mut attributes = span.attributes.iter();
    let status = attributes.find(|attribute| attribute.key == "http.response.status_code");
    assert_eq!(
        status.unwrap().value.clone().unwrap().value,
        Some(any_value::Value::IntValue(200)),
        "a number, not a text"
    );

    let exemplar = collector.wait_for("the exemplar", |received| {
        exemplars(received, DURATION)
            .into_iter()
            .find(|exemplar| exemplar.span_id == span.span_id)
    });
    assert_eq!(exemplar.trace_id, span.trace_id);
    let Some(exemplar::Value::AsDouble(measured)) = exemplar.value else {
        panic!("{exemplar:?}");
    };
    let span_seconds = (span.end_time_unix_nano - span.start_time_unix_nano) as f64 / 1e9;
    assert!(measured >= 0.03);
    assert!(
        (measured - span_seconds).abs() < 0.005,
        "{measured} s measured, a span of {span_seconds} s"
    );
}

#[tokio::test]
async fn a_caller_that_is_not_trusted_is_only_linked_to() {
    let collector = crate::collector();
    let layer = ServerLayer::new(|_| Some("/public/{id}"))
        .trust_callers_if(|request| request.headers.contains_key("x-gateway"));
    let request = |from_gateway: bool| {
        let traceparent = "00-1af7651916cd43dd8448eb211c80319c-c7ad6b7169203331-01";
        let mut request = Request::get("/orders/1").header("traceparent", traceparent);
        if from_gateway {
            request = request.method("PUT").header("x-gateway", "1");
        }
        request.body(()).unwrap()
    };
    for from_gateway in [false, true] {
        let mut service = layer.layer(tower::service_fn(handle));
        let response = service.ready().await.unwrap().call(request(from_gateway));
        response.await.unwrap().into_body().collect().await.unwrap();
    }

    let caller = 0x1af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes();
    let own = collector.wait_for("the span", |received| received.span("GET /public/{id}"));
    assert_ne!(own.trace_id, caller);
    assert_eq!(own.parent_span_id, [] as [u8; 0]);
    assert_eq!(own.links.len(), 1);
    assert_eq!(own.links[0].trace_id, caller);
    assert_eq!(
        own.links[0].span_id,
        0xc7ad_6b71_6920_3331_u64.to_be_bytes()
    );
    let of_gateway = collector.wait_for("the span", |received| received.span("PUT /public/{id}"));
    assert_eq!(of_gateway.trace_id, caller);
    assert_eq!(of_gateway.links, []);
}

#[tokio::test]
async fn a_server_error_marks_the_span_and_the_series() {
    let collector = crate::collector();
    send(get("/broken/1")).await;
    let span = collector.wait_for("the span", |received| received.span("GET /broken/{id}"));
    assert_eq!(span.status.unwrap().code, 2, "ERROR");
    assert_eq!(
        attribute(&span.attributes, "error.type").as_deref(),
        Some("500")
    );
}

#[tokio::test]
async fn unknown_paths_and_methods_make_one_series() {
    let collector = crate::collector();
    for path in 0..50 {
        send(get(&format!("/random/{path}"))).await;
    }
    let invented = |method: &str| {
        let request = Request::builder().method(method).uri("/");
        request.body(()).unwrap()
    };
    send(invented("INVENTED1")).await;
    send(invented("INVENTED2")).await;

    let points = |received: &Received, method: &str| {
        let mut points = received.histogram(DURATION);
        points.retain(|point| {
            attribute(&point.attributes, "http.response.status_code").as_deref() == Some("404")
                && attribute(&point.attributes, "http.request.method").as_deref() == Some(method)
        });
        points
    };
    for (method, count) in [("GET", 50), ("_OTHER", 2)] {
        let found = collector.wait_for("all requests", |received| {
            let points = points(received, method);
            (points.first()?.count == count).then_some(points)
        });
        assert_eq!(found.len(), 1);
        assert_eq!(attribute(&found[0].attributes, "http.route"), None);
    }
}

#[tokio::test]
async fn a_client_that_goes_away_is_499_before_and_during_the_body() {
    let collector = crate::collector();
    let mut service = ServerLayer::new(route_of).layer(tower::service_fn(handle));
    let never = service.ready().await.unwrap().call(get("/never/1"));
    let given_up = tokio::time::timeout(Duration::from_millis(5), never).await;
    assert!(given_up.is_err());
    let response = service.call(get("/gone/1")).await.unwrap();
    drop(response);

    for name in ["GET /never/{id}", "GET /gone/{id}"] {
        let span = collector.wait_for("the span", |received| received.span(name));
        assert_eq!(
            attribute(&span.attributes, "http.response.status_code").as_deref(),
            Some("499"),
            "{name}"
        );
        assert_eq!(span.status.unwrap_or_default().code, 0, "UNSET");
    }
    collector.wait_for("no active request", |received| {
        let points = received.sum("http.server.active_requests");
        let is_idle = points
            .iter()
            .all(|point| point.value == Some(number_data_point::Value::AsInt(0)));
        (!points.is_empty() && is_idle).then_some(())
    });
}

#[tokio::test]
async fn a_head_request_ends_with_its_head() {
    let collector = crate::collector();
    let mut service = ServerLayer::new(route_of).layer(tower::service_fn(handle));
    let head = Request::head("/orders/1").body(()).unwrap();
    let response = service.ready().await.unwrap().call(head).await.unwrap();
    drop(response);
    let span = collector.wait_for("the span", |received| received.span("HEAD /orders/{id}"));
    assert_eq!(
        attribute(&span.attributes, "http.response.status_code").as_deref(),
        Some("200")
    );
}
