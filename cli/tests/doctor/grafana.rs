//! Grafana's data source proxy, behind a road that is well.

use serde_json::{Value, json};

use crate::{
    fakes::{self, Fake},
    here::free,
    stack::{HOPS, Stack},
};

/// What stands behind the proxy, when all of it answers.
pub(crate) fn proxy(route: &str) -> (u16, Value) {
    let path = route.strip_prefix("GET /api/datasources/proxy/uid");
    match path.unwrap_or_default() {
        "/prometheus/api/v1/query" => (200, json!({"status": "success"})),
        "/loki/loki/api/v1/labels" => (200, json!({"status": "success", "data": []})),
        path => match path.strip_prefix("/tempo") {
            Some(path) => fakes::tempo(&format!("GET {path}"), &["auth"]),
            None => (404, Value::Null),
        },
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_data_source_answers_through_grafana_or_is_named() {
    let stack = Stack::start(&["backends/lens.yaml"], |_, _, _| {}).await;
    let Some(stack) = stack else { return };
    let app = stack.app("app", |_| {}).await;
    let grafana = Fake::start(proxy).await;
    let at = grafana.address.to_string();
    let all = [&HOPS[..], &["grafana"]].concat();
    stack
        .examine(&app, &["--grafana", &at])
        .await
        .assert_well(&all);

    grafana.answers(|route| {
        if route.contains("/loki/") {
            (502, Value::Null)
        } else {
            proxy(route)
        }
    });
    let report = stack.examine(&app, &["--grafana", &at]).await;
    report.assert_broken("grafana", 19, "compare LOKI_URL of Grafana");
    assert_eq!(
        report.hop("grafana")["came_back"],
        "Loki: 502 Bad Gateway: null"
    );

    grafana.answers(|_| (401, json!({"message": "Unauthorized"})));
    let report = stack.examine(&app, &["--grafana", &at]).await;
    report.assert_broken("grafana", 19, "--grafana-password-file");

    let [closed] = free();
    let report = stack
        .examine(&app, &["--grafana", &closed.to_string()])
        .await;
    report.assert_broken("grafana", 19, "start Grafana");
}
