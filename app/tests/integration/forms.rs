//! Logging in with an OAuth 2 password form, as "Authorize" of Swagger UI and OAuth libraries do.

use reqwest::Method;
use serde_json::json;

use crate::support::{Answer, TestApp};

const FORM: &str = "application/x-www-form-urlencoded";

async fn log_in(app: &TestApp, body: &str) -> Answer {
    let request = app
        .request(Method::POST, "/login/")
        .header("content-type", FORM)
        .body(body.to_owned());
    Answer::of(request.send().await.unwrap()).await
}

#[tokio::test]
async fn a_form_logs_in_with_what_oauth_clients_send() {
    let app = TestApp::start(&[]).await;
    let account = app.signup("ada+x@example.com").await.body;
    for form in [
        "username=ada%2Bx%40example.com&password=correct+horse%20battery",
        "grant_type=password&username=ada%2bx@example.com&password=correct+horse+battery&scope=",
        "scope=a+b&password=correct%20horse%20battery&&username=%20ADA%2Bx@example.com&",
    ] {
        let login = log_in(&app, form).await;
        assert_eq!(login.status, 200, "{form}: {}", login.body);
        assert_eq!(login.body["token_type"], "bearer");
        let me = app.me(login.body["access_token"].as_str().unwrap()).await;
        assert_eq!(me.body, account, "{form}");
    }
    app.stop().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_form_is_told_as_with_json() {
    let app = TestApp::start(&[]).await;
    log_in(&app, "username=ada@example.com&password=x")
        .await
        .error(401, "invalid_credentials");
    let unknown = "is not a field of this request";
    let email = "must be an e-mail address such as name@example.com";
    let cases: [(&str, &[(&str, &str)]); 7] = [
        (
            "",
            &[("username", "is required"), ("password", "is required")],
        ),
        ("username=ada&password=x", &[("username", email)]),
        (
            "email=ada@example.com&username=ada@example.com&password=x",
            &[("email", unknown)],
        ),
        (
            "username=ada@example.com&password=x&password=y",
            &[("password", "is given twice")],
        ),
        (
            "username=ada@example.com&password=x&grant_type=client_credentials",
            &[("grant_type", "must be password")],
        ),
        (
            "username=ada@example.com&password=x&client_id=y",
            &[("client_id", unknown)],
        ),
        ("username&password=x", &[("username", email)]),
    ];
    for (body, expected) in cases {
        let answer = log_in(&app, body).await;
        answer.error(422, "invalid_input");
        let fields: Vec<_> = expected
            .iter()
            .map(|(field, message)| json!({"field": field, "message": message}))
            .collect();
        assert_eq!(answer.body["error"]["fields"], json!(fields), "{body}");
    }
    for body in ["username=%ff&password=x", "%c3%28=x"] {
        let answer = log_in(&app, body).await;
        let message = answer.error(400, "malformed_form");
        assert_eq!(message, "the body is not a form in UTF-8");
    }
    let too_large = format!("username={}", "x".repeat(65_536));
    log_in(&app, &too_large).await.error(413, "body_too_large");
    app.stop().await;
}
