//! The keys of the access tokens change while the service runs.

use std::fs;

use serde_json::Value;

use crate::support::{PASSWORD, TestApp, eventually};

const EMAIL: &str = "ada@example.com";

async fn access_token(app: &TestApp) -> String {
    let login = app.login(EMAIL, PASSWORD).await;
    login.body["access_token"].as_str().unwrap().to_owned()
}

/// The id of the key that signed it.
fn kid(token: &str) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let header = URL_SAFE_NO_PAD
        .decode(token.split('.').next().unwrap())
        .unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn keys_rotate_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    let line = |id: &str| format!("{id}:{}\n", id.repeat(32));
    fs::write(&file, line("a")).unwrap();
    let flags = [
        format!("--jwt-keys-file={}", file.display()),
        "--login-rate-client=10000/1m".to_owned(),
    ];
    let app = TestApp::start(&[&flags[0], &flags[1]]).await;
    app.signup(EMAIL).await;
    let old = access_token(&app).await;
    assert_eq!(kid(&old), "a");

    fs::write(&file, line("b") + &line("a")).unwrap();
    eventually("b signs", async || kid(&access_token(&app).await) == "b").await;
    let new = access_token(&app).await;
    assert_eq!(app.me(&old).await.status, 200, "a still verifies");
    assert_eq!(app.me(&new).await.status, 200);

    // A file that can't be used changes nothing, and the one after it counts.
    fs::write(&file, "c:short\n").unwrap();
    fs::remove_file(&file).unwrap();
    assert_eq!(kid(&access_token(&app).await), "b");
    fs::write(&file, line("b")).unwrap();
    eventually("a is gone", async || app.me(&old).await.status == 401).await;
    app.me(&old).await.error(401, "invalid_token");
    assert_eq!(app.me(&new).await.status, 200);
    app.stop().await;
}
