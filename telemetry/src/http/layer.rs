//! The layer and its service: request in → observation → response with an observed body.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{Request, Response, request::Parts};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::{
    body::ResponseBody,
    observation::{Instruments, Observation},
};
use crate::trace::InSpan;

/// Finds the route template of a request, such as `/users/{id}`; `None` when no route matches.
pub type RouteOf = fn(&Parts) -> Option<&'static str>;

/// Observes every request. Put it outermost: what answers outside of it is not seen.
#[derive(Clone)]
pub struct ServerLayer {
    route_of: RouteOf,
    is_trusted: Arc<dyn Fn(&Parts) -> bool + Send + Sync>,
    instruments: Arc<Instruments>,
}

impl ServerLayer {
    /// To be made after [`Builder::init`](crate::Builder::init). Every caller is trusted; see
    /// [`trust_callers_if`](Self::trust_callers_if).
    #[must_use]
    pub fn new(route_of: RouteOf) -> Self {
        Self {
            route_of,
            is_trusted: Arc::new(|_| true),
            instruments: Arc::new(Instruments::new()),
        }
    }

    /// Decides for each request whether its `traceparent` and `baggage` are believed. On a public port say
    /// `trust_callers_if(|_| false)`; behind a gateway of your own, look for what only the gateway can know.
    ///
    /// A trusted caller's span becomes the parent: one trace through both programs, sampled as the caller decided. For
    /// any other caller a new trace begins, sampled by this program's own sampler, and its span holds a link to what the
    /// caller said. It is not enough to leave the sampler the decision and to keep the caller's trace id: ratio samplers
    /// decide by the trace id, so that whoever chooses the id chooses to be sampled, and two strangers who send the same
    /// id end up in one trace.
    #[must_use]
    pub fn trust_callers_if(
        mut self,
        is_trusted: impl Fn(&Parts) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.is_trusted = Arc::new(is_trusted);
        self
    }
}

impl fmt::Debug for ServerLayer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ServerLayer")
            .finish_non_exhaustive()
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
        let is_trusted = (self.layer.is_trusted)(&parts);
        let observation = Observation::start(&self.layer.instruments, &parts, route, is_trusted);
        let span = observation.span();
        let request = Request::from_parts(parts, body);
        ResponseFuture {
            inner: InSpan::new(span.clone(), span.in_scope(|| self.inner.call(request))),
            observation: Some(observation),
        }
    }
}

pin_project! {
    /// The future of [`Server`].
    pub struct ResponseFuture<F> {
        #[pin]
        inner: InSpan<F>,
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
