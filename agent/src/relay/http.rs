//! OTLP/HTTP with protobuf: a POST to the path of the signal.

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;

use trivium_otlp::Signal;

use super::{
    Deliver, Refusal,
    receive::{Receiver, signal_at},
    status,
};

const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

type Answer = Response<Full<Bytes>>;

/// Answers a request.
pub(super) async fn call<D: Deliver>(
    receiver: Receiver<D>,
    request: Request<Incoming>,
) -> Result<Answer, Infallible> {
    let Some(signal) = signal_at(request.uri().path(), Signal::http_path) else {
        let text = "send OTLP to /v1/traces, /v1/metrics or /v1/logs\n";
        return Ok(text_answer(StatusCode::NOT_FOUND, text));
    };
    if request.method() != Method::POST {
        let mut answer = text_answer(StatusCode::METHOD_NOT_ALLOWED, "send OTLP by POST\n");
        let allow = HeaderValue::from_static("POST");
        answer.headers_mut().insert(header::ALLOW, allow);
        return Ok(answer);
    }
    if !is_protobuf(request.headers().get(header::CONTENT_TYPE)) {
        let text = "send OTLP as application/x-protobuf; JSON is not taken here: set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\n";
        return Ok(text_answer(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
    }
    Ok(match export(&receiver, signal, request).await {
        Ok(message) => answer(StatusCode::OK, message, PROTOBUF),
        Err(refusal) => refused(&refusal),
    })
}

fn is_protobuf(content_type: Option<&HeaderValue>) -> bool {
    let content_type = content_type.map_or(&b""[..], HeaderValue::as_bytes);
    let media_type = content_type.split(|byte| *byte == b';').next();
    media_type.is_some_and(|media_type| {
        media_type
            .trim_ascii()
            .eq_ignore_ascii_case(b"application/x-protobuf")
    })
}

/// The encoded response message.
async fn export<D: Deliver>(
    receiver: &Receiver<D>,
    signal: Signal,
    request: Request<Incoming>,
) -> Result<Vec<u8>, Refusal> {
    let (head, body) = request.into_parts();
    let encoding = head.headers.get(header::CONTENT_ENCODING);
    let encoding = encoding.map_or(&b""[..], HeaderValue::as_bytes);
    let encoding = String::from_utf8_lossy(encoding);
    let mut held = receiver.budget.hold();
    let body = receiver.read(body, &mut held).await?;
    let partial_success = receiver.deliver(signal, &encoding, body, held).await?;
    Ok(status::response(partial_success.as_ref()))
}

fn refused(refusal: &Refusal) -> Answer {
    let code = match refusal {
        Refusal::Full { .. } => StatusCode::TOO_MANY_REQUESTS,
        Refusal::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        Refusal::Invalid { .. } => StatusCode::BAD_REQUEST,
        Refusal::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        Refusal::UnknownCompression { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
    };
    let mut answer = answer(code, status::status(refusal), PROTOBUF);
    if let Some(delay) = refusal.retry_after() {
        // The header has whole seconds, and 0 would be no pause.
        let seconds = delay.as_millis().div_ceil(1000).max(1);
        let seconds = HeaderValue::from(u64::try_from(seconds).unwrap_or(u64::MAX));
        answer.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    answer
}

fn text_answer(status: StatusCode, text: &'static str) -> Answer {
    answer(status, text, TEXT)
}

fn answer(status: StatusCode, body: impl Into<Bytes>, content_type: HeaderValue) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    answer
}
