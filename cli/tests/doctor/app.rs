//! What the app does wrong, or what is wrong with it, behind a road that is well.

use serde_json::json;

use crate::{
    clock::Clock,
    here::free,
    stack::{HOPS, Stack},
};

async fn stack() -> Option<Stack> {
    Stack::start(&["backends/lens.yaml"], |_, _, _| {}).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_road_that_is_well_is_followed_to_its_end_with_the_time_of_each_hop() {
    let Some(stack) = stack().await else { return };
    let app = stack.app("well", |_| {}).await;
    let report = stack.examine(&app, &[]).await;
    report.assert_well(&HOPS);
    assert_eq!(report.error, "");
    assert_eq!(report.json["clocks"], json!([]));
    for hop in ["app", "collector", "metric", "exemplar", "trace", "logs"] {
        let seconds = report.hop(hop)["seconds"].as_f64().unwrap();
        assert!(seconds > 0.0 && seconds < 8.0, "{hop}: {seconds}");
    }
    assert_eq!(
        report.hop("app_export")["came_back"],
        "metrics, logs, spans"
    );
    let metric = report.hop("metric")["came_back"].as_str().unwrap();
    assert!(
        metric.starts_with("job=\"trivium/well\" instance=\""),
        "{metric}"
    );
    let trace_id = report.json["trace_id"].as_str().unwrap();
    assert_eq!(
        report.hop("exemplar")["came_back"],
        format!("of this request, opens {trace_id}")
    );
    // The request was counted before; the next one is a rise of one.
    let again = stack.examine(&app, &[]).await;
    again.assert_well(&HOPS);
    let trace = format!("http://{}/api/traces/{trace_id}", stack.lens);
    let trace: serde_json::Value = reqwest::get(trace).await.unwrap().json().await.unwrap();
    let spans = trace["spans"].as_array().unwrap();
    let roots: Vec<_> = spans
        .iter()
        .filter(|span| span["service"] == "trivium-doctor")
        .collect();
    assert_eq!(roots.len(), 1, "{trace:#}");
    let server = spans.iter().find(|span| span["kind"] == "server").unwrap();
    assert_eq!(server["service"], "well");
    assert_eq!(server["parent_span_id"], roots[0]["span_id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_keeps_a_signal_is_named_with_the_variable_that_makes_it() {
    let Some(stack) = stack().await else { return };
    let [closed] = free();
    let (astray, unsampled, no_logs, no_metrics, no_exemplars, distrustful) = tokio::join!(
        stack.app("astray", |command| {
            command.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{closed}"));
        }),
        stack.app("unsampled", |command| {
            command.env("OTEL_TRACES_SAMPLER", "always_off");
        }),
        stack.app("no-logs", |command| {
            command.env("OTEL_LOGS_EXPORTER", "none");
        }),
        stack.app("no-metrics", |command| {
            command.env("OTEL_METRICS_EXPORTER", "none");
        }),
        stack.app("no-exemplars", |command| {
            command.env("OTEL_METRICS_EXEMPLAR_FILTER", "always_off");
        }),
        stack.app("distrustful", |command| {
            command.env("APP_TRUSTED_CALLERS", "10.0.0.0/8");
        }),
    );
    let reports = tokio::join!(
        stack.examine(&astray, &[]),
        stack.examine(&unsampled, &[]),
        stack.examine(&no_logs, &[]),
        stack.examine(&no_metrics, &[]),
        stack.examine(&no_exemplars, &[]),
        stack.examine(&distrustful, &[]),
    );
    let (astray, unsampled, no_logs, no_metrics, no_exemplars, distrustful) = reports;

    astray.assert_broken("app_export", 12, "OTEL_EXPORTER_OTLP_ENDPOINT");
    assert_eq!(
        astray.hop("app_export")["came_back"],
        "no metrics, no logs, no spans of astray, though the doctor's own came through"
    );
    astray.assert_unknown(&["metric", "exemplar", "trace", "logs"]);
    assert_eq!(astray.hop("collector_export")["state"], "well");

    unsampled.assert_broken("app_export", 12, "OTEL_TRACES_SAMPLER is always_off");
    unsampled.assert_unknown(&["exemplar", "trace"]);
    assert_eq!(unsampled.hop("logs")["state"], "well");

    no_logs.assert_broken("app_export", 12, "OTEL_LOGS_EXPORTER is none");
    assert_eq!(no_logs.hop("trace")["state"], "well");

    no_metrics.assert_broken("app_export", 12, "OTEL_METRICS_EXPORTER is none");
    assert_eq!(no_metrics.hop("logs")["state"], "well");

    no_exemplars.assert_broken("exemplar", 16, "OTEL_METRICS_EXEMPLAR_FILTER");
    assert_eq!(no_exemplars.hop("metric")["state"], "well");

    // It makes a trace of its own, as it should, and the exemplar leads there.
    distrustful.assert_well(&HOPS);
    let (trace, logs) = (distrustful.hop("trace"), distrustful.hop("logs"));
    for hop in [trace, logs] {
        let came_back = hop["came_back"].as_str().unwrap();
        assert!(came_back.contains("APP_TRUSTED_CALLERS"), "{hop:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_fails_or_is_not_there_is_the_first_link() {
    let Some(stack) = stack().await else { return };
    let failing = stack.app("failing", |command| {
        command.env("APP_FAULTS", "error:/:1:500");
    });
    let (failing, stopped) = tokio::join!(failing, stack.app("stopped", |_| {}));
    let (service, url) = stopped.stop().await;
    let reports = tokio::join!(
        stack.examine(&failing, &[]),
        stack.examine_at(service, &url, &[]),
    );
    reports.0.assert_broken("app", 11, "the app's own log");
    assert_eq!(
        reports.0.hop("app")["came_back"],
        "500 Internal Server Error"
    );
    // Its telemetry is well, and says so.
    assert_eq!(reports.0.hop("trace")["state"], "well");
    reports.1.assert_broken("app", 11, "start the app");
    reports
        .1
        .assert_unknown(&["app_export", "metric", "exemplar", "trace", "logs"]);
    // The doctor's own way goes on without it.
    assert_eq!(reports.1.hop("collector_export")["state"], "well");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_whose_clock_is_late_has_its_metrics_where_nobody_looks() {
    let Some(stack) = stack().await else { return };
    let Some(clock) = Clock::make(&stack.path("")) else {
        return;
    };
    clock.set_ahead(-3600);
    let late = stack.app("late", |command| clock.give(command));
    let report = stack.examine(&late.await, &[]).await;
    // A header of HTTP tells whole seconds.
    report.assert_broken("metric", 15, "the app's clock is 360");
    let clocks = report.json["clocks"].as_array().unwrap();
    assert_eq!(clocks.len(), 1, "{clocks:?}");
    assert_eq!(clocks[0]["who"], "the app");
    let ahead = clocks[0]["ahead_seconds"].as_i64().unwrap();
    assert!((-3601..=-3600).contains(&ahead), "{ahead}");
    assert_eq!(report.hop("app_export")["state"], "well");
}
