//! The Collector is away, refuses, or writes to where nobody is; the store behind it is away.

use crate::{
    here::free,
    stack::{HOPS, Stack},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_store_and_then_a_stopped_collector_are_named() {
    let stack = Stack::start(&["backends/lens.yaml"], |_, _, _| {}).await;
    let Some(mut stack) = stack else { return };
    let app = stack.app("app", |_| {}).await;
    stack.lens_part.take().unwrap().stop().await;
    let report = stack.examine(&app, &[]).await;
    report.assert_broken("metric", 15, "start lens");
    report.assert_unknown(&["app_export", "collector_export", "exemplar"]);
    assert_eq!(report.hop("collector")["state"], "well");
    assert_eq!(
        report.hop("trace")["came_back"],
        "nothing listens there: the connection was refused"
    );

    // Killed: told to stop, it tries for longer than a test may take to hand on what lens did not take.
    drop(stack.otelcol_part.take());
    let report = stack.examine(&app, &[]).await;
    report.assert_broken("collector", 13, "start the Collector");
    report.assert_unknown(&["app_export", "collector_export"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_is_the_apps_or_everybodys() {
    let files = ["backends/lens.yaml", "policies/token.yaml"];
    let stack = Stack::start(&files, |command, folder, _| {
        std::fs::write(folder.join("token"), "right-token").unwrap();
        command.env("OTELCOL_TOKEN_FILE", folder.join("token"));
    });
    let Some(stack) = stack.await else { return };
    std::fs::write(stack.path("wrong"), "wrong-token").unwrap();
    let with = |file: &str| {
        let file = stack.path(file);
        move |command: &mut std::process::Command| {
            command.env("OTEL_EXPORTER_OTLP_BEARER_TOKEN_FILE", file);
        }
    };
    let (trusted, refused, also_refused) = tokio::join!(
        stack.app("trusted", with("token")),
        stack.app("refused", with("wrong")),
        stack.app("also-refused", with("wrong")),
    );
    let (right, wrong) = (stack.path("token"), stack.path("wrong"));
    let right = ["--token-file", right.to_str().unwrap()];
    let wrong = ["--token-file", wrong.to_str().unwrap()];
    let (well, refused, everybody, tokenless) = tokio::join!(
        stack.examine(&trusted, &right),
        stack.examine(&refused, &right),
        stack.examine(&also_refused, &wrong),
        stack.examine(&trusted, &[]),
    );
    well.assert_well(&HOPS);
    refused.assert_broken(
        "app_export",
        12,
        "this Collector wants a token. Either the app has no token or a wrong one",
    );
    everybody.assert_broken("collector", 13, "the token is missing or wrong");
    let came_back = everybody.hop("collector")["came_back"].as_str().unwrap();
    assert!(came_back.starts_with("401 Unauthorized"), "{came_back}");
    // The app's own way is well, whatever the doctor may not do.
    tokenless.assert_well(&HOPS);
    let came_back = tokenless.hop("collector")["came_back"].as_str().unwrap();
    assert!(
        came_back.starts_with("what the app sent; the doctor's own not: 401"),
        "{came_back}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_collector_cannot_hand_on_is_named_with_what_waits() {
    let [closed] = free();
    let stack = Stack::start(&["backends/lens.yaml"], |command, _, _| {
        command.env("LENS_TRACES", closed.to_string());
    });
    let Some(stack) = stack.await else { return };
    let app = stack.app("app", |_| {}).await;
    let report = stack.examine(&app, &[]).await;
    report.assert_broken("collector_export", 14, "compare LENS_TRACES");
    report.assert_unknown(&["trace"]);
    let came_back = report.hop("collector_export")["came_back"]
        .as_str()
        .unwrap();
    assert!(
        came_back.starts_with(&format!(
            "accepted, but there are no spans in lens at http://{}; batches that wait: ",
            stack.lens
        )) && came_back.contains(" of traces in otlp_grpc/lens-traces"),
        "{came_back}"
    );
    for hop in ["app_export", "collector", "metric", "exemplar", "logs"] {
        assert_eq!(report.hop(hop)["state"], "well", "{:#}", report.json);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_is_handed_on_all_signals_are_named() {
    let [closed] = free();
    let stack = Stack::start(&["backends/lens.yaml"], |command, _, _| {
        command
            .env("LENS_REMOTE_WRITE", format!("http://{closed}/api/v1/write"))
            .env("LENS_LOGS", format!("http://{closed}/otlp"))
            .env("LENS_TRACES", closed.to_string());
    });
    let Some(stack) = stack.await else { return };
    let app = stack.app("app", |_| {}).await;
    let report = stack.examine(&app, &[]).await;
    report.assert_broken("collector_export", 14, "compare LENS_REMOTE_WRITE");
    let lens = format!("lens at http://{}", stack.lens);
    assert_eq!(
        report.hop("collector_export")["came_back"],
        format!(
            "accepted, but there are no metrics in {lens}, no logs in {lens}, no spans in {lens}"
        )
    );
    report.assert_unknown(&["app_export", "metric", "exemplar", "trace", "logs"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_without_the_labels_of_their_resource_are_named_with_those_that_they_lack() {
    let stack = Stack::start(&["backends/lens.yaml"], |command, folder, _| {
        let unlabelled = folder.join("unlabelled.yaml");
        let pipelines = "metrics: {processors: [memory_limiter, redaction]}";
        std::fs::write(
            &unlabelled,
            format!("service: {{pipelines: {{{pipelines}}}}}\n"),
        )
        .unwrap();
        command.arg("--config").arg(unlabelled);
    });
    let Some(stack) = stack.await else { return };
    let app = stack.app("app", |_| {}).await;
    let report = stack.examine(&app, &[]).await;
    report.assert_broken("metric", 15, "transform/labels of otelcol/config.yaml");
    assert_eq!(
        report.hop("metric")["came_back"],
        "it counted the request, without service_name, service_instance_id"
    );
}
