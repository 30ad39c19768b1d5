//! The document and its page: over HTTP, and used by clicks in a real browser.

use std::time::Duration;

use fantoccini::{Client, Locator};
use reqwest::{Method, Response};
use serde_json::Value;

use crate::{
    support::{PASSWORD, TestApp},
    webdriver::{console, loaded, with_browser},
};

async fn get(app: &TestApp, path: &str) -> Response {
    let request = app.request(Method::GET, path).header("x-request-id", "r1");
    request.send().await.unwrap()
}

#[tokio::test]
async fn the_document_is_the_pinned_one() {
    let app = TestApp::start(&[]).await;
    let answer = get(&app, "/openapi.json").await;
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(answer.headers()["x-request-id"], "r1");
    let pinned = include_str!("../../openapi.json");
    assert_eq!(answer.text().await.unwrap(), pinned);
    app.stop().await;
}

#[tokio::test]
async fn the_page_is_served_whole_under_its_policy() {
    let app = TestApp::start(&[]).await;
    let page = get(&app, "/docs").await;
    assert_eq!(page.url().path(), "/docs/", "redirected");
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; "));
    assert_eq!(page.headers()["content-type"], "text/html");
    assert_eq!(page.headers()["x-request-id"], "r1");
    let html = page.text().await.unwrap();
    let files: Vec<_> = html
        .split(['"', '\''])
        .filter(|text| {
            [".css", ".js", ".png"]
                .iter()
                .any(|end| text.ends_with(end))
        })
        .collect();
    assert!(files.len() >= 5, "{html}");
    for file in files {
        let answer = get(&app, &format!("/docs/{}", file.trim_start_matches("./"))).await;
        assert_eq!(answer.status(), 200, "{file}");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    }
    app.get("/docs/nothing.js").await.error(404, "not_found");
    app.stop().await;
}

const DEADLINE: Duration = Duration::from_secs(20);

async fn click(browser: &Client, xpath: &str) {
    let element = browser
        .wait()
        .at_most(DEADLINE)
        .for_element(Locator::XPath(xpath));
    let element = element
        .await
        .unwrap_or_else(|error| panic!("{xpath}: {error}"));
    element.click().await.unwrap();
}

async fn text(browser: &Client, css: &str) -> String {
    let element = browser
        .wait()
        .at_most(DEADLINE)
        .for_element(Locator::Css(css));
    let element = element
        .await
        .unwrap_or_else(|error| panic!("{css}: {error}"));
    element.text().await.unwrap()
}

async fn authorize_and_ask(browser: Client, base: String) {
    browser.goto(&format!("{base}/docs")).await.unwrap();
    click(&browser, "//button[contains(@class, 'authorize')]").await;
    for (name, value) in [
        ("oauth_username", "ada@example.com"),
        ("oauth_password", PASSWORD),
    ] {
        let field = browser
            .wait()
            .at_most(DEADLINE)
            .for_element(Locator::Id(name))
            .await
            .unwrap();
        field.send_keys(value).await.unwrap();
    }
    click(
        &browser,
        "//button[contains(@class, 'modal-btn') and text()='Authorize']",
    )
    .await;
    click(
        &browser,
        "//button[contains(@class, 'modal-btn') and text()='Logout']/following-sibling::button",
    )
    .await;
    click(&browser, "//span[@data-path='/users/me/']").await;
    click(&browser, "//button[contains(@class, 'execute')]").await;
    let live = "#operations-accounts-me .live-responses-table tr.response td.response";
    assert_eq!(text(&browser, &format!("{live}-col_status")).await, "200");
    let body = text(&browser, &format!("{live}-col_description code")).await;
    let account: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(account["email"], "ada@example.com");

    for address in loaded(&browser).await.unwrap() {
        assert!(address.starts_with(&base), "{address} is from elsewhere");
    }
    let mut complaints = console(&browser).await.unwrap();
    // Advice about password fields is Swagger UI's to take.
    complaints.retain(|line| !line.contains("[DOM]"));
    assert!(complaints.is_empty(), "{complaints:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn authorize_logs_in_and_the_account_is_shown() {
    let app = TestApp::start(&[]).await;
    assert_eq!(app.signup("ada@example.com").await.status, 201);
    let base = format!("http://{}", app.address);
    with_browser(|browser| authorize_and_ask(browser, base)).await;
    app.stop().await;
}
