//! `POST /refresh/` `{"refresh_token"}` → 200 with new tokens, as `/login/` gives them; the old refresh token is used up.
//! `POST /logout/` `{"refresh_token"}` → 204: the token's family has ended, so none of it gives new tokens any more.
//!
//! A token that was used before ends its family ([`crate::token::RefreshToken`] says why). To log out with a token that is
//! good for nothing is no error (RFC 7009, 2.2). The access tokens of a family stay good until they expire.

use std::convert::Infallible;

use http::{Request, Response};
use secrecy::{ExposeSecret, SecretString};
use utoipa::ToSchema;

use super::{
    identify,
    login::{Login, Tokens},
};
use crate::{
    app::App,
    error::{Answer, ApiError},
    json::{self, Fields},
    metrics::outcome,
    stack::{Body, RequestBody},
    store,
    token::{RefreshError, RefreshToken},
};

/// A refresh token
#[derive(ToSchema)]
#[schema(as = Refresh)]
#[expect(dead_code, reason = "the schema of what `Fields` reads")]
#[serde(deny_unknown_fields)]
struct Input {
    /// As `/login/` or `/refresh/` gave it
    #[schema(format = Password)]
    refresh_token: String,
}

/// Get new tokens for a refresh token, which is good for this once
#[utoipa::path(
    post,
    path = "/refresh/",
    operation_id = "refresh",
    tag = "accounts",
    request_body = Input,
    responses(
        (status = 200, description = "New tokens", body = Tokens<'_>),
        (status = 401, description = "The refresh token is not, or no longer, a good one", body = Answer<'_>,
         headers(("www-authenticate" = String, description = "RFC 6750"))),
    )
)]
pub(super) async fn refresh(
    app: &App,
    request: Request<RequestBody>,
) -> Result<Response<Body>, ApiError> {
    let result = rotate(app, request).await;
    app.metrics.refreshes.add(1, &outcome(&result));
    match &result {
        Ok(login) => {
            tracing::info!(name: "auth.refresh.succeeded", { user.id = login.user_id }, "refreshed");
        }
        Err(error) => {
            tracing::warn!(name: "auth.refresh.failed", reason = error.reason(), "refresh failed");
        }
    }
    Ok(result?.response(app))
}

async fn rotate(app: &App, request: Request<RequestBody>) -> Result<Login, ApiError> {
    let text = read(app, request).await?;
    let current = RefreshToken::parse(text.expose_secret())?;
    let next = current.next().map_err(ApiError::internal)?;
    let now = store::now();
    let rotated = app
        .store
        .rotate(&current, &next, app.refresh_expiry(now), now)
        .await?;
    let Some(user_id) = rotated else {
        return Err(refusal(app, &current, now).await?.into());
    };
    identify(app, &user_id);
    Login::new(app, user_id, &next)
}

/// Why the store did not rotate it.
async fn refusal(app: &App, token: &RefreshToken, now: i64) -> Result<RefreshError, ApiError> {
    Ok(match app.store.end_family(token).await? {
        None => RefreshError::UnknownFamily,
        Some(ended) if ended.expires_at <= now => RefreshError::Expired,
        Some(ended) => {
            tracing::warn!(
                name: "auth.refresh.reused",
                { user.id = ended.user_id },
                "a refresh token was used twice: all that follow from its login are revoked"
            );
            RefreshError::Reused
        }
    })
}

/// End what a login began
#[utoipa::path(
    post,
    path = "/logout/",
    operation_id = "log_out",
    tag = "accounts",
    request_body = Input,
    responses((status = 204, description = "The refresh token is good for nothing, now or already before"))
)]
pub(super) async fn log_out(
    app: &App,
    request: Request<RequestBody>,
) -> Result<Response<Body>, ApiError> {
    let text = read(app, request).await?;
    let ended = match RefreshToken::parse(text.expose_secret()) {
        Ok(token) => app.store.end_family(&token).await?,
        Err(_) => None,
    };
    if let Some(ended) = ended {
        identify(app, &ended.user_id);
        tracing::info!(name: "auth.logout.succeeded", { user.id = ended.user_id }, "logged out");
    }
    Ok(json::no_content())
}

async fn read(app: &App, request: Request<RequestBody>) -> Result<SecretString, ApiError> {
    let mut fields = Fields::read(request, app.settings.max_body, app.stage_limit()).await?;
    let token = fields.take("refresh_token", |text| {
        Ok::<_, Infallible>(SecretString::from(text))
    });
    fields.finish(token)
}
