//! A lens with a token: who is let in where, and the form that asks a browser for it.

use std::net::SocketAddr;

use fantoccini::Locator;
use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, COOKIE, LOCATION, SET_COOKIE, WWW_AUTHENTICATE};
use reqwest::redirect::Policy;
use serde_json::Value;
use tonic::Code;
use trivium_lens::config::Config;
use trivium_lens::server::Lens;

use crate::axe;
use crate::support::{PROTOBUF, config, span, trace_client, trace_request};
use crate::webdriver::{console, with_browser};

/// One of the three addresses.
type AddressOf = fn(&mut Config) -> &mut SocketAddr;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// A lens that asks for [`TOKEN`].
async fn start(folder: &tempfile::TempDir) -> Lens {
    Lens::start(&with_token(folder)).await.unwrap()
}

fn with_token(folder: &tempfile::TempDir) -> Config {
    let path = folder.path().join("token");
    std::fs::write(&path, TOKEN).unwrap();
    Config {
        token_file: Some(path),
        ..config(folder.path())
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(Policy::none())
        .build()
        .unwrap()
}

#[tokio::test]
async fn beyond_loopback_it_starts_with_a_token_only() {
    let folder = tempfile::tempdir().unwrap();
    let beyond: SocketAddr = "0.0.0.0:0".parse().unwrap();
    let settings: [(&str, AddressOf); 3] = [
        ("LENS_LISTEN", |config| &mut config.listen),
        ("LENS_INGEST_HTTP", |config| &mut config.ingest_http),
        ("LENS_INGEST_GRPC", |config| &mut config.ingest_grpc),
    ];
    for (setting, address) in settings {
        let mut open = config(folder.path());
        *address(&mut open) = beyond;
        let error = Lens::start(&open).await.unwrap_err().to_string();
        assert!(
            error.starts_with(&format!(
                "{setting}=0.0.0.0:0 is reached from beyond this machine"
            )),
            "{error}"
        );
        assert!(
            error.contains("set LENS_TOKEN_FILE to a file with one"),
            "{error}"
        );
        assert!(!open.data.exists(), "nothing is opened before");
    }
    let mut guarded = with_token(&folder);
    guarded.listen = beyond;
    Lens::start(&guarded).await.unwrap().stop().await;

    guarded.token_file = Some(folder.path().join("none"));
    let error = Lens::start(&guarded).await.unwrap_err().to_string();
    assert!(
        error.contains("cannot read the token in ") && error.contains("set LENS_TOKEN_FILE"),
        "{error}"
    );
}

#[tokio::test]
async fn the_api_wants_the_token_and_health_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let lens = start(&folder).await;
    let get = async |path: &str, authorization: &str| {
        let request = client().get(format!("http://{}{path}", lens.page));
        request
            .header(AUTHORIZATION, authorization)
            .send()
            .await
            .unwrap()
    };
    for path in ["/livez", "/readyz"] {
        assert_eq!(get(path, "").await.status(), StatusCode::OK, "{path}");
    }
    for wrong in ["", "Bearer 0123456789abcdef", &format!("Basic {TOKEN}")] {
        let refused = get("/api/services", wrong).await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED, "{wrong}");
        assert_eq!(refused.headers()[WWW_AUTHENTICATE], "Bearer");
        let body: Value = refused.json().await.unwrap();
        assert_eq!(body["error"]["code"], "unauthorized");
    }
    // Also an address that does not exist tells a stranger nothing.
    assert_eq!(
        get("/api/nothing", "").await.status(),
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(get("/no/page", "").await.status(), StatusCode::UNAUTHORIZED);
    let known = format!("Bearer {TOKEN}");
    assert_eq!(get("/api/services", &known).await.status(), StatusCode::OK);
    assert_eq!(get("/", &known).await.status(), StatusCode::OK);
    // Not in an address.
    let in_address = get(&format!("/api/services?token={TOKEN}"), "").await;
    assert_eq!(in_address.status(), StatusCode::UNAUTHORIZED);
    lens.stop().await;
}

#[tokio::test]
async fn every_way_in_wants_the_token_and_stores_nothing_without() {
    let folder = tempfile::tempdir().unwrap();
    let lens = start(&folder).await;
    let known = format!("Bearer {TOKEN}");
    let samples = snap::raw::Encoder::new().compress_vec(&[]).unwrap();
    for (path, body, stored) in [
        ("/api/v1/write", samples, StatusCode::NO_CONTENT),
        ("/otlp/v1/logs", Vec::new(), StatusCode::NO_CONTENT),
        ("/v1/traces", Vec::new(), StatusCode::OK),
    ] {
        let post = async |authorization: &str| {
            let request = client().post(format!("http://{}{path}", lens.ingest_http));
            let request = request.header("content-type", PROTOBUF).body(body.clone());
            request
                .header(AUTHORIZATION, authorization)
                .send()
                .await
                .unwrap()
        };
        let refused = post("Bearer ").await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(refused.headers()[WWW_AUTHENTICATE], "Bearer");
        assert_eq!(post(&known).await.status(), stored, "{path}");
    }
    let mut traces = trace_client(lens.ingest_grpc).await;
    let status = traces.export(trace_request([span(1)])).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    assert!(status.message().contains("LENS_TOKEN_FILE"), "{status}");
    let database = folder.path().join("lens.db");
    assert_eq!(crate::support::count(&database, "spans").await, 0);
    let mut request = tonic::Request::new(trace_request([span(1)]));
    request
        .metadata_mut()
        .insert("authorization", known.parse().unwrap());
    traces.export(request).await.unwrap();
    assert_eq!(crate::support::count(&database, "spans").await, 1);
    lens.stop().await;
}

#[tokio::test]
async fn the_form_sets_a_cookie_that_no_script_and_no_other_site_can_use() {
    let folder = tempfile::tempdir().unwrap();
    let lens = start(&folder).await;
    let page = format!("http://{}", lens.page);
    let client = client();
    let form = client
        .get(format!("{page}/traces?since=1h"))
        .send()
        .await
        .unwrap();
    assert_eq!(form.status(), StatusCode::UNAUTHORIZED);
    let policy = form.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("form-action 'self'"), "{policy}");
    let text = form.text().await.unwrap();
    assert!(
        text.contains(r#"<input type="hidden" name="next" value="/traces?since=1h">"#),
        "{text}"
    );
    let send = async |token: &str, next: &str| {
        let body = format!("token={token}&next={next}");
        let request = client.post(format!("{page}/login")).body(body);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.send().await.unwrap()
    };
    let wrong = send("wrong", "/traces").await;
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
    assert!(!wrong.headers().contains_key(SET_COOKIE));
    assert!(
        wrong
            .text()
            .await
            .unwrap()
            .contains("That is not the token.")
    );

    let right = send(TOKEN, "%2Ftraces%3Fsince%3D1h").await;
    assert_eq!(right.status(), StatusCode::SEE_OTHER);
    assert_eq!(right.headers()[LOCATION], "/traces?since=1h");
    let cookie = right.headers()[SET_COOKIE].to_str().unwrap().to_owned();
    assert!(cookie.ends_with("; HttpOnly; SameSite=Strict"), "{cookie}");
    assert!(!cookie.contains(TOKEN), "{cookie}");
    let elsewhere = send(TOKEN, "%2F%2Fevil.example").await;
    assert_eq!(elsewhere.headers()[LOCATION], "/");

    let with_cookie = async |address: String| {
        let request = client
            .get(address)
            .header(COOKIE, cookie.split(';').next().unwrap());
        request.send().await.unwrap().status()
    };
    assert_eq!(
        with_cookie(format!("{page}/traces?since=1h")).await,
        StatusCode::OK
    );
    assert_eq!(
        with_cookie(format!("{page}/api/services")).await,
        StatusCode::OK
    );
    // A restart keeps it, another token ends it.
    lens.stop().await;
    let again = start(&folder).await;
    assert_eq!(
        with_cookie(format!("http://{}/", again.page)).await,
        StatusCode::OK
    );
    again.stop().await;
    let mut other = with_token(&folder);
    std::fs::write(
        folder.path().join("other"),
        "another token?".replace(' ', "-").repeat(2),
    )
    .unwrap();
    other.token_file = Some(folder.path().join("other"));
    let other = Lens::start(&other).await.unwrap();
    assert_eq!(
        with_cookie(format!("http://{}/", other.page)).await,
        StatusCode::UNAUTHORIZED
    );
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_gets_in_by_the_form_and_the_form_is_accessible() {
    let folder = tempfile::tempdir().unwrap();
    let lens = start(&folder).await;
    let page = format!("http://{}", lens.page);
    let script = axe::script();
    with_browser(async move |client| {
        client.goto(&format!("{page}/logs?since=1h")).await.unwrap();
        for (width, theme) in [(1280, "light"), (400, "dark")] {
            client.set_window_size(width, 1000).await.unwrap();
            let set = format!("document.documentElement.dataset.theme = '{theme}'");
            client.execute(&set, Vec::new()).await.unwrap();
            if let Some(script) = &script {
                axe::assert_accessible(&client, script, &format!("form {theme} {width}")).await;
            }
        }
        let token = client
            .find(Locator::Css("input[name=token]"))
            .await
            .unwrap();
        token.send_keys(&format!("{TOKEN}\u{e007}")).await.unwrap();
        let logs = Locator::Css(".sections a[aria-current=page]");
        let section = client.wait().for_element(logs).await.unwrap();
        assert_eq!(section.text().await.unwrap(), "Logs");
        let url = client.current_url().await.unwrap();
        assert_eq!(url.as_str(), format!("{page}/logs?since=1h"));
        // The 401 of the form itself is all that the console has.
        let said = console(&client).await.unwrap();
        assert!(said.iter().all(|line| line.contains("401")), "{said:?}");
    })
    .await;
    lens.stop().await;
}
