//! The program `trivium-app`: settings → telemetry → store → listen → serve → signal → drain → close → flush.
//!
//! It ends with 0 after SIGTERM or SIGINT, 2 when it can't start, 1 when a second signal cuts the stopping short.

use std::{error::Error, process::ExitCode, sync::Arc};

use clap::Parser;
use tokio::signal::unix::{Signal, SignalKind, signal};
use trivium_app::{App, Server, Settings};
use trivium_telemetry::Telemetry;

type StartError = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let settings = Settings::parse();
    match run(settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("trivium-app: {}", chain(error.as_ref()));
            ExitCode::from(2)
        }
    }
}

async fn run(settings: Settings) -> Result<(), StartError> {
    let telemetry = Telemetry::builder("auth")
        .version(env!("CARGO_PKG_VERSION"))
        .namespace("trivium")
        .init()?;
    let outcome = serve(settings).await;
    if let Err(error) = &outcome {
        tracing::error!(name: "server.start.failed", error = error.as_ref() as &dyn Error, "can't start");
    }
    // What could not be delivered is lost, which is no reason to call the run failed.
    if let Err(error) = telemetry.shutdown().await {
        eprintln!("trivium-app: {error}");
    }
    outcome
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
        line.push_str(&format!(": {error}"));
        cause = error.source();
    }
    line
}
