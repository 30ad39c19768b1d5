//! `POST /login/` `{"email","password"}` → 200 `{"access_token","token_type":"bearer","expires_in":seconds}`.
//!
//! An unknown address and a wrong password get the same 401, in body and in time.

use std::convert::Infallible;

use http::{Request, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::identify;
use crate::{
    app::App,
    email::Email,
    error::{ApiError, CredentialsError},
    json::{self, Fields},
    metrics::outcome,
    stack::{Body, RequestBody},
};

#[derive(Serialize)]
struct Token<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: u64,
}

pub(super) async fn handle(
    app: &App,
    request: Request<RequestBody>,
) -> Result<Response<Body>, ApiError> {
    let result = log_in(app, request).await;
    app.metrics.logins.add(1, &outcome(&result));
    match &result {
        Ok(login) => {
            tracing::info!(name: "auth.login.succeeded", { user.id = login.user_id }, "logged in");
        }
        Err(error) => {
            tracing::warn!(name: "auth.login.failed", reason = error.reason(), "login failed");
        }
    }
    let login = result?;
    let token = Token {
        access_token: login.access_token.expose_secret(),
        token_type: "bearer",
        expires_in: app.tokens.ttl().as_secs(),
    };
    Ok(json::response(StatusCode::OK, &token))
}

struct Login {
    user_id: String,
    access_token: SecretString,
}

async fn log_in(app: &App, request: Request<RequestBody>) -> Result<Login, ApiError> {
    let mut fields = Fields::read(request, app.settings.max_body, app.stage_limit()).await?;
    let email = fields.take("email", |text| Email::parse(&text));
    // Any text may be tried: the rules for new passwords may have changed since the account was made.
    let password = fields.take("password", |text| {
        Ok::<_, Infallible>(SecretString::from(text))
    });
    let (email, password) = fields.finish(email.zip(password))?;

    let (user_id, hash) = app
        .store
        .credentials(&email)
        .await?
        .map(|found| (found.id, found.password_hash))
        .unzip();
    let is_right = app.passwords.verify(password, hash).await?;
    let user_id = user_id.ok_or(ApiError::InvalidCredentials(CredentialsError::UnknownUser))?;
    if !is_right {
        return Err(ApiError::InvalidCredentials(CredentialsError::BadPassword));
    }
    identify(&user_id);
    let access_token = app.tokens.issue(&user_id).map_err(ApiError::internal)?;
    Ok(Login {
        user_id,
        access_token,
    })
}
