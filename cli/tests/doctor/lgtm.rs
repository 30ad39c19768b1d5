//! Prometheus, the real one, with the logs and traces in lens (mixed) and in Loki and Tempo (lgtm).

use std::{
    net::SocketAddr,
    path::Path,
    process::Command,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

use crate::{
    clock::Clock,
    fakes::{self, Fake},
    grafana,
    here::{free, is_installed, until},
    part::Part,
    stack::{App, HOPS, Stack},
    start::ready,
};

/// Of the app and of the doctor.
const BOTH: [&str; 2] = ["app", "trivium-doctor"];

/// As compose/prometheus.yaml.
const WINDOW: &str = "storage: {tsdb: {out_of_order_time_window: 10m}}\n";
const EXEMPLARS: [&str; 1] = ["--enable-feature=exemplar-storage"];

async fn start_prometheus(
    folder: &Path,
    listen: SocketAddr,
    configuration: &str,
    more: &[&str],
) -> Part {
    let config = folder.join("prometheus.yaml");
    std::fs::write(&config, configuration).unwrap();
    let mut command = Command::new("prometheus");
    command
        .arg("--config.file")
        .arg(config)
        .arg(format!("--web.listen-address={listen}"))
        .arg("--web.enable-remote-write-receiver")
        .arg("--storage.tsdb.path")
        .arg(folder.join("prometheus"))
        .args(more);
    let part = Part::start(&mut command, folder, "prometheus");
    ready(part, format!("http://{listen}/-/ready")).await
}

/// The Collector with the file `lgtm`, which writes to `prometheus` and, in the place of Loki and Tempo, to lens.
async fn start(prometheus: SocketAddr) -> Option<(Stack, App)> {
    if !is_installed("prometheus", "prometheus") {
        return None;
    }
    let stack = Stack::start(&["backends/lgtm.yaml"], |command, _, ingest| {
        command
            .env(
                "PROMETHEUS_REMOTE_WRITE",
                format!("http://{prometheus}/api/v1/write"),
            )
            .env("LOKI_OTLP", format!("http://{}/otlp", ingest.http))
            .env("TEMPO_OTLP", ingest.grpc.to_string());
    });
    let stack = stack.await?;
    let app = stack.app("app", |_| {}).await;
    Some((stack, app))
}

#[tokio::test(flavor = "multi_thread")]
async fn with_metrics_in_prometheus_exemplar_storage_and_then_prometheus_itself_are_missed() {
    let [address] = free();
    let Some((stack, app)) = start(address).await else {
        return;
    };
    let url = address.to_string();
    let mixed = ["--metrics", "prometheus", "--prometheus", &url];

    let folder = stack.path("");
    let off = start_prometheus(&folder, address, WINDOW, &[]).await;
    let report = stack.examine(&app, &mixed).await;
    report.assert_broken(
        "exemplar",
        16,
        "exemplar storage is off: start Prometheus with --enable-feature=exemplar-storage",
    );
    assert_eq!(report.hop("metric")["state"], "well");
    off.stop().await;

    let on = start_prometheus(&folder, address, WINDOW, &EXEMPLARS).await;
    let report = stack.examine(&app, &mixed).await;
    report.assert_well(&HOPS);
    assert_eq!(
        report.json["stores"],
        json!({
            "metrics": format!("Prometheus at http://{address}"),
            "logs": format!("lens at http://{}", stack.lens),
            "traces": format!("lens at http://{}", stack.lens),
        })
    );

    on.stop().await;
    let report = stack.examine(&app, &mixed).await;
    report.assert_broken("metric", 15, "start Prometheus");
    report.assert_unknown(&["exemplar"]);
    for hop in ["collector_export", "trace", "logs"] {
        assert_eq!(report.hop(hop)["state"], "well", "{:#}", report.json);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn loki_and_tempo_are_asked_for_the_trace_and_named_when_they_lack_it() {
    let [address, closed] = free();
    let Some((stack, app)) = start(address).await else {
        return;
    };
    let _prometheus = start_prometheus(&stack.path(""), address, WINDOW, &EXEMPLARS).await;
    let loki = Fake::start(|route| fakes::loki(route, &BOTH)).await;
    let tempo = Fake::start(|route| fakes::tempo(route, &BOTH)).await;
    let grafana = Fake::start(grafana::proxy).await;
    let grafana_at = grafana.address.to_string();
    let [prometheus_at, loki_at, tempo_at, closed] =
        [address, loki.address, tempo.address, closed].map(|address| address.to_string());
    let examine = async |loki: &str, tempo: &str| {
        let stores = [
            "--prometheus",
            &prometheus_at,
            "--loki",
            loki,
            "--tempo",
            tempo,
        ];
        let lgtm = ["--backends", "lgtm", "--grafana", &grafana_at];
        stack.examine(&app, &[&lgtm[..], &stores].concat()).await
    };
    let all = [&HOPS[..], &["grafana"]].concat();
    examine(&loki_at, &tempo_at).await.assert_well(&all);

    let (no_loki, no_tempo) = tokio::join!(examine(&closed, &tempo_at), examine(&loki_at, &closed));
    no_loki.assert_broken("logs", 18, "start Loki");
    no_tempo.assert_broken("trace", 17, "start Tempo");

    loki.answers(|route| fakes::loki(route, &[]));
    let report = examine(&loki_at, &tempo_at).await;
    report.assert_broken("collector_export", 14, "compare LOKI_OTLP");
    report.assert_unknown(&["logs"]);

    loki.answers(|route| fakes::loki(route, &BOTH));
    tempo.answers(|route| fakes::tempo(route, &["trivium-doctor"]));
    let report = examine(&loki_at, &tempo_at).await;
    // The app says that it exported spans, and they are not in Tempo.
    report.assert_broken("trace", 17, "sampling left this trace out");

    tempo.answers(|route| fakes::tempo(route, &[]));
    let report = examine(&loki_at, &tempo_at).await;
    report.assert_broken("collector_export", 14, "compare TEMPO_OTLP");
}

#[tokio::test(flavor = "multi_thread")]
async fn samples_that_prometheus_refuses_as_out_of_order_are_told_from_those_that_never_came() {
    let [address] = free();
    let Some((stack, _)) = start(address).await else {
        return;
    };
    let folder = stack.path("");
    let Some(clock) = Clock::make(&folder) else {
        return;
    };
    // No window: what is older than the last sample of its series is refused.
    let _prometheus = start_prometheus(&folder, address, "{}\n", &EXEMPLARS).await;
    clock.set_ahead(600);
    let app = stack.app("set-back", |command| clock.give(command)).await;
    reqwest::get(&app.url).await.unwrap();
    until("a sample from the future", || async {
        let future =
            SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(600);
        let query = "http_server_request_duration_seconds_count{service_name=%22set-back%22}";
        let url = format!(
            "http://{address}/api/v1/query?query={query}&time={}",
            future.as_secs()
        );
        let answer: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
        answer["data"]["result"][0]["value"]
            .is_array()
            .then_some(())
    })
    .await;
    clock.set_ahead(0);
    let url = address.to_string();
    let mixed = ["--metrics", "prometheus", "--prometheus", &url];
    let report = stack.examine(&app, &mixed).await;
    report.assert_broken("metric", 15, "storage.tsdb.out_of_order_time_window");
    // Not of the clock: hyper's header goes on with the old time until the new one has caught up.
    for hop in ["app_export", "collector_export", "trace", "logs"] {
        assert_eq!(report.hop(hop)["state"], "well", "{:#}", report.json);
    }
}
