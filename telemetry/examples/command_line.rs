//! A command-line program: one span for the whole run, and no word of it lost at its end.
//!
//! `cargo run -p trivium-telemetry --example command_line -- Cargo.toml README.md`

use std::process::ExitCode;

use trivium_telemetry::{Telemetry, metrics::meter};

/// The bytes of all files together.
fn count(paths: &[String]) -> std::io::Result<u64> {
    let read = meter("count")
        .u64_counter("count.files")
        .with_unit("{file}")
        .build();
    let mut bytes = 0;
    for path in paths {
        let file = tracing::info_span!("read", file.path = path).entered();
        bytes += std::fs::read(path)?.len() as u64;
        read.add(1, &[]);
        drop(file);
    }
    Ok(bytes)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let telemetry = match Telemetry::builder("count").init() {
        Ok(telemetry) => telemetry,
        Err(error) => {
            // The message names the variable and what to write instead.
            eprintln!("count: {error}");
            return ExitCode::from(2);
        }
    };
    let paths: Vec<_> = std::env::args().skip(1).collect();
    let counted = tracing::info_span!("count").in_scope(|| count(&paths));
    let code = match counted {
        Ok(bytes) => {
            tracing::info!(name: "count.ended", bytes, "counted");
            ExitCode::SUCCESS
        }
        Err(error) => {
            tracing::error!(name: "count.failed", %error, "cannot read a file");
            ExitCode::FAILURE
        }
    };
    // Telemetry that cannot be sent is no reason for the program to fail.
    if let Err(error) = telemetry.shutdown().await {
        eprintln!("count: {error}");
    }
    code
}
