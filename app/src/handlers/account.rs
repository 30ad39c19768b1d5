//! `GET /users/me/`: the account that a token belongs to, and the account as JSON.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, Response, StatusCode};
use serde::Serialize;

use super::identify;
use crate::{app::App, error::ApiError, json, stack::Body, store::User, token::TokenError};

/// `{"id":UUID,"email":…,"created_at":RFC 3339 in UTC with milliseconds}`
#[derive(Serialize)]
pub(super) struct Account {
    id: String,
    email: String,
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

pub(super) async fn me(app: &App, headers: &HeaderMap) -> Result<Response<Body>, ApiError> {
    let result = authenticate(app, headers).await;
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
    identify(&user.id);
    Ok(user)
}
