//! PostgreSQL away, silent, or not who it should be: at the start, and later.

use std::sync::Arc;

use serde_json::json;

use crate::{
    databases::Place,
    postgres::{DATABASE_PASSWORD, Postgres},
    program::{Program, refusal_of},
    support::{PASSWORD, TestApp, eventually},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_or_lets_nobody_in_stops_the_start_without_its_password() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let url = format!("postgres://ada:{DATABASE_PASSWORD}@127.0.0.1:{port}/auth");
    let place =
        format!("can't connect to the database auth at 127.0.0.1:{port}: check DATABASE_URL");
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let silent_url = format!("postgres://ada:{DATABASE_PASSWORD}@127.0.0.1:{port}/auth");
    let silent_place = format!("the database auth at 127.0.0.1:{port}");
    let mut cases = vec![
        (url, place, "Connection refused"),
        (silent_url, silent_place, "did not answer within 5 s"),
    ];
    if let Some(server) = Postgres::shared() {
        let url = server.database();
        let wrong = url.replace(DATABASE_PASSWORD, "canaryother");
        cases.push((
            wrong,
            "check DATABASE_URL".to_owned(),
            "password authentication failed",
        ));
        let nowhere = format!("{}-nowhere", server.database());
        cases.push((nowhere, "check DATABASE_URL".to_owned(), "does not exist"));
    }
    for (url, what, why) in cases {
        let (code, said) = refusal_of(&[("DATABASE_URL", &url)]).await;
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(&what) && said.contains(why), "{said}");
        assert!(!said.contains("canary"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_verify_full_only_the_server_of_the_certificate_gets_the_password() {
    let authority = || rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (right, wrong) = (authority(), authority());
    let server = Postgres::start_with_tls(&right.cert.pem(), &right.signing_key.serialize_pem());
    let Some(server) = server else { return };
    let folder = tempfile::tempdir().unwrap();
    let url = server.database();
    let url_with = |name: &str, certificate: &rcgen::Certificate| {
        let path = folder.path().join(name);
        std::fs::write(&path, certificate.pem()).unwrap();
        format!("{url}?sslmode=verify-full&sslrootcert={}", path.display())
    };
    let app = TestApp::start_in(Place::Server(url_with("right.pem", &right.cert)), &[]).await;
    assert_eq!(app.signup("ada@example.com").await.status, 201);
    let encrypted = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE ssl AND application_name = 'trivium-app'";
    assert!(app.place.number(encrypted).await > 0);
    app.stop().await;

    let (code, said) = refusal_of(&[("DATABASE_URL", &url_with("wrong.pem", &wrong.cert))]).await;
    assert_eq!(code, Some(2));
    assert!(said.contains("invalid peer certificate"), "{said}");
    assert!(!said.contains("canary"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_503_while_it_lasts_and_ends_by_itself() {
    let Some(mut server) = Postgres::start() else {
        return;
    };
    let app = TestApp::start_in(Place::Server(server.database()), &[]).await;
    app.signup("ada@example.com").await;
    let login = app.login("ada@example.com", PASSWORD).await;
    let token = login.body["access_token"].as_str().unwrap();

    server.stop();
    for answer in [
        app.get("/readyz").await,
        app.me(token).await,
        app.login("ada@example.com", PASSWORD).await,
    ] {
        let message = answer.error(503, "not_ready");
        assert_eq!(
            message,
            "the service is not ready: its database does not answer"
        );
        assert_eq!(answer.headers["retry-after"], "1");
    }
    assert_eq!(
        app.get("/livez").await.status,
        200,
        "a restart would not help"
    );

    server.resume();
    eventually("it is ready", async || {
        app.get("/readyz").await.status == 200
    })
    .await;
    for _ in 0..20 {
        assert_eq!(app.me(token).await.status, 200);
    }
    assert_eq!(app.login("ada@example.com", PASSWORD).await.status, 200);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_that_start_at_once_share_a_new_database() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let url = Arc::new(server.database());
    let programs = (0..4).map(|_| {
        let url = Arc::clone(&url);
        async move { Program::start_with(&[("DATABASE_URL", &url)]).await }
    });
    let programs = futures_util::future::join_all(programs).await;
    let mut statuses = Vec::new();
    for program in &programs {
        statuses.push(program.post("/signup/", PASSWORD).await.status.as_u16());
    }
    assert_eq!(statuses, [201, 409, 409, 409]);
    let login = programs[3].post("/login/", PASSWORD).await;
    assert_eq!(login.status, 200);

    // Of two instances that get the same refresh token at once, one gives new ones.
    let body = json!({"refresh_token": login.body["refresh_token"]});
    let attempts = programs.iter().map(|program| async {
        let url = format!("http://{}/refresh/", program.address);
        let answer = crate::support::client().post(url).json(&body).send().await;
        answer.unwrap().status().as_u16()
    });
    let mut statuses = futures_util::future::join_all(attempts).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401, 401, 401]);
}
