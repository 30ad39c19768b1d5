//! The sink's control endpoint, for a sink that runs as a program of its own: HTTP/1.1 without anything but the first line
//! and the body's length looked at.
//!
//! | request | effect |
//! |---|---|
//! | `PUT /answer` with the name of an [`Answer`] | answers that way from now on |
//! | `PUT /away` with `true` or `false` | goes away, comes back |
//! | `GET /tally` | what arrived, as JSON |

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;

use super::{Answer, Sink, Tally};

/// Listens on `address` until the process ends; `ready` gets the address that it became.
pub async fn serve(
    sink: Arc<Sink>,
    address: SocketAddr,
    ready: impl FnOnce(SocketAddr),
) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    ready(listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let sink = Arc::clone(&sink);
        let service = service_fn(move |request| {
            let sink = Arc::clone(&sink);
            async move { Ok::<_, Infallible>(answer(&sink, request).await) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(sink: &Sink, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return reply(StatusCode::BAD_REQUEST, "the body ended early");
    };
    let body = body.to_bytes();
    let text = String::from_utf8_lossy(&body);
    match (&head.method, head.uri.path()) {
        (&Method::GET, "/tally") => reply(StatusCode::OK, &sink.with_tally(as_json)),
        (&Method::PUT, "/answer") => match text.parse::<Answer>() {
            Ok(answer) => {
                sink.set_answer(answer);
                reply(StatusCode::OK, "")
            }
            Err(unknown) => reply(StatusCode::BAD_REQUEST, &unknown.to_string()),
        },
        (&Method::PUT, "/away") => {
            let moved = match text.trim() {
                "true" => sink.leave(),
                "false" => sink.come_back(),
                _ => return reply(StatusCode::BAD_REQUEST, "`true` or `false`"),
            };
            match moved {
                Ok(()) => reply(StatusCode::OK, ""),
                Err(error) => reply(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
            }
        }
        _ => reply(StatusCode::NOT_FOUND, "PUT /answer, PUT /away, GET /tally"),
    }
}

fn as_json(tally: &Tally) -> String {
    json!({
        "requests": tally.requests,
        "records": tally.records,
        "distinct": tally.distinct(),
        "duplicates": tally.duplicates,
        "out_of_order": tally.out_of_order,
        "unnumbered": tally.unnumbered,
        "rejected": tally.rejected,
        "refused_requests": tally.refused_requests,
        "malformed_requests": tally.malformed_requests,
        "other_requests": tally.other_requests,
        "wire_bytes": tally.wire_bytes,
    })
    .to_string()
}

fn reply(code: StatusCode, text: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(format!("{text}\n").into()));
    *response.status_mut() = code;
    response
}
