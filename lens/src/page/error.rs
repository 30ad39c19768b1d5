//! What went wrong, as a page with the status of the API's answer.

use axum::response::{IntoResponse, Response};
use http::{StatusCode, Uri};
use maud::html;

use super::layout;
use crate::api::ApiError;

/// An error of a page.
#[derive(Debug)]
pub(super) struct PageError(ApiError);

impl<E: Into<ApiError>> From<E> for PageError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let (status, _) = self.0.status();
        let title = match status {
            StatusCode::NOT_FOUND => "Not found",
            StatusCode::BAD_REQUEST => "This address cannot be read",
            _ => "The store gave no answer",
        };
        let content = html! {
            section.empty {
                h1 { (title) }
                p { (self.0) }
                p { a href="/" { "To the overview" } }
            }
        };
        (status, layout::bare(title, &content)).into_response()
    }
}

pub(super) async fn no_such_page(uri: Uri) -> PageError {
    ApiError::UnknownAddress {
        path: uri.path().to_owned(),
    }
    .into()
}
