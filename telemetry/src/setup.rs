//! One call that sets everything up, one guard that shuts it down.

use std::{thread, time::Instant};

use opentelemetry::{
    global,
    propagation::{TextMapCompositePropagator, TextMapPropagator},
};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    metrics::{PeriodicReader, SdkMeterProvider},
    propagation::{BaggagePropagator, TraceContextPropagator},
    trace::SdkTracerProvider,
};
use tokio::sync::oneshot;
use tracing::{Dispatch, Subscriber, subscriber::set_global_default};
use tracing_subscriber::{Layer as _, layer::SubscriberExt as _};
use trivium_otlp::InvalidSetting;

use crate::{
    SHUTDOWN_LIMIT,
    diagnostics::StderrFilter,
    export::{
        Exports,
        queue::BatchQueue,
        self_metrics::{self, ExportCounts},
        spans::QueuedSpans,
    },
    instrument::{self, provider::Provider},
    resource::{Identity, resource},
    runtime,
    settings::{ExemplarFilter, Propagator, Settings},
    subscriber::{Logs, Signals},
    trace::Spans,
};

/// Why telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InitError {
    /// A variable holds a value that cannot be used; the message names it and what to write instead.
    #[error(transparent)]
    Setting(#[from] InvalidSetting),
    /// The thread that exports could not be started.
    #[error("cannot start the thread `otlp-export`: {0}")]
    Thread(#[source] std::io::Error),
    /// The program installed a `tracing` subscriber before.
    #[error("a tracing subscriber is installed already; call `init` once, before any other: {0}")]
    Subscriber(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What could not be flushed in time.
#[derive(Debug, thiserror::Error)]
#[error("telemetry was lost at shutdown: {}", .0.join("; "))]
pub struct ShutdownError(Vec<String>);

/// Describes the program before telemetry is set up. See [`Telemetry::builder`].
#[derive(Debug, Clone)]
#[must_use = "nothing is set up until `init` is called"]
pub struct Builder(Identity);

impl Builder {
    /// `service.version`.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.0.service_version = Some(version.into());
        self
    }

    /// `service.namespace`: the system that the service is a part of.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.0.service_namespace = Some(namespace.into());
        self
    }

    /// Installs the global meter, logger and tracer providers, the propagators and the `tracing` subscriber. Call it
    /// once, first thing in `main`.
    ///
    /// # Errors
    /// [`InitError`], when a variable cannot be used or a subscriber is installed already. A Collector that is away is
    /// no error.
    pub fn init(self) -> Result<Telemetry, InitError> {
        self.init_from(|variable| std::env::var(variable).ok())
    }

    /// As [`init`](Self::init), for a program (or a test) that keeps the variables elsewhere than in the environment.
    /// Only span limits (`OTEL_SPAN_*`), which the SDK reads, still come from there.
    ///
    /// # Errors
    /// As [`init`](Self::init).
    pub fn init_from(
        self,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Telemetry, InitError> {
        let settings = Settings::from_lookup(lookup)?;
        if settings.is_disabled {
            install(stderr())?;
            return Ok(Telemetry { pipeline: None });
        }
        let resource = resource(self.0, &settings);
        let pipeline = Pipeline::start(&settings, &resource)?;
        pipeline.install(&settings)?;
        #[cfg(feature = "process-metrics")]
        crate::process::observe();
        runtime::observe();
        Ok(Telemetry {
            pipeline: Some(pipeline),
        })
    }
}

/// Holds telemetry up; shuts it down when told to, or when dropped.
#[derive(Debug)]
#[must_use = "telemetry ends when this is dropped"]
pub struct Telemetry {
    /// `None` when `OTEL_SDK_DISABLED=true`.
    pipeline: Option<Pipeline>,
}

impl Telemetry {
    /// Starts to describe the program by its `service.name`, which `OTEL_SERVICE_NAME` overrides.
    pub fn builder(service_name: impl Into<String>) -> Builder {
        Builder(Identity {
            service_name: service_name.into(),
            service_namespace: None,
            service_version: None,
        })
    }

    /// Sends what waits: traces, then logs, then metrics, so that the last metrics tell what became of the others. Takes
    /// at most ten seconds, five of them for traces and logs.
    ///
    /// # Errors
    /// [`ShutdownError`] when not all could be sent in that time.
    pub async fn shutdown(mut self) -> Result<(), ShutdownError> {
        let Some(pipeline) = self.pipeline.take() else {
            return Ok(());
        };
        let (done, is_done) = oneshot::channel();
        // A plain thread: the caller's runtime may be of one thread, and may be about to end.
        thread::spawn(move || done.send(pipeline.shutdown()));
        is_done
            .await
            .unwrap_or_else(|_| Err(ShutdownError(vec!["the shutdown panicked".to_owned()])))
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(pipeline) = self.pipeline.take()
            && let Err(error) = pipeline.shutdown()
        {
            tracing::warn!("{error}");
        }
    }
}

/// The three providers and the thread behind them.
#[derive(Debug)]
struct Pipeline {
    tracer: SdkTracerProvider,
    meter: SdkMeterProvider,
    counts: ExportCounts,
    spans: Option<BatchQueue>,
    logs: Option<BatchQueue>,
    /// Dropping it ends the export thread.
    _export_thread: oneshot::Sender<()>,
}

impl Pipeline {
    /// A signal that is not exported has a provider all the same: spans still have ids, and carry them to other programs.
    fn start(settings: &Settings, resource: &Resource) -> Result<Self, InitError> {
        let exports = Exports::start(settings, resource)?;
        let mut tracer = SdkTracerProvider::builder()
            .with_resource(resource.clone())
            .with_sampler(settings.sampler.clone());
        if let Some(spans) = &exports.spans {
            // Of programs that make spans by the OpenTelemetry API; those of `tracing` go their own way to the same queue.
            tracer = tracer.with_span_processor(QueuedSpans(spans.clone()));
        }
        let mut meter = SdkMeterProvider::builder().with_resource(resource.clone());
        if let Some(metrics) = exports.metrics {
            let reader = PeriodicReader::builder(metrics).with_interval(settings.metric_interval);
            meter = meter.with_reader(reader.build());
        }
        Ok(Self {
            tracer: tracer.build(),
            meter: meter.build(),
            counts: exports.counts,
            spans: exports.spans,
            logs: exports.logs,
            _export_thread: exports.thread,
        })
    }

    fn install(&self, settings: &Settings) -> Result<(), InitError> {
        install(Signals {
            spans: Spans::new(
                settings.sampler.clone(),
                settings.span_limits,
                self.spans.clone(),
            ),
            logs: self
                .logs
                .clone()
                .map(|queue| Logs::new(settings.log_filter.clone(), queue)),
            stderr: Dispatch::new(stderr()),
        })?;

        if settings.metrics.is_some() {
            instrument::collect_with(effective_filter(settings));
        }
        global::set_meter_provider(Provider(self.meter.clone()));
        global::set_tracer_provider(self.tracer.clone());
        global::set_text_map_propagator(TextMapCompositePropagator::new(
            settings.propagators.iter().map(propagator).collect(),
        ));
        self_metrics::observe(&self.counts);
        Ok(())
    }

    fn shutdown(self) -> Result<(), ShutdownError> {
        let deadline = Instant::now() + SHUTDOWN_LIMIT;
        let left = || deadline.saturating_duration_since(Instant::now());
        let mut lost = Vec::new();
        let mut note = |signal: &str, result: OTelSdkResult| {
            if let Err(error) = result {
                lost.push(format!("{signal}: {error}"));
            }
        };
        note("traces", self.tracer.shutdown_with_timeout(left()));
        note("logs", self.logs.map_or(Ok(()), |logs| logs.close(left())));
        note("metrics", self.meter.shutdown_with_timeout(SHUTDOWN_LIMIT));
        if lost.is_empty() {
            Ok(())
        } else {
            Err(ShutdownError(lost))
        }
    }
}

/// No exemplars where nobody exports the spans they would point to.
fn effective_filter(settings: &Settings) -> ExemplarFilter {
    if settings.traces.is_some() {
        settings.exemplar_filter
    } else {
        ExemplarFilter::AlwaysOff
    }
}

fn propagator(propagator: &Propagator) -> Box<dyn TextMapPropagator + Send + Sync> {
    match propagator {
        Propagator::TraceContext => Box::new(TraceContextPropagator::new()),
        Propagator::Baggage => Box::new(BaggagePropagator::new()),
    }
}

fn install(subscriber: impl Subscriber + Send + Sync) -> Result<(), InitError> {
    set_global_default(subscriber).map_err(|error| InitError::Subscriber(Box::new(error)))
}

/// Writes to standard error what belongs there.
fn stderr() -> impl Subscriber + Send + Sync {
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_filter(StderrFilter::default());
    tracing_subscriber::registry().with(lines)
}
