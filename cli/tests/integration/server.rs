//! A tiny HTTP server that answers like the app and hands over what it was asked.

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response, body::Bytes, body::Incoming, server::conn::http1, service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Method and path: `GET /users/me/`.
    pub(crate) route: String,
    pub(crate) traceparent: Option<String>,
    pub(crate) authorization: Option<String>,
    pub(crate) body: Value,
}

/// Decides the status and the body of an answer.
pub(crate) type Answer = dyn Fn(&Seen) -> (u16, Value) + Send + Sync;

/// Serves on `listener` for as long as the runtime lives.
pub(crate) async fn serve(listener: TcpListener, answer: Arc<Answer>) {
    while let Ok((stream, _)) = listener.accept().await {
        let answer = answer.clone();
        let service = service_fn(move |request| respond(request, answer.clone()));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

/// Starts a server on a free port.
pub(crate) async fn start(
    answer: impl Fn(&Seen) -> (u16, Value) + Send + Sync + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, Arc::new(answer)));
    address
}

async fn respond(
    request: Request<Incoming>,
    answer: Arc<Answer>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let header = |name: &str| Some(request.headers().get(name)?.to_str().unwrap().to_owned());
    let mut seen = Seen {
        route: format!("{} {}", request.method(), request.uri().path()),
        traceparent: header("traceparent"),
        authorization: header("authorization"),
        body: Value::Null,
    };
    let body = request.into_body().collect().await.unwrap().to_bytes();
    seen.body = serde_json::from_slice(&body).unwrap_or_default();
    let (status, body) = answer(&seen);
    let response = Response::builder()
        .status(status)
        .body(Full::from(body.to_string()));
    Ok(response.unwrap())
}

/// What the app answers to a request that is in order.
pub(crate) fn app(seen: &Seen) -> (u16, Value) {
    match seen.route.as_str() {
        "POST /signup/" => (201, json!({ "id": "1", "email": seen.body["email"] })),
        "POST /login/" => (
            200,
            json!({ "access_token": "token", "token_type": "bearer", "expires_in": 900 }),
        ),
        _ => (200, json!({})),
    }
}
