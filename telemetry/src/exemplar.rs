//! Exemplars, which the Rust SDK does not have yet: a measurement kept together with the span it was made in.
//!
//! Follows the specification's filters and its aligned-histogram-bucket reservoir: of the eligible measurements (those made
//! in sampled spans, unless `OTEL_METRICS_EXEMPLAR_FILTER` says otherwise) one per bucket and series is kept, each with
//! the same chance, and all are forgotten at each collection. A counter is a histogram of one bucket. An exemplar never
//! points to an unsampled span.
//!
//! Not promised: exemplars of series beyond [`MAX_SERIES`] per instrument, or of an export that failed.
//!
//! Can be deleted when the SDK has its own (open-telemetry/opentelemetry-rust#3369): then `metrics.rs` returns the
//! SDK's instruments and the exporter stops calling [`attach::attach`].
//!
//! <https://opentelemetry.io/docs/specs/otel/metrics/sdk/#exemplar>

pub(crate) mod attach;
mod reservoir;

use std::{
    hash::{BuildHasher, Hash as _, Hasher as _},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use opentelemetry::{
    Context, KeyValue,
    trace::{SpanContext, TraceContextExt as _},
};

use crate::settings::ExemplarFilter;
use reservoir::Series;
pub(crate) use reservoir::{Exemplar, Value};

/// The most series one instrument keeps exemplars for: the SDK's own cardinality limit.
const MAX_SERIES: usize = 2000;

/// The exemplars of one instrument, by series.
///
/// Recording takes no lock but that of one bucket of one series, and only for a measurement that is kept.
#[derive(Debug)]
pub(crate) struct Exemplars {
    name: String,
    filter: ExemplarFilter,
    /// Upper bounds of the buckets, ascending; the last bucket has none. Empty for a counter.
    boundaries: Vec<f64>,
    /// By the hash of the attributes. Two series of one instrument would share exemplars if their 64-bit hashes, seeded
    /// anew in each process, were equal: less than one chance in 10^12 at the limit of series.
    series: papaya::HashMap<u64, Arc<Series>, foldhash::fast::RandomState>,
    hasher: foldhash::fast::RandomState,
}

impl Exemplars {
    /// The store of the instrument of this name, made and entered in the list that the exporter reads when it is new.
    pub(crate) fn register(name: String, boundaries: Vec<f64>) -> Arc<Self> {
        let filter = *FILTER.get().unwrap_or(&ExemplarFilter::AlwaysOff);
        let mut instruments = instruments();
        if let Some(known) = instruments.iter().find(|known| {
            known.name == name && known.boundaries == boundaries && known.filter == filter
        }) {
            return Arc::clone(known);
        }
        let exemplars = Arc::new(Self::new(name, filter, boundaries));
        instruments.push(Arc::clone(&exemplars));
        exemplars
    }

    fn new(name: String, filter: ExemplarFilter, boundaries: Vec<f64>) -> Self {
        Self {
            name,
            filter,
            boundaries,
            series: papaya::HashMap::default(),
            hasher: foldhash::fast::RandomState::default(),
        }
    }

    /// Offers one measurement made in `cx`.
    pub(crate) fn offer(&self, cx: &Context, value: Value, attributes: &[KeyValue]) {
        if self.filter == ExemplarFilter::AlwaysOff {
            return;
        }
        if cx.has_active_span() {
            let span = cx.span();
            let span = span.span_context();
            if span.is_sampled() {
                return self.keep(span, value, attributes);
            }
        }
        if self.filter == ExemplarFilter::AlwaysOn {
            self.keep(&SpanContext::NONE, value, attributes);
        }
    }

    fn keep(&self, span: &SpanContext, value: Value, attributes: &[KeyValue]) {
        let bucket = match value {
            // Counting all is faster than searching: it is done four or eight at a time, and depends on no comparison.
            Value::F64(value) => self
                .boundaries
                .iter()
                .filter(|&&bound| bound < value)
                .count(),
            Value::U64(_) => 0,
        };
        let key = attributes_hash(attributes, &self.hasher);
        let pinned = self.series.pin();
        match pinned.get(&key) {
            Some(series) => series.offer(bucket, value, span),
            None if pinned.len() < MAX_SERIES => pinned
                .get_or_insert_with(key, || {
                    Arc::new(Series::new(attributes, self.boundaries.len() + 1))
                })
                .offer(bucket, value, span),
            None => {}
        }
    }

    /// Takes all exemplars with their series' attributes. A series that had none since the last call is forgotten, so
    /// that room is made for those that are in use.
    fn take(&self) -> Vec<(Vec<KeyValue>, Vec<Exemplar>)> {
        let pinned = self.series.pin();
        let mut taken = Vec::new();
        for (key, series) in &pinned {
            let exemplars = series.take();
            if exemplars.is_empty() {
                pinned.remove(key);
            } else {
                taken.push((series.attributes().to_vec(), exemplars));
            }
        }
        taken
    }
}

/// Of instruments made from now on; none have exemplars before. The first call in a process counts.
pub(crate) fn set_filter(filter: ExemplarFilter) {
    // Set before only by an `init` that failed later: a process has one.
    let _ = FILTER.set(filter);
}

static FILTER: OnceLock<ExemplarFilter> = OnceLock::new();

/// All instruments of the process. Locked when one is made and at each collection, never while recording.
fn instruments() -> std::sync::MutexGuard<'static, Vec<Arc<Exemplars>>> {
    static INSTRUMENTS: Mutex<Vec<Arc<Exemplars>>> = Mutex::new(Vec::new());
    INSTRUMENTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The same for any order of the attributes, without sorting them.
fn attributes_hash(attributes: &[KeyValue], state: &impl BuildHasher) -> u64 {
    attributes
        .iter()
        .fold(attributes.len() as u64, |sum, attribute| {
            sum.wrapping_add(attribute_hash(attribute, state))
        })
}

/// Texts and integers, which nearly all attributes are, go to the hasher as they are; `KeyValue`'s own `Hash` ends each
/// text with one byte more, which this hasher, knowing lengths, does not need, and which doubles its time.
fn attribute_hash(attribute: &KeyValue, state: &impl BuildHasher) -> u64 {
    let mut hasher = state.build_hasher();
    match &attribute.value {
        opentelemetry::Value::String(text) => {
            hasher.write(attribute.key.as_str().as_bytes());
            hasher.write(text.as_str().as_bytes());
        }
        opentelemetry::Value::I64(number) => {
            hasher.write(attribute.key.as_str().as_bytes());
            hasher.write_i64(*number);
        }
        _ => attribute.hash(&mut hasher),
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

    use super::*;

    pub(super) fn context(trace: u128, flags: TraceFlags) -> Context {
        Context::new().with_remote_span_context(SpanContext::new(
            TraceId::from(trace),
            SpanId::from(7),
            flags,
            false,
            TraceState::NONE,
        ))
    }

    fn values(exemplars: &Exemplars) -> Vec<Value> {
        let mut values: Vec<_> = exemplars
            .take()
            .into_iter()
            .flat_map(|(_, exemplars)| exemplars)
            .map(|exemplar| exemplar.value)
            .collect();
        values.sort_by(|a, b| format!("{a:?}").cmp(&format!("{b:?}")));
        values
    }

    #[test]
    fn one_exemplar_per_bucket_and_none_after_collection() {
        let store = Exemplars::new("d".to_owned(), ExemplarFilter::TraceBased, vec![0.1, 1.0]);
        let cx = context(1, TraceFlags::SAMPLED);
        for value in [0.1, 0.1, 0.5, 2.0, 2.0] {
            store.offer(&cx, Value::F64(value), &[]);
        }
        assert_eq!(
            values(&store),
            [Value::F64(0.1), Value::F64(0.5), Value::F64(2.0)],
            "an upper bound belongs to its bucket"
        );
        assert_eq!(values(&store), []);
    }

    #[test]
    fn only_sampled_spans_leave_one() {
        let store = Exemplars::new("d".to_owned(), ExemplarFilter::TraceBased, vec![]);
        store.offer(&Context::new(), Value::U64(1), &[]);
        store.offer(&context(1, TraceFlags::default()), Value::U64(2), &[]);
        store.offer(&context(2, TraceFlags::SAMPLED), Value::U64(3), &[]);
        assert_eq!(values(&store), [Value::U64(3)]);
    }

    #[test]
    fn always_on_keeps_those_of_no_span_without_naming_one() {
        let store = Exemplars::new("d".to_owned(), ExemplarFilter::AlwaysOn, vec![]);
        for cx in [Context::new(), context(1, TraceFlags::default())] {
            store.offer(&cx, Value::U64(1), &[]);
            let kept = store.take().remove(0).1.remove(0);
            assert_eq!(kept.span, None, "an unsampled trace cannot be opened");
        }
        store.offer(&context(2, TraceFlags::SAMPLED), Value::U64(1), &[]);
        let (trace_id, _) = store.take().remove(0).1.remove(0).span.unwrap();
        assert_eq!(trace_id, TraceId::from(2));
    }

    #[test]
    fn always_off_keeps_none() {
        let store = Exemplars::new("d".to_owned(), ExemplarFilter::AlwaysOff, vec![]);
        store.offer(&context(1, TraceFlags::SAMPLED), Value::U64(1), &[]);
        assert_eq!(values(&store), []);
    }

    #[test]
    fn the_order_of_attributes_makes_no_other_series() {
        let store = Exemplars::new("d".to_owned(), ExemplarFilter::TraceBased, vec![]);
        let cx = context(1, TraceFlags::SAMPLED);
        let (a, b) = (KeyValue::new("a", 1), KeyValue::new("b", 2));
        store.offer(&cx, Value::U64(1), &[a.clone(), b.clone()]);
        store.offer(&cx, Value::U64(1), &[b, a.clone()]);
        store.offer(&cx, Value::U64(1), &[a]);
        assert_eq!(store.take().len(), 2);
    }

    #[test]
    fn each_measurement_has_the_same_chance() {
        let store = Exemplars::new("d".to_owned(), ExemplarFilter::TraceBased, vec![]);
        let mut first_kept = 0;
        for _ in 0..3000 {
            for trace in 1..=3 {
                store.offer(&context(trace, TraceFlags::SAMPLED), Value::U64(1), &[]);
            }
            let kept = store.take().remove(0).1.remove(0);
            first_kept += u32::from(kept.span.unwrap().0 == TraceId::from(1));
        }
        // 1000 expected, standard deviation 26.
        assert!((850..1150).contains(&first_kept), "{first_kept} of 3000");
    }

    #[test]
    fn a_flood_of_series_is_bounded_and_idle_ones_make_room() {
        let store = Exemplars::new("d".to_owned(), ExemplarFilter::TraceBased, vec![]);
        let cx = context(1, TraceFlags::SAMPLED);
        for series in 0..10_000 {
            store.offer(&cx, Value::U64(1), &[KeyValue::new("s", series)]);
        }
        assert_eq!(store.take().len(), MAX_SERIES);
        assert_eq!(store.take().len(), 0);
        store.offer(&cx, Value::U64(1), &[KeyValue::new("s", 9_999)]);
        assert_eq!(store.take().len(), 1);
    }
}
