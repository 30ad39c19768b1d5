//! The service beside itself without telemetry, and beside the seed's FastAPI service: same machine, same run.
//!
//! One core runs the service, the other this program: the clients, and an OTLP receiver that counts what arrives, so that
//! a figure counts only when every request's span got there. Rounds of all services alternate; medians are printed as a
//! table and written to `bench/service/README.md` between its markers with `--write`.
//!
//! `make bench-service`, or `cargo run --release -p trivium-bench -- --help`

#![allow(clippy::print_stdout, reason = "a table is what it is for")]

mod cores;
mod load;
mod logins;
mod report;
mod service;

use std::{path::PathBuf, time::Duration};

use clap::Parser;

use cores::Watch;
use load::{Load, Outcome};
use service::{Kind, Service};
use trivium_bench_agent::sink::Sink;

pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, Parser)]
struct Options {
    /// Folder of the programs built with `cargo build --release`
    #[arg(long, default_value = "target/release")]
    programs: PathBuf,
    /// Python interpreter of an environment with bench/peers/fastapi/requirements.txt; without it the peer is left out
    #[arg(long)]
    python: Option<PathBuf>,
    /// Length of one measurement, after two seconds of warming up
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Measurements of each service
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Clients that each send their next request when the last was answered
    #[arg(long, default_value_t = 32)]
    clients: usize,
    /// Write the table into bench/service/README.md
    #[arg(long)]
    write: bool,
}

/// One measurement of one service.
#[derive(Debug)]
pub(crate) struct Figures {
    kind: Kind,
    outcome: Outcome,
    ready: Duration,
    peak_memory_mib: f64,
    service_core_busy: f64,
    clients_core_busy: f64,
    /// Server spans that reached the receiver, of requests that were sent; both include the warm-up.
    spans: Option<(u64, u64)>,
}

impl Figures {
    /// The service had time left and the clients had none: it was not the service that was measured.
    fn is_limited_by_clients(&self) -> bool {
        self.clients_core_busy > 0.95 && self.service_core_busy < 0.97
    }
}

fn main() -> Result<(), Failure> {
    let options = Options::parse();
    cores::pin_this_process()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(run(&options))
}

async fn run(options: &Options) -> Result<(), Failure> {
    let sink = Sink::start()?;
    let mut kinds = vec![Kind::Trivium, Kind::TriviumSilent];
    if options.python.is_some() {
        kinds.extend([Kind::Fastapi, Kind::FastapiSilent]);
    }
    let mut figures = Vec::new();
    for round in 1..=options.rounds {
        for kind in &kinds {
            eprintln!("round {round}: {kind:?}");
            figures.push(measure(*kind, options, &sink).await?);
        }
    }
    let logins = logins::measure(options, &sink).await?;
    let table = report::table(&figures, &logins, &options.programs)?;
    println!("{table}");
    if options.write {
        report::write(&table)?;
    }
    Ok(())
}

async fn measure(kind: Kind, options: &Options, sink: &Sink) -> Result<Figures, Failure> {
    let server_spans = || sink.with_tally(|tally| tally.server_spans);
    let service = Service::start(kind, options, sink, service::Cores::One).await?;
    let token = service.sign_up_and_log_in().await?;
    let load = Load {
        address: service.address(),
        request: load::get("/users/me/", &token),
        clients: options.clients,
    };
    let spans_before = server_spans();
    let warm_up = load.run(Duration::from_secs(2))?;
    let cpu_before = service.cpu_seconds()?;
    let clients_core = Watch::start(cores::OWN)?;
    let outcome = load.run(Duration::from_secs(options.seconds))?;
    let clients_core_busy = clients_core.busy()?;
    let service_core_busy = (service.cpu_seconds()? - cpu_before) / outcome.elapsed.as_secs_f64();
    let peak_memory_mib = service.peak_memory_mib()?;
    let ready = service.ready_after();
    // Stopping flushes what waits.
    service.stop().await?;
    let spans = kind.sends_spans().then(|| {
        let sent = warm_up.requests + outcome.requests;
        (server_spans() - spans_before, sent)
    });
    Ok(Figures {
        kind,
        outcome,
        ready,
        peak_memory_mib,
        service_core_busy,
        clients_core_busy,
        spans,
    })
}
