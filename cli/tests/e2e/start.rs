//! Starts the programs of this workspace for a test, and waits until each does its work.

use std::{net::SocketAddr, path::Path, process::Command};

use crate::{
    here::{program, until},
    part::Part,
};

/// lens, with its data in `folder/lens.db`.
pub(crate) async fn lens(
    folder: &Path,
    listen: SocketAddr,
    ingest_http: SocketAddr,
    ingest_grpc: SocketAddr,
) -> Part {
    lens_with(folder, listen, ingest_http, ingest_grpc, |_| {}).await
}

/// The same; `more` sets what else it needs.
pub(crate) async fn lens_with(
    folder: &Path,
    listen: SocketAddr,
    ingest_http: SocketAddr,
    ingest_grpc: SocketAddr,
    more: impl FnOnce(&mut Command),
) -> Part {
    let mut command = Command::new(program("trivium-lens"));
    command
        .env("LENS_LISTEN", listen.to_string())
        .env("LENS_INGEST_HTTP", ingest_http.to_string())
        .env("LENS_INGEST_GRPC", ingest_grpc.to_string())
        .env("LENS_DATA", folder.join("lens.db"))
        .env("OTEL_SDK_DISABLED", "true");
    more(&mut command);
    let part = Part::start(&mut command, folder, "lens");
    ready(part, format!("http://{listen}/readyz")).await
}

/// An app on a free port, with its data in `folder/NAME.db`, that exports to `otlp` each `interval_ms`, and the URL that it
/// tells. `more` sets what else it needs.
pub(crate) async fn app(
    folder: &Path,
    name: &str,
    otlp: &str,
    interval_ms: &str,
    more: impl FnOnce(&mut Command),
) -> (String, Part) {
    let mut command = Command::new(program("trivium-app"));
    command
        .env("APP_LISTEN", "127.0.0.1:0")
        .env("APP_DATABASE", folder.join(format!("{name}.db")))
        // The least: tests need not wait for what is slow on purpose.
        .env("APP_BCRYPT_COST", "4")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", otlp)
        .env("OTEL_METRIC_EXPORT_INTERVAL", interval_ms)
        .env("OTEL_BSP_SCHEDULE_DELAY", interval_ms)
        .env("OTEL_BLRP_SCHEDULE_DELAY", interval_ms);
    more(&mut command);
    let mut part = Part::start(&mut command, folder, name);
    let url = until("the app's address", || {
        part.assert_runs();
        let url = listening_url(&part.output());
        async { url }
    })
    .await;
    let part = ready(part, format!("{url}/readyz")).await;
    (url, part)
}

/// Of the line `trivium-app listening on http://…`.
fn listening_url(output: &str) -> Option<String> {
    let line = output.lines().find(|line| line.contains("listening on"))?;
    Some(line[line.find("http://")?..].trim().to_owned())
}

/// The agent, which `command` ends with.
pub(crate) async fn agent(command: &mut Command, folder: &Path) -> Part {
    let mut part = Part::start(command, folder, "agent");
    until("the agent runs", || {
        part.assert_runs();
        let is_running = part.output().contains("running; sending to");
        async move { is_running.then_some(()) }
    })
    .await;
    part
}

/// Waits until `url` answers well.
pub(crate) async fn ready(mut part: Part, url: String) -> Part {
    let client = reqwest::Client::new();
    until(&url, || {
        part.assert_runs();
        let request = client.get(&url).send();
        async { request.await.ok()?.status().is_success().then_some(()) }
    })
    .await;
    part
}
