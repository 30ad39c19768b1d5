//! `GET /users/me/`: the account that a token belongs to, and the account as JSON.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, Response, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::identify;
use crate::{
    app::App,
    error::{Answer, ApiError},
    json,
    metrics::outcome,
    stack::Body,
    store::User,
    token::TokenError::{self, Expired, Rejected, UnknownUser},
};

/// An account
#[derive(Serialize, ToSchema)]
pub(super) struct Account {
    /// Opaque: a UUID
    #[schema(format = "uuid")]
    id: String,
    /// Trimmed and lower-cased
    email: String,
    /// RFC 3339 in UTC with milliseconds
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<User> for Account {
    fn from(user: User) -> Self {
        let since_epoch = Duration::from_millis(user.created_at.unsigned_abs());
        let created_at =
            humantime::format_rfc3339_millis(SystemTime::UNIX_EPOCH + since_epoch).to_string();
        Self {
            id: user.id,
            email: user.email,
            created_at,
        }
    }
}

/// The account of the access token
#[utoipa::path(
    get,
    path = "/users/me/",
    tag = "accounts",
    security(("access_token" = [])),
    responses(
        (status = 200, description = "The account", body = Account),
        (status = 401, description = "No access token, or not a good one", body = Answer<'_>,
         headers(("www-authenticate" = String, description = "RFC 6750"))),
    )
)]
pub(super) async fn me(app: &App, headers: &HeaderMap) -> Result<Response<Body>, ApiError> {
    let result = authenticate(app, headers).await;
    // Without a token there is nothing to verify, and without a database no outcome.
    if let Ok(_) | Err(ApiError::Unauthorized(Expired | Rejected(_) | UnknownUser)) = &result {
        app.metrics.tokens_verified.add(1, &outcome(&result));
    }
    if let Err(error @ ApiError::Unauthorized(_)) = &result {
        tracing::warn!(name: "auth.token.rejected", reason = error.reason(), "access token rejected");
    }
    Ok(json::response(StatusCode::OK, &Account::from(result?)))
}

async fn authenticate(app: &App, headers: &HeaderMap) -> Result<User, ApiError> {
    let user_id = app.tokens.verify(headers)?;
    let user = app
        .store
        .user(&user_id)
        .await?
        .ok_or(TokenError::UnknownUser)?;
    identify(app, &user.id);
    Ok(user)
}
