//! The program `trivium-lens`: configuration → store → serve → signal → drain.

use std::process::ExitCode;

use clap::Parser as _;
use tokio::signal::unix::{SignalKind, signal};
use trivium_lens::config::Config;
use trivium_lens::server::Lens;

#[tokio::main]
async fn main() -> ExitCode {
    let config = Config::parse();
    match run(&config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("trivium-lens: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(config: &Config) -> Result<(), Box<dyn std::error::Error>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let lens = Lens::start(config).await?;
    eprintln!("trivium-lens page http://{}", lens.page);
    eprintln!("trivium-lens ingest http://{}", lens.ingest_http);
    eprintln!("trivium-lens ingest grpc http://{}", lens.ingest_grpc);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    lens.stop().await;
    Ok(())
}
