//! What each route does, one file per topic. A handler returns its answer or an [`ApiError`]; ids, limits, spans and the
//! shape of errors are the stack's.

mod account;
mod docs;
mod login;
mod openapi;
mod refresh;
mod signup;
mod status;

use std::time::Instant;

use http::{Request, Response};
use opentelemetry::{KeyValue, trace::get_active_span};

use crate::{
    app::App,
    error::ApiError,
    route::Route,
    stack::{Body, RequestBody},
};

/// Finds the route and runs its handler.
///
/// # Errors
/// Whatever keeps the request from a successful answer.
pub(crate) async fn dispatch(
    app: &App,
    request: Request<RequestBody>,
) -> Result<Response<Body>, ApiError> {
    let route = Route::of(request.uri().path()).ok_or(ApiError::NotFound)?;
    if !route.answers(request.method()) {
        return Err(ApiError::MethodNotAllowed {
            allow: route.allow(),
        });
    }
    // On the heap, or every layer would carry and copy room for the largest of them.
    let handling = Box::pin(handle(app, route, request));
    app.faults.around(route, handling).await
}

async fn handle(
    app: &App,
    route: Route,
    request: Request<RequestBody>,
) -> Result<Response<Body>, ApiError> {
    match route {
        Route::Index => Ok(status::index(app)),
        Route::Livez => Ok(status::livez()),
        Route::Readyz => status::readyz(app).await,
        Route::Docs => docs::page(request.uri().path()),
        Route::DocsFile => docs::file(request.uri().path()),
        Route::OpenApi => Ok(openapi::openapi()),
        Route::Signup => signup::handle(app, request).await,
        Route::Login => login::handle(app, request).await,
        Route::Refresh => refresh::refresh(app, request).await,
        Route::Logout => refresh::log_out(app, request).await,
        Route::Me => account::me(app, request.headers()).await,
    }
}

/// Puts the opaque id of the authenticated user on the request's span, and counts the user as active.
fn identify(app: &App, user_id: &str) {
    app.metrics.active_users.saw(user_id, Instant::now());
    get_active_span(|span| span.set_attribute(KeyValue::new("user.id", user_id.to_owned())));
}
