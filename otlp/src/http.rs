//! OTLP/HTTP: a POST of protobuf.
//!
//! 429, 502, 503 and 504 are worth another try, after `Retry-After` where it is given; any other answer but 2xx is final.
//! Redirects are not followed: they say that the endpoint is wrong.
//!
//! <https://opentelemetry.io/docs/specs/otlp/#otlphttp>

use std::time::{Duration, SystemTime};

use ::http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, header};
use bytes::{Buf as _, Bytes};
use http_body_util::{BodyExt as _, Full, Limited};
use prost::Message as _;

use crate::{
    Compression, Destination, ExportError, PartialSuccess,
    client::{ANSWER_LIMIT, HttpClient},
    outcome::{ExportResponse, RpcStatus},
};

const PROTOBUF: &str = "application/x-protobuf";

#[derive(Debug, Clone)]
pub(crate) struct Http {
    client: HttpClient,
    endpoint: Uri,
    headers: HeaderMap,
    compression: Compression,
}

impl Http {
    pub(crate) fn new(client: HttpClient, destination: Destination) -> Self {
        let mut headers = destination.headers;
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROTOBUF));
        if let Some(name) = destination.compression.name() {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
        }
        Self {
            client,
            endpoint: destination.endpoint,
            headers,
            compression: destination.compression,
        }
    }

    pub(crate) async fn send(&self, body: Bytes) -> Result<Option<PartialSuccess>, ExportError> {
        let body = Bytes::new().chain(self.compression.compressed(body));
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = ::http::Method::POST;
        *request.uri_mut() = self.endpoint.clone();
        request.headers_mut().clone_from(&self.headers);
        let response = self.client.request(request, "connection_error").await?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_LIMIT);
        let answer = body
            .collect()
            .await
            .map(http_body_util::Collected::to_bytes);
        // An answer that breaks off says by its head already whether the data was taken.
        let response = Response::from_parts(parts, answer.unwrap_or_default());
        outcome(&response)
    }
}

fn outcome(response: &Response<Bytes>) -> Result<Option<PartialSuccess>, ExportError> {
    let status = response.status();
    if status.is_success() && is_page(response) {
        // A captive portal or a login in between; nobody has taken anything.
        let reason = format!("{status}: a web page; is this a receiver of OTLP/HTTP?");
        return Err(ExportError::new(status.as_str().to_owned(), true, reason));
    }
    if status.is_success() {
        // Proxies answer with texts of their own; only the protobuf of OTLP says anything.
        let answer = ExportResponse::decode(response.body().clone()).unwrap_or_default();
        return Ok(answer.partial_success.filter(|_| is_protobuf(response)));
    }
    let is_retryable = matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    );
    let reason = match message(response) {
        message if message.is_empty() => status.to_string(),
        message => format!("{status}: {message}"),
    };
    let error = ExportError::new(status.as_str().to_owned(), is_retryable, reason);
    Err(match retry_after(response.headers()) {
        Some(delay) if is_retryable => error.after(delay),
        _ => error,
    })
}

fn is_protobuf(response: &Response<Bytes>) -> bool {
    is_of_type(response, PROTOBUF.as_bytes())
}

fn is_page(response: &Response<Bytes>) -> bool {
    is_of_type(response, b"text/html")
}

fn is_of_type(response: &Response<Bytes>, content_type: &[u8]) -> bool {
    let value = response.headers().get(header::CONTENT_TYPE);
    value.is_some_and(|value| value.as_bytes().starts_with(content_type))
}

/// The message of the `google.rpc.Status` that OTLP asks for, or the start of whatever else was answered.
fn message(response: &Response<Bytes>) -> String {
    if is_protobuf(response)
        && let Ok(status) = RpcStatus::decode(response.body().clone())
    {
        return status.message;
    }
    let text = String::from_utf8_lossy(response.body());
    text.trim().chars().take(200).collect()
}

/// Seconds, or a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)], body: Vec<u8>) -> Response<Bytes> {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        response.body(body.into()).unwrap()
    }

    #[test]
    fn four_answers_are_worth_another_try_and_no_other() {
        for status in [429, 502, 503, 504] {
            let error = outcome(&answer(status, &[], Vec::new())).unwrap_err();
            assert!(error.is_retryable, "{status}");
            assert_eq!(error.error_type, status.to_string());
        }
        for status in [301, 400, 401, 404, 408, 413, 500, 501] {
            let error = outcome(&answer(status, &[("retry-after", "1")], Vec::new())).unwrap_err();
            assert!(!error.is_retryable, "{status}");
            assert_eq!(error.retry_after, None);
        }
    }

    #[test]
    fn a_delay_is_given_in_seconds_or_as_a_date() {
        let delay = |value: &str| {
            let busy = answer(503, &[("retry-after", value)], Vec::new());
            outcome(&busy).unwrap_err().retry_after
        };
        assert_eq!(delay("7"), Some(Duration::from_secs(7)));
        let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(100));
        let of_date = delay(&date).unwrap().as_secs();
        assert!((90..=100).contains(&of_date), "{of_date}");
        assert_eq!(delay("Thu, 01 Jan 1970 00:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(delay("soon"), None);
    }

    #[test]
    fn the_receiver_s_words_are_kept() {
        let status = RpcStatus {
            message: "no such tenant".to_owned(),
            details: Vec::new(),
        };
        let protobuf = ("content-type", PROTOBUF);
        let error = outcome(&answer(400, &[protobuf], status.encode_to_vec())).unwrap_err();
        assert_eq!(error.to_string(), "400 Bad Request: no such tenant");
        let error = outcome(&answer(404, &[], b"page not found\n".to_vec())).unwrap_err();
        assert_eq!(error.to_string(), "404 Not Found: page not found");

        let partial_success = Some(PartialSuccess {
            rejected: 3,
            message: "too old".to_owned(),
        });
        let rejected = ExportResponse {
            partial_success: partial_success.clone(),
        };
        let taken = outcome(&answer(200, &[protobuf], rejected.encode_to_vec()));
        assert_eq!(taken.unwrap(), partial_success);
        assert_eq!(outcome(&answer(202, &[], b"OK".to_vec())).unwrap(), None);
        let page = answer(
            200,
            &[("content-type", "text/html; charset=utf-8")],
            b"<html>".to_vec(),
        );
        assert!(outcome(&page).unwrap_err().is_retryable);
    }
}
