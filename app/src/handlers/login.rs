//! `POST /login/` `{"email","password"}` → 200 `{"access_token","token_type":"bearer","expires_in":seconds}`.
//!
//! The same as a form, with OAuth 2's names (RFC 6749, 4.3.2): `username`, `password`, and `grant_type=password`, which may be
//! left out; `scope` is ignored, since there are none. It makes "Authorize" on `/docs/` work.
//!
//! An unknown address and a wrong password get the same 401, in body and in time.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
};

use http::{Request, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use utoipa::ToSchema;

use super::identify;
use crate::{
    app::App,
    email::Email,
    error::{Answer, ApiError, CredentialsError},
    json::{self, Fields},
    metrics::outcome,
    stack::{Body, RequestBody},
};

#[derive(Serialize, ToSchema)]
struct Token<'a> {
    /// To be sent as `authorization: Bearer TOKEN`
    access_token: &'a str,
    /// Always `bearer`
    token_type: &'static str,
    /// Seconds
    expires_in: u64,
}

/// Who logs in
#[derive(ToSchema)]
#[schema(as = LogIn)]
#[expect(dead_code, reason = "the schema of what `Fields` reads")]
#[serde(deny_unknown_fields)]
struct Input {
    /// Of the account
    #[schema(format = Email, max_length = 254, example = "ada@example.com")]
    email: String,
    /// Any text may be tried
    #[schema(format = Password, example = "correct horse battery")]
    password: String,
}

/// Who logs in, as OAuth 2 has it (RFC 6749, 4.3.2)
#[derive(ToSchema)]
#[schema(as = LogInForm)]
#[expect(dead_code, reason = "the schema of what `Fields` reads")]
#[serde(deny_unknown_fields)]
struct Form {
    /// The e-mail address of the account
    #[schema(format = Email, max_length = 254, example = "ada@example.com")]
    username: String,
    /// Any text may be tried
    #[schema(format = Password, example = "correct horse battery")]
    password: String,
    /// May be left out
    #[schema(value_type = GrantType, required = false)]
    grant_type: Option<GrantType>,
    /// Ignored
    #[schema(value_type = String, required = false)]
    scope: Option<String>,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "likewise")]
enum GrantType {
    Password,
}

/// Get an access token
#[utoipa::path(
    post,
    path = "/login/",
    operation_id = "log_in",
    tag = "accounts",
    request_body(content((Input = "application/json"), (Form = "application/x-www-form-urlencoded"))),
    responses(
        (status = 200, description = "A token", body = Token<'_>),
        (status = 401, description = "E-mail address or password is wrong", body = Answer<'_>,
         headers(("www-authenticate" = String, description = "RFC 6750"))),
        (status = 429, description = "The client or the account has tried too often", body = Answer<'_>,
         headers(("retry-after" = u64, description = "Seconds until the next attempt"))),
    )
)]
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
    let client = client_of(&request)?;
    let (email, password) = read(app, request).await?;
    let attempt = app.login_limits.attempt(client, &email)?;

    let (user_id, hash) = app
        .store
        .credentials(&email)
        .await?
        .map(|found| (found.id, found.password_hash))
        .unzip();
    let is_right = app.passwords.verify(password, hash).await?;
    let user_id = match user_id {
        Some(user_id) if is_right => user_id,
        unknown_or_wrong => {
            attempt.failed();
            let error = match unknown_or_wrong {
                Some(_) => CredentialsError::BadPassword,
                None => CredentialsError::UnknownUser,
            };
            return Err(ApiError::InvalidCredentials(error));
        }
    };
    drop(attempt);
    identify(&user_id);
    let access_token = app.tokens.issue(&user_id).map_err(ApiError::internal)?;
    Ok(Login {
        user_id,
        access_token,
    })
}

async fn read(app: &App, request: Request<RequestBody>) -> Result<(Email, SecretString), ApiError> {
    let (limit, deadline) = (app.settings.max_body, app.stage_limit());
    let is_form = json::is_form(request.headers());
    let mut fields = if is_form {
        Fields::read_form(request, limit, deadline).await?
    } else {
        Fields::read(request, limit, deadline).await?
    };
    let name = if is_form { "username" } else { "email" };
    let email = fields.take(name, |text| Email::parse(&text));
    // Any text may be tried: the rules for new passwords may have changed since the account was made.
    let password = fields.take("password", |text| {
        Ok::<_, Infallible>(SecretString::from(text))
    });
    if is_form {
        if fields.has("grant_type") {
            fields.take("grant_type", |text| match text.as_str() {
                "password" => Ok(()),
                _ => Err("must be password"),
            });
        }
        if fields.has("scope") {
            fields.take("scope", |_| Ok::<_, Infallible>(()));
        }
    }
    fields.finish(email.zip(password))
}

fn client_of(request: &Request<RequestBody>) -> Result<IpAddr, ApiError> {
    request
        .extensions()
        .get::<SocketAddr>()
        .map(SocketAddr::ip)
        .ok_or_else(|| ApiError::internal("the server did not note the address of the client"))
}
