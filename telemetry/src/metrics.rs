//! Instruments with exemplars: the SDK's own, and beside each a reservoir of exemplars.
//!
//! The surface is that of [`opentelemetry::metrics`], so that a program changes an import when the SDK has exemplars.
//! Make instruments after [`Telemetry::init`](crate::Builder::init): before it they record nothing. For gauges,
//! up-down counters and observable instruments, which carry no exemplars, use [`opentelemetry::global::meter`].

use std::{borrow::Cow, sync::Arc};

use opentelemetry::{Context, KeyValue, global, metrics as otel};

use crate::exemplar::{Exemplars, Value};

/// Bucket boundaries for durations in seconds, as the semantic conventions advise for HTTP and databases.
///
/// <https://opentelemetry.io/docs/specs/semconv/http/http-metrics/#metric-httpserverrequestduration>
pub const DURATION_BOUNDARIES: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// What the SDK uses when none are given; made for milliseconds.
const SDK_BOUNDARIES: &[f64] = &[
    0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0, 5000.0, 7500.0,
    10000.0,
];

/// The meter of one instrumentation scope, usually named after the crate that records.
#[must_use]
pub fn meter(scope: &'static str) -> Meter {
    Meter(global::meter(scope))
}

/// Makes instruments. See [`meter`].
#[derive(Debug, Clone)]
pub struct Meter(otel::Meter);

impl Meter {
    /// Starts a histogram, such as `http.server.request.duration`.
    pub fn f64_histogram(&self, name: impl Into<Cow<'static, str>>) -> HistogramBuilder<'_> {
        let name = name.into();
        HistogramBuilder {
            inner: self.0.f64_histogram(name.clone()),
            name,
            boundaries: SDK_BOUNDARIES.to_vec(),
        }
    }

    /// Starts a counter, such as `auth.logins`.
    pub fn u64_counter(&self, name: impl Into<Cow<'static, str>>) -> CounterBuilder<'_> {
        let name = name.into();
        CounterBuilder {
            inner: self.0.u64_counter(name.clone()),
            name,
        }
    }
}

/// Describes a histogram before it is made.
#[must_use = "a builder makes nothing until `build` is called"]
pub struct HistogramBuilder<'a> {
    inner: otel::HistogramBuilder<'a, otel::Histogram<f64>>,
    name: Cow<'static, str>,
    boundaries: Vec<f64>,
}

impl HistogramBuilder<'_> {
    /// The unit in UCUM, such as `s` or `By`.
    pub fn with_unit(mut self, unit: impl Into<Cow<'static, str>>) -> Self {
        self.inner = self.inner.with_unit(unit);
        self
    }

    /// What is measured, in a sentence.
    pub fn with_description(mut self, description: impl Into<Cow<'static, str>>) -> Self {
        self.inner = self.inner.with_description(description);
        self
    }

    /// Upper bounds of the buckets, ascending, in the instrument's unit.
    pub fn with_boundaries(mut self, boundaries: Vec<f64>) -> Self {
        self.boundaries = boundaries;
        self
    }

    /// Makes the histogram.
    #[must_use]
    pub fn build(self) -> Histogram {
        Histogram {
            inner: self.inner.with_boundaries(self.boundaries.clone()).build(),
            exemplars: Exemplars::register(self.name.into_owned(), self.boundaries),
        }
    }
}

/// A histogram of `f64` with one exemplar per bucket and series at each collection.
#[derive(Debug, Clone)]
pub struct Histogram {
    inner: otel::Histogram<f64>,
    exemplars: Arc<Exemplars>,
}

impl Histogram {
    /// Records one value; the exemplar, if it is kept, points to the current span.
    pub fn record(&self, value: f64, attributes: &[KeyValue]) {
        self.inner.record(value, attributes);
        Context::map_current(|cx| self.exemplars.offer(cx, Value::F64(value), attributes));
    }

    /// Records one value for the span of `cx`, where that is not the current one.
    pub fn record_in(&self, cx: &Context, value: f64, attributes: &[KeyValue]) {
        self.inner.record(value, attributes);
        self.exemplars.offer(cx, Value::F64(value), attributes);
    }
}

/// Describes a counter before it is made.
#[must_use = "a builder makes nothing until `build` is called"]
pub struct CounterBuilder<'a> {
    inner: otel::InstrumentBuilder<'a, otel::Counter<u64>>,
    name: Cow<'static, str>,
}

impl CounterBuilder<'_> {
    /// The unit in UCUM, such as `{login}`.
    pub fn with_unit(mut self, unit: impl Into<Cow<'static, str>>) -> Self {
        self.inner = self.inner.with_unit(unit);
        self
    }

    /// What is counted, in a sentence.
    pub fn with_description(mut self, description: impl Into<Cow<'static, str>>) -> Self {
        self.inner = self.inner.with_description(description);
        self
    }

    /// Makes the counter.
    #[must_use]
    pub fn build(self) -> Counter {
        Counter {
            inner: self.inner.build(),
            exemplars: Exemplars::register(self.name.into_owned(), Vec::new()),
        }
    }
}

/// A monotonic counter of `u64` with one exemplar per series at each collection.
#[derive(Debug, Clone)]
pub struct Counter {
    inner: otel::Counter<u64>,
    exemplars: Arc<Exemplars>,
}

impl Counter {
    /// Adds `value`; the exemplar, if it is kept, points to the current span.
    pub fn add(&self, value: u64, attributes: &[KeyValue]) {
        self.inner.add(value, attributes);
        Context::map_current(|cx| self.exemplars.offer(cx, Value::U64(value), attributes));
    }
}
