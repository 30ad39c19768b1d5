//! The open model of `trivium load`: what is due is due, also while the target stands still.

use std::time::Duration;

use crate::{
    load::{count, counting_server, load, run, summary},
    send,
    server::{self, Seen},
};
use nix::sys::signal::Signal;

const OPEN: &str = "--scenario browse --rate 50 --users 5 --spawn-rate 100";

#[tokio::test]
async fn a_rate_is_kept_and_only_what_was_due_is_in_the_summary() {
    let (address, log) = counting_server(|_, _| None).await;
    let output = run(load(address, &format!("{OPEN} --duration 2s"))).await;
    let summary = summary(&output);

    assert_eq!(summary["model"], "open");
    let requests = summary["requests"].as_u64().unwrap();
    let unsent = summary["unsent"].as_u64().unwrap();
    assert_eq!(requests + unsent, 100);
    // The very last may be late on a busy machine.
    assert!(unsent <= 5, "{summary}");
    let rate = summary["rate"].as_f64().unwrap();
    assert!((40.0..=50.0).contains(&rate), "{rate}");
    // All users had signed up and logged in before.
    assert_eq!(
        (count(&log, "POST /signup/"), count(&log, "POST /login/")),
        (5, 5)
    );
    let (profiles, index) = (count(&log, "GET /users/me/"), count(&log, "GET /"));
    assert_eq!(profiles + index, requests);
    let routes = summary["routes"].as_array().unwrap();
    let counted: Vec<_> = routes
        .iter()
        .map(|route| {
            (
                route["route"].as_str().unwrap(),
                route["requests"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(counted, [("GET /users/me/", profiles), ("GET /", index)]);
}

#[tokio::test]
async fn a_target_that_stands_still_shows_in_the_latencies_of_all_that_was_due_meanwhile() {
    // The server has one thread: while one answer waits, all do.
    let address = server::start(|request: &Seen| {
        let is_first = {
            static STALLED: std::sync::Once = std::sync::Once::new();
            let mut is_first = false;
            if request.route == "GET /users/me/" {
                STALLED.call_once(|| is_first = true);
            }
            is_first
        };
        if is_first {
            std::thread::sleep(Duration::from_secs(1));
        }
        server::app(request)
    })
    .await;
    let output = run(load(address, &format!("{OPEN} --duration 4s"))).await;
    let summary = summary(&output);

    let requests = summary["requests"].as_u64().unwrap();
    assert!((195..=200).contains(&requests), "{summary}");
    let all = |key: &str| summary["all"][key].as_f64().unwrap();
    // Five users waited: five of 200 requests took long by themselves. Of the 50 that were due meanwhile, the last ten, a
    // twentieth of all, waited the least.
    assert!(all("service_p95_seconds") < 0.2, "{summary}");
    assert!((0.5..1.0).contains(&all("p95_seconds")), "{summary}");
    assert!(all("max_seconds") >= 1.0, "{summary}");
}

#[tokio::test]
async fn what_could_not_be_sent_before_the_end_is_counted() {
    let address = server::start(|request: &Seen| {
        if request.route.starts_with("GET") {
            std::thread::sleep(Duration::from_millis(50));
        }
        server::app(request)
    })
    .await;
    let output = run(load(
        address,
        &format!("{OPEN} --duration 2s --fail-if unsent>0"),
    ))
    .await;
    assert_eq!(output.status.code(), Some(1));
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    // Twenty a second are answered, of fifty that are due.
    let requests = summary["requests"].as_u64().unwrap();
    assert!((20..=50).contains(&requests), "{summary}");
    assert_eq!(summary["unsent"], 100 - requests);
}

#[tokio::test]
async fn users_that_cannot_log_in_are_said_before_the_load_begins() {
    let (address, log) = counting_server(|route, _| (route == "POST /login/").then_some(503)).await;
    let error = crate::failure(&run(load(address, "--scenario browse --rate 50 --users 1")).await);
    assert!(
        error.contains(
            "a user could not sign up and log in before the load: answered 503 Service Unavailable; try fewer --users"
        ),
        "{error}"
    );
    assert_eq!(
        (count(&log, "POST /login/"), count(&log, "GET /users/me/")),
        (5, 0)
    );
}

#[tokio::test]
async fn ctrl_c_ends_the_open_model_with_what_was_sent() {
    let (address, log) = counting_server(|_, _| None).await;
    let child = load(address, OPEN)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let started = std::time::Instant::now();
    while count(&log, "GET /users/me/") < 10 {
        assert!(started.elapsed() < crate::DEADLINE, "no requests");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    send(Signal::SIGINT, &child);
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
    let summary = summary(&output.await.unwrap());
    let answered = count(&log, "GET /users/me/") + count(&log, "GET /");
    assert_eq!(summary["requests"], answered);
    assert!(summary["duration_seconds"].as_f64().unwrap() < 60.0);
}
