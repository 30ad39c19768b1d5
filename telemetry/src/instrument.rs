//! Instruments that are recorded often: counters, up-down counters and histograms, with exemplars.
//!
//! The Rust SDK (0.33) has no exemplars, and its aggregation finds a series by a hash that is made for strangers' keys and by comparing
//! all attributes. Here a measurement finds its series by one fast hash, and the exemplar lies beside the count.
//!
//! What is promised is what the specification and the SDK promise: cumulative sums since the instrument was made; one series for each
//! set of attributes in any order, of a repeated key the first; values that are not finite are left out; and beyond
//! [`MAX_SERIES`] series of an instrument all goes to one of `otel.metric.overflow=true`. Two instruments of equal name, kind,
//! unit, description and scope are one.
//!
//! Exemplars follow the specification's filters and its aligned-histogram-bucket reservoir: of the eligible measurements (those made
//! in sampled spans, unless `OTEL_METRICS_EXEMPLAR_FILTER` says otherwise) one per bucket and series is kept, each with
//! the same chance, and all are forgotten at each collection. A counter is a histogram of one bucket. An exemplar never
//! points to an unsampled span. Those of an export that failed are lost.
//!
//! The span of a taken exemplar gets the attribute [`EXEMPLAR`]. A later measurement may take its place until the
//! collection, which a span that ends before it cannot know: of n measurements of one bucket between two collections
//! 1 + 1/2 + … + 1/n spans are marked on average, less than ln(n) + 1. That is 1 of 1, 2.9 of 10, 7.5 of 1000, 9.8 of 10,000.
//!
//! <https://opentelemetry.io/docs/specs/otel/metrics/sdk/>

pub(crate) mod collect;
pub(crate) mod provider;
mod series;

use std::{
    borrow::Cow,
    hash::{BuildHasher, Hash as _, Hasher as _},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use opentelemetry::{
    Context, InstrumentationScope, KeyValue,
    trace::{SpanContext, TraceContextExt as _},
};

use crate::{settings::ExemplarFilter, trace::EXEMPLAR};
use series::Series;
pub(crate) use series::Value;

/// The most series of one instrument: the SDK's own limit.
const MAX_SERIES: usize = 2000;

/// What makes two instruments the same.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Identity {
    pub(crate) scope: InstrumentationScope,
    pub(crate) name: Cow<'static, str>,
    pub(crate) description: Cow<'static, str>,
    pub(crate) unit: Cow<'static, str>,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Counter,
    UpDownCounter,
    Histogram {
        /// Upper bounds of the buckets, ascending; the last bucket has none.
        boundaries: Vec<f64>,
    },
}

/// One instrument's series. Recording locks nothing but the series.
#[derive(Debug)]
pub(crate) struct Instrument {
    identity: Identity,
    filter: ExemplarFilter,
    start_unix_nano: u64,
    /// By the hash of the attributes, also in each other form they were recorded in. Two series of one instrument would be
    /// one if their 64-bit hashes, seeded anew in each process, were equal: less than one chance in 10^12 at the limit of series.
    series: papaya::HashMap<u64, Arc<Series>, foldhash::fast::RandomState>,
    hasher: foldhash::fast::RandomState,
    /// How many series there are, locked while one is made.
    made: Mutex<usize>,
    overflow: OnceLock<Arc<Series>>,
}

impl Instrument {
    fn new(identity: Identity, filter: ExemplarFilter) -> Self {
        Self {
            identity,
            filter,
            start_unix_nano: series::now(),
            series: papaya::HashMap::default(),
            hasher: foldhash::fast::RandomState::default(),
            made: Mutex::default(),
            overflow: OnceLock::new(),
        }
    }

    /// One measurement, made in the current span.
    pub(crate) fn measure_here(&self, value: Value, attributes: &[KeyValue]) {
        Context::map_current(|context| self.measure(context, value, attributes));
    }

    /// One measurement, made in the span of `context`.
    pub(crate) fn measure(&self, context: &Context, value: Value, attributes: &[KeyValue]) {
        let bucket = match (value, &self.identity.kind) {
            (Value::F64(value), _) if !value.is_finite() => return,
            // Counting all is faster than searching: it is done four or eight at a time, and depends on no comparison.
            (Value::F64(value), Kind::Histogram { boundaries }) => {
                boundaries.iter().filter(|&&bound| bound < value).count()
            }
            _ => 0,
        };
        let of_context = context.span();
        let span = of_context.span_context();
        let offered_in = match self.filter {
            ExemplarFilter::AlwaysOff => None,
            _ if span.is_sampled() => Some(span),
            ExemplarFilter::TraceBased => None,
            ExemplarFilter::AlwaysOn => Some(&SpanContext::NONE),
        };
        let key = attributes_hash(attributes, &self.hasher);
        let is_taken = match self.series.pin().get(&key) {
            Some(series) => series.add(bucket, value, offered_in),
            None => self
                .find_or_make(key, attributes)
                .add(bucket, value, offered_in),
        };
        if is_taken {
            of_context.set_attribute(KeyValue::new(EXEMPLAR, true));
        }
    }

    fn find_or_make(&self, key: u64, attributes: &[KeyValue]) -> Arc<Series> {
        let distinct = distinct(attributes);
        let own_key = attributes_hash(&distinct, &self.hasher);
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let all = self.series.pin();
        let series = match all.get(&own_key) {
            Some(known) => Arc::clone(known),
            None if *made < MAX_SERIES => {
                *made += 1;
                let made = Arc::new(self.new_series(own_key, distinct));
                all.insert(own_key, Arc::clone(&made));
                made
            }
            None => return self.overflow(),
        };
        // The forms of one series have a bound too: beyond it they are found the long way.
        if key != own_key && all.len() < 2 * MAX_SERIES {
            all.insert(key, Arc::clone(&series));
        }
        series
    }

    fn overflow(&self) -> Arc<Series> {
        let make = || {
            let attributes = vec![KeyValue::new("otel.metric.overflow", true)];
            Arc::new(self.new_series(0, attributes))
        };
        Arc::clone(self.overflow.get_or_init(make))
    }

    fn new_series(&self, key: u64, attributes: Vec<KeyValue>) -> Series {
        let buckets = match &self.identity.kind {
            Kind::Histogram { boundaries } => boundaries.len() + 1,
            Kind::Counter | Kind::UpDownCounter => 1,
        };
        Series::new(key, attributes, buckets)
    }

    /// Each once.
    fn series(&self) -> Vec<Arc<Series>> {
        let all = self.series.pin();
        let own = all.iter().filter(|(key, series)| **key == series.key);
        let own = own.map(|(_, series)| Arc::clone(series));
        own.chain(self.overflow.get().cloned()).collect()
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::I64(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

/// The instrument of this identity, made when it is new. None where nobody collects: before telemetry is set up, without
/// metrics, or, said with a warning, where its boundaries are none.
pub(crate) fn register(identity: Identity) -> Option<Arc<Instrument>> {
    let filter = *FILTER.get()?;
    if let Kind::Histogram { boundaries } = &identity.kind
        && !(boundaries.iter().all(|bound| bound.is_finite())
            && boundaries.is_sorted_by(|lower, upper| lower < upper))
    {
        let name = &*identity.name;
        tracing::warn!(
            name,
            "a histogram measures nothing: its boundaries must be finite and ascend"
        );
        return None;
    }
    let mut instruments = instruments();
    let known = instruments.iter().find(|known| known.identity == identity);
    if let Some(known) = known {
        return Some(Arc::clone(known));
    }
    Some(Arc::clone(
        instruments.push_mut(Arc::new(Instrument::new(identity, filter))),
    ))
}

/// From now on instruments are collected, with exemplars by this filter. The first call in a process counts.
pub(crate) fn collect_with(filter: ExemplarFilter) {
    // Set before only by an `init` that failed later: a process has one.
    let _ = FILTER.set(filter);
}

static FILTER: OnceLock<ExemplarFilter> = OnceLock::new();

/// All instruments of the process. Locked when one is made and at each collection, never while recording.
fn instruments() -> MutexGuard<'static, Vec<Arc<Instrument>>> {
    static INSTRUMENTS: Mutex<Vec<Arc<Instrument>>> = Mutex::new(Vec::new());
    INSTRUMENTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sorted by key; of a repeated key the first.
fn distinct(attributes: &[KeyValue]) -> Vec<KeyValue> {
    let mut distinct = attributes.to_vec();
    distinct.sort_by(|one, other| one.key.cmp(&other.key));
    distinct.dedup_by(|later, first| later.key == first.key);
    distinct
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
mod tests;
