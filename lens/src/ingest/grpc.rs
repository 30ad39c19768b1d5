//! OTLP/gRPC traces: `opentelemetry.proto.collector.trace.v1.TraceService/Export`.
//!
//! Not the generated server, for two reasons. It decodes a message before anyone can ask whether there is memory for it;
//! here the message stays bytes until it has its share of the budget. And it answers a truncated message with `INTERNAL`
//! and one that is too large with `OUT_OF_RANGE`, which the Collector repeats without end.

use std::convert::Infallible;
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceResponse, trace_service_server,
};
use prost::Message as _;
use tonic::codec::{
    Codec, CompressionEncoding, DecodeBuf, Decoder, EnabledCompressionEncodings, EncodeBuf, Encoder,
};
use tonic::codegen::{Body, Service, StdError};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Code, Request, Response, Status};

use super::body::DECODED_BYTES;
use super::error::IngestError;
use super::routes::traces_response;
use super::{Ingest, Signal, traces};

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// The service, for tonic's server.
#[derive(Debug, Clone)]
pub struct TraceService {
    ingest: Ingest,
}

impl TraceService {
    /// The service in front of `ingest`.
    pub fn new(ingest: Ingest) -> Self {
        Self { ingest }
    }
}

impl NamedService for TraceService {
    const NAME: &'static str = trace_service_server::SERVICE_NAME;
}

impl<B> Service<http::Request<B>> for TraceService
where
    B: Body + Send + 'static,
    B::Error: Into<StdError> + Send + 'static,
{
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let ingest = self.ingest.clone();
        async move {
            if request.uri().path() != EXPORT {
                return Ok(
                    Status::unimplemented(format!("the only method is {EXPORT}")).into_http(),
                );
            }
            if let Err(error) = ingest.authorize(request.headers()) {
                ingest.statistics.refused(Signal::Traces, &error);
                return Ok(error.into_grpc().into_http());
            }
            let mut accepted = EnabledCompressionEncodings::default();
            accepted.enable(CompressionEncoding::Gzip);
            let mut grpc = Grpc::new(BytesCodec)
                .apply_compression_config(accepted, EnabledCompressionEncodings::default())
                .apply_max_message_size_config(Some(DECODED_BYTES), None);
            let response = grpc
                .unary(
                    Export {
                        ingest: ingest.clone(),
                    },
                    request,
                )
                .await;
            Ok(match Status::from_header_map(response.headers()) {
                Some(status) if status.code() == Code::OutOfRange => {
                    let error = IngestError::TooLarge {
                        measured: "as sent",
                        limit_bytes: DECODED_BYTES,
                    };
                    ingest.statistics.refused(Signal::Traces, &error);
                    error.into_grpc().into_http()
                }
                _ => response,
            })
        }
        .boxed()
    }
}

struct Export {
    ingest: Ingest,
}

impl UnaryService<Bytes> for Export {
    type Response = ExportTraceServiceResponse;
    type Future = BoxFuture<'static, Result<Response<Self::Response>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let ingest = self.ingest.clone();
        async move {
            let message = request.into_inner();
            match ingest
                .take(Signal::Traces, message.len(), move || {
                    traces::decode(&message)
                })
                .await
            {
                Ok(refused) => Ok(Response::new(traces_response(&refused))),
                Err(error) => {
                    ingest.statistics.refused(Signal::Traces, &error);
                    Err(error.into_grpc())
                }
            }
        }
        .boxed()
    }
}

/// Leaves a request as bytes.
struct BytesCodec;

impl Codec for BytesCodec {
    type Encode = ExportTraceServiceResponse;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for BytesCodec {
    type Item = ExportTraceServiceResponse;
    type Error = Status;

    fn encode(&mut self, item: Self::Item, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.encode(buffer)
            .map_err(|error| Status::internal(error.to_string()))
    }
}

impl Decoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
