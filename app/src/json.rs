//! Bodies in and JSON out: reads the fields of a body within its size and time, collects what is wrong with them instead of
//! stopping at the first, and builds answers.
//!
//! A body is `application/json` in UTF-8 and an object; the last of two fields of one name counts. Where a route takes a form
//! too, that is `application/x-www-form-urlencoded` in UTF-8, and a field that is given twice is an error (RFC 6749, 3.2). A
//! field that is unknown, missing or no string is an error. Values are never repeated in one, since they may be secrets.

use std::{borrow::Cow, fmt::Display, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError};
use percent_encoding::percent_decode;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    error::{ApiError, FieldError},
    stack::{Body, RequestBody},
};

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

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
        if !is(request.headers(), JSON) {
            return Err(ApiError::UnsupportedMediaType);
        }
        let body = collect(request, limit, deadline).await?;
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

    /// Reads the whole body as a form, for a request that [`is_form`], likewise.
    ///
    /// # Errors
    /// What makes the body unusable as a whole: its size, time, or that it is not UTF-8.
    pub(crate) async fn read_form(
        request: Request<RequestBody>,
        limit: u32,
        deadline: Duration,
    ) -> Result<Self, ApiError> {
        let body = collect(request, limit, deadline).await?;
        let mut fields = Self {
            values: Map::new(),
            errors: Vec::new(),
        };
        for pair in body
            .split(|byte| *byte == b'&')
            .filter(|pair| !pair.is_empty())
        {
            let mut sides = pair.splitn(2, |byte| *byte == b'=');
            let mut side = || decode(sides.next().unwrap_or_default());
            let (name, value) = (side()?, side()?);
            if fields.values.contains_key(&name) {
                fields.errors.push(FieldError {
                    field: name,
                    message: "is given twice".to_owned(),
                });
            } else {
                fields.values.insert(name, Value::String(value));
            }
        }
        Ok(fields)
    }

    /// Whether this field was sent and not yet taken.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
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

/// Whether a request announces a form.
pub(crate) fn is_form(headers: &HeaderMap) -> bool {
    is(headers, FORM)
}

fn is(headers: &HeaderMap, expected: &str) -> bool {
    let media_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case(expected)
}

async fn collect(
    request: Request<RequestBody>,
    limit: u32,
    deadline: Duration,
) -> Result<Bytes, ApiError> {
    let body = tokio::time::timeout(deadline, request.into_body().collect())
        .await
        .map_err(|_| ApiError::BodyTimeout)?
        .map_err(|error| match error.downcast::<hyper::Error>() {
            Ok(error) => ApiError::BodyIncomplete(*error),
            Err(error) if error.is::<LengthLimitError>() => ApiError::BodyTooLarge { limit },
            Err(error) => ApiError::Internal(error),
        })?;
    Ok(body.to_bytes())
}

/// One side of a pair of a form, as <https://url.spec.whatwg.org/#urlencoded-parsing> has it, but strict about UTF-8.
fn decode(text: &[u8]) -> Result<String, ApiError> {
    let spaced: Vec<u8> = text
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    percent_decode(&spaced)
        .decode_utf8()
        .map(Cow::into_owned)
        .map_err(|_| ApiError::MalformedForm)
}

/// An answer without a body.
pub(crate) fn no_content() -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// An answer with a JSON body. None may be stored by a cache: they hold tokens and what belongs to one user.
pub(crate) fn response(status: StatusCode, body: &impl Serialize) -> Response<Body> {
    let body = serde_json::to_vec(body)
        .expect("answers are structs with text keys, which always serialise");
    let mut response = Response::new(Body::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
