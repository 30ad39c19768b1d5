//! `GET /docs/`: Swagger UI over `/openapi.json`. Its files are in the program, nothing is loaded from elsewhere, and the
//! answers' own security policy holds it to that.

use std::{
    borrow::Cow,
    sync::{Arc, LazyLock},
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use utoipa_swagger_ui::Config;

use crate::{error::ApiError, stack::Body};

/// Swagger UI sets styles from its script and has images as `data:`.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    let config = Config::new(["/openapi.json"])
        .try_it_out_enabled(true)
        // The badge would send the address of the document to a validator on the internet.
        .validator_url("none");
    Arc::new(config)
});

/// The page that shows this document and tries it out
#[utoipa::path(
    get,
    path = "/docs/",
    tag = "about",
    responses((status = 200, description = "Swagger UI", body = String, content_type = "text/html"))
)]
pub(super) fn page(path: &str) -> Result<Response<Body>, ApiError> {
    if path.ends_with('/') {
        return asset("index.html");
    }
    // The page's links to its files are relative to the path with a slash.
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    response
        .headers_mut()
        .insert(header::LOCATION, HeaderValue::from_static("/docs/"));
    Ok(response)
}

/// A file of the page
#[utoipa::path(
    get,
    path = "/docs/{file}",
    tag = "about",
    params(("file" = String, Path, description = "Name of the file", example = "swagger-ui.css")),
    responses(
        (status = 200, description = "The file", content(
            (String = "text/html"), (String = "text/css"), (String = "text/javascript"), (String = "image/png"),
        )),
        (status = 404, description = "There is no such file", body = crate::error::Answer<'_>)
    )
)]
pub(super) fn file(path: &str) -> Result<Response<Body>, ApiError> {
    asset(path.rsplit('/').next().unwrap_or_default())
}

fn asset(name: &str) -> Result<Response<Body>, ApiError> {
    let file = utoipa_swagger_ui::serve(name, Arc::clone(&CONFIG))
        .map_err(|error| ApiError::internal(error.to_string()))?
        .ok_or(ApiError::NotFound)?;
    let bytes = match file.bytes {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    };
    let mut response = Response::new(Body::new(bytes));
    let content_type = HeaderValue::from_str(&file.content_type).map_err(ApiError::internal)?;
    let headers: [(HeaderName, HeaderValue); 3] = [
        (header::CONTENT_TYPE, content_type),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(POLICY),
        ),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
    ];
    response.headers_mut().extend(headers);
    Ok(response)
}
