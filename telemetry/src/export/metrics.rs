//! Metrics of the SDK → those of our instruments added → `ExportMetricsServiceRequest`, one attempt per interval.

use std::{
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    time::Duration,
};

use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest, metrics::v1::metric::Data,
};
use opentelemetry_sdk::{
    error::{OTelSdkError, OTelSdkResult},
    metrics::{Temporality, data::ResourceMetrics, exporter::PushMetricExporter},
};
use prost::Message as _;
use tokio::runtime::Handle;
use trivium_otlp::{ExportError, PartialSuccess, Transport};

use super::queue::Counts;
use crate::{diagnostics::Outage, instrument::collect::collect};

/// The exporter that the SDK's periodic reader calls, on the reader's own thread.
pub(crate) struct MetricExporter {
    transport: Transport,
    /// The runtime that drives the connection; the reader's thread has none.
    runtime: Handle,
    counts: Arc<Counts>,
    outage: Mutex<Outage>,
}

impl MetricExporter {
    pub(crate) fn new(transport: Transport, runtime: Handle) -> Self {
        Self {
            counts: Arc::new(Counts::new(transport.component_type(), 0)),
            outage: Mutex::new(Outage::new(transport.signal())),
            transport,
            runtime,
        }
    }

    pub(crate) fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }

    fn failed(&self, error: &ExportError, points: u64) -> OTelSdkError {
        self.counts.count_failed(error.error_type.clone(), points);
        self.outage
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .failed(error, 0);
        OTelSdkError::InternalFailure(error.to_string())
    }

    fn sent(&self, points: u64, partial: Option<PartialSuccess>) {
        let mut outage = self.outage.lock().unwrap_or_else(PoisonError::into_inner);
        outage.ended(0);
        let rejected = outage.partial(partial).min(points);
        if rejected > 0 {
            self.counts.count_failed("rejected", rejected);
        }
        self.counts
            .exported
            .fetch_add(points - rejected, Ordering::Relaxed);
    }
}

impl PushMetricExporter for MetricExporter {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let mut request = ExportMetricsServiceRequest::from(metrics);
        collect(&mut request);
        let points = count_points(&request);
        if points == 0 {
            return Ok(());
        }
        let transport = self.transport.clone();
        let body = request.encode_to_vec().into();
        let attempt = self
            .runtime
            .spawn(async move { transport.send(body).await });
        match attempt.await {
            Ok(Ok(partial_success)) => {
                self.sent(points, partial_success);
                Ok(())
            }
            Ok(Err(error)) => Err(self.failed(&error, points)),
            Err(_) => Err(OTelSdkError::AlreadyShutdown),
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}

fn count_points(request: &ExportMetricsServiceRequest) -> u64 {
    let metrics = request
        .resource_metrics
        .iter()
        .flat_map(|resource| &resource.scope_metrics)
        .flat_map(|scope| &scope.metrics);
    metrics
        .map(|metric| match &metric.data {
            Some(Data::Gauge(gauge)) => gauge.data_points.len(),
            Some(Data::Sum(sum)) => sum.data_points.len(),
            Some(Data::Histogram(histogram)) => histogram.data_points.len(),
            Some(Data::ExponentialHistogram(histogram)) => histogram.data_points.len(),
            Some(Data::Summary(summary)) => summary.data_points.len(),
            None => 0,
        } as u64)
        .sum()
}
