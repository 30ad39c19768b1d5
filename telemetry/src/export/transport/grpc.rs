//! OTLP/gRPC: a unary call whose message is already encoded.

use std::sync::Arc;

use ::http::HeaderMap;
use bytes::{BufMut as _, Bytes};
use hyper_util::client::legacy::Error as ClientError;
use tonic::{
    Extensions, Request, Status,
    client::Grpc as GrpcClient,
    codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::MetadataMap,
};
use tower::util::{MapErr, ServiceExt as _};

use super::{
    super::outcome::{ExportError, ExportResponse, PartialSuccess},
    client::{HttpClient, explain_anonymous, is_anonymous},
};
use crate::{settings::Destination, signal::Signal};

/// A client that names its errors as gRPC does.
type StatusClient = MapErr<HttpClient, fn(ClientError) -> Status>;

#[derive(Debug, Clone)]
pub(super) struct Grpc {
    client: GrpcClient<StatusClient>,
    headers: HeaderMap,
}

impl Grpc {
    pub(super) fn new(client: HttpClient, destination: Destination) -> Self {
        let to_status: fn(ClientError) -> Status = if is_anonymous(&destination) {
            |error| unavailable(explain_anonymous(&error), error)
        } else {
            |error| unavailable(error.to_string(), error)
        };
        let client = client.map_err(to_status);
        let mut client = GrpcClient::with_origin(client, destination.endpoint);
        if destination.is_compressed {
            client = client
                .send_compressed(CompressionEncoding::Gzip)
                .accept_compressed(CompressionEncoding::Gzip);
        }
        Self {
            client,
            headers: destination.headers,
        }
    }

    pub(super) async fn send(
        &self,
        signal: Signal,
        body: Bytes,
    ) -> Result<Option<PartialSuccess>, ExportError> {
        let mut client = self.client.clone();
        client.ready().await?;
        let headers = MetadataMap::from_headers(self.headers.clone());
        let request = Request::from_parts(headers, Extensions::default(), body);
        let response = client.unary(request, signal.grpc_method(), Encoded).await?;
        Ok(response.into_inner().partial_success)
    }
}

/// As gRPC's own clients name a receiver that cannot be reached.
fn unavailable(message: String, error: ClientError) -> Status {
    let mut status = Status::unavailable(message);
    status.set_source(Arc::new(error));
    status
}

/// The codec of requests that are already encoded.
#[derive(Debug, Clone, Copy)]
struct Encoded;

impl Codec for Encoded {
    type Encode = Bytes;
    type Decode = ExportResponse;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Encoded {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Encoded {
    type Item = ExportResponse;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<ExportResponse>, Status> {
        prost::Message::decode(buffer)
            .map(Some)
            .map_err(|error| Status::internal(format!("the response cannot be decoded: {error}")))
    }
}
