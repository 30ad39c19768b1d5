//! `trivium up` with the real parts.

use std::{process::Command, time::Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::{part::Part, root, until};

fn up(state: &std::path::Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trivium"));
    command.arg("up").arg("--root").arg(root());
    command.arg("--state-dir").arg(state).arg("--traffic");
    for option in [
        "--app-listen",
        "--otelcol-otlp-grpc",
        "--otelcol-otlp-http",
        "--otelcol-health",
        "--lens-listen",
        "--lens-ingest-http",
        "--lens-ingest-grpc",
    ] {
        command.args([option, "127.0.0.1:0"]);
    }
    command.env("APP_BCRYPT_COST", "4");
    command
}

/// The address that the welcome prints for the page.
fn page(output: &str) -> Option<String> {
    let line = output.lines().find(|line| line.contains("page"))?;
    let url = line
        .split_whitespace()
        .find(|word| word.starts_with("http"))?;
    Some(url.trim_end_matches('/').to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_starts_in_five_seconds_shows_live_data_and_stops_clean() {
    if crate::collector().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    for round in 0..2 {
        let started = Instant::now();
        let name = format!("up{round}");
        let mut part = Part::start(&mut up(&state), folder.path(), &name);
        let page = until("the address of the page", || {
            part.assert_runs();
            let page = page(&part.output());
            async { page }
        })
        .await;
        let is_second = round == 1;
        if is_second {
            let seconds = started.elapsed().as_secs_f64();
            assert!(seconds < 5.0, "the second start took {seconds} s");
        }
        until("requests counted in lens", || async {
            let services = reqwest::get(format!("{page}/api/services")).await.ok()?;
            let services: Value = services.json().await.ok()?;
            let auth = services["services"]
                .as_array()?
                .iter()
                .find(|service| service["name"] == "auth")?;
            (auth["request_rate"].as_f64()? > 0.0).then_some(())
        })
        .await;
        part.signal(Signal::SIGINT);
        let status = part.exit().await;
        assert!(status.success(), "{status}:\n{}", part.output());
        assert!(reqwest::get(format!("{page}/livez")).await.is_err());
    }
}
