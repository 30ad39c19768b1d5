//! Faults on purpose: only where they are asked for, as asked, and told to everyone who looks.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::{
    collector::{Collector, attribute},
    program::Program,
    support::{Answer, PASSWORD, TestApp, client},
};

#[tokio::test]
async fn an_error_is_made_at_its_rate_on_its_route() {
    let app = TestApp::start(&["--faults=error:/:0.5:503", "--faults-seed=7"]).await;
    let mut failed = 0;
    for _ in 0..100 {
        let answer = app.get("/").await;
        if answer.status == 503 {
            let message = answer.error(503, "injected");
            assert_eq!(message, "this error was made on purpose, by APP_FAULTS");
            failed += 1;
        }
        assert_eq!(app.get("/livez").await.status, 200);
    }
    assert!((30..70).contains(&failed), "{failed}");
    app.stop().await;
}

#[tokio::test]
async fn latency_is_added_and_the_index_tells_of_it() {
    let faults = "--faults=latency:/livez:1:60ms,error:/login:1:500";
    let app = TestApp::start(&[faults]).await;
    let start = Instant::now();
    assert_eq!(app.get("/livez").await.status, 200);
    assert!(start.elapsed() >= Duration::from_millis(60));
    let list = json!(["latency:/livez:1:60ms", "error:/login/:1:500"]);
    assert_eq!(app.get("/").await.body["faults"], list);
    let answer = app.login("ada@example.com", PASSWORD).await;
    answer.error(500, "injected");
    app.stop().await;

    let app = TestApp::start(&[]).await;
    assert_eq!(app.get("/").await.body.get("faults"), None::<&Value>);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_query_is_slow_inside_its_span_and_each_fault_is_said_loudly() {
    let collector = Collector::start();
    let folder = tempfile::tempdir().unwrap();
    let endpoint = collector.endpoint();
    let faults = "slow_query:/signup/:1:80ms";
    let variables = [
        ("OTEL_SDK_DISABLED", "false"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("APP_FAULTS", faults),
        ("APP_TRUSTED_PROXIES", "127.0.0.1"),
    ];
    let program = Program::start(&folder.path().join("app.db"), &variables).await;
    assert!(
        program.said_before.contains(&format!(
            "trivium-app makes FAULTS ON PURPOSE, as APP_FAULTS asks: {faults}"
        )),
        "{}",
        program.said_before
    );
    let request = client()
        .post(format!("http://{}/signup/", program.address))
        .header("forwarded", "for=192.0.2.7")
        .json(&json!({"email": "ada@example.com", "password": PASSWORD}));
    assert_eq!(Answer::of(request.send().await.unwrap()).await.status, 201);
    program.signal(Signal::SIGTERM);
    let (status, said) = program.wait().await;
    assert_eq!(status.code(), Some(0), "{said}");

    let received = collector.received();
    let query = received.span("INSERT users").unwrap();
    let lasted = query.end_time_unix_nano - query.start_time_unix_nano;
    assert!(lasted >= 80_000_000, "{lasted} ns");
    for event in ["faults.enabled", "fault.injected"] {
        let log = received.log(event).unwrap();
        assert_eq!(log.severity_text, "WARN");
        let key = if event == "faults.enabled" {
            "faults"
        } else {
            "fault"
        };
        assert_eq!(attribute(&log.attributes, key).as_deref(), Some(faults));
    }
    let request = received.span("POST /signup/").unwrap();
    let client = attribute(&request.attributes, "client.address");
    assert_eq!(client.as_deref(), Some("192.0.2.7"));
}
