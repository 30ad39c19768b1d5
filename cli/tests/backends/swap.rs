//! The same suite against each backend: naming another file is all that changes.

use std::path::Path;

use tempfile::TempDir;

use crate::{
    collector::Collector,
    here::{self, free},
    lens::Lens,
    part::Part,
    prometheus::Prometheus,
    sink::{Sink, TOKEN},
    start,
    suite::{Backend, Logs, Metrics, Traces, assert_has, send},
    zipkin::Zipkin,
};

/// Lens, and the variables that lead the Collector to it.
pub(crate) async fn lens(folder: &Path) -> (Lens, Part, Vec<(&'static str, String)>) {
    let [page, http, grpc] = free();
    let part = start::lens(folder, page, http, grpc).await;
    let environment = vec![
        ("LENS_REMOTE_WRITE", format!("http://{http}/api/v1/write")),
        ("LENS_LOGS", format!("http://{http}/otlp")),
        ("LENS_TRACES", grpc.to_string()),
    ];
    (Lens::at(page.port()), part, environment)
}

/// Sends the suite's requests through a Collector with these backend files, and asks each of `backends` for them.
async fn assert_reach(
    folder: &TempDir,
    files: &[&str],
    environment: &[(&str, String)],
    backends: &[Backend],
) {
    let Some(program) = here::collector() else {
        return;
    };
    let files: Vec<_> = files
        .iter()
        .map(|name| format!("backends/{name}.yaml"))
        .collect();
    let files = std::iter::once("config.yaml").chain(files.iter().map(String::as_str));
    let files: Vec<_> = files.collect();
    let collector = Collector::start(&program, folder.path(), "otelcol", &files, environment).await;
    let (app, _app) = collector.app(|_| {}).await;
    let sent = send(&app).await;
    for backend in backends {
        assert_has(backend, &sent).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lens_has_all_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let (lens, _lens, environment) = lens(folder.path()).await;
    assert_reach(&folder, &["lens"], &environment, &[Backend::lens(&lens)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_has_the_metrics_by_otlp_and_a_sink_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let (Some(program), Some(prometheus)) =
        (here::collector(), Prometheus::start(folder.path()).await)
    else {
        return;
    };
    let sink = Sink::start(&program, folder.path()).await;
    let environment = [
        (
            "PROMETHEUS_OTLP",
            format!("http://{}/api/v1/otlp", prometheus.address),
        ),
        ("LOKI_OTLP", format!("http://{}", sink.http)),
        ("TEMPO_OTLP", sink.grpc.to_string()),
    ];
    let backend = Backend {
        metrics: Some(Metrics::Prometheus(prometheus)),
        traces: Traces::Sink(sink.again()),
        logs: Some(Logs::Sink(sink)),
    };
    assert_reach(&folder, &["prometheus-otlp"], &environment, &[backend]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn victoria_metrics_has_the_metrics_and_a_sink_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let (Some(program), Some(victoria)) = (
        here::collector(),
        Prometheus::start_victoria_metrics(folder.path()).await,
    ) else {
        return;
    };
    let sink = Sink::start(&program, folder.path()).await;
    let environment = [
        (
            "VICTORIAMETRICS_REMOTE_WRITE",
            format!("http://{}/api/v1/write", victoria.address),
        ),
        ("VICTORIALOGS_OTLP", format!("http://{}/v1/logs", sink.http)),
        (
            "VICTORIATRACES_OTLP",
            format!("http://{}/v1/traces", sink.http),
        ),
    ];
    let backend = Backend {
        metrics: Some(Metrics::Victoria(victoria)),
        traces: Traces::Sink(sink.again()),
        logs: Some(Logs::Sink(sink)),
    };
    assert_reach(&folder, &["victoriametrics"], &environment, &[backend]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn zipkin_has_the_traces_and_lens_beside_it_all() {
    let folder = tempfile::tempdir().unwrap();
    let Some(zipkin) = Zipkin::start(folder.path()).await else {
        return;
    };
    let (lens, _lens, mut environment) = lens(folder.path()).await;
    let endpoint = format!("http://{}/api/v2/spans", zipkin.address);
    environment.push(("ZIPKIN_ENDPOINT", endpoint));
    let of_zipkin = Backend {
        metrics: None,
        traces: Traces::Zipkin(zipkin),
        logs: None,
    };
    let backends = [of_zipkin, Backend::lens(&lens)];
    assert_reach(&folder, &["zipkin", "lens"], &environment, &backends).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_vendor_has_all_of_it_with_the_headers_it_wants() {
    let folder = tempfile::tempdir().unwrap();
    let Some(program) = here::collector() else {
        return;
    };
    let sink = Sink::start(&program, folder.path()).await;
    let environment = [
        ("OTLP_ENDPOINT", format!("http://{}", sink.http_with_token)),
        (
            "OTLP_HEADERS",
            format!("{{authorization: 'Bearer {TOKEN}'}}"),
        ),
    ];
    let backend = Backend {
        metrics: Some(Metrics::Sink(sink.again())),
        traces: Traces::Sink(sink.again()),
        logs: Some(Logs::Sink(sink)),
    };
    assert_reach(&folder, &["otlp"], &environment, &[backend]).await;
}
