//! What became of an export: the response of the three OTLP services, and which failures are worth another try.

use std::{borrow::Cow, error::Error, time::Duration};

use ::http::{HeaderMap, HeaderValue, StatusCode};
use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// `ExportTraceServiceResponse`, `ExportLogsServiceResponse` and `ExportMetricsServiceResponse` are the same on the wire:
/// field 1, a message of the number of rejected items (field 1) and a text (field 2).
///
/// <https://github.com/open-telemetry/opentelemetry-proto/tree/main/opentelemetry/proto/collector>
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ExportResponse {
    #[prost(message, optional, tag = "1")]
    pub(crate) partial_success: Option<PartialSuccess>,
}

/// What the receiver did not take of a request that it otherwise accepted.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PartialSuccess {
    /// The number of spans, log records or data points.
    #[prost(int64, tag = "1")]
    pub rejected: i64,
    /// Why; or a warning, when nothing was rejected.
    #[prost(string, tag = "2")]
    pub message: String,
}

/// A failed attempt.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{reason}")]
pub struct ExportError {
    /// The value of `error.type`: the gRPC status code in the field's spelling, such as `UNAVAILABLE`, or the HTTP status.
    pub error_type: Cow<'static, str>,
    /// Whether the specification allows another attempt with the same data.
    pub is_retryable: bool,
    /// How long the receiver asked to be left alone.
    pub retry_after: Option<Duration>,
    reason: String,
}

impl ExportError {
    pub(crate) fn new(
        error_type: impl Into<Cow<'static, str>>,
        is_retryable: bool,
        reason: String,
    ) -> Self {
        Self {
            error_type: error_type.into(),
            is_retryable,
            retry_after: None,
            reason,
        }
    }

    pub(crate) fn timed_out(limit: Duration) -> Self {
        Self::new("timeout", true, format!("no answer within {limit:?}"))
    }

    pub(crate) fn unreachable(
        error_type: &'static str,
        text: String,
        error: &(dyn Error + 'static),
    ) -> Self {
        Self::new(error_type, true, with_causes(text, error))
    }

    /// The answer broke off, so that nobody knows whether the data was taken.
    pub(crate) fn broken_off(error: &(dyn Error + 'static)) -> Self {
        let reason = with_causes("the answer broke off".to_owned(), error);
        Self::new("UNAVAILABLE", true, reason)
    }

    /// An answer of gRPC that ended without saying what became of the request.
    pub(crate) fn no_status() -> Self {
        let reason = "an answer without a grpc-status; is this a receiver of OTLP/gRPC?".to_owned();
        Self::new("UNKNOWN", true, reason)
    }

    /// Something between here and the receiver answered a gRPC call with an HTTP status of its own.
    ///
    /// <https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md>
    pub(crate) fn from_http_status(status: StatusCode) -> Self {
        let code = match status.as_u16() {
            400 => Code::Internal,
            401 => Code::Unauthenticated,
            403 => Code::PermissionDenied,
            404 => Code::Unimplemented,
            429 | 502 | 503 | 504 => Code::Unavailable,
            _ => Code::Unknown,
        };
        let reason = format!("{}: HTTP {status}", code.name());
        Self::new(code.name(), code.is_retryable(false), reason)
    }

    /// `status`: the headers or trailers that hold `grpc-message` and `grpc-status-details-bin`.
    pub(crate) fn from_grpc(code: Code, status: &HeaderMap) -> Self {
        let message = status.get("grpc-message").map(HeaderValue::as_bytes);
        let message = percent_encoding::percent_decode(message.unwrap_or_default());
        let reason = format!("{}: {}", code.name(), message.decode_utf8_lossy());
        let details = status.get("grpc-status-details-bin");
        let retry_after = details
            .and_then(|details| BASE64.decode(details).ok())
            .and_then(|details| retry_delay(&details));
        Self {
            retry_after,
            ..Self::new(
                code.name(),
                code.is_retryable(retry_after.is_some()),
                reason,
            )
        }
    }

    pub(crate) fn after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }
}

/// Of binary metadata: receivers must accept it with and without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Appends an error and the causes behind it: clients say only "client error (Connect)", the refused connection that a
/// reader needs to know of is among the causes.
fn with_causes(mut text: String, error: &(dyn Error + 'static)) -> String {
    for cause in std::iter::successors(Some(error), |cause| (*cause).source()) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&cause);
        }
    }
    text
}

/// A status code of gRPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    Ok,
    Cancelled,
    Unknown,
    InvalidArgument,
    DeadlineExceeded,
    NotFound,
    AlreadyExists,
    PermissionDenied,
    ResourceExhausted,
    FailedPrecondition,
    Aborted,
    OutOfRange,
    Unimplemented,
    Internal,
    Unavailable,
    DataLoss,
    Unauthenticated,
}

impl Code {
    /// In the order of their numbers, 0 to 16.
    const ALL: [Self; 17] = [
        Self::Ok,
        Self::Cancelled,
        Self::Unknown,
        Self::InvalidArgument,
        Self::DeadlineExceeded,
        Self::NotFound,
        Self::AlreadyExists,
        Self::PermissionDenied,
        Self::ResourceExhausted,
        Self::FailedPrecondition,
        Self::Aborted,
        Self::OutOfRange,
        Self::Unimplemented,
        Self::Internal,
        Self::Unavailable,
        Self::DataLoss,
        Self::Unauthenticated,
    ];

    /// A number nobody has defined means [`Unknown`](Self::Unknown).
    pub(crate) fn from_header(value: &HeaderValue) -> Self {
        let number = value.to_str().ok().and_then(|text| text.parse().ok());
        let code = number.and_then(|number: usize| Self::ALL.get(number));
        code.copied().unwrap_or(Self::Unknown)
    }

    /// <https://opentelemetry.io/docs/specs/otlp/#failures>
    fn is_retryable(self, has_retry_info: bool) -> bool {
        match self {
            Self::Cancelled
            | Self::DeadlineExceeded
            | Self::Aborted
            | Self::OutOfRange
            | Self::Unavailable
            | Self::DataLoss => true,
            Self::ResourceExhausted => has_retry_info,
            _ => false,
        }
    }

    /// As the field spells it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Cancelled => "CANCELLED",
            Self::Unknown => "UNKNOWN",
            Self::InvalidArgument => "INVALID_ARGUMENT",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::NotFound => "NOT_FOUND",
            Self::AlreadyExists => "ALREADY_EXISTS",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::ResourceExhausted => "RESOURCE_EXHAUSTED",
            Self::FailedPrecondition => "FAILED_PRECONDITION",
            Self::Aborted => "ABORTED",
            Self::OutOfRange => "OUT_OF_RANGE",
            Self::Unimplemented => "UNIMPLEMENTED",
            Self::Internal => "INTERNAL",
            Self::Unavailable => "UNAVAILABLE",
            Self::DataLoss => "DATA_LOSS",
            Self::Unauthenticated => "UNAUTHENTICATED",
        }
    }
}

/// The delay of a `google.rpc.RetryInfo` among the details of a status.
fn retry_delay(details: &[u8]) -> Option<Duration> {
    const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";
    let status = <RpcStatus as prost::Message>::decode(details).ok()?;
    let info = status
        .details
        .iter()
        .find(|any| any.type_url == RETRY_INFO)?;
    let delay = <RetryInfo as prost::Message>::decode(info.value.as_slice())
        .ok()?
        .retry_delay?;
    Some(Duration::new(
        u64::try_from(delay.seconds).ok()?,
        u32::try_from(delay.nanos).ok()?,
    ))
}

/// `google.rpc.Status`, without the code.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RpcStatus {
    #[prost(string, tag = "2")]
    pub(crate) message: String,
    #[prost(message, repeated, tag = "3")]
    pub(crate) details: Vec<Any>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<ProtoDuration>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ProtoDuration {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    fn refused(code: &str, details: Option<String>) -> ExportError {
        let mut status = HeaderMap::new();
        status.insert("grpc-message", HeaderValue::from_static("full"));
        if let Some(details) = details {
            status.insert("grpc-status-details-bin", details.parse().unwrap());
        }
        ExportError::from_grpc(Code::from_header(&code.parse().unwrap()), &status)
    }

    #[test]
    fn resource_exhausted_is_retried_only_when_a_delay_is_given() {
        let plain = refused("8", None);
        assert!(!plain.is_retryable);
        assert_eq!(plain.to_string(), "RESOURCE_EXHAUSTED: full");

        let info = RetryInfo {
            retry_delay: Some(ProtoDuration {
                seconds: 2,
                nanos: 500_000_000,
            }),
        };
        let details = RpcStatus {
            message: String::new(),
            details: vec![Any {
                type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(),
                value: info.encode_to_vec(),
            }],
        };
        let padded = BASE64.encode(details.encode_to_vec());
        for details in [padded.trim_end_matches('=').to_owned(), padded] {
            let throttled = refused("8", Some(details));
            assert!(throttled.is_retryable);
            assert_eq!(throttled.retry_after, Some(Duration::from_millis(2500)));
        }
    }

    #[test]
    fn a_refusal_is_final_and_an_absence_is_not() {
        for (code, name, is_retryable) in [
            ("2", "UNKNOWN", false),
            ("3", "INVALID_ARGUMENT", false),
            ("14", "UNAVAILABLE", true),
            ("15", "DATA_LOSS", true),
            ("16", "UNAUTHENTICATED", false),
            ("17", "UNKNOWN", false),
        ] {
            let error = refused(code, None);
            assert_eq!(
                (error.error_type.as_ref(), error.is_retryable),
                (name, is_retryable)
            );
        }
        assert!(ExportError::from_http_status(StatusCode::BAD_GATEWAY).is_retryable);
        assert!(!ExportError::from_http_status(StatusCode::NOT_FOUND).is_retryable);
    }
}
