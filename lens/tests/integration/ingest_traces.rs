//! OTLP traces, over gRPC and over HTTP.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use prost::Message as _;

use crate::support::{TestLens, attribute, gzip, span, text, trace_request};

#[tokio::test]
async fn a_thousand_spans_are_a_thousand_rows_however_often_they_are_sent() {
    let lens = TestLens::start().await;
    let request = trace_request((0..1000).map(span));

    let mut client = lens.grpc().await;
    let answer = client.export(request.clone()).await.unwrap().into_inner();
    assert_eq!(answer, ExportTraceServiceResponse::default());
    assert_eq!(lens.count("spans").await, 1000);

    client.export(request.clone()).await.unwrap();
    assert_eq!(
        lens.post("/v1/traces", None, request.encode_to_vec())
            .await
            .status(),
        200
    );
    let compressed = gzip(&request.encode_to_vec());
    assert_eq!(
        lens.post("/v1/traces", Some("gzip"), compressed)
            .await
            .status(),
        200
    );
    assert_eq!(lens.count("spans").await, 1000);
    assert_eq!(lens.count("resources").await, 1);
}

#[derive(Debug, PartialEq, sqlx::FromRow)]
struct StoredSpan {
    trace_id: Vec<u8>,
    span_id: Vec<u8>,
    parent_span_id: Option<Vec<u8>>,
    scope: String,
    name: String,
    kind: i64,
    start_ns: i64,
    duration_ns: i64,
    status: i64,
    status_message: String,
    is_entry: bool,
    http_route: Option<String>,
    http_status: Option<i64>,
    attributes: String,
    events: Option<String>,
    links: Option<String>,
}

#[tokio::test]
async fn each_field_of_a_span_is_stored() {
    let lens = TestLens::start().await;
    let root = Span {
        kind: SpanKind::Server as i32,
        parent_span_id: vec![9; 8],
        attributes: vec![
            text("http.route", "/login/"),
            attribute("http.response.status_code", Value::IntValue(503)),
        ],
        status: Some(Status {
            code: StatusCode::Error as i32,
            message: "busy".to_owned(),
        }),
        events: vec![Event {
            time_unix_nano: 7,
            name: "exception".to_owned(),
            attributes: vec![text("exception.type", "Busy")],
            ..Event::default()
        }],
        links: vec![Link {
            trace_id: vec![0xab; 16],
            span_id: vec![0xcd; 8],
            ..Link::default()
        }],
        ..span(0)
    };
    let child = Span {
        kind: SpanKind::Internal as i32,
        parent_span_id: root.span_id.clone(),
        ..span(1)
    };
    lens.grpc()
        .await
        .export(trace_request([root, child]))
        .await
        .unwrap();

    let rows: Vec<StoredSpan> = lens.rows("SELECT * FROM spans ORDER BY start_ns").await;
    let links = format!(
        r#"[{{"trace_id":"{}","span_id":"{}","attributes":{{}}}}]"#,
        "ab".repeat(16),
        "cd".repeat(8)
    );
    let expected_root = StoredSpan {
        trace_id: 1_u128.to_be_bytes().to_vec(),
        span_id: 1_u64.to_be_bytes().to_vec(),
        parent_span_id: Some(vec![9; 8]),
        scope: "trivium-app".to_owned(),
        name: "span 0".to_owned(),
        kind: 2,
        start_ns: 1_790_000_000_000_000_000,
        duration_ns: 1000,
        status: 2,
        status_message: "busy".to_owned(),
        is_entry: true,
        http_route: Some("/login/".to_owned()),
        http_status: Some(503),
        attributes: r#"{"http.route":"/login/","http.response.status_code":503}"#.to_owned(),
        events: Some(
            r#"[{"time_ns":7,"name":"exception","attributes":{"exception.type":"Busy"}}]"#
                .to_owned(),
        ),
        links: Some(links),
    };
    let expected_child = StoredSpan {
        trace_id: 2_u128.to_be_bytes().to_vec(),
        span_id: 2_u64.to_be_bytes().to_vec(),
        parent_span_id: Some(1_u64.to_be_bytes().to_vec()),
        scope: "trivium-app".to_owned(),
        name: "span 1".to_owned(),
        kind: 1,
        start_ns: 1_790_000_000_000_000_001,
        duration_ns: 1000,
        status: 0,
        status_message: String::new(),
        is_entry: false,
        http_route: None,
        http_status: None,
        attributes: "{}".to_owned(),
        events: None,
        links: None,
    };
    assert_eq!(rows, [expected_root, expected_child]);
    let resources: Vec<(String, String, String, String)> =
        lens.rows("SELECT service_name, service_namespace, service_instance_id, attributes FROM resources").await;
    let attributes =
        r#"{"service.instance.id":"i-1","service.name":"auth","service.namespace":"trivium"}"#;
    assert_eq!(
        resources,
        [(
            "auth".to_owned(),
            "trivium".to_owned(),
            "i-1".to_owned(),
            attributes.to_owned()
        )]
    );
}

type Change = fn(&mut Span);

#[tokio::test]
async fn bad_spans_are_refused_by_name_and_the_others_are_stored() {
    let lens = TestLens::start().await;
    let with = |n, change: Change| {
        let mut span = span(n);
        change(&mut span);
        span
    };
    let cases: [(Change, &str); 5] = [
        (
            |span| span.trace_id.truncate(15),
            "trace_id has 15 bytes, not 16",
        ),
        (|span| span.trace_id = vec![0; 16], "trace_id is all zeros"),
        (|span| span.span_id = vec![0; 8], "span_id is all zeros"),
        (
            |span| span.parent_span_id = vec![1; 7],
            "parent_span_id has 7 bytes, not 8",
        ),
        (
            |span| span.start_time_unix_nano = u64::MAX,
            "start_time_unix_nano 18446744073709551615 is after the year 2262",
        ),
    ];
    let mut client = lens.grpc().await;
    for (n, (change, message)) in (0..).zip(cases) {
        let request = trace_request([span(2 * n), with(2 * n + 1, change)]);
        let partial = client
            .export(request)
            .await
            .unwrap()
            .into_inner()
            .partial_success
            .unwrap();
        assert_eq!(partial.rejected_spans, 1);
        assert_eq!(
            partial.error_message,
            format!("span 1 \"span {}\": {message}", 2 * n + 1)
        );
    }
    assert_eq!(lens.count("spans").await, 5);

    let request = trace_request([
        with(20, |span| span.trace_id.clear()),
        with(21, |span| span.span_id.clear()),
        span(22),
    ]);
    let answer = lens.post("/v1/traces", None, request.encode_to_vec()).await;
    assert_eq!(answer.status(), 200);
    let partial = ExportTraceServiceResponse::decode(answer.bytes().await.unwrap())
        .unwrap()
        .partial_success
        .unwrap();
    assert_eq!(partial.rejected_spans, 2);
    assert_eq!(
        partial.error_message,
        "span 0 \"span 20\": trace_id has 0 bytes, not 16 (and 1 more refused)"
    );
    assert_eq!(lens.count("spans").await, 6);
}
