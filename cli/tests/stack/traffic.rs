//! What users do with the app, good and bad, until the test ends; what programs do to the agent and to a backend that is away.

use std::{fs::File, io::Write, path::Path, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::client::App;

const PAUSE: Duration = Duration::from_millis(300);

/// Ends with the test.
pub(crate) struct Traffic(JoinHandle<()>);

impl Drop for Traffic {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Of every route and every outcome a little, again and again.
pub(crate) fn start(app: App) -> Traffic {
    Traffic(tokio::spawn(async move {
        for round in 0_u32.. {
            visit(&app, round).await;
            tokio::time::sleep(PAUSE).await;
        }
    }))
}

async fn visit(app: &App, round: u32) {
    let email = format!("user{round}@example.com");
    let journey = app.journey(&email, 3).await;
    let post = |path, token, body: Value| app.send(Method::POST, path, token, Some(body));
    let again = json!({"email": email, "password": "canary-pass-7391"});
    post("/signup/", None, again).await;
    let refresh = json!({"refresh_token": journey.refresh_token});
    post("/refresh/", None, refresh.clone()).await;
    post("/refresh/", None, refresh).await;
    app.send(Method::GET, "/users/me/", Some("no token"), None)
        .await;
    for path in ["/", "/", "/no/such/page"] {
        app.get(path).await;
    }
}

/// A line that the agent cuts, and declares the loss, and one that it does not.
pub(crate) fn write_lines(file: &Path) {
    let mut file = File::create(file).unwrap();
    writeln!(file, "short").unwrap();
    writeln!(file, "{}", "long ".repeat(1_000)).unwrap();
}

/// Sends of each signal as much to a pipeline whose backend does not answer as fills its queue.
pub(crate) async fn overfill(otlp: &str) {
    let point = json!({"timeUnixNano": "1", "asInt": "1"});
    let requests = [
        (
            "metrics",
            json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "lost", "gauge": {"dataPoints": [point]}}]}]}]}),
        ),
        (
            "logs",
            json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "lost"}}]}]}]}),
        ),
        (
            "traces",
            json!({"resourceSpans": [{"scopeSpans": [{"spans": [{
                "traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00f067aa0ba902b7", "name": "lost",
                "startTimeUnixNano": "1", "endTimeUnixNano": "2",
            }]}]}]}),
        ),
    ];
    let client = reqwest::Client::new();
    for (signal, request) in requests {
        let send = || {
            client
                .post(format!("{otlp}/v1/{signal}"))
                .json(&request)
                .send()
        };
        let mut refused = 0;
        for _ in 0..10 {
            refused += u32::from(!send().await.unwrap().status().is_success());
        }
        assert!(refused > 0, "the queue for {signal} took all");
    }
}
