//! The page as plain HTTP: what it answers, that it escapes what it shows, and what its headers forbid.

use std::sync::Arc;

use reqwest::StatusCode;
use serde_json::json;
use trivium_lens::model::{Batch, LogRecord, Resource, Span, UNKNOWN_SERVICE};

use crate::sample;
use crate::seed::{SeededLens, log_record, resource, server_span, span_id, trace_id};

const HOSTILE: &str = "<script>alert(1)</script>\"'&";

async fn html(lens: &SeededLens, path: &str) -> (StatusCode, String) {
    let answer = reqwest::get(format!("{}{path}", lens.origin))
        .await
        .unwrap();
    (answer.status(), answer.text().await.unwrap())
}

/// A span and a log record whose every text is hostile.
fn hostile() -> Batch {
    let now_ns = i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap() - 1_000_000_000;
    let attributes = json!({
        "container.id": HOSTILE, "container.image.name": HOSTILE, "container.name": HOSTILE, "host.name": HOSTILE,
        "service.instance.id": HOSTILE, "service.name": HOSTILE,
    });
    let resource = Arc::new(Resource {
        attributes: attributes.to_string(),
        ..Resource::clone(&resource(HOSTILE, HOSTILE))
    });
    let span = Span {
        name: HOSTILE.to_owned(),
        scope: HOSTILE.into(),
        status: 2,
        status_message: HOSTILE.to_owned(),
        http_route: Some(HOSTILE.to_owned()),
        attributes: json!({HOSTILE: HOSTILE}).to_string(),
        events: Some(
            json!([{"time_ns": now_ns, "name": HOSTILE, "attributes": {HOSTILE: [HOSTILE]}}])
                .to_string(),
        ),
        links: Some(
            json!([{"trace_id": HOSTILE, "span_id": HOSTILE, "attributes": {}}]).to_string(),
        ),
        ..server_span(&resource, trace_id(1), span_id(2), now_ns)
    };
    let record = LogRecord {
        trace_id: Some(trace_id(1)),
        span_id: Some(span_id(2)),
        event_name: HOSTILE.to_owned(),
        attributes: json!({HOSTILE: HOSTILE}).to_string(),
        ..log_record(&resource, now_ns, HOSTILE)
    };
    Batch {
        spans: vec![span],
        logs: vec![record],
        ..Batch::default()
    }
}

#[tokio::test]
async fn every_page_escapes_what_programs_sent() {
    let lens = SeededLens::start(hostile()).await;
    let trace = format!("/traces/{}", "01".repeat(16));
    let service = "/services/%3Cscript%3Ealert(1)%3C%2Fscript%3E%22'&";
    let query = "%3Cscript%3Ealert(1)%3C/script%3E%22'%26";
    let pages = [
        "/",
        &trace,
        "/traces",
        &format!("/traces/compare?a={0}&b={0}", "01".repeat(16)),
        &format!("/traces?service={query}&route={query}&attribute=a={query}"),
        "/logs",
        service,
        &format!("{service}?route={query}"),
        &format!("/logs?q={query}"),
        &format!("/logs?container={query}&host={query}"),
        "/hosts",
        "/hosts/%3Cscript%3Ealert(1)%3C%2Fscript%3E%22'&",
        "/containers",
        "/containers/%3Cscript%3Ealert(1)%3C%2Fscript%3E%22'&",
    ];
    for page in pages {
        let (status, body) = html(&lens, page).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        assert!(!body.contains("<script>alert"), "{page}");
        assert!(
            body.contains("&lt;script&gt;alert(1)&lt;/script&gt;"),
            "{page} shows it"
        );
    }
}

#[tokio::test]
async fn a_record_of_no_named_service_is_shown_by_its_container_or_its_file() {
    let now_ns = i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap() - 1_000_000_000;
    let nobody = resource(UNKNOWN_SERVICE, "");
    let container = Arc::new(Resource {
        attributes: json!({"container.name": "shop-db-1"}).to_string(),
        ..Resource::clone(&nobody)
    });
    let named = resource("auth", "a");
    let of = |resource: &Arc<Resource>, body: &str| LogRecord {
        severity: 0,
        attributes: json!({"log.file.name": "shop.log"}).to_string(),
        ..log_record(resource, now_ns, body)
    };
    let lens = SeededLens::start(Batch {
        logs: vec![
            of(&nobody, "one"),
            of(&container, "two"),
            of(&named, "three"),
        ],
        ..Batch::default()
    })
    .await;
    let (_, body) = html(&lens, "/logs").await;
    let writers: Vec<_> = body
        .split("<span class=\"service ")
        .skip(1)
        .map(|part| &part[part.find('>').unwrap() + 1..part.find('<').unwrap()])
        .collect();
    assert_eq!(writers, ["auth", "shop-db-1", "shop.log"]);
    assert!(!body.contains("UNSPECIFIED"), "a level that nobody sent");
    let (_, body) = html(&lens, "/").await;
    assert_eq!(body.matches("serves no HTTP requests").count(), 2);
}

#[tokio::test]
async fn a_trace_is_drawn_as_a_tree_also_when_parents_are_missing_or_go_in_a_circle() {
    let now_ns = i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap() - 1_000_000_000;
    let auth = resource("auth", "a");
    let span = |id: u8, parent: Option<u8>, after_ns: i64| Span {
        parent_span_id: parent.map(span_id),
        ..server_span(&auth, trace_id(1), span_id(id), now_ns + after_ns)
    };
    let (root, not_stored) = (None, Some(9));
    let spans = vec![
        span(4, not_stored, 30),
        span(3, Some(2), 10),
        span(5, Some(1), 20),
        span(2, Some(1), 5),
        span(1, root, 0),
        span(7, Some(6), 2),
        span(6, Some(7), 1),
    ];
    let lens = SeededLens::start(Batch {
        spans,
        ..Batch::default()
    })
    .await;
    let (_, body) = html(&lens, &format!("/traces/{}", "01".repeat(16))).await;
    let drawn: Vec<String> = body
        .split("data-span-id=\"")
        .skip(1)
        .map(|row| {
            let depth = row.split("label depth").nth(1).unwrap();
            format!("{} at {}", &row[1..2], &depth[..1])
        })
        .collect();
    assert_eq!(
        drawn,
        [
            "1 at 0", "2 at 1", "3 at 2", "5 at 1", "4 at 0", "6 at 0", "7 at 0"
        ]
    );
}

#[tokio::test]
async fn the_policy_forbids_what_the_page_does_not_need() {
    let lens = SeededLens::start(Batch::default()).await;
    let answer = reqwest::get(format!("{}/", lens.origin)).await.unwrap();
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(
        header("content-security-policy"),
        "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("cache-control"), "no-store");

    // No style and no script inside the page: the policy would refuse them.
    let (_, body) = html(&lens, "/").await;
    assert!(!body.contains("style="), "{body}");
    let assets: Vec<&str> = body
        .split('"')
        .filter(|part| part.starts_with("/assets/"))
        .collect();
    assert_eq!(
        assets.len(),
        4,
        "icon (twice), style sheet, script: {assets:?}"
    );
    for asset in assets {
        let answer = reqwest::get(format!("{}{asset}", lens.origin))
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{asset}");
        assert_eq!(
            answer.headers()["cache-control"],
            "public, max-age=31536000, immutable"
        );
    }
}

#[tokio::test]
async fn wrong_addresses_get_a_page_with_the_reason() {
    let lens = SeededLens::start(Batch::default()).await;
    let expected = [
        (
            "/nothing",
            StatusCode::NOT_FOUND,
            "there is nothing at /nothing",
        ),
        (
            "/traces/xyz",
            StatusCode::BAD_REQUEST,
            "trace_id: `xyz` is not 32 hex digits",
        ),
        (
            "/logs?since=15x",
            StatusCode::BAD_REQUEST,
            "since: `15x` is not a duration",
        ),
        (
            "/?color=red",
            StatusCode::BAD_REQUEST,
            "`color` is not a parameter here; known are since, until, live",
        ),
        (
            &format!("/traces/{}", "0c".repeat(16)),
            StatusCode::NOT_FOUND,
            "no span of trace 0c0c",
        ),
    ];
    for (path, status, reason) in expected {
        let (got, body) = html(&lens, path).await;
        assert_eq!(got, status, "{path}");
        assert!(body.contains(reason), "{path}: {body}");
    }
}

#[tokio::test]
async fn a_long_history_is_thinned_but_keeps_the_failures() {
    let lens = SeededLens::start(sample::half_an_hour()).await;
    let (status, body) = html(&lens, "/services/auth?since=30m").await;
    assert_eq!(status, StatusCode::OK);
    let dots = body.matches("data-testid=\"exemplar\"").count();
    let all = lens
        .ok("/api/exemplars?service=auth&since=30m&limit=10000")
        .await;
    let all = all["exemplars"].as_array().unwrap().len();
    assert!(dots > 100 && dots < all, "{dots} of {all}");
    assert!(
        body.contains(&format!("{dots} of {all} traces drawn")),
        "says so"
    );
    assert!(
        body.contains("class=\"failed\" href=\"/traces/"),
        "a failed request's dot is drawn"
    );
    for route in ["/", "/login/", "/users/me/", "/signup/"] {
        assert!(
            body.contains(&format!("route={route}")),
            "{route} is in the table"
        );
    }
}
