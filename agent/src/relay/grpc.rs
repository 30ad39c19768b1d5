//! OTLP/gRPC: unary calls, one HTTP/2 request each.
//!
//! A message on the wire:
//!
//! | bytes | field |
//! |---|---|
//! | 0 | 1 if the message is compressed as `grpc-encoding` says, else 0 |
//! | 1..5 | the message's length, big-endian |
//! | 5.. | the message |
//!
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>

use std::{
    convert::Infallible,
    future::{Ready, ready},
};

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use bytes::{Buf as _, BufMut as _, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Either, Empty, Full, combinators::WithTrailers};
use hyper::body::Incoming;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use trivium_otlp::Signal;

use super::{
    Deliver, Refusal,
    receive::{Receiver, signal_at},
    status::{self, Code},
};

const PREFIX_BYTES: usize = 5;
const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/grpc");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const GRPC_DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// What `grpc-message` may not have as it is; what is not ASCII is encoded too.
const MESSAGE_ESCAPES: &AsciiSet = &CONTROLS.add(b'%');

/// Answers a call.
pub(super) async fn call<D: Deliver>(
    receiver: Receiver<D>,
    request: Request<Incoming>,
) -> Result<Answer, Infallible> {
    let is_grpc = request.headers().get(header::CONTENT_TYPE);
    if !is_grpc.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc")) {
        let mut response = Response::new(Either::Left(Empty::new()));
        *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Ok(response);
    }
    let Some(signal) = signal_at(request.uri().path(), Signal::grpc_method) else {
        return Ok(failure(Code::Unimplemented, "not a service of OTLP"));
    };
    Ok(match export(&receiver, signal, request).await {
        Ok(message) => success(&message),
        Err(refusal) => refused(&refusal),
    })
}

/// The encoded response message.
async fn export<D: Deliver>(
    receiver: &Receiver<D>,
    signal: Signal,
    request: Request<Incoming>,
) -> Result<Vec<u8>, Refusal> {
    let (head, body) = request.into_parts();
    let mut held = receiver.budget.hold();
    let mut body = receiver.read(body, &mut held).await?;
    let is_compressed = message(&mut body)?;
    let encoding = head
        .headers
        .get(GRPC_ENCODING)
        .filter(|_| is_compressed)
        .map(HeaderValue::as_bytes);
    let encoding = String::from_utf8_lossy(encoding.unwrap_or_default());
    let partial_success = receiver.deliver(signal, &encoding, body, held).await?;
    Ok(status::response(partial_success.as_ref()))
}

/// Takes the prefix off the one message there is; whether it is compressed.
fn message(body: &mut Bytes) -> Result<bool, Refusal> {
    let invalid = |reason: &str| Refusal::Invalid {
        reason: reason.to_owned(),
    };
    if body.len() < PREFIX_BYTES {
        return Err(invalid("a call without a message"));
    }
    let flag = body.get_u8();
    let length = body.get_u32() as usize;
    if length != body.len() {
        return Err(invalid("a message that is longer or shorter than it says"));
    }
    match flag {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(invalid("an unknown flag of a message")),
    }
}

/// The message and the trailers, or nothing: a refusal has only headers.
type Answer = Response<Either<Empty<Bytes>, WithTrailers<Full<Bytes>, Ready<Trailers>>>>;
type Trailers = Option<Result<HeaderMap, Infallible>>;

fn success(message: &[u8]) -> Answer {
    let mut framed = Vec::with_capacity(PREFIX_BYTES + message.len());
    framed.put_u8(0);
    framed.put_u32(message.len() as u32);
    framed.put_slice(message);
    let mut trailers = HeaderMap::new();
    trailers.insert(GRPC_STATUS, HeaderValue::from_static("0"));
    let body = Full::new(Bytes::from(framed)).with_trailers(ready(Some(Ok(trailers))));
    let mut response = Response::new(Either::Right(body));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, CONTENT_TYPE);
    response
}

fn refused(refusal: &Refusal) -> Answer {
    let mut response = failure(refusal.code(), &refusal.to_string());
    let headers = response.headers_mut();
    let details = STANDARD_NO_PAD.encode(status::status(refusal));
    if let Ok(details) = HeaderValue::try_from(details) {
        headers.insert(GRPC_DETAILS, details);
    }
    if refusal.code() == Code::Unimplemented {
        let known = HeaderValue::from_static("gzip,zstd");
        headers.insert(GRPC_ACCEPT_ENCODING, known);
    }
    response
}

fn failure(code: Code, message: &str) -> Answer {
    let mut response = Response::new(Either::Left(Empty::new()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, CONTENT_TYPE);
    headers.insert(GRPC_STATUS, HeaderValue::from(code as u16));
    let message = utf8_percent_encode(message, MESSAGE_ESCAPES).to_string();
    if let Ok(message) = HeaderValue::try_from(message) {
        headers.insert(GRPC_MESSAGE, message);
    }
    response
}
