//! One series: its sum and buckets, and at most one exemplar per bucket, chosen evenly among the measurements the bucket saw.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use opentelemetry::{
    KeyValue,
    trace::{SpanContext, SpanId, TraceId},
};

/// A measured value, of a histogram or of a counter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value {
    F64(f64),
    I64(i64),
}

/// A kept measurement. `time_unix_nano`: nanoseconds since the Unix epoch, when it was made.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Exemplar {
    pub(crate) value: Value,
    pub(crate) time_unix_nano: u64,
    /// `None` where it was made outside of a sampled span.
    pub(crate) span: Option<(TraceId, SpanId)>,
}

#[derive(Debug)]
pub(super) struct Series {
    /// What it is found by.
    pub(super) key: u64,
    /// Without repeated keys.
    pub(super) attributes: Vec<KeyValue>,
    totals: Mutex<Totals>,
}

/// What was measured since the instrument was made.
#[derive(Debug)]
pub(super) struct Totals {
    pub(super) buckets: Vec<Bucket>,
    /// Of a histogram.
    pub(super) sum: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    /// Of a counter; beyond the ends of OTLP's integers it stays there.
    pub(super) total: i64,
}

#[derive(Debug, Default, Clone)]
pub(super) struct Bucket {
    pub(super) count: u64,
    /// Measurements offered since the last collection.
    seen: u32,
    kept: Option<Exemplar>,
}

impl Series {
    pub(super) fn new(key: u64, attributes: Vec<KeyValue>, buckets: usize) -> Self {
        Self {
            key,
            attributes,
            totals: Mutex::new(Totals {
                buckets: vec![Bucket::default(); buckets],
                sum: 0.0,
                min: f64::INFINITY,
                max: f64::NEG_INFINITY,
                total: 0,
            }),
        }
    }

    /// Adds one measurement. `offered_in`: the span of its exemplar, [`SpanContext::NONE`] for one of no span. Whether the
    /// exemplar was taken, in place of one before it.
    #[inline]
    pub(super) fn add(
        &self,
        bucket: usize,
        value: Value,
        offered_in: Option<&SpanContext>,
    ) -> bool {
        let mut totals = self.totals();
        match value {
            Value::F64(value) => {
                totals.sum += value;
                totals.min = totals.min.min(value);
                totals.max = totals.max.max(value);
            }
            Value::I64(value) => totals.total = totals.total.saturating_add(value),
        }
        let bucket = &mut totals.buckets[bucket];
        bucket.count += 1;
        offered_in.is_some_and(|span| bucket.offer(value, span))
    }

    pub(super) fn totals(&self) -> MutexGuard<'_, Totals> {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Totals {
    /// Empties the reservoirs; in the order of time, as remote write wants them.
    pub(super) fn take_exemplars(&mut self) -> Vec<Exemplar> {
        let buckets = self.buckets.iter_mut();
        let mut taken: Vec<_> = buckets.filter_map(Bucket::take).collect();
        taken.sort_by_key(|exemplar| exemplar.time_unix_nano);
        taken
    }
}

impl Bucket {
    /// Keeps the n-th measurement with chance 1/n (Vitter's algorithm R), so that most calls end before the clock is read.
    fn offer(&mut self, value: Value, span: &SpanContext) -> bool {
        let seen = self.seen;
        self.seen = seen.saturating_add(1);
        if fastrand::u32(..=seen) != 0 {
            return false;
        }
        self.kept = Some(Exemplar {
            value,
            time_unix_nano: now(),
            span: span.is_valid().then(|| (span.trace_id(), span.span_id())),
        });
        true
    }

    fn take(&mut self) -> Option<Exemplar> {
        self.seen = 0;
        self.kept.take()
    }
}

/// Nanoseconds since the Unix epoch.
pub(super) fn now() -> u64 {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    since_epoch.as_nanos() as u64
}
