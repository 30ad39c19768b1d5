//! The one place that turns what went wrong into an answer:
//! `{"error":{"code":"invalid_parameter","message":"since: `15x` is not …"}}`.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, StatusCode, Uri};
use opentelemetry::TraceId;
use serde_json::json;

use super::params::ParameterError;
use crate::query::QueryError;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// A parameter is wrong: 400.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// No such metric is stored: 404.
    #[error("no metric `{name}` is stored; /api/metrics lists those that are")]
    UnknownMetric {
        /// As asked.
        name: String,
    },
    /// No span of this trace is stored: 404.
    #[error(
        "no span of trace {trace_id} is stored; it may not have arrived yet, or be older than what is kept"
    )]
    UnknownTrace {
        /// As asked.
        trace_id: TraceId,
    },
    /// No such log record is stored: 404.
    #[error("no log record `{id}` is stored; it may be older than what is kept")]
    UnknownLog {
        /// As asked.
        id: String,
    },
    /// Nothing of this host is stored: 404.
    #[error(
        "nothing of a host `{name}` is stored; /api/hosts lists those that were seen in a range"
    )]
    UnknownHost {
        /// As asked.
        name: String,
    },
    /// Nothing of this container is stored: 404.
    #[error(
        "nothing of a container `{id}` is stored; /api/containers lists those that were seen in a range"
    )]
    UnknownContainer {
        /// As asked: an id or a name.
        id: String,
    },
    /// No token, or a wrong one: 401.
    #[error(
        "send the token as `Authorization: Bearer TOKEN`; LENS_TOKEN_FILE names the file that holds it"
    )]
    Unauthorized,
    /// No such address: 404.
    #[error("there is nothing at {path}")]
    UnknownAddress {
        /// As asked.
        path: String,
    },
    /// The store gave no answer: 400 when less was to be asked, else 500.
    #[error(transparent)]
    Query(#[from] QueryError),
}

impl ApiError {
    /// Status of the answer and the code in it.
    pub(crate) fn status(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Parameter(_) => (StatusCode::BAD_REQUEST, "invalid_parameter"),
            Self::UnknownMetric { .. } => (StatusCode::NOT_FOUND, "unknown_metric"),
            Self::UnknownTrace { .. } => (StatusCode::NOT_FOUND, "unknown_trace"),
            Self::UnknownLog { .. } => (StatusCode::NOT_FOUND, "unknown_log"),
            Self::UnknownHost { .. } => (StatusCode::NOT_FOUND, "unknown_host"),
            Self::UnknownContainer { .. } => (StatusCode::NOT_FOUND, "unknown_container"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::UnknownAddress { .. } => (StatusCode::NOT_FOUND, "unknown_address"),
            Self::Query(QueryError::TooManySeries { .. } | QueryError::TooManySteps { .. }) => {
                (StatusCode::BAD_REQUEST, "too_much")
            }
            Self::Query(QueryError::Store(_) | QueryError::Malformed { .. }) => {
                tracing::error!(name: "lens.query.failed", error = %self, "a query failed");
                (StatusCode::INTERNAL_SERVER_ERROR, "store_failed")
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, code) = self.status();
        let body = Json(json!({"error": {"code": code, "message": self.to_string()}}));
        let mut response = (status, body).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

pub(super) async fn no_such_address(uri: Uri) -> ApiError {
    ApiError::UnknownAddress {
        path: uri.path().to_owned(),
    }
}
