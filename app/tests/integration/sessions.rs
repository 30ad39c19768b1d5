//! What follows from a login: refresh tokens that are good once, reuse, logging out, and expiry.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::json;

use crate::{
    databases::{Database, Place, on_each_database},
    support::{Answer, PASSWORD, TestApp, eventually},
};

on_each_database![
    a_refresh_token_gives_new_tokens_each_of_them_once,
    a_used_refresh_token_ends_its_family_and_no_other,
    of_many_at_once_with_one_refresh_token_exactly_one_wins,
    who_logged_out_gets_no_new_tokens,
    neither_token_is_the_other,
    what_is_no_refresh_token_is_refused,
    an_expired_refresh_token_is_refused_and_deleted,
    refresh_tokens_outlive_a_restart_and_are_stored_as_hashes,
];

const EMAIL: &str = "ada@example.com";

/// Status and body of a logout, which has no JSON.
async fn log_out(app: &TestApp, token: &str) -> (u16, String) {
    let body = json!({"refresh_token": token});
    let request = app.request(Method::POST, "/logout/").json(&body);
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

fn text(answer: &Answer, field: &str) -> String {
    answer.body[field].as_str().unwrap().to_owned()
}

async fn families(place: &Place) -> i64 {
    place.number("SELECT count(*) FROM refresh_families").await
}

async fn a_refresh_token_gives_new_tokens_each_of_them_once(database: Database) {
    let app = database.start(&["--token-ttl=90s"]).await;
    let account = app.signup(EMAIL).await.body;
    let mut tokens = vec![app.refresh_token(EMAIL).await];
    for _ in 0..3 {
        let answer = app.refresh(tokens.last().unwrap()).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert_eq!(answer.body["token_type"], "bearer");
        assert_eq!(answer.body["expires_in"], 90);
        assert_eq!(answer.body.as_object().unwrap().len(), 4);
        let me = app.me(&text(&answer, "access_token")).await;
        assert_eq!(me.body, account);
        tokens.push(text(&answer, "refresh_token"));
    }
    assert_eq!(families(&app.place).await, 1);
    tokens.sort_unstable();
    tokens.dedup();
    assert_eq!(tokens.len(), 4, "all differ");
    app.stop().await;
}

async fn a_used_refresh_token_ends_its_family_and_no_other(database: Database) {
    let app = database.start(&[]).await;
    app.signup(EMAIL).await;
    let (first, other) = (
        app.refresh_token(EMAIL).await,
        app.refresh_token(EMAIL).await,
    );
    let second = text(&app.refresh(&first).await, "refresh_token");
    let third = text(&app.refresh(&second).await, "refresh_token");

    for token in [&first, &second, &third] {
        let answer = app.refresh(token).await;
        let message = answer.error(401, "invalid_refresh_token");
        assert_eq!(message, "the refresh token is not valid; log in again");
        let challenge = "Bearer error=\"invalid_token\"";
        assert_eq!(answer.headers["www-authenticate"], challenge);
    }
    assert_eq!(app.refresh(&other).await.status, 200);
    assert_eq!(families(&app.place).await, 1);
    app.stop().await;
}

async fn of_many_at_once_with_one_refresh_token_exactly_one_wins(database: Database) {
    let app = database.start(&[]).await;
    app.signup(EMAIL).await;
    for _ in 0..5 {
        let token = app.refresh_token(EMAIL).await;
        let attempts = (0..16).map(|_| app.refresh(&token));
        let answers = futures_util::future::join_all(attempts).await;
        let won: Vec<_> = answers
            .iter()
            .filter(|answer| answer.status == 200)
            .collect();
        assert_eq!(won.len(), 1);
        for lost in answers.iter().filter(|answer| answer.status != 200) {
            lost.error(401, "invalid_refresh_token");
        }
        app.refresh(&text(won[0], "refresh_token"))
            .await
            .error(401, "invalid_refresh_token");
    }
    assert_eq!(families(&app.place).await, 0);
    app.stop().await;
}

async fn who_logged_out_gets_no_new_tokens(database: Database) {
    let app = database.start(&[]).await;
    app.signup(EMAIL).await;
    let login = app.login(EMAIL, PASSWORD).await;
    let first = text(&login, "refresh_token");
    let second = text(&app.refresh(&first).await, "refresh_token");
    let gone = (204, String::new());
    assert_eq!(log_out(&app, &second).await, gone);
    app.refresh(&second)
        .await
        .error(401, "invalid_refresh_token");
    assert_eq!(
        log_out(&app, &second).await,
        gone,
        "it is no error to do so again"
    );
    assert_eq!(log_out(&app, "no token").await, gone);
    assert_eq!(families(&app.place).await, 0);

    let old = app.refresh_token(EMAIL).await;
    let new = text(&app.refresh(&old).await, "refresh_token");
    assert_eq!(
        log_out(&app, &old).await,
        gone,
        "any token of the family will do"
    );
    app.refresh(&new).await.error(401, "invalid_refresh_token");

    let me = app.me(&text(&login, "access_token")).await;
    assert_eq!(me.status, 200, "access tokens end by themselves");
    app.stop().await;
}

async fn neither_token_is_the_other(database: Database) {
    let app = database.start(&[]).await;
    app.signup(EMAIL).await;
    let login = app.login(EMAIL, PASSWORD).await;
    let (access, refresh) = (text(&login, "access_token"), text(&login, "refresh_token"));
    app.me(&refresh).await.error(401, "invalid_token");
    app.refresh(&access)
        .await
        .error(401, "invalid_refresh_token");
    assert_eq!(app.refresh(&refresh).await.status, 200);
    app.stop().await;
}

async fn what_is_no_refresh_token_is_refused(database: Database) {
    let app = database.start(&[]).await;
    for wrong in ["", "x", &"A".repeat(64), &"A".repeat(1000), "nul\0"] {
        app.refresh(wrong).await.error(401, "invalid_refresh_token");
    }
    for path in ["/refresh/", "/logout/"] {
        let answer = app.post(path, &json!({"token": "x"})).await;
        answer.error(422, "invalid_input");
        let fields = json!([
            {"field": "refresh_token", "message": "is required"},
            {"field": "token", "message": "is not a field of this request"},
        ]);
        assert_eq!(answer.body["error"]["fields"], fields);
    }
    app.stop().await;
}

async fn an_expired_refresh_token_is_refused_and_deleted(database: Database) {
    let mut app = database.start(&["--refresh-ttl=60s"]).await;
    app.signup(EMAIL).await;
    let before = app.place.number("SELECT created_at FROM users").await;
    let token = app.refresh_token(EMAIL).await;
    let expires_at = app
        .place
        .number("SELECT expires_at FROM refresh_families")
        .await;
    assert!(
        (before + 60_000..before + 80_000).contains(&expires_at),
        "{before} {expires_at}"
    );
    let expire = format!("UPDATE refresh_families SET expires_at = {before}");
    assert_eq!(app.place.execute(&expire).await, 1);
    app.refresh(&token)
        .await
        .error(401, "invalid_refresh_token");
    assert_eq!(families(&app.place).await, 0);

    // What nobody brings is deleted in time, first of all at the start.
    for _ in 0..3 {
        app.refresh_token(EMAIL).await;
    }
    assert_eq!(app.place.execute(&expire).await, 3);
    let living = app.refresh_token(EMAIL).await;
    app = TestApp::start_in(app.stop().await, &[]).await;
    eventually("expired families are deleted", async || {
        families(&app.place).await == 1
    })
    .await;
    assert_eq!(app.refresh(&living).await.status, 200);
    app.stop().await;
}

async fn refresh_tokens_outlive_a_restart_and_are_stored_as_hashes(database: Database) {
    let mut app = database.start(&[]).await;
    app.signup(EMAIL).await;
    let token = app.refresh_token(EMAIL).await;
    let stored = match &app.place {
        Place::Folder(_) => "SELECT lower(hex(token_hash)) FROM refresh_families",
        Place::Server(_) => "SELECT encode(token_hash, 'hex') FROM refresh_families",
    };
    let hash = digest(&SHA256, &URL_SAFE_NO_PAD.decode(&token).unwrap());
    let hash: String = hash
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(app.place.texts(stored).await, [hash]);

    app = TestApp::start_in(app.stop().await, &[]).await;
    assert_eq!(app.refresh(&token).await.status, 200);
    app.stop().await;
}
