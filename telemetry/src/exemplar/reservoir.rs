//! One series' reservoir: at most one exemplar per bucket, chosen evenly among the measurements the bucket saw.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
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
    U64(u64),
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
    attributes: Vec<KeyValue>,
    buckets: Vec<Bucket>,
}

#[derive(Debug, Default)]
struct Bucket {
    /// Measurements offered since the last collection.
    seen: AtomicU32,
    kept: Mutex<Option<Exemplar>>,
}

impl Series {
    pub(super) fn new(attributes: &[KeyValue], buckets: usize) -> Self {
        Self {
            attributes: attributes.to_vec(),
            buckets: (0..buckets).map(|_| Bucket::default()).collect(),
        }
    }

    pub(super) fn attributes(&self) -> &[KeyValue] {
        &self.attributes
    }

    /// Keeps the n-th measurement with chance 1/n (Vitter's algorithm R), so that most calls end before the clock is
    /// read and the lock is taken.
    pub(super) fn offer(&self, bucket: usize, value: Value, span: &SpanContext) {
        let bucket = &self.buckets[bucket];
        let seen = bucket.seen.fetch_add(1, Ordering::Relaxed);
        if fastrand::u32(..=seen) != 0 {
            return;
        }
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let exemplar = Exemplar {
            value,
            time_unix_nano: since_epoch.as_nanos() as u64,
            span: span.is_valid().then(|| (span.trace_id(), span.span_id())),
        };
        *bucket.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(exemplar);
    }

    /// Empties the reservoir; in the order of time, as remote write wants them.
    pub(super) fn take(&self) -> Vec<Exemplar> {
        let mut taken: Vec<_> = self.buckets.iter().filter_map(Bucket::take).collect();
        taken.sort_by_key(|exemplar| exemplar.time_unix_nano);
        taken
    }
}

impl Bucket {
    fn take(&self) -> Option<Exemplar> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        self.seen.store(0, Ordering::Relaxed);
        kept.take()
    }
}
