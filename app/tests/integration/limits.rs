//! What protects the service: deadlines, shedding, the bound on hashing, and draining.

use std::{
    thread::available_parallelism,
    time::{Duration, Instant},
};

use crate::support::{PASSWORD, Raw, TestApp, eventually, signup_in_parts};

#[tokio::test]
async fn a_silent_or_slow_client_is_closed() {
    let app = TestApp::start(&["--request-timeout=300ms"]).await;
    for sent in ["", "G", "GET / HTTP/1.1\r\nhost: te"] {
        let start = Instant::now();
        let mut connection = Raw::connect(app.address).await;
        connection.send(sent).await;
        let answer = connection.read_to_end().await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 408 "),
            "{sent:?}: {answer:?}"
        );
        let waited = start.elapsed();
        assert!(
            waited >= Duration::from_millis(290) && waited < Duration::from_secs(10),
            "{sent:?}: {waited:?}"
        );
    }
    app.stop().await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_answer() {
    let app = TestApp::start(&["--request-timeout=300ms"]).await;
    let mut connection = Raw::connect(app.address).await;
    connection
        .send("GET /livez HTTP/1.1\r\nhost: test\r\n\r\n")
        .await;
    assert!(
        connection
            .read_to_end()
            .await
            .ends_with("{\"status\":\"ok\"}")
    );
    app.stop().await;
}

#[tokio::test]
async fn a_body_that_trickles_ends_by_its_deadline() {
    let app = TestApp::start(&["--request-timeout=600ms"]).await;
    let (start, _) = signup_in_parts("ada@example.com");
    let mut connection = Raw::connect(app.address).await;
    let began = Instant::now();
    connection.send(&start).await;
    let answer = connection.read_to_end().await;
    assert!(
        answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"),
        "{answer}"
    );
    assert!(answer.contains("\"code\":\"body_timeout\""), "{answer}");
    assert!(
        began.elapsed() >= Duration::from_millis(290),
        "{:?}",
        began.elapsed()
    );
    app.stop().await;
}

#[tokio::test]
async fn a_full_service_sheds_but_is_alive() {
    let app = TestApp::start(&["--max-concurrent=1"]).await;
    let (start, rest) = signup_in_parts("ada@example.com");
    let mut busy = Raw::connect(app.address).await;
    busy.send(&start).await;

    eventually("a request is shed", async || {
        app.get("/").await.status == 503
    })
    .await;
    let answer = app.get("/").await;
    assert_eq!(
        answer.error(503, "overloaded"),
        "the service is busy; try again in 1 s"
    );
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(app.get("/livez").await.status, 200);
    assert_eq!(app.get("/readyz").await.status, 200);

    busy.send(&rest).await;
    assert!(
        busy.read_to_end()
            .await
            .starts_with("HTTP/1.1 201 Created\r\n")
    );
    assert_eq!(app.get("/").await.status, 200);
    app.stop().await;
}

/// Cost 13 takes a core for about 0.6 s: longer than the deadline, so who has a core gets 504 and who waits gets 503.
#[tokio::test]
async fn hashing_is_bounded_by_the_cores_and_by_the_deadline() {
    let app = TestApp::start(&["--bcrypt-cost=13", "--request-timeout=400ms"]).await;
    let cores = available_parallelism().unwrap().get();
    let mut logins = tokio::task::JoinSet::new();
    for _ in 0..=cores {
        let body = serde_json::json!({"email": "ada@example.com", "password": PASSWORD});
        let request = app.request(reqwest::Method::POST, "/login/").json(&body);
        logins
            .spawn(async move { crate::support::Answer::of(request.send().await.unwrap()).await });
    }
    let answers = logins.join_all().await;
    for answer in &answers {
        match answer.status.as_u16() {
            503 => {
                answer.error(503, "overloaded");
                assert_eq!(answer.headers["retry-after"], "1");
            }
            _ => assert_eq!(
                answer.error(504, "timeout"),
                "the answer was not ready in time; try again"
            ),
        }
    }
    assert_eq!(
        answers.iter().filter(|answer| answer.status == 503).count(),
        1
    );
    assert_eq!(
        app.get("/livez").await.status,
        200,
        "the async threads are free"
    );
    app.stop().await;
}

#[tokio::test]
async fn draining_waits_for_an_open_request_but_not_for_ever() {
    let app = TestApp::start(&["--drain-timeout=500ms"]).await;
    let (start, _) = signup_in_parts("ada@example.com");
    let mut stuck = Raw::connect(app.address).await;
    stuck.send(&start).await;
    eventually("the request is open", async || {
        app.get("/livez").await.status == 200
    })
    .await;
    let began = Instant::now();
    app.stop().await;
    let took = began.elapsed();
    assert!(
        took >= Duration::from_millis(490) && took < Duration::from_secs(4),
        "{took:?}"
    );
}
