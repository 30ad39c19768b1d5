//! Why a request, or a row of one, is not stored, and the one place that turns it into an answer. The status decides
//! whether the Collector keeps and repeats the request, as read in its exporters at 0.161:
//!
//! | reason | OTLP/HTTP | remote write | gRPC | Collector |
//! |---|---|---|---|---|
//! | no token, or a wrong one | 401 | 401 | `UNAUTHENTICATED` | drops |
//! | malformed | 400 | 400 | `INVALID_ARGUMENT` | drops |
//! | unsupported media type or encoding | 415 | 415 | `UNIMPLEMENTED` (by tonic) | drops |
//! | too large | 413 | 413 | `RESOURCE_EXHAUSTED` without `RetryInfo` | drops |
//! | overloaded | 429, `Retry-After` | 503, `Retry-After` | `RESOURCE_EXHAUSTED` with `RetryInfo` | repeats |
//! | the store cannot write | 503, `Retry-After` | 503, `Retry-After` | `UNAVAILABLE` | repeats |
//!
//! Remote write gets 503 for overload because the Collector drops what is answered with 429 there unless it runs with the
//! alpha feature gate `exporter.prometheusremotewritexporter.RetryOn429`.

use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::RETRY_AFTER;
use crate::store::WriteError;

/// Why a request was refused. Nothing of it is stored, except for [`IngestError::Rows`].
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// No token, or a wrong one.
    #[error(
        "send the token of this lens as `authorization: Bearer TOKEN`; LENS_TOKEN_FILE names the file that holds it"
    )]
    Unauthorized,
    /// Not protobuf.
    #[error(
        "content type {found:?} is not supported; send application/x-protobuf (remote write: version 1.0)"
    )]
    MediaType {
        /// The header, empty when absent.
        found: String,
    },
    /// An encoding that the path does not take.
    #[error("content encoding {found:?} is not supported; send {accepted}")]
    ContentEncoding {
        /// The header.
        found: String,
        /// What the path takes.
        accepted: &'static str,
    },
    /// The body is above a limit.
    #[error("the body {measured} is larger than {limit_bytes} bytes; send smaller batches")]
    TooLarge {
        /// How it was measured: as sent, or decompressed.
        measured: &'static str,
        /// The limit.
        limit_bytes: usize,
    },
    /// The body ended early.
    #[error("the body could not be read to its end: {source}")]
    Read {
        /// What the connection said.
        source: axum::Error,
    },
    /// The body is not gzip.
    #[error("the body is not valid gzip: {source}")]
    Gzip {
        /// What is wrong with it.
        source: std::io::Error,
    },
    /// The body is not snappy.
    #[error("the body is not a valid snappy block: {source}")]
    Snappy {
        /// What is wrong with it.
        source: snap::Error,
    },
    /// The body is not the protobuf message it should be.
    #[error("the body is not a valid {message}: {source}")]
    Protobuf {
        /// Name of the message.
        message: &'static str,
        /// What is wrong with it, and in which field.
        source: prost::DecodeError,
    },
    /// Some series are bad; the others are stored. An error only in remote write, which has no partial success.
    #[error("{0}; the other series are stored")]
    Rows(String),
    /// More comes in than is stored.
    #[error("overloaded: {budget_bytes} bytes of requests are being stored; send again later")]
    Overloaded {
        /// The budget that is used up.
        budget_bytes: u32,
    },
    /// The store refused.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// lens is ending, or has a defect that its stderr shows.
    #[error("the request was interrupted; send again")]
    Interrupted,
}

/// Why one row was refused. `index` counts the rows of the request from 0.
#[derive(Debug, thiserror::Error)]
pub(super) enum RowError {
    #[error("span {index} {name:?}: {field} has {length} bytes, not {expected}")]
    IdLength {
        index: usize,
        name: String,
        field: &'static str,
        length: usize,
        expected: usize,
    },
    #[error("span {index} {name:?}: {field} is all zeros")]
    IdZero {
        index: usize,
        name: String,
        field: &'static str,
    },
    #[error("span {index} {name:?}: start_time_unix_nano {value} is after the year 2262")]
    StartTime {
        index: usize,
        name: String,
        value: u64,
    },
    #[error("series {index} {labels}: it has no label __name__")]
    NoMetricName { index: usize, labels: String },
    #[error("series {index} {labels}: label {label:?} is there twice")]
    LabelTwice {
        index: usize,
        labels: String,
        label: String,
    },
    #[error(
        "series {index} {labels}: timestamp {time_ms} is more than ten minutes ahead of this machine's clock"
    )]
    FutureSample {
        index: usize,
        labels: String,
        time_ms: i64,
    },
}

/// The rows of the table above.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reason {
    Unauthorized,
    Malformed,
    Unsupported,
    TooLarge,
    Overloaded,
    Unavailable,
}

/// Which answers a sender understands.
#[derive(Debug, Clone, Copy)]
pub(super) enum Protocol {
    OtlpHttp,
    RemoteWrite,
}

impl IngestError {
    pub(super) fn reason(&self) -> Reason {
        match self {
            Self::Unauthorized => Reason::Unauthorized,
            Self::MediaType { .. } | Self::ContentEncoding { .. } => Reason::Unsupported,
            Self::TooLarge { .. } => Reason::TooLarge,
            Self::Read { .. }
            | Self::Gzip { .. }
            | Self::Snappy { .. }
            | Self::Protobuf { .. }
            | Self::Rows(_) => Reason::Malformed,
            Self::Overloaded { .. } => Reason::Overloaded,
            Self::Write(_) | Self::Interrupted => Reason::Unavailable,
        }
    }

    fn http_status(&self, protocol: Protocol) -> StatusCode {
        match (self.reason(), protocol) {
            (Reason::Unauthorized, _) => StatusCode::UNAUTHORIZED,
            (Reason::Unsupported, _) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            (Reason::TooLarge, _) => StatusCode::PAYLOAD_TOO_LARGE,
            (Reason::Malformed, _) => StatusCode::BAD_REQUEST,
            (Reason::Overloaded, Protocol::OtlpHttp) => StatusCode::TOO_MANY_REQUESTS,
            (Reason::Overloaded, Protocol::RemoteWrite) | (Reason::Unavailable, _) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    /// The answer over HTTP. OTLP wants a `google.rpc.Status` in protobuf, Prometheus shows plain text.
    pub(super) fn into_response(self, protocol: Protocol) -> Response {
        let status = self.http_status(protocol);
        let mut response = match protocol {
            Protocol::RemoteWrite => (status, format!("{self}\n")).into_response(),
            Protocol::OtlpHttp => {
                let grpc = self.into_grpc();
                let message = tonic_types::pb::Status {
                    code: grpc.code() as i32,
                    message: grpc.message().to_owned(),
                    details: Vec::new(),
                };
                protobuf(status, &message)
            }
        };
        if status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(
                header::RETRY_AFTER,
                HeaderValue::from(RETRY_AFTER.as_secs()),
            );
        }
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }

    /// The answer over gRPC.
    pub(super) fn into_grpc(self) -> tonic::Status {
        let message = self.to_string();
        match self.reason() {
            Reason::Unauthorized => tonic::Status::unauthenticated(message),
            Reason::Unsupported | Reason::Malformed => tonic::Status::invalid_argument(message),
            Reason::TooLarge => tonic::Status::resource_exhausted(message),
            Reason::Overloaded => tonic::Status::with_error_details(
                tonic::Code::ResourceExhausted,
                message,
                ErrorDetails::with_retry_info(Some(RETRY_AFTER)),
            ),
            Reason::Unavailable => tonic::Status::unavailable(message),
        }
    }
}

/// A protobuf answer.
pub(super) fn protobuf(status: StatusCode, message: &impl prost::Message) -> Response {
    let body = Bytes::from(message.encode_to_vec());
    (
        status,
        [(header::CONTENT_TYPE, "application/x-protobuf")],
        body,
    )
        .into_response()
}
