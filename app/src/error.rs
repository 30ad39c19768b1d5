//! What can go wrong with a request, and the one shape in which a client hears of it:
//!
//! ```json
//! {"error":{"code":"invalid_input","message":"…","fields":[{"field":"email","message":"…"}],"request_id":"…"}}
//! ```
//!
//! `fields` is there for `invalid_input` only. Inside and outside are kept apart: `Display` is the outside message and names
//! no internals; the cause of an [`ApiError::Internal`] and the true reason of a refused login ([`ApiError::reason`]) go to
//! logs and metrics only.

use std::{error::Error, time::Duration};

use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use tower::{load_shed::error::Overloaded, timeout::error::Elapsed};
use utoipa::ToSchema;

use crate::{
    json,
    stack::Body,
    token::{RefreshError, TokenError},
};

/// A boxed cause, as tower's layers pass it on.
pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// Why a request got no successful answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// The path belongs to no route.
    #[error("there is nothing at this path")]
    NotFound,
    /// The route does not know the method.
    #[error("this path answers only to {allow}")]
    MethodNotAllowed {
        /// The methods it knows, as the `Allow` header lists them.
        allow: &'static str,
    },
    /// The body is announced as something else than JSON.
    #[error("send the body as JSON, with the header content-type: application/json")]
    UnsupportedMediaType,
    /// The body is announced as a form, but is not one in UTF-8.
    #[error("the body is not a form in UTF-8")]
    MalformedForm,
    /// The body is not JSON.
    #[error("the body is not JSON: {0}")]
    MalformedJson(#[source] serde_json::Error),
    /// The body is larger than the service reads.
    #[error("the body is larger than {limit} bytes")]
    BodyTooLarge {
        /// The configured limit.
        limit: u32,
    },
    /// The body did not arrive in its time.
    #[error("the body did not arrive in time; send it without pauses")]
    BodyTimeout,
    /// The connection broke before the body was complete, or its chunks are not well-formed.
    #[error("the body could not be read to its end")]
    BodyIncomplete(#[source] hyper::Error),
    /// The body is JSON, but not what the route asks for; each wrong field is listed.
    #[error("some fields can't be used; each is listed with what it must be")]
    InvalidInput(Vec<FieldError>),
    /// Sign-up with an address that has an account.
    #[error("this e-mail address has an account already; log in instead")]
    EmailTaken,
    /// Login refused; the client is never told which part was wrong.
    #[error("e-mail address or password is wrong")]
    InvalidCredentials(CredentialsError),
    /// The bearer token is absent or can't be accepted.
    #[error(transparent)]
    Unauthorized(#[from] TokenError),
    /// The refresh token can't be accepted; the client is not told why.
    #[error(transparent)]
    InvalidRefreshToken(#[from] RefreshError),
    /// More logins than a limit allows.
    #[error("too many logins were tried; try again in {} s", whole_seconds(wait))]
    TooManyLogins {
        /// Until the next one may be tried.
        wait: Duration,
        /// For logs and metrics only.
        by: LimitedBy,
    },
    /// `APP_FAULTS` asked for it.
    #[error("this error was made on purpose, by APP_FAULTS")]
    Injected(StatusCode),
    /// All cores are hashing and the queue is long; or too many requests are open.
    #[error("the service is busy; try again in {RETRY_AFTER_SECONDS} s")]
    Overloaded(OverloadedBy),
    /// The answer was not ready in time.
    #[error("the answer was not ready in time; try again")]
    Timeout,
    /// The service was told to stop and finishes what is open.
    #[error("the service is not ready: it is shutting down")]
    Stopping,
    /// The database does not answer, so neither would most routes.
    #[error("the service is not ready: its database does not answer")]
    DatabaseUnreachable(#[source] BoxError),
    /// A defect or a failed dependency. The cause is logged, the client gets the request id to ask for it.
    #[error("something went wrong on our side; the logs of this request id say what")]
    Internal(#[source] BoxError),
}

/// One field of a body that can't be used.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// Name of the field as it was sent; `body` for the body as a whole.
    pub field: String,
    /// What it must be. Never repeats the value.
    pub message: String,
}

/// Which part of the credentials was wrong; for logs and metrics only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CredentialsError {
    /// No account has the address.
    UnknownUser,
    /// The account exists, the password is another.
    BadPassword,
}

/// Which limit refused a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LimitedBy {
    /// The one of the client's address.
    Client,
    /// The one of the account.
    Account,
}

/// Which limit refused a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OverloadedBy {
    /// As many requests are being handled as the service takes.
    Requests,
    /// The wait for a core to hash the password on was too long.
    PasswordQueue,
}

/// Long enough for a burst of requests to pass, short enough not to be felt.
const RETRY_AFTER_SECONDS: u64 = 1;

impl ApiError {
    /// Turns what came out of the layers back into what it was.
    pub(crate) fn from_stack(error: BoxError) -> Self {
        match error.downcast::<Self>() {
            Ok(error) => *error,
            Err(error) if error.is::<Overloaded>() => Self::Overloaded(OverloadedBy::Requests),
            Err(error) if error.is::<Elapsed>() => Self::Timeout,
            Err(error) => Self::Internal(error),
        }
    }

    /// An internal error with its cause.
    pub(crate) fn internal(cause: impl Into<BoxError>) -> Self {
        Self::Internal(cause.into())
    }

    /// The status, and the code that programs compare.
    pub(crate) fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            Self::MethodNotAllowed { .. } => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::UnsupportedMediaType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type")
            }
            Self::MalformedForm => (StatusCode::BAD_REQUEST, "malformed_form"),
            Self::MalformedJson(_) => (StatusCode::BAD_REQUEST, "malformed_json"),
            Self::BodyTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            Self::BodyTimeout => (StatusCode::REQUEST_TIMEOUT, "body_timeout"),
            Self::BodyIncomplete(_) => (StatusCode::BAD_REQUEST, "body_incomplete"),
            Self::InvalidInput(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid_input"),
            Self::EmailTaken => (StatusCode::CONFLICT, "email_taken"),
            Self::InvalidCredentials(_) => (StatusCode::UNAUTHORIZED, "invalid_credentials"),
            Self::Unauthorized(TokenError::Missing) => (StatusCode::UNAUTHORIZED, "missing_token"),
            Self::Unauthorized(_) => (StatusCode::UNAUTHORIZED, "invalid_token"),
            Self::InvalidRefreshToken(_) => (StatusCode::UNAUTHORIZED, "invalid_refresh_token"),
            Self::TooManyLogins { .. } => (StatusCode::TOO_MANY_REQUESTS, "too_many_logins"),
            Self::Injected(status) => (*status, "injected"),
            Self::Overloaded(_) => (StatusCode::SERVICE_UNAVAILABLE, "overloaded"),
            Self::Timeout => (StatusCode::GATEWAY_TIMEOUT, "timeout"),
            Self::Stopping | Self::DatabaseUnreachable(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, "not_ready")
            }
            Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        }
    }

    /// The true reason, for logs and metrics: one of a small fixed set of words.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::InvalidCredentials(CredentialsError::UnknownUser) => "unknown_user",
            Self::InvalidCredentials(CredentialsError::BadPassword) => "bad_password",
            Self::TooManyLogins { by, .. } => match by {
                LimitedBy::Client => "client_limit",
                LimitedBy::Account => "account_limit",
            },
            Self::Overloaded(OverloadedBy::PasswordQueue) => "password_queue",
            Self::Unauthorized(token_error) => token_error.reason(),
            Self::InvalidRefreshToken(refresh_error) => refresh_error.reason(),
            Self::DatabaseUnreachable(_) => "database_unreachable",
            other => other.status_and_code().1,
        }
    }

    /// The answer that tells a client of this error.
    pub(crate) fn to_response(&self, request_id: &str) -> Response<Body> {
        let (status, code) = self.status_and_code();
        let fields = match self {
            Self::InvalidInput(fields) => Some(fields.as_slice()),
            _ => None,
        };
        let answer = Answer {
            error: Detail {
                code,
                message: self.to_string(),
                fields,
                request_id,
            },
        };
        let mut response = json::response(status, &answer);
        if let Some((name, value)) = self.header() {
            response.headers_mut().insert(name, value);
        }
        response
    }

    fn header(&self) -> Option<(header::HeaderName, HeaderValue)> {
        match self {
            Self::MethodNotAllowed { allow } => {
                Some((header::ALLOW, HeaderValue::from_static(allow)))
            }
            Self::Overloaded(_) | Self::DatabaseUnreachable(_) => {
                Some((header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS)))
            }
            Self::TooManyLogins { wait, .. } => {
                Some((header::RETRY_AFTER, HeaderValue::from(whole_seconds(wait))))
            }
            // RFC 6750, 3.1: a request without a token gets a challenge without an error code.
            Self::InvalidCredentials(_) | Self::Unauthorized(TokenError::Missing) => {
                Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")))
            }
            Self::Unauthorized(_) | Self::InvalidRefreshToken(_) => Some((
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static(r#"Bearer error="invalid_token""#),
            )),
            _ => None,
        }
    }
}

/// Rounded up: who comes back after them is not too early.
fn whole_seconds(wait: &Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// Why there is no successful answer
#[derive(Serialize, ToSchema)]
#[schema(as = Error)]
pub(crate) struct Answer<'a> {
    error: Detail<'a>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ErrorDetail)]
struct Detail<'a> {
    /// What programs compare
    code: &'static str,
    /// What people read
    message: String,
    /// Each field that can't be used, for `invalid_input`
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<FieldError>, required = false)]
    fields: Option<&'a [FieldError]>,
    /// The id of the request in logs and traces
    request_id: &'a str,
}
