//! `trivium up` with the real parts.

use std::{fs::File, io::Write, process::Command, time::Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::{part::Part, root, until};

/// `trivium up` on free ports.
pub(crate) fn up(state: &std::path::Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trivium"));
    command.arg("up").arg("--root").arg(root());
    command.arg("--state-dir").arg(state);
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

async fn list(page: &str, path: &str, noun: &str) -> Option<Vec<Value>> {
    let answer = reqwest::get(format!("{page}{path}")).await.ok()?;
    let mut answer: Value = answer.json().await.ok()?;
    serde_json::from_value(answer[noun].take()).ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_starts_in_five_seconds_shows_live_data_and_stops_clean() {
    if crate::collector().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let log = folder.path().join("shop.log");
    std::fs::write(&log, "").unwrap();
    for round in 0..2 {
        let started = Instant::now();
        let name = format!("up{round}");
        let mut command = up(&state);
        command.arg("--traffic");
        command.arg("--logs").arg(folder.path().join("sho?.log"));
        let mut part = Part::start(&mut command, folder.path(), &name);
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
            let services = list(&page, "/api/services", "services").await?;
            let auth = services.iter().find(|service| service["name"] == "auth")?;
            (auth["request_rate"].as_f64()? > 0.0).then_some(())
        })
        .await;
        until("this machine in lens", || async {
            let hosts = list(&page, "/api/hosts", "hosts").await?;
            (hosts.first()?["cpus"].as_f64()? > 0.0).then_some(())
        })
        .await;
        let mut file = File::options().append(true).open(&log).unwrap();
        writeln!(file, "round {round}").unwrap();
        let path = format!("/api/logs?file={}&since=1h", log.display());
        let bodies = until("the lines of the file that is named", || async {
            let logs = list(&page, &path, "logs").await?;
            let bodies = logs
                .iter()
                .rev()
                .map(|log| log["body"].as_str().unwrap().to_owned());
            let bodies: Vec<_> = bodies.collect();
            (bodies.len() > round).then_some(bodies)
        })
        .await;
        // The second run goes on where the first one stopped.
        let written: Vec<_> = (0..=round).map(|round| format!("round {round}")).collect();
        assert_eq!(bodies, written);
        part.signal(Signal::SIGINT);
        let status = part.exit().await;
        assert!(status.success(), "{status}:\n{}", part.output());
        assert!(reqwest::get(format!("{page}/livez")).await.is_err());
    }
}
