//! An OTLP/gRPC receiver that counts.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use opentelemetry_proto::tonic::collector::{
    logs::v1::{
        ExportLogsServiceRequest, ExportLogsServiceResponse,
        logs_service_server::{LogsService, LogsServiceServer},
    },
    metrics::v1::{
        ExportMetricsServiceRequest, ExportMetricsServiceResponse,
        metrics_service_server::{MetricsService, MetricsServiceServer},
    },
    trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
};
use tokio::net::TcpListener;
use tonic::{Request, Response, Status, codec::CompressionEncoding, transport::Server};

use crate::Failure;

/// OTLP's `SPAN_KIND_SERVER`.
const SERVER: i32 = 2;

#[derive(Debug, Clone)]
pub(crate) struct Sink {
    pub(crate) address: SocketAddr,
    server_spans: Arc<AtomicU64>,
}

impl Sink {
    /// On a free port, for the life of the runtime.
    pub(crate) async fn start() -> Result<Self, Failure> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let sink = Self {
            address: listener.local_addr()?,
            server_spans: Arc::default(),
        };
        let gzip = CompressionEncoding::Gzip;
        let server = Server::builder()
            .add_service(TraceServiceServer::new(sink.clone()).accept_compressed(gzip))
            .add_service(LogsServiceServer::new(sink.clone()).accept_compressed(gzip))
            .add_service(MetricsServiceServer::new(sink.clone()).accept_compressed(gzip));
        tokio::spawn(
            server.serve_with_incoming(tonic::transport::server::TcpIncoming::from(listener)),
        );
        Ok(sink)
    }

    /// Server spans that arrived so far.
    pub(crate) fn server_spans(&self) -> u64 {
        self.server_spans.load(Ordering::Relaxed)
    }
}

#[tonic::async_trait]
impl TraceService for Sink {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let spans = request
            .get_ref()
            .resource_spans
            .iter()
            .flat_map(|resource| &resource.scope_spans)
            .flat_map(|scope| &scope.spans);
        let server_spans = spans.filter(|span| span.kind == SERVER).count();
        self.server_spans
            .fetch_add(server_spans as u64, Ordering::Relaxed);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Sink {
    async fn export(
        &self,
        _: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Sink {
    async fn export(
        &self,
        _: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}
