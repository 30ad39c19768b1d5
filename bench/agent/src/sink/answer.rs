//! What the sink answers, as gRPC and as HTTP.
//!
//! | answer               | gRPC                                    | HTTP                             | counted |
//! |----------------------|-----------------------------------------|----------------------------------|---------|
//! | `accept`             | OK                                      | 200                              | all     |
//! | `unavailable`        | `UNAVAILABLE`                           | 503                              | nothing |
//! | `resource_exhausted` | `RESOURCE_EXHAUSTED` with `RetryInfo`   | 429 with `Retry-After`           | nothing |
//! | `refused`            | `INVALID_ARGUMENT`                      | 400                              | nothing |
//! | `unauthenticated`    | `UNAUTHENTICATED`                       | 401                              | nothing |
//! | `forbidden`          | `PERMISSION_DENIED`                     | 403                              | nothing |
//! | `not_found`          | `UNIMPLEMENTED`                         | 404                              | nothing |
//! | `silence`            | none, until the client gives up         | the same                         | nothing |
//! | `partial_success`    | OK, `rejected_log_records`              | 200, the same                    | the rest |
//! | `garbage`            | 200 of `text/html`, no `grpc-status`    | 200 of `text/html`, as a captive portal does it | nothing |

use std::{convert::Infallible, future::Ready, str::FromStr, time::Duration};

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, combinators::WithTrailers};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceResponse,
};
use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// How requests are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Answer {
    /// Success.
    #[default]
    Accept,
    /// Try again later.
    Unavailable,
    /// Try again after this time.
    ResourceExhausted(Duration),
    /// Success, but so many records at the start of each request for logs are rejected for good.
    PartialSuccess(u64),
    /// Not OTLP at all.
    Garbage,
    /// Never to be sent again.
    Refused,
    /// Not with these credentials.
    Unauthenticated,
    /// Not for this sender.
    Forbidden,
    /// No receiver is here.
    NotFound,
    /// None, and the connection stays open.
    Silence,
}

/// A text that names no answer.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{0}` is no answer: one of `accept`, `unavailable`, `resource_exhausted 2s`, `partial_success 10`, `garbage`, `refused`, `unauthenticated`, `forbidden`, `not_found`, `silence`"
)]
pub struct UnknownAnswer(String);

impl FromStr for Answer {
    type Err = UnknownAnswer;

    fn from_str(text: &str) -> Result<Self, UnknownAnswer> {
        let unknown = || UnknownAnswer(text.to_owned());
        let words: Vec<_> = text.split_whitespace().collect();
        match words[..] {
            ["accept"] => Ok(Self::Accept),
            ["unavailable"] => Ok(Self::Unavailable),
            ["resource_exhausted", delay] => humantime::parse_duration(delay)
                .map(Self::ResourceExhausted)
                .map_err(|_| unknown()),
            ["partial_success", rejected] => rejected
                .parse()
                .map(Self::PartialSuccess)
                .map_err(|_| unknown()),
            ["garbage"] => Ok(Self::Garbage),
            ["refused"] => Ok(Self::Refused),
            ["unauthenticated"] => Ok(Self::Unauthenticated),
            ["forbidden"] => Ok(Self::Forbidden),
            ["not_found"] => Ok(Self::NotFound),
            ["silence"] => Ok(Self::Silence),
            _ => Err(unknown()),
        }
    }
}

/// The protocol of a request, and so of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Grpc,
    Http,
}

pub(super) type Body = WithTrailers<Full<Bytes>, Ready<Option<Result<HeaderMap, Infallible>>>>;

const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");

/// A request was accepted, but for `rejected` records.
pub(super) fn accepted(protocol: Protocol, rejected: u64) -> Response<Body> {
    let partial_success = (rejected > 0).then(|| ExportLogsPartialSuccess {
        rejected_log_records: rejected.cast_signed(),
        error_message: "rejected as told".to_owned(),
    });
    let message = ExportLogsServiceResponse { partial_success }.encode_to_vec();
    match protocol {
        Protocol::Http => response(StatusCode::OK, PROTOBUF, message.into(), None),
        Protocol::Grpc => {
            let mut frame = BytesMut::with_capacity(5 + message.len());
            frame.put_u8(0);
            frame.put_u32(message.len() as u32);
            frame.put_slice(&message);
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", HeaderValue::from_static("0"));
            response(StatusCode::OK, GRPC, frame.freeze(), Some(trailers))
        }
    }
}

/// What `answer` says instead of success; `None` for success, also a partial one, and for silence.
pub(super) fn instead(answer: Answer, protocol: Protocol) -> Option<Response<Body>> {
    match answer {
        Answer::Accept | Answer::PartialSuccess(_) | Answer::Silence => None,
        Answer::Unauthenticated => Some(error(protocol, &Status::unauthenticated("who are you?"))),
        Answer::Forbidden => Some(error(protocol, &Status::permission_denied("not you"))),
        Answer::NotFound => Some(error(protocol, &Status::unimplemented("not here"))),
        Answer::Refused => Some(error(
            protocol,
            &Status::invalid_argument("refused, as told"),
        )),
        Answer::Unavailable => Some(error(protocol, &Status::unavailable("away, as told"))),
        Answer::ResourceExhausted(delay) => {
            let details = ErrorDetails::with_retry_info(Some(delay));
            let status =
                Status::with_error_details(Code::ResourceExhausted, "busy, as told", details);
            let mut response = error(protocol, &status);
            if protocol == Protocol::Http {
                // The header takes whole seconds.
                let seconds = delay.as_millis().div_ceil(1000) as u64;
                response
                    .headers_mut()
                    .insert(header::RETRY_AFTER, seconds.into());
            }
            Some(response)
        }
        Answer::Garbage => Some(response(
            StatusCode::OK,
            HeaderValue::from_static("text/html"),
            Bytes::from_static(b"<html><body>Please accept our terms of use.</body></html>"),
            None,
        )),
    }
}

/// An error, for gRPC in the headers of an answer without a body.
pub(super) fn error(protocol: Protocol, status: &Status) -> Response<Body> {
    let code = match status.code() {
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_FOUND,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        _ => StatusCode::BAD_REQUEST,
    };
    match protocol {
        Protocol::Http => {
            let details = Bytes::copy_from_slice(status.details());
            response(code, PROTOBUF, details, None)
        }
        Protocol::Grpc => {
            let mut response = response(StatusCode::OK, GRPC, Bytes::new(), None);
            // It fails only where a message can't be a header; those here can.
            let _ = status.add_header(response.headers_mut());
            response
        }
    }
}

fn response(
    code: StatusCode,
    content_type: HeaderValue,
    body: Bytes,
    trailers: Option<HeaderMap>,
) -> Response<Body> {
    let trailers = std::future::ready(trailers.map(Ok));
    let mut response = Response::new(Full::new(body).with_trailers(trailers));
    *response.status_mut() = code;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_from_their_names() {
        for (text, answer) in [
            ("accept", Answer::Accept),
            (" unavailable\n", Answer::Unavailable),
            (
                "resource_exhausted 1500ms",
                Answer::ResourceExhausted(Duration::from_millis(1500)),
            ),
            ("partial_success 3", Answer::PartialSuccess(3)),
            ("garbage", Answer::Garbage),
            ("refused", Answer::Refused),
            ("unauthenticated", Answer::Unauthenticated),
            ("forbidden", Answer::Forbidden),
            ("not_found", Answer::NotFound),
            ("silence", Answer::Silence),
        ] {
            assert_eq!(text.parse(), Ok(answer));
        }
        for text in [
            "",
            "yes",
            "partial_success",
            "partial_success x",
            "resource_exhausted soon",
        ] {
            assert_eq!(text.parse::<Answer>(), Err(UnknownAnswer(text.to_owned())));
        }
    }
}
