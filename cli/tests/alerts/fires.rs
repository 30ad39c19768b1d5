//! Each alert fires, by /api/v1/alerts, when what it is about has happened; one is followed to who is told.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Write,
    sync::atomic::Ordering,
};

use serde_json::Value;

use crate::{
    agent::MAX_LINE,
    here::until,
    host::{FULL, RESTARTING},
    prometheus::has_labels,
    rules,
    stack::{GRAFANA_URL, REPOSITORY_URL, Stack, State},
    traffic,
};

/// Alerts by name, severity and one more label, that faults of the app and backends that do not take data cause.
const BY_FAULTS: &[(&str, &str, (&str, &str))] = &[
    ("AvailabilityBudgetBurn", "page", ("window", "1h")),
    ("AvailabilityBudgetBurn", "page", ("window", "6h")),
    ("AvailabilityBudgetBurn", "ticket", ("window", "1d")),
    ("AvailabilityBudgetBurn", "ticket", ("window", "3d")),
    ("LatencyBudgetBurn", "page", ("window", "1h")),
    ("LatencyBudgetBurn", "page", ("window", "6h")),
    ("LatencyBudgetBurn", "ticket", ("window", "1d")),
    ("LatencyBudgetBurn", "ticket", ("window", "3d")),
    ("LoginFailuresSurge", "page", ("service", "auth")),
    ("ServiceDropsTelemetry", "ticket", ("signal", "traces")),
    (
        "CollectorQueueFilling",
        "page",
        ("exporter", "otlp_grpc/tempo"),
    ),
    ("CollectorRefusesData", "ticket", ("signal", "traces")),
    ("CollectorLosesData", "page", ("exporter", "otlp_http/loki")),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_alert_fires_when_what_it_is_about_has_happened() {
    let Some(mut stack) = Stack::start(State::Troubled).await else {
        return;
    };
    let _traffic = traffic::of_trouble(&stack.app_url);
    let mut fired = Vec::new();
    for (alert, severity, (label, value)) in BY_FAULTS {
        let labels = [
            ("alertname", *alert),
            ("severity", *severity),
            (label, *value),
        ];
        fired.push(stack.prometheus.until_fires(&labels).await);
    }
    is_told(&stack).await;

    fired.push(on_host(&mut stack, "ContainerMemoryNearLimit", "service", FULL.name).await);
    restart_a_container(&stack).await;
    fired.push(
        on_host(
            &mut stack,
            "ContainerRestarting",
            "service",
            RESTARTING.name,
        )
        .await,
    );
    fired.push(
        on_host(
            &mut stack,
            "DiskFilling",
            "system_filesystem_mountpoint",
            "/disk",
        )
        .await,
    );

    fs::write(stack.log_file(), "x".repeat(10 * MAX_LINE) + "\n").unwrap();
    fired.push(on_host(&mut stack, "AgentLosesData", "reason", "too_long").await);
    stack.logs_answer.store(503, Ordering::Relaxed);
    let mut log = File::options().append(true).open(stack.log_file()).unwrap();
    until("the agent is behind", || {
        // The first lines find room in the Collector's queue.
        writeln!(log, "more").unwrap();
        stack.prometheus.value("max(trivium_agent_lag_bytes) > 0")
    })
    .await;
    fired.push(on_host(&mut stack, "AgentLags", "source", "files[0]").await);

    stack.stop_app().await;
    let silent = [("alertname", "ServiceSilent"), ("service", "auth")];
    fired.push(stack.prometheus.until_fires(&silent).await);
    stack.stop_otelcol().await;
    let nothing = [("alertname", "NothingArrives"), ("severity", "page")];
    fired.push(stack.prometheus.until_fires(&nothing).await);

    let names = fired
        .iter()
        .map(|alert| alert["labels"]["alertname"].as_str().unwrap().to_owned());
    assert_eq!(names.collect::<BTreeSet<_>>(), rules::alerts());
}

/// Waits for an alert about what the agent measures, or about itself.
async fn on_host(stack: &mut Stack, alert: &str, label: &str, value: &str) -> Value {
    let labels = [("alertname", alert), ("severity", "ticket"), (label, value)];
    stack.prometheus.until_fires(&labels).await
}

/// Twice, each time once the start before has been seen.
async fn restart_a_container(stack: &Stack) {
    let uptime = format!(
        "container_uptime_seconds{{container_name=\"{}\"}}",
        RESTARTING.name
    );
    for (limits, next) in [((500.0, 700.0), 900), ((100.0, 300.0), 990)] {
        until(&uptime, || async {
            let seconds = stack.prometheus.value(&uptime).await?;
            (seconds >= limits.0 && seconds < limits.1).then_some(())
        })
        .await;
        stack.host.start(&RESTARTING, next);
    }
}

/// One alert is followed to the webhook of Alertmanager, with all that it says.
async fn is_told(stack: &Stack) {
    let labels = [
        ("alertname", "AvailabilityBudgetBurn"),
        ("severity", "page"),
        ("window", "1h"),
    ];
    let alert = until("the notification", || async {
        let notified = stack.notified.lock().unwrap();
        let mut alerts = notified
            .iter()
            .flat_map(|body| body["alerts"].as_array().unwrap());
        alerts
            .find(|alert| has_labels(&alert["labels"], &labels))
            .cloned()
    })
    .await;
    assert_eq!(alert["status"], "firing");
    assert_eq!(alert["labels"]["service"], "auth");
    assert_eq!(alert["labels"]["grafana_url"], Value::Null);
    let annotations = &alert["annotations"];
    assert_eq!(annotations["summary"], "auth: too many requests fail");
    let description = annotations["description"].as_str().unwrap();
    assert!(
        description.contains("% of the requests to auth in the last hour were answered with 5xx"),
        "{description}"
    );
    assert_eq!(
        annotations["runbook_url"],
        format!("{REPOSITORY_URL}/docs/runbooks/AvailabilityBudgetBurn.md")
    );
    let of_service = "var-namespace=trivium&var-service=auth";
    assert_eq!(
        annotations["dashboard_url"],
        format!("{GRAFANA_URL}/d/trivium-slo?{of_service}")
    );
    assert_eq!(
        annotations["exemplars_url"],
        format!("{GRAFANA_URL}/d/trivium-application?{of_service}")
    );
}
