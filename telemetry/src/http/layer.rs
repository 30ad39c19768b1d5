//! The layer and its service: request in → observation → response with an observed body.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response, request::Parts};
use pin_project_lite::pin_project;
use tower::{Layer, Service};
use tracing::{Instrument as _, instrument::Instrumented};

use super::{
    body::ResponseBody,
    observation::{Instruments, Observation},
};

/// Finds the route template of a request, such as `/users/{id}`; `None` when no route matches.
pub type RouteOf = fn(&Parts) -> Option<&'static str>;

/// Observes every request. Put it outermost: what answers outside of it is not seen.
#[derive(Debug, Clone)]
pub struct ServerLayer {
    route_of: RouteOf,
    instruments: Instruments,
}

impl ServerLayer {
    /// To be made after [`Builder::init`](crate::Builder::init).
    #[must_use]
    pub fn new(route_of: RouteOf) -> Self {
        Self {
            route_of,
            instruments: Instruments::new(),
        }
    }
}

impl<S> Layer<S> for ServerLayer {
    type Service = Server<S>;

    fn layer(&self, inner: S) -> Server<S> {
        Server {
            inner,
            layer: self.clone(),
        }
    }
}

/// The service that [`ServerLayer`] makes.
#[derive(Debug, Clone)]
pub struct Server<S> {
    inner: S,
    layer: ServerLayer,
}

impl<S, B, R> Service<Request<B>> for Server<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: http_body::Body,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let route = (self.layer.route_of)(&parts);
        let observation = Observation::start(&self.layer.instruments, &parts, route);
        let span = observation.span().clone();
        let request = Request::from_parts(parts, body);
        ResponseFuture {
            inner: span.in_scope(|| self.inner.call(request)).instrument(span),
            observation: Some(observation),
        }
    }
}

pin_project! {
    /// The future of [`Server`].
    pub struct ResponseFuture<F> {
        #[pin]
        inner: Instrumented<F>,
        observation: Option<Observation>,
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: http_body::Body,
{
    type Output = Result<Response<ResponseBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.inner.poll(cx));
        let Some(mut observation) = this.observation.take() else {
            unreachable!("a future is not polled after it was ready");
        };
        Poll::Ready(match result {
            Ok(response) => {
                observation.answered(response.status());
                let (parts, body) = response.into_parts();
                let body = ResponseBody::new(body, observation);
                Ok(Response::from_parts(parts, body))
            }
            Err(error) => {
                observation.failed(std::any::type_name::<E>());
                Err(error)
            }
        })
    }
}
