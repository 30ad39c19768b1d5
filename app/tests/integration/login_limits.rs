//! How often a login may be tried, by whom, and for which account.

use reqwest::Method;
use serde_json::json;

use crate::support::{Answer, PASSWORD, TestApp};

async fn log_in_from(app: &TestApp, client: &str, email: &str) -> Answer {
    let request = app
        .request(Method::POST, "/login/")
        .header("x-forwarded-for", client)
        .json(&json!({"email": email, "password": PASSWORD}));
    Answer::of(request.send().await.unwrap()).await
}

fn is_delayed(answer: &Answer, most: u64) {
    let seconds: u64 = answer.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=most).contains(&seconds), "{seconds}");
    let message = format!("too many logins were tried; try again in {seconds} s");
    assert_eq!(answer.error(429, "too_many_logins"), message);
}

#[tokio::test]
async fn wrong_passwords_delay_their_account_and_right_ones_do_not() {
    let app = TestApp::start(&["--login-rate-account=3/3h"]).await;
    app.signup("ada@example.com").await;
    for _ in 0..5 {
        assert_eq!(app.login("ada@example.com", PASSWORD).await.status, 200);
    }
    for email in ["ada@example.com", "nobody@example.com"] {
        for _ in 0..3 {
            app.login(email, "wrong password")
                .await
                .error(401, "invalid_credentials");
        }
        is_delayed(&app.login(email, "wrong password").await, 3600);
        is_delayed(&app.login(&email.to_uppercase(), PASSWORD).await, 3600);
    }
    app.login("bob@example.com", "wrong password")
        .await
        .error(401, "invalid_credentials");
    app.stop().await;
}

#[tokio::test]
async fn a_delay_ends_by_itself() {
    let app = TestApp::start(&["--login-rate-account=1/1s"]).await;
    app.signup("ada@example.com").await;
    app.login("ada@example.com", "wrong password").await;
    is_delayed(&app.login("ada@example.com", PASSWORD).await, 1);
    crate::support::eventually("the account is let in", async || {
        app.login("ada@example.com", PASSWORD).await.status == 200
    })
    .await;
    app.stop().await;
}

#[tokio::test]
async fn a_client_is_delayed_and_a_forwarded_one_only_behind_a_trusted_proxy() {
    let limit = "--login-rate-client=2/2h";
    let app = TestApp::start(&[limit, "--trusted-proxies=127.0.0.0/8,::1"]).await;
    app.signup("ada@example.com").await;
    for client in ["192.0.2.7", "192.0.2.8", "2001:db8::1"] {
        for _ in 0..2 {
            let answer = log_in_from(&app, client, "ada@example.com").await;
            assert_eq!(answer.status, 200);
        }
        is_delayed(&log_in_from(&app, client, "ada@example.com").await, 3600);
    }
    let invented = log_in_from(&app, "203.0.113.9, 192.0.2.7", "ada@example.com").await;
    is_delayed(&invented, 3600);
    app.stop().await;

    let app = TestApp::start(&[limit]).await;
    app.signup("ada@example.com").await;
    for client in ["192.0.2.7", "192.0.2.8"] {
        let answer = log_in_from(&app, client, "ada@example.com").await;
        assert_eq!(answer.status, 200);
    }
    let third = log_in_from(&app, "192.0.2.9", "ada@example.com").await;
    is_delayed(&third, 3600);
    app.stop().await;
}

#[tokio::test]
async fn what_costs_no_hash_costs_no_attempt() {
    let app = TestApp::start(&["--login-rate-client=1/1h"]).await;
    app.signup("ada@example.com").await;
    for _ in 0..3 {
        app.login("ada", PASSWORD).await.error(422, "invalid_input");
    }
    assert_eq!(app.login("ada@example.com", PASSWORD).await.status, 200);
    is_delayed(&app.login("ada@example.com", PASSWORD).await, 3600);
    app.stop().await;
}
