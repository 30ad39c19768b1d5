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

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::TcpStream,
        sync::mpsc,
        thread,
    };

    use super::*;

    fn ask(address: SocketAddr, method: &str, path: &str, body: &str) -> (String, String) {
        let mut stream = TcpStream::connect(address).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: sink\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap();
        (status.to_owned(), body.trim_end().to_owned())
    }

    #[test]
    fn a_sink_that_runs_by_itself_is_told_by_http_what_to_do() {
        let sink = Arc::new(Sink::start().unwrap());
        let (ready, address) = mpsc::channel();
        let served = Arc::clone(&sink);
        // Ends with the test's process.
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            let listen = SocketAddr::from(([127, 0, 0, 1], 0));
            let serve = serve(served, listen, |address| ready.send(address).unwrap());
            runtime.block_on(serve)
        });
        let control = address.recv().unwrap();
        let told = |path, body| ask(control, "PUT", path, body).0;

        assert_eq!(told("/answer", "unavailable"), "200");
        let (status, _) = ask(sink.address(), "POST", "/v1/logs", "");
        assert_eq!(status, "503");
        assert_eq!(told("/answer", "accept"), "200");
        let (status, _) = ask(sink.address(), "POST", "/v1/logs", "");
        assert_eq!(status, "200");
        let (_, tally) = ask(control, "GET", "/tally", "");
        let tally: serde_json::Value = serde_json::from_str(&tally).unwrap();
        assert_eq!(
            (&tally["requests"], &tally["refused_requests"]),
            (&json!(1), &json!(1))
        );

        assert_eq!(told("/away", "true"), "200");
        assert!(TcpStream::connect(sink.address()).is_err());
        assert_eq!(told("/away", "false"), "200");
        assert!(TcpStream::connect(sink.address()).is_ok());

        assert_eq!(told("/answer", "maybe"), "400");
        assert_eq!(told("/away", "soon"), "400");
        assert_eq!(told("/elsewhere", ""), "404");
    }
}
