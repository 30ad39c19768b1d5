//! The layers that each request goes through, outermost first:
//!
//! ```text
//! ServerLayer         server span, http.server.request.duration with exemplars; knows the route before anything else
//! Edge                request id, errors into responses, one log line per request
//! LoadShed            503 instead of a queue         ┐
//! ConcurrencyLimit    APP_MAX_CONCURRENT             │ not for /livez and /readyz: a full service is alive, and an
//! Timeout             504 after APP_REQUEST_TIMEOUT  ┘ orchestrator that hears otherwise makes it worse
//! Limited             bodies of at most APP_MAX_BODY bytes
//! catch_panic         500 for this request, not the end of its connection
//! dispatch            the handlers
//! ```
//!
//! Between the handlers and the edge an error stays an error; [`ApiError::from_stack`] is the one place that knows them all.

use std::{
    any::Any,
    convert::Infallible,
    error::Error,
    net::SocketAddr,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, request::Parts};
use http_body_util::{Full, Limited};
use hyper::body::Incoming;
use opentelemetry::{KeyValue, trace::get_active_span};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn, util::BoxCloneSyncService};
use trivium_telemetry::http::{ResponseBody, ServerLayer};
use uuid::Uuid;

use crate::{
    app::App,
    error::{ApiError, BoxError},
    handlers,
    route::Route,
};

/// The body of every answer: they are small, and whole before they are sent.
pub(crate) type Body = Full<Bytes>;
/// The body of a request, which ends in an error beyond `APP_MAX_BODY`.
pub(crate) type RequestBody = Limited<Incoming>;
/// The whole stack, with a name that a compiler and a reader can bear.
pub(crate) type Stack =
    BoxCloneSyncService<Request<Incoming>, Response<ResponseBody<Body>>, Infallible>;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MAX_REQUEST_ID_BYTES: usize = 128;

/// Builds the stack around the handlers.
pub(crate) fn build(app: Arc<App>) -> Stack {
    let settings = app.settings.clone();
    let max_body = settings.max_body as usize;
    let handlers = ServiceBuilder::new()
        .map_request(move |request: Request<Incoming>| {
            request.map(|body| Limited::new(body, max_body))
        })
        .service(service_fn(move |request| {
            let app = Arc::clone(&app);
            catch_panic(Box::pin(
                async move { handlers::dispatch(&app, request).await },
            ))
        }));
    let limited = ServiceBuilder::new()
        .load_shed()
        .concurrency_limit(settings.max_concurrent as usize)
        .timeout(settings.request_timeout)
        .service(handlers.clone());
    let probes = ServiceBuilder::new()
        .timeout(settings.request_timeout)
        .service(handlers);
    let trusted = settings.trusted_callers;
    let edge = Edge {
        limited: BoxCloneSyncService::new(limited),
        probes: BoxCloneSyncService::new(probes),
    };
    BoxCloneSyncService::new(
        ServiceBuilder::new()
            .layer(
                ServerLayer::new(template_of).trust_callers_if(move |parts| {
                    let caller = parts.extensions.get::<SocketAddr>();
                    caller.is_some_and(|caller| {
                        trusted.iter().any(|network| network.contains(caller.ip()))
                    })
                }),
            )
            .service(edge),
    )
}

fn template_of(parts: &Parts) -> Option<&'static str> {
    Route::of(parts.uri.path()).map(Route::template)
}

async fn catch_panic(
    handling: impl Future<Output = Result<Response<Body>, ApiError>>,
) -> Result<Response<Body>, BoxError> {
    match AssertUnwindSafe(handling).catch_unwind().await {
        Ok(result) => result.map_err(BoxError::from),
        Err(panic) => {
            let message = format!("a handler panicked: {}", panic_message(panic.as_ref()));
            Err(ApiError::internal(message).into())
        }
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let formatted = panic.downcast_ref::<String>().map(String::as_str);
    formatted
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("of unknown type")
}

type Inner = BoxCloneSyncService<Request<Incoming>, Response<Body>, BoxError>;

#[derive(Clone)]
struct Edge {
    limited: Inner,
    probes: Inner,
}

impl Service<Request<Incoming>> for Edge {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    /// Always ready: the inner service is waited for in `call`, where its refusal can become an answer.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let route = Route::of(request.uri().path());
        let inner = if route.is_some_and(Route::is_probe) {
            &self.probes
        } else {
            &self.limited
        };
        Box::pin(answer(inner.clone(), request, route))
    }
}

async fn answer(
    inner: Inner,
    request: Request<Incoming>,
    route: Option<Route>,
) -> Result<Response<Body>, Infallible> {
    let request_id = request_id(request.headers());
    get_active_span(|span| span.set_attribute(KeyValue::new("request.id", request_id.clone())));
    let method = request.method().clone();

    let mut response = match inner.oneshot(request).await {
        Ok(response) => response,
        Err(error) => {
            let error = ApiError::from_stack(error);
            if let ApiError::Internal(cause) | ApiError::DatabaseUnreachable(cause) = &error {
                let cause: &(dyn Error + 'static) = cause.as_ref();
                tracing::error!(name: "http.request.failed", { request.id = request_id, error = cause }, "request failed");
            }
            error.to_response(&request_id)
        }
    };
    let header = HeaderValue::from_str(&request_id).expect("a request id is visible ASCII");
    response.headers_mut().insert(X_REQUEST_ID, header);
    tracing::info!(
        name: "http.request",
        {
            http.request.method = method.as_str(),
            http.route = route.map(Route::template),
            http.response.status_code = response.status().as_u16(),
            request.id = request_id,
        },
        "request answered",
    );
    Ok(response)
}

/// The caller's id, when it is 1 to 128 visible ASCII characters; otherwise a new UUID.
fn request_id(headers: &HeaderMap) -> String {
    let is_valid = |id: &&str| {
        (1..=MAX_REQUEST_ID_BYTES).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let callers = headers
        .get(X_REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(is_valid);
    callers.map_or_else(|| Uuid::new_v4().to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn panicking(message: &'static str) -> Result<Response<Body>, ApiError> {
        panic!("{message}")
    }

    #[tokio::test]
    async fn a_panic_is_an_internal_error_that_keeps_its_message_inside() {
        let error = ApiError::from_stack(catch_panic(panicking("the-inside")).await.unwrap_err());
        let ApiError::Internal(cause) = &error else {
            panic!("{error:?}")
        };
        assert_eq!(cause.to_string(), "a handler panicked: the-inside");
        assert!(!error.to_string().contains("the-inside"));
    }

    #[test]
    fn a_callers_request_id_is_kept_when_it_is_1_to_128_visible_characters() {
        let kept = |id: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(X_REQUEST_ID, HeaderValue::from_str(id).unwrap());
            let kept = request_id(&headers);
            assert!(kept == id || Uuid::parse_str(&kept).is_ok(), "{kept}");
            kept == id
        };
        assert!(kept("a"));
        assert!(kept(&"a".repeat(128)));
        assert!(!kept(&"a".repeat(129)));
        assert!(!kept(""));
        assert!(!kept("with space"));
        assert!(!kept("umlaut-\u{e4}"));
    }
}
