//! A Collector that remembers what it got.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use opentelemetry_proto::tonic::{
    collector::{
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
    },
    common::v1::{KeyValue, any_value::Value},
    logs::v1::LogRecord,
    metrics::v1::{HistogramDataPoint, Metric, NumberDataPoint, metric::Data},
    resource::v1::Resource,
    trace::v1::Span,
};
use tokio::{net::TcpListener, runtime::Runtime};
use tonic::{Request, Response, Status, codec::CompressionEncoding, transport::Server};

#[derive(Debug, Default)]
pub(crate) struct Received {
    pub(crate) resources: Vec<Resource>,
    pub(crate) spans: Vec<Span>,
    pub(crate) logs: Vec<LogRecord>,
    /// Scope names of the log records: their targets.
    pub(crate) log_scopes: Vec<String>,
    /// In the order of arrival; the last one of a name is the newest.
    pub(crate) metrics: Vec<Metric>,
}

#[derive(Debug, Clone, Default)]
struct Store(Arc<Mutex<Received>>);

/// Runs on a runtime of its own, so that it outlives the runtime of any test.
pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    store: Store,
    runtime: Option<Runtime>,
}

impl Collector {
    /// On a free port.
    pub(crate) fn start() -> Self {
        let mut collector = Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            store: Store::default(),
            runtime: None,
        };
        collector.resume();
        collector
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Listens (again) on the same address.
    pub(crate) fn resume(&mut self) {
        let runtime = Runtime::new().unwrap();
        // Bound without `block_on`, which a test that runs inside a runtime may not call.
        let listener = std::net::TcpListener::bind(self.address).unwrap();
        listener.set_nonblocking(true).unwrap();
        self.address = listener.local_addr().unwrap();
        let inside = runtime.enter();
        let listener = TcpListener::from_std(listener).unwrap();
        let gzip = CompressionEncoding::Gzip;
        let store = self.store.clone();
        let server = Server::builder()
            .add_service(TraceServiceServer::new(store.clone()).accept_compressed(gzip))
            .add_service(LogsServiceServer::new(store.clone()).accept_compressed(gzip))
            .add_service(MetricsServiceServer::new(store).accept_compressed(gzip));
        let incoming = tonic::transport::server::TcpIncoming::from(listener);
        runtime.spawn(server.serve_with_incoming(incoming));
        drop(inside);
        self.runtime = Some(runtime);
    }

    /// Drops all connections and stops listening.
    pub(crate) fn pause(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // On a thread of its own, for a test may run inside a runtime, which must not wait. When this returns, no
            // connection is left that could still take something in.
            let ended =
                std::thread::spawn(move || runtime.shutdown_timeout(Duration::from_secs(5)));
            ended.join().unwrap();
        }
    }

    pub(crate) fn received(&self) -> MutexGuard<'_, Received> {
        self.store.0.lock().unwrap()
    }

    /// Waits until `find` finds what it looks for.
    pub(crate) fn wait_for<T>(
        &self,
        what: &str,
        mut find: impl FnMut(&Received) -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(found) = find(&self.received()) {
                return found;
            }
            assert!(Instant::now() < deadline, "{what} did not arrive");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.pause();
    }
}

impl Received {
    pub(crate) fn span(&self, name: &str) -> Option<Span> {
        self.spans.iter().find(|span| span.name == name).cloned()
    }

    pub(crate) fn log(&self, event_name: &str) -> Option<LogRecord> {
        let mut logs = self.logs.iter();
        logs.find(|log| log.event_name == event_name).cloned()
    }

    /// The newest points of a histogram.
    pub(crate) fn histogram(&self, name: &str) -> Vec<HistogramDataPoint> {
        match self.newest(name) {
            Some(Data::Histogram(histogram)) => histogram.data_points.clone(),
            _ => Vec::new(),
        }
    }

    /// The newest points of a counter or an up-down counter.
    pub(crate) fn sum(&self, name: &str) -> Vec<NumberDataPoint> {
        match self.newest(name) {
            Some(Data::Sum(sum)) => sum.data_points.clone(),
            _ => Vec::new(),
        }
    }

    fn newest(&self, name: &str) -> Option<&Data> {
        let metric = self.metrics.iter().rfind(|metric| metric.name == name)?;
        metric.data.as_ref()
    }
}

/// The attribute's value as text.
pub(crate) fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    let attribute = attributes.iter().find(|attribute| attribute.key == key)?;
    Some(match attribute.value.clone()?.value? {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    })
}

#[tonic::async_trait]
impl TraceService for Store {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut received = self.0.lock().unwrap();
        for resource_spans in request.into_inner().resource_spans {
            received.resources.extend(resource_spans.resource);
            for scope in resource_spans.scope_spans {
                received.spans.extend(scope.spans);
            }
        }
        Ok(Response::new(Default::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Store {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let mut received = self.0.lock().unwrap();
        for resource_logs in request.into_inner().resource_logs {
            received.resources.extend(resource_logs.resource);
            for scope in resource_logs.scope_logs {
                received
                    .log_scopes
                    .extend(scope.scope.map(|scope| scope.name));
                received.logs.extend(scope.log_records);
            }
        }
        Ok(Response::new(Default::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Store {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let mut received = self.0.lock().unwrap();
        for resource_metrics in request.into_inner().resource_metrics {
            received.resources.extend(resource_metrics.resource);
            for scope in resource_metrics.scope_metrics {
                received.metrics.extend(scope.metrics);
            }
        }
        Ok(Response::new(Default::default()))
    }
}
