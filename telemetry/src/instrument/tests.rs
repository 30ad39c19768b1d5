//! What is exported is what the SDK exports, and the exemplars beside it.

use std::sync::Mutex as StdMutex;

use opentelemetry::{
    metrics::MeterProvider as _,
    trace::{SpanId, TraceFlags, TraceId, TraceState},
};
use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    metrics::v1::{Metric, metric::Data},
};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    metrics::{
        PeriodicReader, SdkMeterProvider, Temporality, data::ResourceMetrics,
        exporter::PushMetricExporter,
    },
};

use super::{collect::metric, *};

fn context(trace: u128, flags: TraceFlags) -> Context {
    Context::new().with_remote_span_context(SpanContext::new(
        TraceId::from(trace),
        SpanId::from(1),
        flags,
        false,
        TraceState::NONE,
    ))
}

fn instrument(kind: Kind, filter: ExemplarFilter) -> Instrument {
    let identity = Identity {
        scope: InstrumentationScope::builder("tested").build(),
        name: "measured".into(),
        description: "What is measured.".into(),
        unit: "s".into(),
        kind,
    };
    Instrument::new(identity, filter)
}

fn counter(filter: ExemplarFilter) -> Instrument {
    instrument(Kind::Counter, filter)
}

fn histogram(boundaries: &[f64]) -> Instrument {
    let boundaries = boundaries.to_vec();
    instrument(Kind::Histogram { boundaries }, ExemplarFilter::TraceBased)
}

/// The exemplars since the last time, by series.
fn take(instrument: &Instrument) -> Vec<Vec<series::Exemplar>> {
    let series = instrument.series();
    let taken = series.iter().map(|series| series.totals().take_exemplars());
    taken.filter(|exemplars| !exemplars.is_empty()).collect()
}

fn values(instrument: &Instrument) -> Vec<Value> {
    let mut values: Vec<_> = take(instrument)
        .into_iter()
        .flatten()
        .map(|exemplar| exemplar.value)
        .collect();
    values.sort_by(|a, b| format!("{a:?}").cmp(&format!("{b:?}")));
    values
}

#[test]
fn one_exemplar_per_bucket_and_none_after_collection() {
    let histogram = histogram(&[0.1, 1.0]);
    let cx = context(1, TraceFlags::SAMPLED);
    for value in [0.1, 0.1, 0.5, 2.0, 2.0] {
        histogram.measure(&cx, Value::F64(value), &[]);
    }
    assert_eq!(
        values(&histogram),
        [Value::F64(0.1), Value::F64(0.5), Value::F64(2.0)],
        "an upper bound belongs to its bucket"
    );
    assert_eq!(values(&histogram), []);
}

#[test]
fn only_sampled_spans_leave_one() {
    let counter = counter(ExemplarFilter::TraceBased);
    counter.measure(&Context::new(), Value::I64(1), &[]);
    counter.measure(&context(1, TraceFlags::default()), Value::I64(2), &[]);
    counter.measure(&context(2, TraceFlags::SAMPLED), Value::I64(3), &[]);
    assert_eq!(values(&counter), [Value::I64(3)]);
}

#[test]
fn always_on_keeps_those_of_no_span_without_naming_one() {
    let counter = counter(ExemplarFilter::AlwaysOn);
    for cx in [Context::new(), context(1, TraceFlags::default())] {
        counter.measure(&cx, Value::I64(1), &[]);
        let kept = take(&counter).remove(0).remove(0);
        assert_eq!(kept.span, None, "an unsampled trace cannot be opened");
    }
    counter.measure(&context(2, TraceFlags::SAMPLED), Value::I64(1), &[]);
    let (trace_id, _) = take(&counter).remove(0).remove(0).span.unwrap();
    assert_eq!(trace_id, TraceId::from(2));
}

#[test]
fn always_off_keeps_none() {
    let counter = counter(ExemplarFilter::AlwaysOff);
    counter.measure(&context(1, TraceFlags::SAMPLED), Value::I64(1), &[]);
    assert_eq!(values(&counter), []);
}

#[test]
fn each_measurement_has_the_same_chance() {
    let counter = counter(ExemplarFilter::TraceBased);
    let mut first_kept = 0;
    for _ in 0..3000 {
        for trace in 1..=3 {
            counter.measure(&context(trace, TraceFlags::SAMPLED), Value::I64(1), &[]);
        }
        let kept = take(&counter).remove(0).remove(0);
        first_kept += u32::from(kept.span.unwrap().0 == TraceId::from(1));
    }
    // 1000 expected, standard deviation 26.
    assert!((850..1150).contains(&first_kept), "{first_kept} of 3000");
}

/// Keeps what the SDK exports.
#[derive(Clone, Default)]
struct Kept(Arc<StdMutex<ExportMetricsServiceRequest>>);

impl PushMetricExporter for Kept {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        *self.0.lock().unwrap() = ExportMetricsServiceRequest::from(metrics);
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: std::time::Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}

/// Without what two runs can't have in common: times, and the order of attributes and points.
fn comparable(mut metric: Metric) -> Metric {
    match metric.data.as_mut().unwrap() {
        Data::Sum(sum) => {
            for point in &mut sum.data_points {
                assert!(point.start_time_unix_nano > 0);
                assert!(point.time_unix_nano >= point.start_time_unix_nano);
                (point.start_time_unix_nano, point.time_unix_nano) = (0, 0);
                point.attributes.sort_by(|a, b| a.key.cmp(&b.key));
            }
            sum.data_points
                .sort_by_key(|point| format!("{:?}", point.attributes));
        }
        Data::Histogram(histogram) => {
            for point in &mut histogram.data_points {
                assert!(point.start_time_unix_nano > 0);
                assert!(point.time_unix_nano >= point.start_time_unix_nano);
                (point.start_time_unix_nano, point.time_unix_nano) = (0, 0);
                point.attributes.sort_by(|a, b| a.key.cmp(&b.key));
            }
            histogram
                .data_points
                .sort_by_key(|point| format!("{:?}", point.attributes));
        }
        other => panic!("{other:?}"),
    }
    metric
}

type Record = Box<dyn Fn(f64, &[KeyValue])>;

/// Measures the same with an instrument of the SDK and with ours, and compares what is exported.
fn assert_like_the_sdk(kind: &Kind, measurements: &[(f64, Vec<KeyValue>)]) {
    let kept = Kept::default();
    let provider = SdkMeterProvider::builder()
        .with_reader(PeriodicReader::builder(kept.clone()).build())
        .build();
    let meter = provider.meter("tested");
    let ours = instrument(kind.clone(), ExemplarFilter::TraceBased);
    let record: Record = match kind {
        Kind::Counter => {
            let counter = meter.u64_counter("measured").with_unit("s");
            let counter = counter.with_description("What is measured.").build();
            Box::new(move |value, attributes| counter.add(value as u64, attributes))
        }
        Kind::UpDownCounter => {
            let counter = meter.i64_up_down_counter("measured").with_unit("s");
            let counter = counter.with_description("What is measured.").build();
            Box::new(move |value, attributes| counter.add(value as i64, attributes))
        }
        Kind::Histogram { boundaries } => {
            let histogram = meter.f64_histogram("measured").with_unit("s");
            let histogram = histogram.with_description("What is measured.");
            let histogram = histogram.with_boundaries(boundaries.clone()).build();
            Box::new(move |value, attributes| histogram.record(value, attributes))
        }
    };
    for (value, attributes) in measurements {
        record(*value, attributes);
        let value = match kind {
            Kind::Histogram { .. } => Value::F64(*value),
            _ => Value::I64(*value as i64),
        };
        ours.measure_here(value, attributes);
    }
    provider.force_flush().unwrap();
    let request = kept.0.lock().unwrap().clone();
    let of_sdk = request.resource_metrics[0].scope_metrics[0].metrics[0].clone();
    let of_ours = metric(&ours).unwrap();
    assert_eq!(comparable(of_ours), comparable(of_sdk));
}

fn attributes(pairs: &[(&'static str, i64)]) -> Vec<KeyValue> {
    let pairs = pairs.iter();
    pairs
        .map(|(key, value)| KeyValue::new(*key, *value))
        .collect()
}

fn measurements() -> Vec<(f64, Vec<KeyValue>)> {
    vec![
        (1.0, attributes(&[])),
        (2.0, attributes(&[("a", 1), ("b", 2)])),
        (4.0, attributes(&[("b", 2), ("a", 1)])),
        (8.0, attributes(&[("a", 1)])),
        (16.0, attributes(&[("a", 0)])),
        (32.0, attributes(&[("a", 2)])),
        (64.0, attributes(&[("b", 1)])),
    ]
}

#[test]
fn sums_are_as_the_sdk_s() {
    assert_like_the_sdk(&Kind::Counter, &measurements());
    let mut falling = measurements();
    falling.push((-100.0, attributes(&[])));
    assert_like_the_sdk(&Kind::UpDownCounter, &falling);
}

#[test]
fn histograms_are_as_the_sdk_s() {
    let mut measurements = measurements();
    measurements.extend([f64::NAN, f64::INFINITY, 0.1, 16.0].map(|value| (value, attributes(&[]))));
    for boundaries in [vec![], vec![16.0], vec![0.0, 1.0, 16.0, 32.0]] {
        assert_like_the_sdk(&Kind::Histogram { boundaries }, &measurements);
    }
}

#[test]
fn a_flood_of_series_overflows_as_the_sdk_s() {
    let flood: Vec<_> = (0..MAX_SERIES as i64 + 500)
        .map(|series| (1.0, attributes(&[("series", series)])))
        .chain([(1.0, attributes(&[]))])
        .collect();
    let ours = counter(ExemplarFilter::TraceBased);
    for (_, attributes) in &flood[..MAX_SERIES + 500] {
        ours.measure_here(Value::I64(1), attributes);
    }
    assert_eq!(ours.series().len(), MAX_SERIES + 1);
    let overflow = ours.overflow();
    assert_eq!(overflow.totals().total, 500);
    assert_eq!(
        overflow.attributes,
        [KeyValue::new("otel.metric.overflow", true)]
    );
    assert_like_the_sdk(&Kind::Counter, &flood[..MAX_SERIES + 500]);
}

#[test]
fn of_a_repeated_key_the_first_counts_and_what_is_remembered_is_bounded() {
    let ours = counter(ExemplarFilter::TraceBased);
    for round in 0..MAX_SERIES as i64 * 3 {
        ours.measure_here(Value::I64(1), &attributes(&[("a", -1), ("a", round)]));
    }
    let series = ours.series();
    assert_eq!(series.len(), 1);
    assert_eq!(series[0].attributes, attributes(&[("a", -1)]));
    assert_eq!(series[0].totals().total, MAX_SERIES as i64 * 3);
    assert!(ours.series.pin().len() <= 2 * MAX_SERIES);
}

/// A span that counts how often it was marked.
#[derive(Debug)]
struct Marked {
    context: SpanContext,
    times: Arc<StdMutex<u32>>,
}

impl opentelemetry::trace::Span for Marked {
    fn set_attribute(&mut self, attribute: KeyValue) {
        assert_eq!(attribute, KeyValue::new("trivium.exemplar", true));
        *self.times.lock().unwrap() += 1;
    }

    fn span_context(&self) -> &SpanContext {
        &self.context
    }

    fn add_event_with_timestamp<T: Into<Cow<'static, str>>>(
        &mut self,
        _: T,
        _: std::time::SystemTime,
        _: Vec<KeyValue>,
    ) {
    }

    fn is_recording(&self) -> bool {
        true
    }

    fn set_status(&mut self, _: opentelemetry::trace::Status) {}

    fn update_name<T: Into<Cow<'static, str>>>(&mut self, _: T) {}

    fn add_link(&mut self, _: SpanContext, _: Vec<KeyValue>) {}

    fn end_with_timestamp(&mut self, _: std::time::SystemTime) {}
}

#[test]
fn the_exemplar_s_span_is_marked_and_few_others_are() {
    let counter = counter(ExemplarFilter::TraceBased);
    let mut marked = 0;
    for _ in 0..100 {
        let mut spans = Vec::new();
        for trace in 1..=1000 {
            let times = Arc::new(StdMutex::new(0));
            let span = Marked {
                context: context(trace, TraceFlags::SAMPLED)
                    .span()
                    .span_context()
                    .clone(),
                times: Arc::clone(&times),
            };
            let cx = Context::new().with_span(span);
            counter.measure(&cx, Value::I64(1), &[]);
            spans.push(times);
        }
        let (kept, _) = take(&counter).remove(0).remove(0).span.unwrap();
        let kept = u128::from_be_bytes(kept.to_bytes()) as usize;
        assert_eq!(*spans[kept - 1].lock().unwrap(), 1);
        marked += spans
            .iter()
            .map(|times| *times.lock().unwrap())
            .sum::<u32>();
    }
    // 749 expected: 100 times the sum of 1/n to 1000; standard deviation 24.
    assert!((600..900).contains(&marked), "{marked} of 100,000");
}
