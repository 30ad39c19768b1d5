//! lens at size, and beside its peers: the same spans, log records and samples of the last hour go into each program over
//! the protocol it takes, one signal after another; what it used of the CPU for that is read from the kernel. Then the
//! pages and queries that show them are timed, one at a time. `--pages` does the same with lens alone and all its pages.
//!
//! `cargo bench -p trivium-lens --bench peers -- --help`

#![expect(clippy::print_stdout, reason = "a table is what it is for")]

mod ask;
mod feed;
mod otlp;
mod pages;
#[path = "../process/mod.rs"]
mod process;
mod remote_write;
mod shape;
mod subject;
mod zipkin;

use std::path::PathBuf;

use clap::Parser;

use feed::{Encoding, Fed, Target};
use shape::{Amount, Shape};
use subject::Subject;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, Parser)]
struct Options {
    /// Spans, five in each trace.
    #[arg(long, default_value_t = 100_000)]
    spans: u64,
    /// Log records.
    #[arg(long, default_value_t = 200_000)]
    logs: u64,
    /// Series; each has a point every ten seconds for an hour.
    #[arg(long, default_value_t = 2_000)]
    series: u64,
    /// Times each page and query.
    #[arg(long, default_value_t = 20)]
    times: usize,
    /// Lens alone, with every page and address of its API.
    #[arg(long)]
    pages: bool,
    /// The lens to measure instead of the one that was built with this.
    #[arg(long, default_value = env!("CARGO_BIN_EXE_trivium-lens"))]
    lens: PathBuf,
    /// The program `otelite`; left out without it.
    #[arg(long)]
    otelite: Option<PathBuf>,
    /// The file `zipkin-server-VERSION-exec.jar`; left out without it.
    #[arg(long)]
    zipkin: Option<PathBuf>,
    /// The program `prometheus`; left out without it.
    #[arg(long)]
    prometheus: Option<PathBuf>,
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
    let amount = Amount {
        spans: options.spans,
        logs: options.logs,
        series: options.series,
    };
    println!(
        "{} spans, {} log records, {} series of {} points",
        amount.spans,
        amount.logs,
        amount.series,
        shape::POINTS
    );
    let shape = Shape::ending_now(amount);
    let mut lens = Subject::lens(&options.lens)?;
    let ingest = lens.ingest.clone();
    let targets = [
        Target::new(format!("{ingest}/v1/traces"), Encoding::Spans),
        Target::new(format!("{ingest}/otlp/v1/logs"), Encoding::Logs),
        Target::new(format!("{ingest}/api/v1/write"), Encoding::RemoteWrite),
    ];
    measure("lens", &mut lens, &targets, &shape).await?;
    if options.pages {
        ask::all("lens", &lens.page, &pages::every(&shape), options.times).await?;
        return lens.stop();
    }
    ask::all("lens", &lens.page, &pages::of_lens(&shape), options.times).await?;
    lens.stop()?;
    if let Some(program) = &options.otelite {
        let mut otelite = Subject::otelite(program).await?;
        let ingest = otelite.ingest.clone();
        let targets = [
            Target::new(format!("{ingest}/v1/traces"), Encoding::Spans),
            Target::new(format!("{ingest}/v1/logs"), Encoding::Logs),
            Target::new(format!("{ingest}/v1/metrics"), Encoding::Metrics),
        ];
        measure("otelite", &mut otelite, &targets, &shape).await?;
        let queries = pages::of_otelite(&shape);
        ask::all("otelite", &otelite.page, &queries, options.times).await?;
        otelite.stop()?;
    }
    if let Some(jar) = &options.zipkin {
        let mut zipkin = Subject::zipkin(jar).await?;
        let address = format!("{}/api/v2/spans", zipkin.ingest);
        let targets = [Target::new(address, Encoding::Zipkin)];
        measure("zipkin", &mut zipkin, &targets, &shape).await?;
        let queries = pages::of_zipkin(&shape);
        ask::all("zipkin", &zipkin.page, &queries, options.times).await?;
        zipkin.stop()?;
    }
    if let Some(program) = &options.prometheus {
        let mut prometheus = Subject::prometheus(program).await?;
        let address = format!("{}/api/v1/write", prometheus.ingest);
        let targets = [Target::new(address, Encoding::RemoteWrite)];
        measure("prometheus", &mut prometheus, &targets, &shape).await?;
        let queries = pages::of_prometheus(&shape);
        ask::all("prometheus", &prometheus.page, &queries, options.times).await?;
        prometheus.stop()?;
    }
    Ok(())
}

/// Sends each signal and prints what the program used for it.
async fn measure(
    name: &str,
    subject: &mut Subject,
    targets: &[Target],
    shape: &Shape,
) -> Result<(), Failure> {
    println!(
        "\n| {name} takes in | rows | seconds | CPU seconds | rows per CPU second | resident |"
    );
    println!("|---|---|---|---|---|---|");
    for target in targets {
        let before = subject.cpu_seconds()?;
        let Fed { rows, seconds } = feed::feed(target, shape).await?;
        // What a program put off is part of the price; half of that which it does in idleness is nobody's.
        tokio::time::sleep(subject::SETTLE).await;
        let used = subject.cpu_seconds()? - before;
        println!(
            "| {} | {rows} | {seconds:.1} | {used:.2} | {:.0} | {} MiB |",
            target.encoding.signal(),
            rows as f64 / used,
            subject.resident_mib()?,
        );
    }
    Ok(())
}
