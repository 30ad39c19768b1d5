//! What is known of one request from its first byte to its last.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use http::{Method, StatusCode, Version, header, request::Parts};
use opentelemetry::{
    Context, KeyValue, global, metrics::UpDownCounter, trace::TraceContextExt as _,
};
use opentelemetry_http::HeaderExtractor;
use tracing::{Span, field::Empty};

use crate::{
    metrics::{DURATION_BOUNDARIES, Histogram, meter},
    trace,
};

/// nginx's status for a client that closed the connection before the answer was complete.
const CLIENT_CLOSED_REQUEST: u16 = 499;

#[derive(Debug)]
pub(super) struct Instruments {
    duration: Histogram,
    active: UpDownCounter<i64>,
}

impl Instruments {
    pub(super) fn new() -> Self {
        let scope = "trivium-telemetry";
        Self {
            duration: meter(scope)
                .f64_histogram("http.server.request.duration")
                .with_unit("s")
                .with_description("Duration of HTTP server requests.")
                .with_boundaries(DURATION_BOUNDARIES.to_vec())
                .build(),
            active: global::meter(scope)
                .i64_up_down_counter("http.server.active_requests")
                .with_unit("{request}")
                .with_description("Number of active HTTP server requests.")
                .build(),
        }
    }
}

/// Ends once: by [`finish`](Self::finish), by [`failed`](Self::failed), or by being dropped, which means that the client
/// went away.
#[derive(Debug)]
pub(super) struct Observation {
    instruments: Arc<Instruments>,
    span: Span,
    cx: Context,
    started: Instant,
    method: &'static str,
    route: Option<&'static str>,
    version: &'static str,
    status: Option<StatusCode>,
    is_ended: bool,
}

impl Observation {
    pub(super) fn start(
        instruments: &Arc<Instruments>,
        request: &Parts,
        route: Option<&'static str>,
        is_caller_trusted: bool,
    ) -> Self {
        let method = known_method(&request.method);
        let version = protocol_version(request.version);
        let caller = global::get_text_map_propagator(|propagator| {
            propagator.extract(&HeaderExtractor(&request.headers))
        });
        let parent = if is_caller_trusted {
            caller.clone()
        } else {
            Context::new()
        };
        let span = {
            let _parent = parent.attach();
            server_span(request, method, route, version)
        };
        let cx = trace::context(&span);
        if !is_caller_trusted && caller.span().span_context().is_valid() {
            cx.span()
                .add_link(caller.span().span_context().clone(), Vec::new());
        }
        let observation = Self {
            cx,
            span,
            instruments: Arc::clone(instruments),
            started: Instant::now(),
            method,
            route,
            version,
            status: None,
            is_ended: false,
        };
        observation.count_active(1);
        observation
    }

    pub(super) fn span(&self) -> &Span {
        &self.span
    }

    pub(super) fn answered(&mut self, status: StatusCode) {
        self.status = Some(status);
    }

    /// Whether HTTP forbids a body here, so that the server will not ask for one.
    pub(super) fn is_bodiless(&self) -> bool {
        self.method == "HEAD"
            || self.status.is_some_and(|status| {
                matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
            })
    }

    pub(super) fn finish(mut self) {
        let status = self.status.unwrap_or_default();
        let is_error = status.is_server_error();
        self.end(
            Some(status.as_u16()),
            is_error.then(|| status.as_u16().to_string()),
        );
    }

    /// The service or the body broke off with an error of this type.
    pub(super) fn failed(mut self, error_type: &str) {
        let status = self.status.map(|status| status.as_u16());
        self.end(status, Some(error_type.to_owned()));
    }

    fn end(&mut self, status: Option<u16>, error_type: Option<String>) {
        self.is_ended = true;
        let mut attributes = Vec::with_capacity(6);
        attributes.push(KeyValue::new("http.request.method", self.method));
        attributes.push(KeyValue::new("url.scheme", "http"));
        attributes.push(KeyValue::new("network.protocol.version", self.version));
        if let Some(route) = self.route {
            attributes.push(KeyValue::new("http.route", route));
        }
        if let Some(status) = status {
            // Signed, for the bridge from `tracing` knows no other integers and would make it text.
            let status = i64::from(status);
            self.span.record("http.response.status_code", status);
            attributes.push(KeyValue::new("http.response.status_code", status));
        }
        if let Some(error_type) = error_type {
            self.span.record("error.type", error_type.as_str());
            if status != Some(CLIENT_CLOSED_REQUEST) {
                self.span.record("otel.status_code", "ERROR");
            }
            attributes.push(KeyValue::new("error.type", error_type));
        }
        self.instruments.duration.record_in(
            &self.cx,
            self.started.elapsed().as_secs_f64(),
            &attributes,
        );
        self.count_active(-1);
    }

    fn count_active(&self, by: i64) {
        self.instruments.active.add(
            by,
            &[
                KeyValue::new("http.request.method", self.method),
                KeyValue::new("url.scheme", "http"),
            ],
        );
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        if !self.is_ended {
            self.end(
                Some(CLIENT_CLOSED_REQUEST),
                Some(CLIENT_CLOSED_REQUEST.to_string()),
            );
        }
    }
}

fn server_span(
    request: &Parts,
    method: &'static str,
    route: Option<&'static str>,
    version: &'static str,
) -> Span {
    let header = |name| request.headers.get(name).and_then(|v| v.to_str().ok());
    let host = header(header::HOST);
    let peer = request.extensions.get::<SocketAddr>();
    let name_method = if method == "_OTHER" { "HTTP" } else { method };
    tracing::info_span!(
        "request",
        otel.name = format_args!("{name_method}{}{}", if route.is_some() { " " } else { "" }, route.unwrap_or_default()),
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = method,
        http.request.method_original = (method == "_OTHER").then_some(request.method.as_str()),
        http.route = route,
        http.response.status_code = Empty,
        url.path = request.uri.path(),
        url.scheme = "http",
        server.address = host.map(|host| host.rsplit_once(':').map_or(host, |(name, _)| name)),
        client.address = peer.map(|peer| tracing::field::display(peer.ip())),
        user_agent.original = header(header::USER_AGENT),
        network.protocol.version = version,
        error.type = Empty,
    )
}

/// The methods that the conventions know; any other would let a caller make series at will.
fn known_method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "CONNECT" => "CONNECT",
        "OPTIONS" => "OPTIONS",
        "TRACE" => "TRACE",
        "PATCH" => "PATCH",
        "QUERY" => "QUERY",
        _ => "_OTHER",
    }
}

fn protocol_version(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "0.9",
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        Version::HTTP_3 => "3",
        _ => "1.1",
    }
}
