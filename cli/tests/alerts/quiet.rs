//! On a stack that is well no alert fires, and the recording rules say so in numbers.

use std::time::{Duration, Instant};

use crate::{
    here::until,
    stack::{Stack, State},
    traffic,
};

/// Fifteen minutes of the rules' clock: longer than any alert waits.
const WELL_FOR: Duration = Duration::from_secs(30);

/// What the host that is made up has on purpose, and what a machine that is busy with other tests may have.
const LEFT_OUT: [&str; 3] = [
    "ContainerMemoryNearLimit",
    "DiskFilling",
    "LatencyBudgetBurn",
];

#[tokio::test(flavor = "multi_thread")]
async fn on_a_stack_that_is_well_no_alert_fires() {
    let Some(stack) = Stack::start(State::Well).await else {
        return;
    };
    let _traffic = traffic::of_users(&stack.app_url);
    let requests = "service:http_server_requests:rate5m{service_name=\"auth\"} > 0";
    until("a rate of requests", || stack.prometheus.value(requests)).await;
    // Prometheus was there before the first metric; from now on there is nothing to tell.
    until("metrics of every program", || async {
        let programs = "count(group by (job) (last_over_time(target_info[2s]))) >= 3";
        stack.prometheus.value(programs).await
    })
    .await;
    let started = Instant::now();
    while started.elapsed() < WELL_FOR {
        for alert in stack.prometheus.firing().await {
            let name = alert["labels"]["alertname"].as_str().unwrap();
            assert!(LEFT_OUT.contains(&name), "{alert}");
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    for window in ["5m", "30m", "1h", "2h", "6h", "1d", "3d"] {
        let errors = format!("slo:availability:error_ratio_rate{window}{{service_name=\"auth\"}}");
        assert_eq!(stack.prometheus.value(&errors).await, Some(0.0), "{errors}");
        let slow = format!("slo:latency:slow_ratio_rate{window}{{service_name=\"auth\"}}");
        let ratio = stack.prometheus.value(&slow).await.unwrap();
        assert!((0.0..1.0).contains(&ratio), "{slow}: {ratio}");
    }
    for record in ["service_dropped", "collector_refused"] {
        let sum = format!("sum(telemetry:{record}:increase10m)");
        assert_eq!(stack.prometheus.value(&sum).await, Some(0.0), "{sum}");
    }
    for objective in [("availability", 0.999), ("latency", 0.99)] {
        let record = format!("slo:{}:objective", objective.0);
        assert_eq!(stack.prometheus.value(&record).await, Some(objective.1));
    }
    for rule in stack.prometheus.rules().await {
        assert_eq!(rule["health"], "ok", "{rule}");
    }
}
