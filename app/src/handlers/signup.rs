//! `POST /signup/` `{"email","password"}` → 201 with the account, 409 when the address has one.
//!
//! The password is hashed before the address is looked at, so a taken one takes the same time. A client that goes away
//! may or may not have made its account: the insert is one statement.

use http::{Request, Response, StatusCode};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{account::Account, identify};
use crate::{
    app::App,
    email::Email,
    error::{Answer, ApiError},
    json::{self, Fields},
    metrics::outcome,
    password::NewPassword,
    stack::{Body, RequestBody},
    store::{self, User},
};

/// A new account
#[derive(ToSchema)]
#[schema(as = SignUp)]
#[expect(dead_code, reason = "the schema of what `Fields` reads")]
#[serde(deny_unknown_fields)]
struct Input {
    /// Has no account yet
    #[schema(format = Email, max_length = 254, example = "ada@example.com")]
    email: String,
    /// At least 8 characters and at most 71 bytes in UTF-8, none of them NUL, and not one of the most common passwords
    #[schema(format = Password, min_length = 8, max_length = 71, example = "correct horse battery")]
    password: String,
}

/// Make an account
#[utoipa::path(
    post,
    path = "/signup/",
    operation_id = "sign_up",
    tag = "accounts",
    request_body = Input,
    responses(
        (status = 201, description = "The account", body = Account),
        (status = 409, description = "The address has an account", body = Answer<'_>),
    )
)]
pub(super) async fn handle(
    app: &App,
    request: Request<RequestBody>,
) -> Result<Response<Body>, ApiError> {
    let result = sign_up(app, request).await;
    app.metrics.signups.add(1, &outcome(&result));
    match &result {
        Ok(user) => {
            tracing::info!(name: "auth.signup.succeeded", { user.id = user.id }, "account made");
        }
        Err(error) => {
            tracing::warn!(name: "auth.signup.failed", reason = error.reason(), "sign-up failed");
        }
    }
    Ok(json::response(StatusCode::CREATED, &Account::from(result?)))
}

async fn sign_up(app: &App, request: Request<RequestBody>) -> Result<User, ApiError> {
    let mut fields = Fields::read(request, app.settings.max_body, app.stage_limit()).await?;
    let email = fields.take("email", |text| Email::parse(&text));
    let password = fields.take("password", NewPassword::parse);
    let (email, password) = fields.finish(email.zip(password))?;

    let password_hash = app.passwords.hash(password).await?;
    let user = User {
        id: Uuid::new_v4().to_string(),
        email: email.as_str().to_owned(),
        created_at: store::now(),
    };
    app.store.insert(&user, &password_hash).await?;
    identify(app, &user.id);
    Ok(user)
}
