//! What an exemplar costs at the call site: the SDK's own `record` beside ours, with the five attributes of an HTTP
//! request. `cargo bench -p trivium-telemetry --bench record`

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};
use opentelemetry::{
    Context, KeyValue,
    metrics::MeterProvider as _,
    trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState},
};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    metrics::{
        PeriodicReader, SdkMeterProvider, Temporality, data::ResourceMetrics,
        exporter::PushMetricExporter,
    },
};
use trivium_telemetry::{
    Telemetry,
    metrics::{DURATION_BOUNDARIES, meter},
};

/// Collects what the SDK's own instruments recorded, for nobody.
struct Nobody;

impl PushMetricExporter for Nobody {
    async fn export(&self, _: &ResourceMetrics) -> OTelSdkResult {
        Ok(())
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

fn attributes() -> [KeyValue; 5] {
    [
        KeyValue::new("http.request.method", "GET"),
        KeyValue::new("url.scheme", "http"),
        KeyValue::new("network.protocol.version", "1.1"),
        KeyValue::new("http.route", "/users/me/"),
        KeyValue::new("http.response.status_code", 200),
    ]
}

fn context(flags: TraceFlags) -> Context {
    Context::new().with_remote_span_context(SpanContext::new(
        TraceId::from(1),
        SpanId::from(1),
        flags,
        false,
        TraceState::NONE,
    ))
}

/// Short beside the scheduler's turns, long beside reading the clock.
const ROUND: u32 = 500;

fn timed(mut record: impl FnMut()) -> Duration {
    let started = Instant::now();
    for _ in 0..ROUND {
        record();
    }
    started.elapsed()
}

fn record(criterion: &mut Criterion) {
    // The whole pipeline runs, collecting (and so emptying the reservoirs) ten times a second; the Collector is away.
    let _telemetry = Telemetry::builder("bench")
        .init_from(|variable| match variable {
            "OTEL_EXPORTER_OTLP_ENDPOINT" => Some("http://127.0.0.1:1".to_owned()),
            "OTEL_METRIC_EXPORT_INTERVAL" => Some("100".to_owned()),
            _ => None,
        })
        .expect("nothing else sets up telemetry here");
    let reader = PeriodicReader::builder(Nobody)
        .with_interval(Duration::from_millis(100))
        .build();
    let sdk = SdkMeterProvider::builder().with_reader(reader).build();
    let plain = sdk
        .meter("bench")
        .f64_histogram("plain")
        .with_boundaries(DURATION_BOUNDARIES.to_vec())
        .build();
    let ours = meter("bench")
        .f64_histogram("with_exemplars")
        .with_boundaries(DURATION_BOUNDARIES.to_vec())
        .build();
    let attributes = attributes();

    let mut group = criterion.benchmark_group("record");
    group.measurement_time(Duration::from_secs(3));
    let mut value = (0..1000).map(|index| f64::from(index) / 100.0).cycle();
    let mut next = move || value.next().unwrap_or_default();

    let (sampled, unsampled) = (context(TraceFlags::SAMPLED), context(TraceFlags::default()));
    let in_sampled = sampled.clone().attach();
    group.bench_function("sdk, in a sampled span", |bencher| {
        bencher.iter(|| plain.record(black_box(next()), black_box(&attributes)));
    });
    group.bench_function("with exemplars, in a sampled span", |bencher| {
        bencher.iter(|| ours.record(black_box(next()), black_box(&attributes)));
    });
    // The two take turns in short rounds, and the median of the rounds counts, so that what else the machine does falls
    // out.
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.bench_function("what an exemplar adds", |bencher| {
        bencher.iter_custom(|iterations| {
            let rounds = iterations.div_ceil(u64::from(ROUND));
            let mut added: Vec<_> = (0..rounds)
                .map(|_| {
                    let record_in = |cx, value| ours.record_in(cx, value, black_box(&attributes));
                    let without = timed(|| record_in(&unsampled, black_box(next())));
                    let with = timed(|| record_in(&sampled, black_box(next())));
                    with.saturating_sub(without)
                })
                .collect();
            added.sort_unstable();
            let median = added[added.len() / 2].max(Duration::from_nanos(1));
            median.mul_f64(iterations as f64 / f64::from(ROUND))
        });
    });
    drop(in_sampled);
    let _in_unsampled = unsampled.clone().attach();
    group.bench_function("with exemplars, in an unsampled span", |bencher| {
        bencher.iter(|| ours.record(black_box(next()), black_box(&attributes)));
    });
    group.finish();
}

criterion_group!(benches, record);
criterion_main!(benches);
