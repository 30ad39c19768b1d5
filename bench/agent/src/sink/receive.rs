//! One OTLP request: its bytes are collected, decompressed, counted and answered.

use std::io::{self, Read as _};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, header, request::Parts};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tonic::Status;

use super::{
    Shared,
    answer::{self, Answer, Body, Protocol},
    scan,
    tally::{Kept, Tally},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signal {
    Logs,
    Traces,
    Metrics,
}

/// Answers a request as the sink was told to.
pub(super) async fn receive(
    shared: &Shared,
    request: Request<Incoming>,
) -> Result<Response<Body>, hyper::Error> {
    let protocol = match request.headers().get(header::CONTENT_TYPE) {
        Some(kind) if kind.as_bytes().starts_with(b"application/grpc") => Protocol::Grpc,
        _ => Protocol::Http,
    };
    let Some(signal) = signal(request.uri().path()) else {
        let status = Status::unimplemented("neither logs, metrics nor traces");
        return Ok(answer::error(protocol, &status));
    };
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let told = *shared.answer();
    if let Some(refusal) = answer::instead(told, protocol) {
        shared.change(|tally| tally.refused_requests += 1);
        return Ok(refusal);
    }
    if told == Answer::Silence {
        shared.change(|tally| tally.refused_requests += 1);
        return std::future::pending().await;
    }
    match count(shared, protocol, signal, told, &head, &body) {
        Ok(rejected) => Ok(answer::accepted(protocol, rejected)),
        Err(malformed) => {
            shared.change(|tally| tally.malformed_requests += 1);
            let status = Status::invalid_argument(malformed.to_string());
            Ok(answer::error(protocol, &status))
        }
    }
}

fn signal(path: &str) -> Option<Signal> {
    match path {
        "/v1/logs" | "/opentelemetry.proto.collector.logs.v1.LogsService/Export" => {
            Some(Signal::Logs)
        }
        "/v1/traces" | "/opentelemetry.proto.collector.trace.v1.TraceService/Export" => {
            Some(Signal::Traces)
        }
        "/v1/metrics" | "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export" => {
            Some(Signal::Metrics)
        }
        _ => None,
    }
}

/// Returns how many records were rejected.
fn count(
    shared: &Shared,
    protocol: Protocol,
    signal: Signal,
    told: Answer,
    head: &Parts,
    body: &Bytes,
) -> Result<u64, Unreadable> {
    let headers = &head.headers;
    let mut decompressed = Vec::new();
    let message = match protocol {
        Protocol::Grpc => {
            let (is_compressed, message) = unframe(body)?;
            let encoding = is_compressed.then(|| encoding(headers, "grpc-encoding"));
            decompress(encoding.as_deref(), message, &mut decompressed)?
        }
        Protocol::Http => {
            let encoding = headers
                .contains_key(header::CONTENT_ENCODING)
                .then(|| encoding(headers, "content-encoding"));
            decompress(encoding.as_deref(), body, &mut decompressed)?
        }
    };
    let keep = |tally: &mut Tally| {
        if let Some(kept) = &mut tally.kept {
            kept.push(Kept {
                path: head.uri.path().to_owned(),
                headers: headers.clone(),
                message: Bytes::copy_from_slice(message),
            });
        }
    };
    if signal != Signal::Logs {
        let server_spans = match signal {
            Signal::Traces => scan::server_spans(message)?,
            _ => 0,
        };
        shared.change(|tally| {
            tally.other_requests += 1;
            tally.server_spans += server_spans;
            keep(tally);
        });
        return Ok(0);
    }
    // Twice through the message, so that one which turns out malformed has counted nothing.
    scan::bodies(message, &mut |_| ())?;
    let mut to_reject = match told {
        Answer::PartialSuccess(records) => records,
        _ => 0,
    };
    shared.change(|tally| {
        tally.requests += 1;
        keep(tally);
        tally.wire_bytes += body.len() as u64;
        let mut rejected = 0;
        let scanned = scan::bodies(message, &mut |text| {
            if to_reject > 0 {
                to_reject -= 1;
                rejected += 1;
            } else {
                tally.record(text);
            }
        });
        tally.rejected += rejected;
        scanned.map(|()| rejected).map_err(Unreadable::from)
    })
}

/// Why a request could not be read.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error("the gRPC frame is not one whole message")]
    Frame,
    #[error("the encoding `{0}` is not one of gzip, zstd and identity")]
    Encoding(String),
    #[error("it cannot be decompressed: {0}")]
    Compressed(#[from] io::Error),
    #[error(transparent)]
    Message(#[from] scan::Malformed),
}

/// Five bytes before the message: whether it is compressed, and its length, big-endian.
fn unframe(body: &[u8]) -> Result<(bool, &[u8]), Unreadable> {
    let Some(([compressed, length @ ..], message)) = body.split_first_chunk::<5>() else {
        return Err(Unreadable::Frame);
    };
    if u32::from_be_bytes(*length) as usize != message.len() {
        return Err(Unreadable::Frame);
    }
    Ok((*compressed == 1, message))
}

fn encoding(headers: &HeaderMap, name: &str) -> String {
    let value = headers.get(name).map_or(&b""[..], |value| value.as_bytes());
    String::from_utf8_lossy(value).into_owned()
}

fn decompress<'a>(
    encoding: Option<&str>,
    message: &'a [u8],
    out: &'a mut Vec<u8>,
) -> Result<&'a [u8], Unreadable> {
    match encoding {
        None | Some("identity") => return Ok(message),
        Some("gzip") => flate2::read::MultiGzDecoder::new(message).read_to_end(out)?,
        Some("zstd") => zstd::stream::read::Decoder::with_buffer(message)?.read_to_end(out)?,
        Some(other) => return Err(Unreadable::Encoding(other.to_owned())),
    };
    Ok(out)
}
