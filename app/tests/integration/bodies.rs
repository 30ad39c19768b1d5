//! What a body must be, and how a client hears of everything that is wrong with it at once.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, PASSWORD, Raw, TestApp};

async fn send(app: &TestApp, content_type: Option<&str>, body: impl Into<reqwest::Body>) -> Answer {
    let mut request = app.request(Method::POST, "/signup/").body(body);
    if let Some(content_type) = content_type {
        request = request.header("content-type", content_type);
    }
    Answer::of(request.send().await.unwrap()).await
}

#[tokio::test]
async fn only_json_is_read() {
    let app = TestApp::start(&[]).await;
    for content_type in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("application/jsonx"),
    ] {
        send(&app, content_type, "{}")
            .await
            .error(415, "unsupported_media_type");
    }
    for content_type in ["application/json", "Application/JSON; charset=utf-8"] {
        send(&app, Some(content_type), "{}")
            .await
            .error(422, "invalid_input");
    }
    app.stop().await;
}

#[tokio::test]
async fn malformed_json_is_400_with_its_place() {
    let app = TestApp::start(&[]).await;
    let answer = send(&app, Some("application/json"), "{\"email\": ").await;
    let message = answer.error(400, "malformed_json");
    assert_eq!(
        message,
        "the body is not JSON: EOF while parsing a value at line 1 column 10"
    );
    for body in [
        &b""[..],
        b"{'a':1}",
        b"{\"a\":1} x",
        b"\"\xff\"",
        "[".repeat(1000).as_bytes(),
    ] {
        send(&app, Some("application/json"), body.to_vec())
            .await
            .error(400, "malformed_json");
    }
    app.stop().await;
}

#[tokio::test]
async fn each_bad_field_is_listed() {
    let app = TestApp::start(&[]).await;
    let email = "must be an e-mail address such as name@example.com";
    let length = "must have at least 8 characters and at most 71 bytes in UTF-8";
    let unknown = "is not a field of this request";
    let good = "ada@example.com";
    let cases: [(Value, &[(&str, &str)]); 10] = [
        (
            json!({}),
            &[("email", "is required"), ("password", "is required")],
        ),
        (
            json!({"email": "ada", "password": "short"}),
            &[("email", email), ("password", length)],
        ),
        (
            json!({"email": 1, "password": null}),
            &[
                ("email", "must be a string"),
                ("password", "must be a string"),
            ],
        ),
        (
            json!({"email": good, "password": "x".repeat(72)}),
            &[("password", length)],
        ),
        (
            json!({"email": good, "password": "é".repeat(36)}),
            &[("password", length)],
        ),
        (
            json!({"email": good, "password": "12345678\u{0}"}),
            &[("password", "must not contain the character NUL")],
        ),
        (
            json!({"email": "a".repeat(260), "password": PASSWORD}),
            &[("email", "must have at most 254 bytes")],
        ),
        (
            json!({"email": good, "password": PASSWORD, "admin": true, "zone": 1}),
            &[("admin", unknown), ("zone", unknown)],
        ),
        (
            json!({"email": "", "mail": good}),
            &[
                ("email", email),
                ("password", "is required"),
                ("mail", unknown),
            ],
        ),
        (json!([1]), &[("body", "must be a JSON object")]),
    ];
    for (body, expected) in cases {
        let answer = app.post("/signup/", &body).await;
        answer.error(422, "invalid_input");
        let fields: Vec<_> = expected
            .iter()
            .map(|(field, message)| json!({"field": field, "message": message}))
            .collect();
        assert_eq!(answer.body["error"]["fields"], json!(fields), "{body}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_login_checks_form_but_not_the_rules_for_new_passwords() {
    let app = TestApp::start(&[]).await;
    app.login("ada@example.com", "x")
        .await
        .error(401, "invalid_credentials");
    app.login("ada@example.com", &"x".repeat(500))
        .await
        .error(401, "invalid_credentials");
    app.login("ada@example.com", "nul\0nul\0nul")
        .await
        .error(401, "invalid_credentials");
    let answer = app
        .post("/login/", &json!({"email": "ada", "pass": "x"}))
        .await;
    answer.error(422, "invalid_input");
    let fields = answer.body["error"]["fields"].as_array().unwrap();
    let names: Vec<_> = fields
        .iter()
        .map(|field| field["field"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["email", "password", "pass"]);
    app.stop().await;
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_announced_or_not() {
    let app = TestApp::start(&["--max-body=100"]).await;
    let padded = |length: usize| format!("{{}}{}", " ".repeat(length - 2));
    send(&app, Some("application/json"), padded(100))
        .await
        .error(422, "invalid_input");
    let answer = send(&app, Some("application/json"), padded(101)).await;
    assert_eq!(
        answer.error(413, "body_too_large"),
        "the body is larger than 100 bytes"
    );

    let mut connection = Raw::connect(app.address).await;
    let head = "POST /signup/ HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    connection
        .send(&format!("{head}65\r\n{}\r\n", padded(101)))
        .await;
    let answer = connection.read_to_end().await;
    assert!(
        answer.starts_with("HTTP/1.1 413 Payload Too Large\r\n"),
        "{answer}"
    );
    app.stop().await;
}
