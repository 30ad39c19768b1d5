//! Ingest over HTTP, at the paths of the real ones: Prometheus's `POST /api/v1/write`, Loki's `POST /otlp/v1/logs`, and
//! `POST /v1/traces`. The answers are theirs too: 204 for metrics and logs, 200 with what was refused for traces.

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};

use super::body::Received;
use super::error::{Protocol, protobuf};
use super::{Ingest, IngestError, Refused, Signal, logs, remote_write, traces};

/// The three paths.
pub fn router(ingest: Ingest) -> Router {
    Router::new()
        .route("/api/v1/write", post(write_metrics))
        .route("/otlp/v1/logs", post(export_logs))
        .route("/v1/traces", post(export_traces))
        .fallback(|| async {
            (
                StatusCode::NOT_FOUND,
                "POST to /api/v1/write, /otlp/v1/logs or /v1/traces; the page is on another port\n",
            )
        })
        // `Received` has its own limit, which counts what arrives and not what is announced.
        .layer(DefaultBodyLimit::disable())
        .with_state(ingest)
}

async fn write_metrics(State(ingest): State<Ingest>, headers: HeaderMap, body: Body) -> Response {
    let written = async {
        ingest.authorize(&headers)?;
        let received = Received::remote_write(&headers, body).await?;
        let bytes = received.decoded_bytes();
        let decode = move || remote_write::decode(received.decompress()?);
        match ingest.take(Signal::Metrics, bytes, decode).await? {
            refused if refused.count > 0 => Err(IngestError::Rows(refused.to_string())),
            _ => Ok(StatusCode::NO_CONTENT.into_response()),
        }
    };
    ingest.answer(Signal::Metrics, Protocol::RemoteWrite, written.await)
}

async fn export_logs(State(ingest): State<Ingest>, headers: HeaderMap, body: Body) -> Response {
    let exported = async {
        ingest.authorize(&headers)?;
        let received = Received::otlp(&headers, body).await?;
        let bytes = received.decoded_bytes();
        ingest
            .take(Signal::Logs, bytes, move || {
                logs::decode(&received.decompress()?)
            })
            .await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    };
    ingest.answer(Signal::Logs, Protocol::OtlpHttp, exported.await)
}

async fn export_traces(State(ingest): State<Ingest>, headers: HeaderMap, body: Body) -> Response {
    let exported = async {
        ingest.authorize(&headers)?;
        let received = Received::otlp(&headers, body).await?;
        let bytes = received.decoded_bytes();
        let decode = move || traces::decode(&received.decompress()?);
        let refused = ingest.take(Signal::Traces, bytes, decode).await?;
        Ok(protobuf(StatusCode::OK, &traces_response(&refused)))
    };
    ingest.answer(Signal::Traces, Protocol::OtlpHttp, exported.await)
}

/// The answer to a stored trace request: empty, or with what was refused of it.
pub(super) fn traces_response(refused: &Refused) -> ExportTraceServiceResponse {
    let partial_success = (refused.count > 0).then(|| ExportTracePartialSuccess {
        rejected_spans: i64::try_from(refused.count).unwrap_or(i64::MAX),
        error_message: refused.to_string(),
    });
    ExportTraceServiceResponse { partial_success }
}

impl Ingest {
    fn answer(
        &self,
        signal: Signal,
        protocol: Protocol,
        outcome: Result<Response, IngestError>,
    ) -> Response {
        outcome.unwrap_or_else(|error| {
            self.statistics.refused(signal, &error);
            error.into_response(protocol)
        })
    }
}
