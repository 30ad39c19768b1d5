//! `/logs`: bars and facets, and `/logs/{id}`: what the same source wrote before and after.

use std::sync::Arc;

use jiff::Timestamp;
use reqwest::StatusCode;
use serde_json::json;
use trivium_lens::model::{Batch, LogRecord, Resource};

use crate::seed::{SeededLens, log_record, resource};

const SECOND: i64 = 1_000_000_000;

fn now_ns() -> i64 {
    i64::try_from(Timestamp::now().as_nanosecond()).unwrap()
}

fn of_file(resource: &Arc<Resource>, time_ns: i64, body: &str, file: &str) -> LogRecord {
    LogRecord {
        attributes: json!({"log.file.path": file}).to_string(),
        ..log_record(resource, time_ns, body)
    }
}

/// Of `auth` 5 INFO and 2 ERROR with an event, of `web` 3 lines of two files.
fn some(at_ns: i64) -> Batch {
    let (auth, web) = (resource("auth", "a"), resource("web", "w"));
    let info = (0..5).map(|n| log_record(&auth, at_ns + n, &format!("info {n}")));
    let error = (0..2).map(|n| LogRecord {
        severity: 17,
        event_name: "auth.failed".to_owned(),
        ..log_record(&auth, at_ns + 10 + n, &format!("error {n}"))
    });
    let lines = [
        ("one", "/var/log/a.log"),
        ("two", "/var/log/b.log"),
        ("three", "/var/log/a.log"),
    ];
    let lines = lines
        .into_iter()
        .zip(0..)
        .map(|((body, file), n)| of_file(&web, at_ns + 20 + n, body, file));
    Batch {
        logs: info.chain(error).chain(lines).collect(),
        ..Batch::default()
    }
}

/// The texts of the facet links: value and count.
fn facets(page: &str) -> Vec<(String, String)> {
    let links = page.split("data-testid=\"facet\"").skip(1);
    let texts = links.filter_map(|link| {
        let (value, rest) = link
            .split_once("<span class=\"value\">")?
            .1
            .split_once("</span>")?;
        let count = rest
            .split_once("<span class=\"muted\">")?
            .1
            .split_once("</span>")?
            .0;
        Some((value.to_owned(), count.to_owned()))
    });
    texts.collect()
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
        .collect()
}

#[tokio::test]
async fn bars_and_facets_count_what_the_search_finds() {
    let lens = SeededLens::start(some(now_ns() - 60 * SECOND)).await;
    let page = lens.text("/logs?since=15m").await;
    let all = [
        ("auth", "7"),
        ("web", "3"),
        ("INFO", "8"),
        ("ERROR", "2"),
        ("auth.failed", "2"),
        ("/var/log/a.log", "2"),
        ("/var/log/b.log", "1"),
    ];
    assert_eq!(facets(&page), owned(&all));
    assert_eq!(page.matches("data-testid=\"bar\"").count(), 1);
    assert!(page.contains("UTC\nerror 2\ninfo 8</title>"), "{page}");
    let page = lens
        .text("/logs?since=15m&service=web&file=/var/log/a.log")
        .await;
    assert_eq!(
        facets(&page),
        owned(&[("web", "2"), ("INFO", "2"), ("/var/log/a.log", "2")])
    );
    let page = lens
        .text("/logs?since=15m&event=auth.failed&severity=ERROR")
        .await;
    assert_eq!(
        facets(&page),
        owned(&[("auth", "2"), ("ERROR", "2"), ("auth.failed", "2")])
    );
    assert!(page.contains("UTC\nerror 2</title>"), "{page}");
    let found = lens.ok("/api/logs?since=15m&event=auth.failed").await;
    assert_eq!(found["logs"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn beyond_what_a_search_looks_at_bars_are_exact_and_facets_say_how_far() {
    let auth = resource("auth", "a");
    let start_ns = now_ns() - 600 * SECOND;
    let logs = (0..60_000_i64).map(|n| LogRecord {
        severity: if n % 100 == 0 { 17 } else { 9 },
        ..log_record(&auth, start_ns + n * 5_000_000, "x")
    });
    let lens = SeededLens::start(Batch {
        logs: logs.collect(),
        ..Batch::default()
    })
    .await;
    let page = lens.text("/logs?since=15m").await;
    assert_eq!(facets(&page)[0], ("auth".to_owned(), "50,000".to_owned()));
    assert!(page.contains("Counts of the newest records, back to"));
    assert!(
        page.contains("info</a><b>59,400</b>") && page.contains("error</a><b>600</b>"),
        "all are in the bars"
    );
    let page = lens.text("/logs?since=15m&severity=ERROR").await;
    assert!(page.contains("error</a><b>600</b>") && !page.contains("info</a>"));
    let page = lens.text("/logs?since=15m&q=x").await;
    assert!(page.contains("info</a><b>49,500</b>") && page.contains("Counted back to"));
}

#[tokio::test]
async fn a_line_is_shown_among_those_of_its_own_source() {
    let at_ns = now_ns() - 60 * SECOND;
    let (web, other) = (resource("web", "w"), resource("web", "x"));
    let mut logs: Vec<LogRecord> = (0..9)
        .map(|n| of_file(&web, at_ns + n, &format!("line {n}"), "/a.log"))
        .collect();
    // The same moment: what arrived first stands first.
    logs.push(of_file(&web, at_ns + 4, "line 4, too", "/a.log"));
    logs.push(of_file(&web, at_ns + 4, "another file", "/b.log"));
    logs.push(of_file(&other, at_ns + 4, "another process", "/a.log"));
    let lens = SeededLens::start(Batch {
        logs,
        ..Batch::default()
    })
    .await;
    let list = lens.text("/logs?q=line+4&since=15m").await;
    let id = list
        .split("data-key=\"")
        .filter_map(|part| part.split('"').next())
        .filter(|key| key.parse::<i64>().is_ok_and(|id| id > 1 << 40))
        .last()
        .unwrap()
        .to_owned();
    let texts = |page: &str| -> Vec<String> {
        let parts = page.split("<span class=\"text\">").skip(1);
        parts
            .filter_map(|part| Some(part.split('<').next()?.trim().to_owned()))
            .collect()
    };
    let page = lens.text(&format!("/logs/{id}?limit=2")).await;
    assert_eq!(
        texts(&page),
        ["line 2", "line 3", "line 4", "line 4, too", "line 5"]
    );
    let marked = page.split("class=\"log marked\"").nth(1).unwrap();
    assert!(
        marked.contains("line 4</span>") || texts(marked)[0] == "line 4",
        "{marked}"
    );
    assert!(page.contains("Show more before") && page.contains("Show more after"));
    let page = lens.text(&format!("/logs/{id}")).await;
    assert_eq!(texts(&page).len(), 10);
    assert!(!page.contains("Show more"));
    for path in ["/logs/1", "/logs/x"] {
        let answer = reqwest::get(format!("{}{path}", lens.origin))
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
    }
}
