//! `/metrics` and `/metrics/{name}`: finding a metric, and reading it narrowed and split.

use jiff::Timestamp;
use reqwest::StatusCode;
use trivium_lens::model::Batch;

use crate::seed::{SeededLens, exemplar, histogram, series, span_id, trace_id};

/// A gauge of two queues, a counter, and a histogram of sizes with an exemplar.
pub(crate) fn some() -> Batch {
    let now_ms = Timestamp::now().as_millisecond();
    let at = |ago_s: i64| now_ms - ago_s * 1_000;
    let times = [300, 200, 100, 2].map(at);
    let mut all = vec![
        series(
            "jobs_waiting",
            &[("queue", "mail"), ("service_name", "auth")],
            &times.map(|t| (t, Some(12_000.0))),
        ),
        series(
            "jobs_waiting",
            &[("queue", "<print>"), ("service_name", "auth")],
            &times.map(|t| (t, Some(7.0))),
        ),
        series(
            "jobs_done_bytes_total",
            &[("service_name", "auth")],
            &(0..30)
                .map(|n| (at(300 - n * 10), Some(n as f64 * 20_480.0)))
                .collect::<Vec<_>>(),
        ),
    ];
    let counts: Vec<(i64, Vec<f64>)> = (0..=30)
        .map(|n| {
            (
                at(302 - n * 10),
                [3.0, 3.3, 10.0 / 3.0].map(|each| each * n as f64).to_vec(),
            )
        })
        .collect();
    let mut sizes = histogram(
        "job_size_bytes",
        &[("queue", "mail")],
        &["1024", "4096"],
        &counts,
    );
    sizes[1]
        .exemplars
        .push(exemplar(at(50), 3_000.0, trace_id(0xab), span_id(0xcd)));
    all.extend(sizes);
    Batch {
        series: all,
        ..Batch::default()
    }
}

#[tokio::test]
async fn a_metric_is_found_by_parts_of_its_name_in_either_spelling() {
    let lens = SeededLens::start(some()).await;
    let names = |page: &str| -> Vec<String> {
        let links = page.split("href=\"/metrics/").skip(1);
        links
            .filter_map(|link| Some(link.split(['?', '"']).next()?.to_owned()))
            .collect()
    };
    assert_eq!(
        names(&lens.text("/metrics").await),
        ["job_size_bytes", "jobs_done_bytes_total", "jobs_waiting"]
    );
    let page = lens.text("/metrics?q=bytes+jobs.done").await;
    assert_eq!(names(&page), ["jobs_done_bytes_total"]);
    assert!(
        page.contains("counter") && page.contains(">bytes<"),
        "{page}"
    );
    assert!(
        lens.text("/metrics?q=nothing")
            .await
            .contains("No metric&#39;s name contains")
            || lens
                .text("/metrics?q=nothing")
                .await
                .contains("No metric's name contains")
    );
}

#[tokio::test]
async fn a_gauge_is_split_by_a_label_and_narrowed_to_a_value() {
    let lens = SeededLens::start(some()).await;
    let page = lens.text("/metrics/jobs_waiting?since=10m&by=queue").await;
    assert_eq!(page.matches("data-testid=\"group\"").count(), 2);
    assert!(
        page.contains("mail<b>12,000</b>"),
        "the legend has the last value: {page}"
    );
    assert!(
        page.contains("&lt;print&gt;") && !page.contains("<print>"),
        "{page}"
    );
    let page = lens
        .text("/metrics/jobs_waiting?since=10m&where=queue=mail")
        .await;
    assert!(page.contains("all<b>12,000</b>"), "{page}");
    let page = lens
        .text("/metrics/jobs_waiting?since=10m&where=queue=none")
        .await;
    assert!(page.contains("No value of it in this range"), "{page}");
}

#[tokio::test]
async fn a_counter_is_a_rate_in_its_unit() {
    let lens = SeededLens::start(some()).await;
    let page = lens.text("/metrics/jobs_done_bytes_total?since=10m").await;
    assert!(page.contains("all<b>2.00 KiB/s</b>"), "{page}");
}

#[tokio::test]
async fn a_histogram_has_quantiles_in_its_unit_and_dots_that_open_traces() {
    let lens = SeededLens::start(some()).await;
    let page = lens.text("/metrics/job.size?since=10m&by=queue").await;
    // Rank 95 of 100: 5 of the 9 in 1024..4096.
    assert!(page.contains("data-label=\"p95\">2.67 KiB<"), "{page}");
    let link = format!(
        "/traces/{}?since=10m&amp;span={}",
        "ab".repeat(16),
        "cd".repeat(8)
    );
    assert!(page.contains(&link), "{page}");
    assert!(page.contains("<title>2.93 KiB"), "{page}");
}

#[tokio::test]
async fn an_unknown_metric_is_not_found() {
    let lens = SeededLens::start(some()).await;
    let answer = reqwest::get(format!("{}/metrics/nothing", lens.origin))
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
}
