//! Hosts and containers in the page, by real clicks: this machine as its agent sees it, and from a span to the container it
//! ran on. The containers' metrics are made up and sent through the Collector, as not every machine has a container.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::{
    browser::{click, find, makes_pictures, picture},
    stack::Stack,
    until,
    webdriver::{console, with_browser},
};

const MIB: u64 = 1 << 20;
/// Two containers with nothing but an id.
const IDS: [&str; 2] = [
    "4f1d2c3b5a6978897a6b5c4d3e2f10014f1d2c3b5a6978897a6b5c4d3e2f1001",
    "9b8a7c6d5e4f30211203f4e5d6c7b8a99b8a7c6d5e4f30211203f4e5d6c7b8a9",
];

fn now_unix_nano() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_nanos()).unwrap()
}

fn attributes(pairs: &[(&str, &str)]) -> Value {
    let pairs = pairs.iter();
    pairs
        .map(|(key, value)| json!({"key": key, "value": {"stringValue": value}}))
        .collect()
}

/// An `ExportMetricsServiceRequest` with the memory of each container.
fn memory_of(containers: &[(&str, u64)]) -> Value {
    let resources = containers.iter().map(|(id, bytes)| {
        let point = json!({"timeUnixNano": now_unix_nano().to_string(), "asInt": bytes.to_string()});
        let sum = json!({"aggregationTemporality": 2, "isMonotonic": false, "dataPoints": [point]});
        json!({
            "resource": {"attributes": attributes(&[("container.id", id), ("host.name", "shop-1")])},
            "scopeMetrics": [{"metrics": [{"name": "container.memory.usage", "unit": "By", "sum": sum}]}],
        })
    });
    json!({"resourceMetrics": resources.collect::<Vec<_>>()})
}

fn span_on(container: &str, trace_id: &str) -> Value {
    let end = now_unix_nano();
    let resource = [
        ("service.name", "orders"),
        ("container.id", container),
        ("host.name", "shop-1"),
    ];
    json!({"resourceSpans": [{
        "resource": {"attributes": attributes(&resource)},
        "scopeSpans": [{"spans": [{
            "traceId": trace_id,
            "spanId": "00f067aa0ba902b7",
            "name": "charge",
            "kind": 1,
            "startTimeUnixNano": (end - 5_000_000).to_string(),
            "endTimeUnixNano": end.to_string(),
        }]}],
    }]})
}

#[tokio::test(flavor = "multi_thread")]
async fn two_containers_without_a_name_are_two_and_a_span_leads_to_its_own() {
    let Some(stack) = Stack::start(0).await else {
        return;
    };
    let trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let [one, other] = IDS;
    let request = memory_of(&[(one, 100 * MIB), (other, 300 * MIB)]);
    stack.send_otlp("metrics", &request).await;
    stack.send_otlp("traces", &span_on(other, trace_id)).await;
    let memory = until("the memory of both containers", || async {
        let listed = stack
            .lens
            .list("/api/containers?host=shop-1", "containers")
            .await;
        let of = |id: &str| {
            let found = listed.iter().find(|container| container["id"] == id)?;
            found["memory_bytes"].as_f64()
        };
        Some([of(one)?, of(other)?])
    })
    .await;
    assert_eq!(memory, [100.0 * MIB as f64, 300.0 * MIB as f64]);

    until("the span", || async { stack.lens.root(trace_id).await }).await;
    let lens = stack.lens.clone();
    with_browser(async move |client| {
        let trace = lens.url(&format!("/traces/{trace_id}"));
        client.goto(&trace).await.unwrap();
        find(&client, "[data-testid=trace-id]").await;
        click(&client, &format!("a[href^='/containers/{other}']")).await;
        let memory = find(&client, "[data-testid=memory]").await;
        assert!(memory.text().await.unwrap().starts_with("300 MiB"));
        let url = client.current_url().await.unwrap();
        assert_eq!(url.path(), format!("/containers/{other}"));
        assert_eq!(console(&client).await.unwrap(), [""; 0]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_of_the_agent_has_its_page_with_charts() {
    let Some(mut stack) = Stack::start(0).await else {
        return;
    };
    stack.start_agent().await;
    let listed = until("a host with a rate", || async {
        let hosts = stack.lens.list("/api/hosts?since=5m", "hosts").await;
        let host = hosts.into_iter().next()?;
        host["cpu_ratio"].is_number().then_some(host)
    })
    .await;
    if makes_pictures() {
        tokio::time::sleep(Duration::from_secs(280)).await;
    }
    let lens = stack.lens.clone();
    with_browser(async move |client| {
        client.goto(&lens.url("/hosts?since=5m")).await.unwrap();
        find(&client, "[data-testid=host]").await;
        click(&client, "[data-testid=host] a").await;
        let name = find(&client, "h1").await.text().await.unwrap();
        assert_eq!(name, listed["name"].as_str().unwrap());
        for chart in ["cpu", "load", "memory", "network"] {
            find(&client, &format!("[data-testid=chart-{chart}] svg")).await;
        }
        let memory = find(&client, "[data-testid=memory]")
            .await
            .text()
            .await
            .unwrap();
        assert!(memory.contains("iB / "), "{memory}");
        picture(&client, "host.png").await;
        assert_eq!(console(&client).await.unwrap(), [""; 0]);
    })
    .await;
}
