//! Paths, methods and what every answer has.

use reqwest::Method;
use serde_json::json;

use crate::support::{Answer, Raw, TestApp};

#[tokio::test]
async fn the_index_and_the_probes_answer_by_value() {
    let app = TestApp::start(&[]).await;
    for (path, body) in [
        (
            "/",
            json!({"status": "ok", "name": "auth", "version": env!("CARGO_PKG_VERSION")}),
        ),
        ("/livez", json!({"status": "ok"})),
        ("/livez/", json!({"status": "ok"})),
        ("/readyz", json!({"status": "ready"})),
        ("/readyz/", json!({"status": "ready"})),
    ] {
        let answer = app.get(path).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.body),
            (200, &body),
            "{path}"
        );
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
    app.stop().await;
}

#[tokio::test]
async fn an_unknown_path_is_404() {
    let app = TestApp::start(&[]).await;
    for path in ["/nothing", "/login/x", "/users/", "//", "/signup//"] {
        assert_eq!(
            app.get(path).await.error(404, "not_found"),
            "there is nothing at this path",
            "{path}"
        );
    }
    app.stop().await;
}

#[tokio::test]
async fn another_method_is_405_and_names_the_right_ones() {
    let app = TestApp::start(&[]).await;
    let wrong: [(&str, &[Method], &str); 8] = [
        ("/docs", &[Method::POST], "GET, HEAD"),
        ("/openapi.json", &[Method::DELETE], "GET, HEAD"),
        ("/", &[Method::POST, Method::OPTIONS], "GET, HEAD"),
        ("/livez", &[Method::DELETE], "GET, HEAD"),
        ("/readyz", &[Method::PUT], "GET, HEAD"),
        ("/signup", &[Method::GET, Method::PUT], "POST"),
        ("/login/", &[Method::GET, Method::PATCH], "POST"),
        ("/users/me", &[Method::POST, Method::DELETE], "GET, HEAD"),
    ];
    for (path, methods, allow) in wrong {
        for method in methods {
            let answer = Answer::of(app.request(method.clone(), path).send().await.unwrap()).await;
            assert_eq!(
                answer.error(405, "method_not_allowed"),
                format!("this path answers only to {allow}")
            );
            assert_eq!(answer.headers["allow"], allow, "{method} {path}");
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn head_has_the_headers_of_get_and_no_body() {
    let app = TestApp::start(&[]).await;
    let ask = async |method: &str| {
        let mut connection = Raw::connect(app.address).await;
        connection.send(&format!("{method} / HTTP/1.1\r\nhost: test\r\nx-request-id: same\r\nconnection: close\r\n\r\n")).await;
        let answer = connection.read_to_end().await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let without_date: Vec<_> = head
            .lines()
            .filter(|line| !line.starts_with("date:"))
            .map(str::to_owned)
            .collect();
        (without_date, body.to_owned())
    };
    let (get, get_body) = ask("GET").await;
    let (head, head_body) = ask("HEAD").await;
    assert_eq!(head, get);
    assert!(
        head.contains(&format!("content-length: {}", get_body.len())),
        "{head:?}"
    );
    assert_eq!(head_body, "");
    app.stop().await;
}

#[tokio::test]
async fn a_valid_request_id_of_the_caller_is_kept_and_another_replaced() {
    let app = TestApp::start(&[]).await;
    let send = async |path: &str, id: &str| {
        Answer::of(
            app.request(Method::GET, path)
                .header("x-request-id", id)
                .send()
                .await
                .unwrap(),
        )
        .await
    };
    let answer = send("/", "caller-7").await;
    assert_eq!(answer.headers["x-request-id"], "caller-7");
    let answer = send("/nothing", "caller-8").await;
    assert_eq!(answer.body["error"]["request_id"], "caller-8");
    assert_eq!(answer.headers["x-request-id"], "caller-8");

    let too_long = "x".repeat(129);
    let one = send("/", &too_long).await.headers["x-request-id"]
        .to_str()
        .unwrap()
        .to_owned();
    let two = app.get("/").await.headers["x-request-id"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!((one.len(), two.len()), (36, 36), "UUIDs");
    assert_ne!(one, two);
    app.stop().await;
}
