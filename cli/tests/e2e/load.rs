//! `trivium load` is a service in its own traces, and its report leads to them.

use std::process::Command;

use serde_json::Value;

use crate::{here::until, stack::Stack};

#[tokio::test(flavor = "multi_thread")]
async fn each_request_of_the_load_is_a_trace_from_the_generator_to_the_service() {
    let Some(stack) = Stack::start(1).await else {
        return;
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_trivium"));
    command
        .args([
            "load",
            "--json",
            "--users",
            "5",
            "--spawn-rate",
            "100",
            "--duration",
            "4s",
        ])
        .args(["--target", &stack.app(0).url, "--lens", &stack.lens.url("")])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", stack.otlp());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["failures"], 0, "{summary}");

    // `ready` asked once for /readyz before.
    let requests = summary["requests"].as_u64().unwrap() as usize;
    stack.lens.wait_for_count(requests + 1).await;

    let slowest = summary["slowest"].as_array().unwrap();
    assert_eq!(slowest.len(), 5);
    for slow in slowest {
        let trace_id = slow["trace_id"].as_str().unwrap();
        assert_eq!(slow["link"], stack.lens.url(&format!("/traces/{trace_id}")));
        let root = until("the root of the trace", || async {
            let root = stack.lens.root(trace_id).await?;
            (root["service"] == "trivium-load").then_some(root)
        })
        .await;
        assert_eq!(root["kind"], "client");
        assert_eq!(root["name"], slow["route"]);
        let spans = stack.lens.spans(trace_id).await;
        let server = spans.iter().find(|span| span["kind"] == "server").unwrap();
        assert_eq!(server["service"], "auth");
        assert_eq!(server["parent_span_id"], root["span_id"]);
    }
}
