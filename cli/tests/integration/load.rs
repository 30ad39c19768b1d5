//! `trivium load` against a server that counts: the closed model, and how a run begins and ends.

use std::{
    collections::HashSet,
    io::Read,
    net::SocketAddr,
    process::{Command, Output, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::{
    failure, send,
    server::{self, Seen},
    trivium,
};

/// Every request that a server saw.
pub(crate) type Log = Arc<Mutex<Vec<Seen>>>;

/// Starts a server that records each request and lets `status` replace the status of an answer, by the number of the
/// request on its route, from 0.
pub(crate) async fn counting_server(status: fn(&str, usize) -> Option<u16>) -> (SocketAddr, Log) {
    let log = Log::default();
    let seen = log.clone();
    let address = server::start(move |request| {
        let mut seen = seen.lock().unwrap();
        let number = seen
            .iter()
            .filter(|other| other.route == request.route)
            .count();
        seen.push(request.clone());
        let (usual, body) = server::app(request);
        (status(&request.route, number).unwrap_or(usual), body)
    })
    .await;
    (address, log)
}

pub(crate) fn load(target: SocketAddr, options: &str) -> Command {
    let mut command = trivium();
    command.args(["load", "--json", "--target", &format!("http://{target}")]);
    command.args(options.split_whitespace());
    // No Collector is here to wait for at the end.
    command.env("OTEL_SDK_DISABLED", "true");
    command
}

pub(crate) async fn run(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

pub(crate) fn summary(output: &Output) -> Value {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

pub(crate) fn count(log: &Log, route: &str) -> u64 {
    log.lock()
        .unwrap()
        .iter()
        .filter(|seen| seen.route == route)
        .count() as u64
}

#[tokio::test]
async fn the_summary_counts_exactly_what_the_server_saw() {
    let (address, log) = counting_server(|_, _| None).await;
    let output = run(load(address, "--users 20 --spawn-rate 100 --duration 4s")).await;
    let summary = summary(&output);

    assert_eq!(count(&log, "POST /signup/"), 20);
    assert_eq!(count(&log, "POST /login/"), 20);
    // With pauses of 1 to 3 s, a user of 4 s has looked at its profile two to four times.
    let profiles = count(&log, "GET /users/me/");
    assert!((40..=80).contains(&profiles), "{profiles}");
    assert_eq!(summary["requests"], 40 + profiles);
    assert_eq!(summary["failures"], 0);
    for (index, route) in ["POST /signup/", "POST /login/", "GET /users/me/"]
        .into_iter()
        .enumerate()
    {
        assert_eq!(summary["routes"][index]["route"], route);
        assert_eq!(summary["routes"][index]["requests"], count(&log, route));
    }
    for seen in log
        .lock()
        .unwrap()
        .iter()
        .filter(|seen| seen.route == "GET /users/me/")
    {
        assert_eq!(seen.authorization.as_deref(), Some("Bearer token"));
    }
}

#[tokio::test]
async fn each_request_starts_a_sampled_trace_of_its_own() {
    let (address, log) = counting_server(|_, _| None).await;
    let output = run(load(
        address,
        "--users 10 --spawn-rate 100 --duration 1s --lens http://127.0.0.1:3000",
    ))
    .await;
    let summary = summary(&output);

    let log = log.lock().unwrap();
    let mut trace_ids = HashSet::new();
    for seen in log.iter() {
        let traceparent = seen.traceparent.as_deref().unwrap();
        let parts: Vec<_> = traceparent.split('-').collect();
        assert_eq!(
            (parts.len(), parts[0], parts[3]),
            (4, "00", "01"),
            "{traceparent}"
        );
        for (id, digits) in [(parts[1], 32), (parts[2], 16)] {
            assert_eq!(id.len(), digits);
            assert!(
                id.bytes()
                    .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')),
                "{id}"
            );
            assert!(id.bytes().any(|digit| digit != b'0'));
        }
        trace_ids.insert(parts[1]);
    }
    assert_eq!(trace_ids.len(), log.len());

    let slowest = summary["slowest"].as_array().unwrap();
    assert_eq!(slowest.len(), 5);
    for request in slowest {
        let trace_id = request["trace_id"].as_str().unwrap();
        assert!(trace_ids.contains(trace_id));
        assert_eq!(
            request["link"],
            format!("http://127.0.0.1:3000/traces/{trace_id}")
        );
    }
}

#[tokio::test]
async fn failures_are_counted_by_route_and_status() {
    let (address, log) = counting_server(|route, number| match route {
        "POST /login/" if number < 3 => Some(503),
        _ => None,
    })
    .await;
    let output = run(load(address, "--users 5 --spawn-rate 100 --duration 4s")).await;
    let summary = summary(&output);

    // Each of the three users who were refused logs in again after a pause.
    assert_eq!(count(&log, "POST /login/"), 8);
    assert_eq!(summary["failures"], 3);
    assert_eq!(summary["routes"][1]["failures"], 3);
    assert_eq!(
        summary["errors"],
        serde_json::json!([{ "route": "POST /login/", "error": "answered 503 Service Unavailable", "count": 3 }])
    );
}

#[tokio::test]
async fn ctrl_c_ends_the_run_with_a_summary_of_all_requests() {
    let (address, log) = counting_server(|_, _| None).await;
    let started = Instant::now();
    let mut child = load(address, "--scenario spike")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while count(&log, "GET /users/me/") < 10 {
        assert!(started.elapsed() < crate::DEADLINE, "no requests");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    send(Signal::SIGINT, &child);
    let (status, stdout) = tokio::task::spawn_blocking(move || {
        let mut stdout = String::new();
        child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut stdout)
            .unwrap();
        (child.wait().unwrap(), stdout)
    })
    .await
    .unwrap();

    assert!(status.success(), "{status}");
    let summary: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(summary["requests"], log.lock().unwrap().len());
    assert!(summary["duration_seconds"].as_f64().unwrap() < 60.0);
}

#[tokio::test]
async fn a_target_that_is_not_there_is_named() {
    let nobody = std::net::TcpListener::bind("127.0.0.79:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let error = failure(&run(load(nobody, "")).await);
    assert!(
        error.starts_with(&format!("trivium: nothing answers at http://{nobody}/: ")),
        "{error}"
    );
    assert!(
        error.contains("start it with `trivium up`, or name another with --target"),
        "{error}"
    );
}

#[tokio::test]
async fn a_target_that_does_not_speak_http_is_a_failure() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let error = failure(&run(load(address, "--users 2 --spawn-rate 100 --duration 1s")).await);
    assert!(
        error.contains("accepts connections but answered no request"),
        "{error}"
    );
}

#[tokio::test]
async fn https_is_refused_with_the_reason() {
    let mut command = trivium();
    command.args(["load", "--target", "https://127.0.0.1:8000"]);
    let error = failure(&run(command).await);
    assert!(error.contains("only plain http:// is supported"), "{error}");
}
