//! JSON in and out of a request: reads a body as an object within its size and time, collects what is wrong with its
//! fields instead of stopping at the first, and builds answers.
//!
//! A body is `application/json` in UTF-8 and an object. A field that is unknown, missing or no string is an error; the last
//! of two fields of one name counts. Values are never repeated in an error, since they may be secrets.

use std::{fmt::Display, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    error::{ApiError, FieldError},
    stack::{Body, RequestBody},
};

/// The fields of a body that no one has asked for yet, and what was wrong with the others.
pub(crate) struct Fields {
    values: Map<String, Value>,
    errors: Vec<FieldError>,
}

impl Fields {
    /// Reads the whole body, which must arrive within `deadline`. Its size is bounded by [`RequestBody`]; `limit` is that bound.
    ///
    /// # Errors
    /// What makes the body unusable as a whole: its type, size, time, or that it is no JSON object.
    pub(crate) async fn read(
        request: Request<RequestBody>,
        limit: u32,
        deadline: Duration,
    ) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return Err(ApiError::UnsupportedMediaType);
        }
        let body = tokio::time::timeout(deadline, request.into_body().collect())
            .await
            .map_err(|_| ApiError::BodyTimeout)?
            .map_err(|error| match error.downcast::<hyper::Error>() {
                Ok(error) => ApiError::BodyIncomplete(*error),
                Err(error) if error.is::<LengthLimitError>() => ApiError::BodyTooLarge { limit },
                Err(error) => ApiError::Internal(error),
            })?
            .to_bytes();
        match serde_json::from_slice(&body).map_err(ApiError::MalformedJson)? {
            Value::Object(values) => Ok(Self {
                values,
                errors: Vec::new(),
            }),
            _ => {
                let message = "must be a JSON object".to_owned();
                Err(ApiError::InvalidInput(vec![FieldError {
                    field: "body".to_owned(),
                    message,
                }]))
            }
        }
    }

    /// Takes a text field through `parse`; `None` means that what was wrong with it is noted.
    pub(crate) fn take<T, E: Display>(
        &mut self,
        name: &str,
        parse: impl FnOnce(String) -> Result<T, E>,
    ) -> Option<T> {
        let parsed = match self.values.remove(name) {
            None => Err("is required".to_owned()),
            Some(Value::String(text)) => parse(text).map_err(|error| error.to_string()),
            Some(_) => Err("must be a string".to_owned()),
        };
        parsed
            .map_err(|message| {
                self.errors.push(FieldError {
                    field: name.to_owned(),
                    message,
                });
            })
            .ok()
    }

    /// Ends the reading: `taken` is what came of all fields the route knows, so those that are left are unknown.
    ///
    /// # Errors
    /// [`ApiError::InvalidInput`] with each field that can't be used.
    pub(crate) fn finish<T>(mut self, taken: Option<T>) -> Result<T, ApiError> {
        let unknown = self.values.into_iter().map(|(field, _)| FieldError {
            field,
            message: "is not a field of this request".to_owned(),
        });
        self.errors.extend(unknown);
        match taken {
            Some(taken) if self.errors.is_empty() => Ok(taken),
            _ => Err(ApiError::InvalidInput(self.errors)),
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

/// An answer with a JSON body. None may be stored by a cache: they hold tokens and what belongs to one user.
pub(crate) fn response(status: StatusCode, body: &impl Serialize) -> Response<Body> {
    let body = serde_json::to_vec(body)
        .expect("answers are structs with text keys, which always serialise");
    let mut response = Response::new(Body::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
