//! Sign-up, login, token: the journey, and each way in which it is refused.

use std::time::{Duration, Instant, SystemTime};

use reqwest::Method;
use serde_json::json;

use crate::{
    databases::{Database, on_each_database},
    support::{Answer, PASSWORD, TestApp},
};

on_each_database![
    an_account_is_made_logged_into_and_read_with_and_without_the_slash,
    an_address_has_one_account,
    an_unknown_user_and_a_wrong_password_are_told_the_same,
    an_unknown_user_and_a_wrong_password_take_the_same_time,
    without_a_good_token_there_is_no_account,
    accounts_and_tokens_outlive_a_restart_with_a_configured_key_and_tokens_do_not_without,
    a_good_token_of_another_database_has_no_account,
    a_common_password_is_refused,
    a_hash_of_a_lower_cost_is_replaced_at_the_next_login,
];

async fn an_account_is_made_logged_into_and_read_with_and_without_the_slash(database: Database) {
    for slash in ["", "/"] {
        let app = database.start(&["--token-ttl=90s"]).await;
        let before = SystemTime::now();
        let body = json!({"email": " Ada@Example.com ", "password": PASSWORD});
        let account = app.post(&format!("/signup{slash}"), &body).await;
        assert_eq!(account.status, 201);
        assert_eq!(account.body["email"], "ada@example.com");
        assert_eq!(account.body["id"].as_str().unwrap().len(), 36);
        let created_at =
            humantime::parse_rfc3339(account.body["created_at"].as_str().unwrap()).unwrap();
        assert!(created_at + Duration::from_millis(1) > before && created_at <= SystemTime::now());

        let body = json!({"email": "ADA@example.com", "password": PASSWORD});
        let login = app.post(&format!("/login{slash}"), &body).await;
        assert_eq!(login.status, 200);
        assert_eq!(
            (&login.body["token_type"], &login.body["expires_in"]),
            (&json!("bearer"), &json!(90))
        );
        assert_eq!(login.body.as_object().unwrap().len(), 4);

        let token = login.body["access_token"].as_str().unwrap();
        let request = app
            .request(Method::GET, &format!("/users/me{slash}"))
            .header("authorization", format!("bearer {token}"));
        let me = Answer::of(request.send().await.unwrap()).await;
        assert_eq!((me.status.as_u16(), me.body), (200, account.body));
        app.stop().await;
    }
}

async fn an_address_has_one_account(database: Database) {
    let app = database.start(&[]).await;
    assert_eq!(app.signup("ada@example.com").await.status, 201);
    for same in ["ada@example.com", "ADA@EXAMPLE.COM"] {
        let message = app.signup(same).await.error(409, "email_taken").to_owned();
        assert_eq!(
            message,
            "this e-mail address has an account already; log in instead"
        );
    }
    let (one, other) = tokio::join!(app.signup("bob@example.com"), app.signup("bob@example.com"));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409], "two at once");
    app.stop().await;
}

async fn an_unknown_user_and_a_wrong_password_are_told_the_same(database: Database) {
    let app = database.start(&[]).await;
    app.signup("ada@example.com").await;
    let tell = async |email: &str| {
        let mut answer = app.login(email, "wrong password").await;
        answer.error(401, "invalid_credentials");
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
        answer.body["error"]["request_id"].take();
        answer.body
    };
    assert_eq!(
        tell("nobody@example.com").await,
        tell("ada@example.com").await
    );
    app.stop().await;
}

async fn an_unknown_user_and_a_wrong_password_take_the_same_time(database: Database) {
    let app = database
        .start(&["--bcrypt-cost=8", "--login-rate-account=100/1m"])
        .await;
    app.signup("ada@example.com").await;
    let time = async |email: &str| {
        let start = Instant::now();
        assert_eq!(app.login(email, "wrong password").await.status, 401);
        start.elapsed().as_secs_f64()
    };
    let (mut unknown, mut wrong) = (Vec::new(), Vec::new());
    for _ in 0..15 {
        unknown.push(time("nobody@example.com").await);
        wrong.push(time("ada@example.com").await);
    }
    // The least, which is free of what else the machine does.
    let least = |times: &[f64]| times.iter().copied().fold(f64::INFINITY, f64::min);
    let ratio = least(&unknown) / least(&wrong);
    assert!(
        (0.67..1.5).contains(&ratio),
        "unknown user / wrong password = {ratio}"
    );
    app.stop().await;
}

async fn without_a_good_token_there_is_no_account(database: Database) {
    let app = database.start(&[]).await;
    let answer = app.get("/users/me/").await;
    let message = answer.error(401, "missing_token");
    assert_eq!(
        message,
        "this path needs an access token; send it as: authorization: Bearer TOKEN"
    );
    assert_eq!(answer.headers["www-authenticate"], "Bearer");

    let answer = app.me("not.a.token").await;
    assert_eq!(
        answer.error(401, "invalid_token"),
        "the access token is not valid; log in again"
    );
    assert_eq!(
        answer.headers["www-authenticate"],
        "Bearer error=\"invalid_token\""
    );
    app.stop().await;
}

async fn accounts_and_tokens_outlive_a_restart_with_a_configured_key_and_tokens_do_not_without(
    database: Database,
) {
    let secret = format!("--jwt-secret={}", "k".repeat(32));
    let mut app = database.start(&[&secret]).await;
    let account = app.signup("ada@example.com").await.body;
    let login = app.login("ada@example.com", PASSWORD).await;
    let token = login.body["access_token"].as_str().unwrap();

    app = TestApp::start_in(app.stop().await, &[&secret]).await;
    assert_eq!(app.me(token).await.body, account);

    app = TestApp::start_in(app.stop().await, &[]).await;
    app.me(token).await.error(401, "invalid_token");
    assert_eq!(app.login("ada@example.com", PASSWORD).await.status, 200);
    app.stop().await;
}

async fn a_good_token_of_another_database_has_no_account(database: Database) {
    let secret = format!("--jwt-secret={}", "k".repeat(32));
    let (app, other) = (
        database.start(&[&secret]).await,
        database.start(&[&secret]).await,
    );
    app.signup("ada@example.com").await;
    let login = app.login("ada@example.com", PASSWORD).await;
    other
        .me(login.body["access_token"].as_str().unwrap())
        .await
        .error(401, "invalid_token");
    app.stop().await;
    other.stop().await;
}

async fn a_common_password_is_refused(database: Database) {
    let app = database.start(&[]).await;
    let body = json!({"email": "ada@example.com", "password": "Password1"});
    let answer = app.post("/signup/", &body).await;
    answer.error(422, "invalid_input");
    let message = "is one of the most common passwords, which are tried first; choose another";
    let fields = json!([{"field": "password", "message": message}]);
    assert_eq!(answer.body["error"]["fields"], fields);
    app.stop().await;
}

async fn a_hash_of_a_lower_cost_is_replaced_at_the_next_login(database: Database) {
    let hash = async |app: &TestApp| {
        app.place
            .texts("SELECT password_hash FROM users")
            .await
            .remove(0)
    };
    let mut app = database.start(&["--bcrypt-cost=4"]).await;
    app.signup("ada@example.com").await;
    let old = hash(&app).await;
    assert!(old.starts_with("$2b$04$"), "{old}");

    app = TestApp::start_in(app.stop().await, &["--bcrypt-cost=5"]).await;
    app.login("ada@example.com", "wrong password")
        .await
        .error(401, "invalid_credentials");
    assert_eq!(hash(&app).await, old, "a wrong password changes nothing");
    assert_eq!(app.login("ada@example.com", PASSWORD).await.status, 200);
    let new = hash(&app).await;
    assert!(new.starts_with("$2b$05$"), "{new}");

    app = TestApp::start_in(app.stop().await, &["--bcrypt-cost=4"]).await;
    assert_eq!(app.login("ada@example.com", PASSWORD).await.status, 200);
    assert_eq!(hash(&app).await, new, "a lower cost takes nothing away");
    app.stop().await;
}
