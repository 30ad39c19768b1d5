//! What a sender is told when the budget is used up, and when the store cannot write.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use prost::Message as _;
use tonic::Code;
use tonic_types::StatusExt as _;
use tower::ServiceExt as _;

use super::{BUDGET_BYTES, Ingest, IngestError, RETRY_AFTER, Signal, traces};
use crate::store::{Store, StoreConfig};

async fn ingest(folder: &tempfile::TempDir) -> Ingest {
    let config = StoreConfig {
        path: folder.path().join("lens.db"),
        retention: std::time::Duration::from_secs(3600),
        max_bytes: 1 << 30,
    };
    Ingest::new(Store::open(&config).await.unwrap())
}

async fn post(ingest: &Ingest, path: &str, body: Vec<u8>) -> Response {
    let request = Request::post(path).header(header::CONTENT_TYPE, "application/x-protobuf");
    super::router(ingest.clone())
        .oneshot(request.body(Body::from(body)).unwrap())
        .await
        .unwrap()
}

fn one_log() -> Vec<u8> {
    let scope = ScopeLogs {
        log_records: vec![LogRecord::default()],
        ..ScopeLogs::default()
    };
    let resource = ResourceLogs {
        scope_logs: vec![scope],
        ..ResourceLogs::default()
    };
    ExportLogsServiceRequest {
        resource_logs: vec![resource],
    }
    .encode_to_vec()
}

async fn export(ingest: &Ingest) -> tonic::Status {
    let body = Bytes::from_static(&[0x0a, 0x00]);
    let taken = ingest
        .take(Signal::Traces, body.len(), move || traces::decode(&body))
        .await;
    taken.map(|_| ()).unwrap_err().into_grpc()
}

#[tokio::test]
async fn a_sender_is_told_to_retry_while_the_budget_is_used_up_and_is_served_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let ingest = ingest(&folder).await;
    let held = ingest
        .budget
        .clone()
        .acquire_many_owned(BUDGET_BYTES)
        .await
        .unwrap();
    let samples = snap::raw::Encoder::new()
        .compress_vec(&[0x0a, 0x00])
        .unwrap();

    let (logs, samples, grpc) = tokio::join!(
        post(&ingest, "/otlp/v1/logs", one_log()),
        post(&ingest, "/api/v1/write", samples),
        export(&ingest),
    );
    assert_eq!(logs.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(logs.headers()[header::RETRY_AFTER], "1");
    let status = logs.into_body().collect().await.unwrap().to_bytes();
    let status = tonic_types::pb::Status::decode(status).unwrap();
    assert_eq!(status.code, Code::ResourceExhausted as i32);
    assert_eq!(
        status.message,
        "overloaded: 8388608 bytes of requests are being stored; send again later"
    );
    // The Collector repeats remote write after 5xx only.
    assert_eq!(samples.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(samples.headers()[header::RETRY_AFTER], "1");
    // And RESOURCE_EXHAUSTED only with this detail.
    assert_eq!(grpc.code(), Code::ResourceExhausted);
    assert_eq!(
        grpc.get_details_retry_info().unwrap().retry_delay,
        Some(RETRY_AFTER)
    );

    drop(held);
    assert_eq!(
        post(&ingest, "/otlp/v1/logs", one_log()).await.status(),
        StatusCode::NO_CONTENT
    );
}

#[tokio::test]
async fn a_store_that_cannot_write_is_unavailable() {
    let folder = tempfile::tempdir().unwrap();
    let ingest = ingest(&folder).await;
    ingest.store.close().await;

    let logs = post(&ingest, "/otlp/v1/logs", one_log()).await;
    assert_eq!(logs.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(logs.headers()[header::RETRY_AFTER], "1");
    assert_eq!(
        IngestError::Interrupted.into_grpc().code(),
        Code::Unavailable
    );
}
