//! OTLP/gRPC: a unary call as one HTTP/2 request.
//!
//! The request's body is one message after a prefix of five bytes (whether it is compressed, and its length, big-endian).
//! The outcome stands in `grpc-status`, in the trailers, or in the headers of an answer without a message.
//!
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>

use ::http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, header, uri::PathAndQuery};
use bytes::{Buf as _, Bytes, buf::Chain};
use http_body_util::{BodyExt as _, Full, Limited};
use prost::Message as _;

use crate::{
    Compression, Destination, ExportError, PartialSuccess, Signal,
    client::{ANSWER_LIMIT, HttpClient},
    outcome::{Code, ExportResponse},
};

const PREFIX_BYTES: usize = 5;

/// As gRPC's own clients name a receiver that cannot be reached.
const UNREACHABLE: &str = "UNAVAILABLE";

#[derive(Debug, Clone)]
pub(crate) struct Grpc {
    client: HttpClient,
    endpoint: Uri,
    headers: HeaderMap,
    compression: Compression,
}

impl Grpc {
    pub(crate) fn new(client: HttpClient, signal: Signal, destination: Destination) -> Self {
        let mut endpoint = destination.endpoint.into_parts();
        endpoint.path_and_query = Some(PathAndQuery::from_static(signal.grpc_method()));
        let mut headers = destination.headers;
        let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
        set(header::CONTENT_TYPE, "application/grpc");
        set(header::TE, "trailers");
        if let Some(name) = destination.compression.name() {
            set(header::HeaderName::from_static("grpc-encoding"), name);
        }
        Self {
            client,
            endpoint: Uri::from_parts(endpoint).expect("scheme, authority and path make a URI"),
            headers,
            compression: destination.compression,
        }
    }

    pub(crate) async fn send(&self, body: Bytes) -> Result<Option<PartialSuccess>, ExportError> {
        let mut request = Request::new(Full::new(self.message(body)));
        *request.method_mut() = ::http::Method::POST;
        *request.uri_mut() = self.endpoint.clone();
        request.headers_mut().clone_from(&self.headers);
        let response = self.client.request(request, UNREACHABLE).await?;
        let (parts, body) = response.into_parts();
        let answer = Limited::new(body, ANSWER_LIMIT).collect().await;
        if parts.status != StatusCode::OK {
            return Err(ExportError::from_http_status(parts.status));
        }
        let (trailers, message) = match answer {
            Ok(answer) => (answer.trailers().cloned(), answer.to_bytes()),
            Err(error) => return Err(ExportError::broken_off(error.as_ref())),
        };
        outcome(trailers.as_ref().unwrap_or(&parts.headers), &message)
    }

    fn message(&self, body: Bytes) -> Chain<Bytes, Bytes> {
        let body = self.compression.compressed(body);
        let length = u32::try_from(body.len()).expect("a request is far smaller than 4 GiB");
        let mut prefix = [0; PREFIX_BYTES];
        prefix[0] = u8::from(self.compression != Compression::None);
        prefix[1..].copy_from_slice(&length.to_be_bytes());
        Bytes::copy_from_slice(&prefix).chain(body)
    }
}

fn outcome(status: &HeaderMap, message: &[u8]) -> Result<Option<PartialSuccess>, ExportError> {
    let code = status.get("grpc-status").map(Code::from_header);
    match code {
        // Whatever the message may be, the status says that the data was taken.
        Some(Code::Ok) => Ok(message
            .get(PREFIX_BYTES..)
            .and_then(|message| ExportResponse::decode(message).ok())
            .and_then(|response| response.partial_success)),
        Some(code) => Err(ExportError::from_grpc(code, status)),
        None => Err(ExportError::no_status()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(headers: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = headers.iter();
        pairs
            .map(|(name, value)| {
                let name = header::HeaderName::from_static(name);
                (name, HeaderValue::from_str(value).unwrap())
            })
            .collect()
    }

    #[test]
    fn the_receiver_s_words_are_kept() {
        let partial_success = Some(PartialSuccess {
            rejected: 3,
            message: "too old".to_owned(),
        });
        let response = ExportResponse {
            partial_success: partial_success.clone(),
        };
        let message = [vec![0; PREFIX_BYTES], response.encode_to_vec()].concat();
        let taken = outcome(&status(&[("grpc-status", "0")]), &message);
        assert_eq!(taken.unwrap(), partial_success);
        let taken = outcome(&status(&[("grpc-status", "0")]), b"\0\0\0\0\x02\xff\xff");
        assert_eq!(taken.unwrap(), None);

        let refused = status(&[
            ("grpc-status", "3"),
            ("grpc-message", "no%20such tenant: %C3%BC"),
        ]);
        let error = outcome(&refused, &[]).unwrap_err();
        assert_eq!(error.to_string(), "INVALID_ARGUMENT: no such tenant: ü");
        assert!(!error.is_retryable);
    }

    #[test]
    fn an_answer_that_says_nothing_is_worth_another_try() {
        assert!(outcome(&status(&[]), &[]).unwrap_err().is_retryable);
        let absurd = outcome(&status(&[("grpc-status", "ok")]), &[]).unwrap_err();
        assert_eq!(absurd.error_type, "UNKNOWN");
    }
}
