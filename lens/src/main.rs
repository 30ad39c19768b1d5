//! The program `trivium-lens`: configuration → telemetry → store → serve → signal → drain → flush. Or a command on the store.

use std::process::ExitCode;

use clap::Parser as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use trivium_lens::command::Cli;
use trivium_lens::config::Config;
use trivium_lens::server::Lens;
use trivium_telemetry::Telemetry;

/// Threads that decode requests. Each has a heap of its own in glibc, which keeps what its largest request needed.
const DECODING_THREADS: usize = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(DECODING_THREADS)
        .build();
    let ended = runtime
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(start(&cli)));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("trivium-lens: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn start(cli: &Cli) -> Result<(), Box<dyn std::error::Error>> {
    let stop = StopSignals::listen()?;
    let Some(command) = &cli.command else {
        return run(&cli.config, stop).await;
    };
    let store = cli.config.store();
    tokio::select! {
        done = command.run(&store) => Ok(done?),
        // What is dropped here removes the file that it had begun.
        () = stop.first() => Err("stopped before the end".into()),
    }
}

struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn first(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

async fn run(config: &Config, stop: StopSignals) -> Result<(), Box<dyn std::error::Error>> {
    let telemetry = Telemetry::builder("trivium-lens")
        .version(env!("CARGO_PKG_VERSION"))
        .namespace("trivium")
        .init()?;
    let lens = Lens::start(config).await?;
    eprintln!("trivium-lens page http://{}", lens.page);
    eprintln!("trivium-lens ingest http://{}", lens.ingest_http);
    eprintln!("trivium-lens ingest grpc http://{}", lens.ingest_grpc);
    stop.first().await;
    lens.stop().await;
    // The Collector may have ended before; what it does not take then is lost, and is no failure of lens.
    if let Err(error) = telemetry.shutdown().await {
        eprintln!("trivium-lens: {error}");
    }
    Ok(())
}
