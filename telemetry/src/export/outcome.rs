//! What became of an export: the response of the three OTLP services, and which failures are worth another try.

use std::{borrow::Cow, error::Error, time::Duration};

use tonic::{Code, Status};

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
pub(crate) struct PartialSuccess {
    #[prost(int64, tag = "1")]
    pub(crate) rejected: i64,
    #[prost(string, tag = "2")]
    pub(crate) message: String,
}

/// A failed attempt.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct ExportError {
    /// The value of `error.type`: the gRPC status code in the field's spelling, such as `UNAVAILABLE`, or the HTTP status.
    pub(crate) error_type: Cow<'static, str>,
    /// Whether the specification allows another attempt with the same data.
    pub(crate) is_retryable: bool,
    /// How long the receiver asked to be left alone.
    pub(crate) retry_after: Option<Duration>,
    reason: String,
}

impl ExportError {
    pub(super) fn new(
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

    pub(super) fn timed_out(limit: Duration) -> Self {
        Self::new("timeout", true, format!("no answer within {limit:?}"))
    }

    pub(super) fn after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }
}

impl From<Status> for ExportError {
    fn from(status: Status) -> Self {
        let retry_after = retry_delay(status.details());
        let reason = format!("{}: {}", error_type(status.code()), status.message());
        Self {
            error_type: error_type(status.code()).into(),
            is_retryable: is_retryable(status.code(), retry_after.is_some()),
            retry_after,
            reason: match status.source() {
                Some(source) => with_causes(reason, source),
                None => reason,
            },
        }
    }
}

/// Appends an error and the causes behind it: clients say only "client error (Connect)", the refused connection that a
/// reader needs to know of is among the causes.
pub(super) fn with_causes(mut text: String, error: &(dyn Error + 'static)) -> String {
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

/// <https://opentelemetry.io/docs/specs/otlp/#failures>
fn is_retryable(code: Code, has_retry_info: bool) -> bool {
    match code {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => true,
        Code::ResourceExhausted => has_retry_info,
        // tonic's word for a connection that broke off while it answered.
        Code::Unknown => true,
        _ => false,
    }
}

fn error_type(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
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
pub(super) struct RpcStatus {
    #[prost(string, tag = "2")]
    pub(super) message: String,
    #[prost(message, repeated, tag = "3")]
    pub(super) details: Vec<Any>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Any {
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

    #[test]
    fn resource_exhausted_is_retried_only_when_a_delay_is_given() {
        let plain = ExportError::from(Status::resource_exhausted("full"));
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
        let status = Status::with_details(
            Code::ResourceExhausted,
            "full",
            details.encode_to_vec().into(),
        );
        let throttled = ExportError::from(status);
        assert!(throttled.is_retryable);
        assert_eq!(throttled.retry_after, Some(Duration::from_millis(2500)));
    }

    #[test]
    fn a_refusal_is_final_and_an_absence_is_not() {
        assert!(!ExportError::from(Status::invalid_argument("bad")).is_retryable);
        assert!(!ExportError::from(Status::unauthenticated("no token")).is_retryable);
        assert!(ExportError::from(Status::unavailable("gone")).is_retryable);
    }
}
