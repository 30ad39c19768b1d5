//! The instruments that carry exemplars of the span they are used in.
//!
//! The surface is that of [`opentelemetry::metrics`], and [`Histogram::record_in`] besides. Instruments of
//! [`opentelemetry::global::meter`] of the same kinds carry exemplars too. Make instruments after
//! [`Telemetry::init`](crate::Builder::init): before it they record nothing.
//!
//! A span whose measurement is taken as an exemplar has the attribute [`EXEMPLAR`](crate::trace::EXEMPLAR) when it ends. Of n
//! measurements of one bucket and series between two exports, less than ln(n) + 1 spans get it on average: a later measurement
//! may take the exemplar's place, which an ended span cannot know. A span that ended before it was measured has none.

use std::{borrow::Cow, sync::Arc};

use opentelemetry::{Context, InstrumentationScope, KeyValue};

use crate::instrument::{Identity, Instrument, Kind, Value, register};

/// Bucket boundaries for durations in seconds, as the semantic conventions advise for HTTP and databases.
///
/// <https://opentelemetry.io/docs/specs/semconv/http/http-metrics/#metric-httpserverrequestduration>
pub const DURATION_BOUNDARIES: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// What the SDK uses when none are given; made for milliseconds.
pub(crate) const SDK_BOUNDARIES: &[f64] = &[
    0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0, 5000.0, 7500.0,
    10000.0,
];

/// The meter of one instrumentation scope, usually named after the crate that records.
#[must_use]
pub fn meter(scope: &'static str) -> Meter {
    Meter(InstrumentationScope::builder(scope).build())
}

/// Makes instruments. See [`meter`].
#[derive(Debug, Clone)]
pub struct Meter(InstrumentationScope);

impl Meter {
    /// Starts a histogram, such as `http.server.request.duration`.
    pub fn f64_histogram(&self, name: impl Into<Cow<'static, str>>) -> HistogramBuilder {
        HistogramBuilder {
            identity: self.identity(name, Kind::Counter),
            boundaries: SDK_BOUNDARIES.to_vec(),
        }
    }

    /// Starts a counter, such as `auth.logins`.
    pub fn u64_counter(&self, name: impl Into<Cow<'static, str>>) -> CounterBuilder {
        CounterBuilder(self.identity(name, Kind::Counter))
    }

    fn identity(&self, name: impl Into<Cow<'static, str>>, kind: Kind) -> Identity {
        Identity {
            scope: self.0.clone(),
            name: name.into(),
            description: Cow::default(),
            unit: Cow::default(),
            kind,
        }
    }
}

/// Describes a histogram before it is made.
#[derive(Debug)]
#[must_use = "a builder makes nothing until `build` is called"]
pub struct HistogramBuilder {
    identity: Identity,
    boundaries: Vec<f64>,
}

impl HistogramBuilder {
    /// The unit in UCUM, such as `s` or `By`.
    pub fn with_unit(mut self, unit: impl Into<Cow<'static, str>>) -> Self {
        self.identity.unit = unit.into();
        self
    }

    /// What is measured, in a sentence.
    pub fn with_description(mut self, description: impl Into<Cow<'static, str>>) -> Self {
        self.identity.description = description.into();
        self
    }

    /// Upper bounds of the buckets, finite and ascending, in the instrument's unit.
    pub fn with_boundaries(mut self, boundaries: Vec<f64>) -> Self {
        self.boundaries = boundaries;
        self
    }

    /// Makes the histogram.
    #[must_use]
    pub fn build(mut self) -> Histogram {
        self.identity.kind = Kind::Histogram {
            boundaries: self.boundaries,
        };
        Histogram(register(self.identity))
    }
}

/// A histogram of `f64` with one exemplar per bucket and series at each collection.
#[derive(Debug, Clone)]
pub struct Histogram(Option<Arc<Instrument>>);

impl Histogram {
    /// Records one value; the exemplar, if it is kept, points to the current span.
    pub fn record(&self, value: f64, attributes: &[KeyValue]) {
        if let Some(instrument) = &self.0 {
            instrument.measure_here(Value::F64(value), attributes);
        }
    }

    /// Records one value for the span of `cx`, where that is not the current one.
    pub fn record_in(&self, cx: &Context, value: f64, attributes: &[KeyValue]) {
        if let Some(instrument) = &self.0 {
            instrument.measure(cx, Value::F64(value), attributes);
        }
    }
}

/// Describes a counter before it is made.
#[derive(Debug)]
#[must_use = "a builder makes nothing until `build` is called"]
pub struct CounterBuilder(Identity);

impl CounterBuilder {
    /// The unit in UCUM, such as `{login}`.
    pub fn with_unit(mut self, unit: impl Into<Cow<'static, str>>) -> Self {
        self.0.unit = unit.into();
        self
    }

    /// What is counted, in a sentence.
    pub fn with_description(mut self, description: impl Into<Cow<'static, str>>) -> Self {
        self.0.description = description.into();
        self
    }

    /// Makes the counter.
    #[must_use]
    pub fn build(self) -> Counter {
        Counter(register(self.0))
    }
}

/// A monotonic counter of `u64` with one exemplar per series at each collection.
#[derive(Debug, Clone)]
pub struct Counter(Option<Arc<Instrument>>);

impl Counter {
    /// Adds `value`; the exemplar, if it is kept, points to the current span.
    pub fn add(&self, value: u64, attributes: &[KeyValue]) {
        if let Some(instrument) = &self.0 {
            instrument.measure_here(Value::from(value), attributes);
        }
    }
}
