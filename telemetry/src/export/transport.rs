//! One gRPC channel for all three signals. A request is encoded once, by the caller; every attempt sends those bytes.

use std::time::Duration;

use bytes::{BufMut as _, Bytes};
use http::{HeaderMap, uri::PathAndQuery};
use tonic::{
    Extensions, Request, Status,
    client::Grpc,
    codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::MetadataMap,
    transport::{Channel, ClientTlsConfig, Endpoint},
};

use super::outcome::{ExportError, ExportResponse, PartialSuccess};
use crate::settings::{InvalidSetting, Settings};

/// Which of OTLP's services a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    Traces,
    Logs,
    Metrics,
}

impl Signal {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Logs => "logs",
            Self::Metrics => "metrics",
        }
    }

    fn path(self) -> PathAndQuery {
        PathAndQuery::from_static(match self {
            Self::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            Self::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
            Self::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        })
    }
}

/// Sends encoded requests. Connects at the first one, and again by itself when the connection is lost.
#[derive(Debug, Clone)]
pub(crate) struct Transport {
    grpc: Grpc<Channel>,
    headers: HeaderMap,
}

impl Transport {
    /// Needs to be called inside a Tokio runtime, which then drives the connection.
    pub(crate) fn new(settings: &Settings) -> Result<Self, InvalidSetting> {
        let invalid = |error: tonic::transport::Error| {
            InvalidSetting::new(
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                &settings.endpoint.to_string(),
                &error,
            )
        };
        let mut endpoint = Endpoint::from(settings.endpoint.clone())
            .user_agent(concat!("trivium-telemetry/", env!("CARGO_PKG_VERSION")))
            .map_err(invalid)?
            .timeout(settings.timeout)
            .connect_timeout(settings.timeout.min(Duration::from_secs(5)))
            .http2_keep_alive_interval(Duration::from_secs(30))
            .keep_alive_while_idle(true);
        if settings.endpoint.scheme_str() == Some("https") {
            endpoint = endpoint
                .tls_config(ClientTlsConfig::new().with_native_roots())
                .map_err(invalid)?;
        }
        let mut grpc = Grpc::new(endpoint.connect_lazy());
        if settings.is_compressed {
            grpc = grpc
                .send_compressed(CompressionEncoding::Gzip)
                .accept_compressed(CompressionEncoding::Gzip);
        }
        Ok(Self {
            grpc,
            headers: settings.headers.iter().cloned().collect(),
        })
    }

    /// One attempt. `body` is an encoded `Export…ServiceRequest` of `signal`; what comes back is what the receiver
    /// rejected of it, if anything.
    pub(crate) async fn send(
        &self,
        signal: Signal,
        body: Bytes,
    ) -> Result<Option<PartialSuccess>, ExportError> {
        let mut grpc = self.grpc.clone();
        grpc.ready()
            .await
            .map_err(|error| Status::from_error(Box::new(error)))?;
        let headers = MetadataMap::from_headers(self.headers.clone());
        let request = Request::from_parts(headers, Extensions::default(), body);
        let response = grpc.unary(request, signal.path(), Encoded).await?;
        Ok(response.into_inner().partial_success)
    }
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
