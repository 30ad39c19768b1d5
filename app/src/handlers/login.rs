//! `POST /login/` `{"email","password"}` → 200 `{"access_token","token_type":"bearer","expires_in":seconds,
//! "refresh_token"}`.
//!
//! The same as a form, with OAuth 2's names (RFC 6749, 4.3.2): `username`, `password`, and `grant_type=password`, which may be
//! left out; `scope` is ignored, since there are none. It makes "Authorize" on `/docs/` work.
//!
//! An unknown address and a wrong password get the same 401, in body and in time.

use std::{
    convert::Infallible,
    error::Error,
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
    store::{self, Credentials},
    token::RefreshToken,
};

/// What a login or a refresh gives
#[derive(Serialize, ToSchema)]
pub(super) struct Tokens<'a> {
    /// To be sent as `authorization: Bearer TOKEN`
    access_token: &'a str,
    /// Always `bearer`
    token_type: &'static str,
    /// Seconds that the access token is good for
    expires_in: u64,
    /// Good for one `/refresh/`
    refresh_token: &'a str,
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

/// Get an access token and a refresh token
#[utoipa::path(
    post,
    path = "/login/",
    operation_id = "log_in",
    tag = "accounts",
    request_body(content((Input = "application/json"), (Form = "application/x-www-form-urlencoded"))),
    responses(
        (status = 200, description = "Tokens", body = Tokens<'_>),
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
    Ok(result?.response(app))
}

/// A user who is let in, with the tokens for it.
pub(super) struct Login {
    pub user_id: String,
    access_token: SecretString,
    refresh_token: SecretString,
}

impl Login {
    pub(super) fn new(
        app: &App,
        user_id: String,
        refresh_token: &RefreshToken,
    ) -> Result<Self, ApiError> {
        Ok(Self {
            access_token: app.tokens.issue(&user_id).map_err(ApiError::internal)?,
            refresh_token: refresh_token.text(),
            user_id,
        })
    }

    pub(super) fn response(&self, app: &App) -> Response<Body> {
        let tokens = Tokens {
            access_token: self.access_token.expose_secret(),
            token_type: "bearer",
            expires_in: app.tokens.ttl().as_secs(),
            refresh_token: self.refresh_token.expose_secret(),
        };
        json::response(StatusCode::OK, &tokens)
    }
}

async fn log_in(app: &App, request: Request<RequestBody>) -> Result<Login, ApiError> {
    let client = client_of(&request)?;
    let (email, password) = read(app, request).await?;
    let attempt = app.login_limits.attempt(client, &email)?;

    let found = app.store.credentials(&email).await?;
    let hash = found.as_ref().map(|found| found.password_hash.clone());
    let is_right = app.passwords.verify(password.clone(), hash).await?;
    let found = match found {
        Some(found) if is_right => found,
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
    identify(app, &found.id);
    strengthen(app, password, &found).await;
    let refresh_token = RefreshToken::first().map_err(ApiError::internal)?;
    app.store
        .begin_family(&found.id, &refresh_token, app.refresh_expiry(store::now()))
        .await?;
    Login::new(app, found.id, &refresh_token)
}

/// Replaces a hash of before `APP_BCRYPT_COST` was raised. A login does not fail for it: the next one tries again.
async fn strengthen(app: &App, password: SecretString, credentials: &Credentials) {
    let (id, old) = (&credentials.id, &credentials.password_hash);
    let replaced: Result<bool, ApiError> = async {
        let Some(new) = app.passwords.rehash(password, old).await? else {
            return Ok(false);
        };
        app.store.replace_hash(id, old, &new).await?;
        Ok(true)
    }
    .await;
    match replaced {
        Ok(false) => {}
        Ok(true) => {
            tracing::info!(name: "auth.password.rehashed", { user.id = id }, "a password is stored with the cost of today");
        }
        Err(error) => {
            tracing::warn!(
                name: "auth.password.rehash_failed",
                error = &error as &dyn Error,
                "a password stays stored with a lower cost"
            );
        }
    }
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
