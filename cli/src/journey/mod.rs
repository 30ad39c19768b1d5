//! What simulated users do: the requests, their routes, and how one is sent and measured.
//!
//! Each request is a trace of its own. Where telemetry is set up (`trivium load`), it begins with a client span of this
//! program, whose ids the request carries; without (`trivium up --traffic`), the request carries ids that nobody stores.

pub(crate) mod traceparent;
pub(crate) mod traffic;
pub(crate) mod user;

use std::{
    fmt,
    time::{Duration, Instant},
};

use reqwest::{Method, StatusCode, Url};
use serde_json::Value;
use tracing::{Span, field::Empty};

pub(crate) use traceparent::TraceParent;

/// A request without an answer after this long is given up; longer than the app's own deadline.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The routes of the journeys, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Route {
    SignUp,
    LogIn,
    Profile,
    Index,
}

impl Route {
    pub(crate) const ALL: [Self; 4] = [Self::SignUp, Self::LogIn, Self::Profile, Self::Index];

    fn method(self) -> Method {
        match self {
            Self::SignUp | Self::LogIn => Method::POST,
            Self::Profile | Self::Index => Method::GET,
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::SignUp => "/signup/",
            Self::LogIn => "/login/",
            Self::Profile => "/users/me/",
            Self::Index => "/",
        }
    }

    /// The only status that counts as success.
    fn expected(self) -> StatusCode {
        match self {
            Self::SignUp => StatusCode::CREATED,
            Self::LogIn | Self::Profile | Self::Index => StatusCode::OK,
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method(), self.path())
    }
}

/// Why a request did not do what the journey needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub(crate) enum Failure {
    #[error("answered {}", StatusCode::from_u16(*.0).map_or_else(|_| .0.to_string(), |status| status.to_string()))]
    Status(u16),
    #[error("no access_token in the answer")]
    NoToken,
    #[error("no answer within {} s", REQUEST_TIMEOUT.as_secs())]
    Timeout,
    #[error("connection refused, reset or closed")]
    Connection,
}

impl Failure {
    /// Whether the target answered at all.
    pub(crate) fn is_answer(&self) -> bool {
        matches!(self, Self::Status(_) | Self::NoToken)
    }

    /// As `error.type` of a span has it.
    fn error_type(&self) -> String {
        match self {
            Self::Status(status) => status.to_string(),
            Self::NoToken => "no_token".to_owned(),
            Self::Timeout => "timeout".to_owned(),
            Self::Connection => "connection".to_owned(),
        }
    }
}

/// One measured request.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) route: Route,
    /// From when the request was due to the last byte of the answer.
    pub(crate) latency: Duration,
    /// From sending the request to the last byte of the answer.
    pub(crate) duration: Duration,
    pub(crate) parent: TraceParent,
    pub(crate) failure: Option<Failure>,
}

/// Sends requests to one target, each as the root of a new trace.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    target: Url,
}

/// What came back, and the trace it belongs to.
struct Answer {
    duration: Duration,
    parent: TraceParent,
    result: Result<(StatusCode, Value), Failure>,
}

impl Client {
    /// A client for the service at `target`. Proxies of the environment are not used: they would be measured too.
    pub(crate) fn new(target: Url) -> reqwest::Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(REQUEST_TIMEOUT)
            .no_proxy()
            .build()?;
        Ok(Self { http, target })
    }

    /// `body` is sent as JSON. A body that isn't JSON comes back as null.
    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        token: Option<&str>,
    ) -> Answer {
        let mut url = self.target.clone();
        url.set_path(&format!(
            "{}{path}",
            self.target.path().trim_end_matches('/')
        ));
        let span = client_span(&method, path, &url);
        let parent = TraceParent::of(&span);
        let mut request = self
            .http
            .request(method, url)
            .header("traceparent", parent.to_string());
        if let Some(body) = body {
            request = request.json(body);
        }
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let started = Instant::now();
        let result = receive(request).await;
        let duration = started.elapsed();
        record_end(&span, &result);
        Answer {
            duration,
            parent,
            result,
        }
    }
}

/// By the semantic conventions of HTTP clients. Only a path of the journey names the span: others may be random.
fn client_span(method: &Method, path: &str, url: &Url) -> Span {
    let template = Route::ALL
        .iter()
        .map(|route| route.path())
        .find(|known| *known == path);
    let name = match template {
        Some(template) => format!("{method} {template}"),
        None => method.to_string(),
    };
    tracing::info_span!(
        "http.client.request",
        otel.name = name,
        otel.kind = "client",
        http.request.method = method.as_str(),
        url.full = url.as_str(),
        url.template = template,
        server.address = url.host_str(),
        server.port = url.port_or_known_default(),
        http.response.status_code = Empty,
        error.type = Empty,
        otel.status_code = Empty,
    )
}

fn record_end(span: &Span, result: &Result<(StatusCode, Value), Failure>) {
    let error = match result {
        Ok((status, _)) => {
            span.record("http.response.status_code", status.as_u16());
            (status.as_u16() >= 400).then(|| Failure::Status(status.as_u16()))
        }
        Err(failure) => Some(failure.clone()),
    };
    if let Some(error) = error {
        span.record("error.type", error.error_type());
        span.record("otel.status_code", "ERROR");
    }
}

async fn receive(request: reqwest::RequestBuilder) -> Result<(StatusCode, Value), Failure> {
    let failure = |error: reqwest::Error| {
        if error.is_timeout() {
            Failure::Timeout
        } else {
            Failure::Connection
        }
    };
    let response = request.send().await.map_err(failure)?;
    let status = response.status();
    let body = response.bytes().await.map_err(failure)?;
    Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_and_failures_read_as_a_person_writes_them() {
        assert_eq!(Route::SignUp.to_string(), "POST /signup/");
        assert_eq!(Route::Profile.to_string(), "GET /users/me/");
        assert_eq!(
            Failure::Status(503).to_string(),
            "answered 503 Service Unavailable"
        );
    }
}
