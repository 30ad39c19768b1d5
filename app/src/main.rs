//! The program `trivium-app`: settings → telemetry → store → listen → serve → signal → drain → close → flush.
//!
//! It ends with 0 after SIGTERM or SIGINT, 2 when it can't start, 1 when a second signal cuts the stopping short.

use std::{error::Error, process::ExitCode, sync::Arc};

use clap::Parser;
use tokio::{
    runtime::Runtime,
    signal::unix::{Signal, SignalKind, signal},
};
use trivium_app::{App, Server, Settings};
use trivium_telemetry::Telemetry;

type StartError = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    let settings = Settings::parse();
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return cannot_start(&error),
    };
    let exit_code = runtime.block_on(run(settings));
    // A hash that still runs is of a request that was cut: nobody waits for it.
    runtime.shutdown_background();
    exit_code
}

async fn run(settings: Settings) -> ExitCode {
    let telemetry = Telemetry::builder("auth")
        .version(env!("CARGO_PKG_VERSION"))
        .namespace("trivium")
        .init();
    let telemetry = match telemetry {
        Ok(telemetry) => telemetry,
        Err(error) => return cannot_start(&error),
    };
    let exit_code = match serve(settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => cannot_start(error.as_ref()),
    };
    // What could not be delivered is lost, which is no reason to call the run failed.
    if let Err(error) = telemetry.shutdown().await {
        eprintln!("trivium-app: {error}");
    }
    exit_code
}

/// Tells whoever started it, and whoever reads the logs of the service.
fn cannot_start(error: &dyn Error) -> ExitCode {
    let error = chain(error);
    eprintln!("trivium-app can't start: {error}");
    tracing::info!(name: "server.start.failed", error, "can't start");
    ExitCode::from(2)
}

async fn serve(settings: Settings) -> Result<(), StartError> {
    let signals = Signals::listen()?;
    let app = Arc::new(App::open(settings).await?);
    let server = Server::bind(Arc::clone(&app)).await?;
    eprintln!("trivium-app listening on http://{}", server.address());

    server.run(signals.first()).await;
    app.close().await;
    Ok(())
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Resolves at the first signal; from then on a second one ends the process at once.
    async fn first(mut self) {
        self.next().await;
        tokio::spawn(async move {
            self.next().await;
            std::process::exit(1);
        });
    }
}

/// An error and its causes in one line.
fn chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        // Some errors repeat their cause in their own words.
        if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
        cause = error.source();
    }
    line
}
