//! How much lens takes in: the release binary in a child process gets spans over OTLP/gRPC and log records over OTLP/HTTP,
//! each compressed with gzip, first at a fixed rate and then as fast as they are acknowledged. Afterwards every row that was
//! acknowledged is counted in the database. The sender builds and compresses its requests on the same cores.
//!
//! `cargo bench -p trivium-lens --bench ingest -- --help`

#![expect(clippy::print_stdout, reason = "a table is what it is for")]

mod load;
#[path = "../process/mod.rs"]
mod process;
mod receiver;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use hdrhistogram::Histogram;
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinSet;

use load::{LogSender, Sender, SpanSender};
use receiver::Receiver;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// More than any run brings, so that all of it can be counted afterwards.
const ENOUGH: &str = "16GiB";
/// Requests that one signal may have open, as many as the Collector's exporters have.
const OPEN_REQUESTS: usize = 10;

#[derive(Debug, Parser)]
struct Options {
    /// Rows per second of each of the two signals at the fixed rate.
    #[arg(long, default_value_t = 20_000)]
    rate: u64,
    /// Length of the runs at that rate.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Length of the run without a fixed rate.
    #[arg(long, default_value_t = 15)]
    maximum_seconds: u64,
    /// Rows in a request.
    #[arg(long, default_value_t = 1000)]
    batch: u64,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let options = Options::parse();
    if !options.bench {
        println!("nothing is measured without optimisation; run it with `cargo bench`");
        return Ok(());
    }
    let fixed = Run {
        title: "fixed rate",
        rate: Some(options.rate),
        length: Duration::from_secs(options.seconds),
        batch: options.batch,
        max_bytes: ENOUGH,
    };
    run(&fixed).await?;
    run(&Run {
        title: "fixed rate, database full",
        max_bytes: "128MiB",
        ..fixed
    })
    .await?;
    let length = Duration::from_secs(options.maximum_seconds);
    run(&Run {
        title: "as fast as acknowledged",
        rate: None,
        length,
        ..fixed
    })
    .await
}

#[derive(Clone, Copy)]
struct Run {
    title: &'static str,
    /// Rows per second of each signal.
    rate: Option<u64>,
    length: Duration,
    batch: u64,
    max_bytes: &'static str,
}

/// What became of one signal's requests.
struct Outcome {
    acknowledged: AtomicU64,
    refused: AtomicU64,
    answer_ms: Mutex<Histogram<u64>>,
}

async fn run(run: &Run) -> Result<(), Failure> {
    let mut receiver = Receiver::start(run.max_bytes)?;
    let started = Instant::now();
    let spans = tokio::spawn(send(SpanSender::new(&receiver.ingest_grpc).await?, *run));
    let logs = tokio::spawn(send(LogSender::new(&receiver.ingest_http), *run));
    let (spans, logs) = (spans.await??, logs.await??);
    let took = started.elapsed().as_secs_f64();
    let usage = receiver.usage()?;
    let stored = receiver.stop_and_count().await?;

    println!(
        "\n{}: {} s, requests of {} rows",
        run.title,
        run.length.as_secs(),
        run.batch
    );
    println!(
        "| signal | acknowledged/s | acknowledged | refused requests | stored | answer p50 | p99 | max |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for (name, outcome, stored) in [
        ("spans", &spans, stored.spans),
        ("log records", &logs, stored.logs),
    ] {
        let acknowledged = outcome.acknowledged.load(Ordering::Relaxed);
        let refused = outcome.refused.load(Ordering::Relaxed);
        let answer_ms = outcome.answer_ms.lock().await;
        println!(
            "| {name} | {:.0} | {acknowledged} | {refused} | {stored} | {} ms | {} ms | {} ms |",
            acknowledged as f64 / took,
            answer_ms.value_at_quantile(0.5),
            answer_ms.value_at_quantile(0.99),
            answer_ms.max(),
        );
        if run.max_bytes == ENOUGH && stored != acknowledged {
            return Err(
                format!("{acknowledged} {name} were acknowledged, {stored} are stored").into(),
            );
        }
    }
    println!(
        "lens: peak resident memory {} MiB, {:.2} cores, database {} MiB",
        usage.peak_resident_bytes >> 20,
        usage.cpu_seconds / took,
        stored.file_bytes >> 20,
    );
    Ok(())
}

/// Sends at the rate, or as fast as there are answers, with at most [`OPEN_REQUESTS`] open.
async fn send(sender: impl Sender, run: Run) -> Result<Arc<Outcome>, Failure> {
    let outcome = Arc::new(Outcome {
        acknowledged: AtomicU64::new(0),
        refused: AtomicU64::new(0),
        answer_ms: Mutex::new(Histogram::new(3)?),
    });
    let Run {
        rate,
        length,
        batch,
        ..
    } = run;
    let open = Arc::new(Semaphore::new(OPEN_REQUESTS));
    let period = rate.map_or(Duration::from_nanos(1), |rate| {
        Duration::from_secs_f64(batch as f64 / rate as f64)
    });
    let mut clock = tokio::time::interval(period);
    let mut requests = JoinSet::new();
    let started = Instant::now();
    let mut first = 0;
    while started.elapsed() < length {
        clock.tick().await;
        let permit = Arc::clone(&open).acquire_owned().await?;
        let (mut sender, outcome) = (sender.clone(), Arc::clone(&outcome));
        requests.spawn(async move {
            let sent = Instant::now();
            let is_acknowledged = sender.send(first..first + batch).await?;
            let answer_ms = u64::try_from(sent.elapsed().as_millis())?;
            outcome.answer_ms.lock().await.record(answer_ms)?;
            let (counter, n) = if is_acknowledged {
                (&outcome.acknowledged, batch)
            } else {
                (&outcome.refused, 1)
            };
            counter.fetch_add(n, Ordering::Relaxed);
            drop(permit);
            Ok::<_, Failure>(())
        });
        first += batch;
    }
    while let Some(request) = requests.join_next().await {
        request??;
    }
    Ok(outcome)
}
