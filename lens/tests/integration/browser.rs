//! The page in headless Chromium: the four jumps by real clicks, and what a page loads and says on the console.

use std::time::Duration;

use fantoccini::{Client, Locator};
use trivium_lens::model::{Batch, LogRecord, SeriesRows, Span};

use crate::seed::{
    SeededLens, exemplar, histogram, log_record, resource, series, server_span, span_id, trace_id,
};
use crate::webdriver::{console, loaded, with_browser};

const DURATION: &str = "http_server_request_duration_seconds";

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// One login of 0.3 s a minute ago: the server span 22… with a child 33…, logs in both, and an exemplar for it.
fn one_login() -> Batch {
    let time_ms = now_ms() - 60_000;
    let start_ns = (time_ms - 300) * 1_000_000;
    let auth = resource("auth", "a");
    let server = Span {
        duration_ns: 300_000_000,
        ..server_span(&auth, trace_id(0x11), span_id(0x22), start_ns)
    };
    let child = Span {
        parent_span_id: Some(server.span_id),
        span_id: span_id(0x33),
        kind: 1,
        name: "password.verify".to_owned(),
        http_route: None,
        http_status: None,
        start_ns: start_ns + 10_000_000,
        duration_ns: 250_000_000,
        ..server.clone()
    };
    let log = |span: &Span, body| LogRecord {
        trace_id: Some(span.trace_id),
        span_id: Some(span.span_id),
        ..log_record(&auth, span.start_ns + 1_000_000, body)
    };
    let logs = vec![
        log(&server, "login succeeded"),
        log(&child, "hash checked"),
        log_record(&auth, start_ns, "elsewhere"),
    ];
    let labels = [
        ("http_route", "/login/"),
        ("http_response_status_code", "200"),
        ("service_name", "auth"),
    ];
    let mut rows: Vec<SeriesRows> = histogram(
        DURATION,
        &labels,
        &["0.1", "0.5"],
        &[
            (time_ms - 5_000, vec![0.0, 0.0, 0.0]),
            (time_ms, vec![0.0, 1.0, 1.0]),
        ],
    );
    rows[1]
        .exemplars
        .push(exemplar(time_ms, 0.3, server.trace_id, server.span_id));
    rows.push(series(
        "process_uptime_seconds",
        &[("service_name", "auth")],
        &[(time_ms, Some(1.0))],
    ));
    Batch {
        spans: vec![server, child],
        logs,
        series: rows,
        digest: None,
    }
}

async fn click(client: &Client, selector: &str) {
    let element = client
        .wait()
        .at_most(Duration::from_secs(10))
        .for_element(Locator::Css(selector))
        .await;
    let element = element.unwrap_or_else(|error| panic!("{selector}: {error}"));
    element
        .click()
        .await
        .unwrap_or_else(|error| panic!("{selector}: {error}"));
}

async fn text(client: &Client, selector: &str) -> String {
    let element = client
        .wait()
        .at_most(Duration::from_secs(10))
        .for_element(Locator::Css(selector))
        .await;
    element
        .unwrap_or_else(|error| panic!("{selector}: {error}"))
        .text()
        .await
        .unwrap()
}

async fn path_and_query(client: &Client) -> String {
    let url = client.current_url().await.unwrap();
    format!("{}?{}", url.path(), url.query().unwrap_or_default())
}

/// Nothing came from elsewhere, and nobody complained: no script error, no refusal by the security policy.
async fn assert_clean(client: &Client, origin: &str) {
    let foreign: Vec<_> = loaded(client)
        .await
        .unwrap()
        .into_iter()
        .filter(|url| !url.starts_with(origin))
        .collect();
    assert_eq!(foreign, [""; 0]);
    assert_eq!(console(client).await.unwrap(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_four_jumps_by_clicks() {
    let lens = SeededLens::start(one_login()).await;
    let origin = lens.origin.clone();
    with_browser(async move |client| {
        let (trace, server, child) = ("11".repeat(16), "22".repeat(8), "33".repeat(8));
        client.goto(&format!("{origin}/")).await.unwrap();
        assert_clean(&client, &origin).await;
        click(&client, "[data-testid=service] a").await;

        // Exemplar → trace, with its span marked.
        click(&client, "[data-testid=exemplar]").await;
        assert_eq!(text(&client, "[data-testid=trace-id]").await, trace);
        assert_eq!(
            path_and_query(&client).await,
            format!("/traces/{trace}?span={server}")
        );
        assert!(text(&client, ".span.chosen").await.contains("GET /login/"));
        assert_clean(&client, &origin).await;

        // Span → its logs, not those of the other span.
        click(
            &client,
            &format!("[data-span-id='{child}'] [data-testid=span-logs]"),
        )
        .await;
        assert!(
            text(&client, "[data-testid=log]")
                .await
                .contains("hash checked")
        );
        assert_eq!(
            path_and_query(&client).await,
            format!("/logs?trace_id={trace}&span_id={child}")
        );
        assert_eq!(
            client
                .find_all(Locator::Css("[data-testid=log]"))
                .await
                .unwrap()
                .len(),
            1
        );
        assert_clean(&client, &origin).await;

        // Log → its trace.
        click(&client, "[data-testid=log-trace]").await;
        assert_eq!(text(&client, "[data-testid=trace-id]").await, trace);
        assert_eq!(
            path_and_query(&client).await,
            format!("/traces/{trace}?span={child}")
        );

        // Trace → all its logs, and back.
        click(&client, "[data-testid=trace-logs]").await;
        assert!(
            text(&client, "[data-testid=log]")
                .await
                .contains("hash checked")
        );
        assert_eq!(
            client
                .find_all(Locator::Css("[data-testid=log]"))
                .await
                .unwrap()
                .len(),
            2
        );
        click(&client, "[data-testid=log-trace]").await;

        // Span → the metric of its route, taken from the span above it, at that time.
        click(
            &client,
            &format!("[data-span-id='{child}'] [data-testid=span-metric]"),
        )
        .await;
        assert!(text(&client, ".chips").await.contains("/login/"));
        let address = path_and_query(&client).await;
        assert!(
            address.starts_with("/services/auth?route=/login/&at=20"),
            "{address}"
        );
        client
            .find(Locator::Css("[data-testid=marked]"))
            .await
            .expect("the moment is marked");
        assert_eq!(
            client
                .find_all(Locator::Css("[data-testid=exemplar]"))
                .await
                .unwrap()
                .len(),
            1
        );
        assert_clean(&client, &origin).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_page_shows_what_arrives_without_being_loaded_again() {
    let lens = SeededLens::start(Batch::default()).await;
    let (origin, store) = (lens.origin.clone(), lens.store.clone());
    with_browser(async move |client| {
        client.goto(&format!("{origin}/")).await.unwrap();
        assert!(
            text(&client, "[data-testid=empty]")
                .await
                .contains("trivium up")
        );
        client
            .execute("window.isStillThisPage = true", Vec::new())
            .await
            .unwrap();
        store.write(one_login()).await.unwrap();
        assert!(
            text(&client, "[data-testid=trace]")
                .await
                .contains("GET /login/")
        );
        let is_same = client
            .execute("return window.isStillThisPage === true", Vec::new())
            .await
            .unwrap();
        assert_eq!(is_same, true);
        assert_clean(&client, &origin).await;
    })
    .await;
}
