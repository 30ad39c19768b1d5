//! A worker that takes jobs from a queue: a span for each job that links to the one who asked, a histogram with exemplars,
//! and blocking work that stays in its span.
//!
//! `cargo run -p trivium-telemetry --example worker`

use std::{
    error::Error,
    thread,
    time::{Duration, Instant},
};

use opentelemetry::{
    Context, KeyValue,
    trace::{SpanContext, TraceContextExt as _},
};
use tokio::sync::mpsc;
use tracing::Instrument as _;
use trivium_telemetry::{
    Telemetry,
    metrics::{Counter, DURATION_BOUNDARIES, Histogram, meter},
    task, trace,
};

struct Job {
    pages: u64,
    asked_in: SpanContext,
}

struct Instruments {
    duration: Histogram,
    pages: Counter,
}

impl Instruments {
    fn new() -> Self {
        let meter = meter("worker");
        Self {
            duration: meter
                .f64_histogram("worker.job.duration")
                .with_unit("s")
                .with_description("Duration of jobs.")
                .with_boundaries(DURATION_BOUNDARIES.to_vec())
                .build(),
            pages: meter
                .u64_counter("worker.pages")
                .with_unit("{page}")
                .with_description("Pages rendered.")
                .build(),
        }
    }
}

/// A job is a trace of its own: it may run long after the request that asked for it, which its span links to.
async fn work(job: Job, instruments: &Instruments) {
    let span =
        tracing::info_span!(parent: None, "render", otel.kind = "consumer", pages = job.pages);
    trace::context(&span)
        .span()
        .add_link(job.asked_in, Vec::new());
    async {
        let started = Instant::now();
        let pages = job.pages;
        let rendered = task::spawn_blocking(move || render(pages)).await;
        let outcome = if rendered.is_ok() {
            "rendered"
        } else {
            "failed"
        };
        // Inside the span, so that the exemplars point to it.
        let attributes = [KeyValue::new("worker.job.outcome", outcome)];
        instruments
            .duration
            .record(started.elapsed().as_secs_f64(), &attributes);
        instruments.pages.add(pages, &attributes);
    }
    .instrument(span)
    .await;
}

fn render(pages: u64) {
    thread::sleep(Duration::from_millis(pages));
    tracing::info!(name: "worker.rendered", pages, "rendered");
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let telemetry = Telemetry::builder("worker").init()?;
    let instruments = Instruments::new();
    let (queue, mut jobs) = mpsc::channel(16);
    tokio::spawn(
        async move {
            for pages in 1..=100 {
                let asked_in = Context::current().span().span_context().clone();
                if queue.send(Job { pages, asked_in }).await.is_err() {
                    return;
                }
            }
        }
        .instrument(tracing::info_span!("ask", otel.kind = "producer")),
    );
    while let Some(job) = jobs.recv().await {
        work(job, &instruments).await;
    }
    telemetry.shutdown().await?;
    Ok(())
}
