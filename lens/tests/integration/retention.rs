//! What is kept: by age and by bytes, the oldest goes first, and what has no rows left goes too.

use std::time::Duration;

use prost::Message as _;
use trivium_lens::server::Lens;

use crate::ingest_logs::{log, logs_request};
use crate::ingest_metrics::{series, snappy};
use crate::support::{
    PROTOBUF, config, connect, count, rows, span, text, trace_client, trace_request, wait_until,
};

async fn post(lens: &Lens, path: &str, body: Vec<u8>) {
    let url = format!("http://{}{path}", lens.ingest_http);
    let answer = reqwest::Client::new()
        .post(url)
        .header("content-type", PROTOBUF)
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 204);
}

async fn store(lens: &Lens, n: u64, sample_ms: i64) {
    trace_client(lens.ingest_grpc)
        .await
        .export(trace_request([span(n)]))
        .await
        .unwrap();
    post(
        lens,
        "/otlp/v1/logs",
        logs_request([log(n)]).encode_to_vec(),
    )
    .await;
    let name = format!("m{n}");
    post(
        lens,
        "/api/v1/write",
        snappy(vec![series(&[("__name__", &name)], &[(sample_ms, 1.0)])]),
    )
    .await;
}

#[tokio::test]
async fn what_is_older_than_the_retention_goes_and_the_rest_stays() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let hour_ms = 3600 * 1000;
    let lens = Lens::start(&config).await.unwrap();
    store(&lens, 0, now_ms - 2 * hour_ms).await;
    lens.stop().await;
    // The rows above arrived two hours ago.
    let mut connection = connect(&config.data).await;
    for sql in [
        "UPDATE spans SET id = id - ((7200 * 1000) << 20)",
        "UPDATE logs SET id = id - ((7200 * 1000) << 20)",
        "UPDATE resources SET seen_ms = seen_ms - 7200 * 1000, attributes = '{}'",
    ] {
        sqlx::query(sql).execute(&mut connection).await.unwrap();
    }

    config.retention = Duration::from_secs(3600);
    let lens = Lens::start(&config).await.unwrap();
    store(&lens, 1, now_ms).await;
    wait_until("the resource, which goes last, is gone", || async {
        count(&config.data, "resources WHERE attributes = '{}'").await == 0
    })
    .await;
    let names: Vec<(String,)> = rows(&config.data, "SELECT name FROM spans").await;
    assert_eq!(names, [("span 1".to_owned(),)]);
    let bodies: Vec<(String,)> = rows(&config.data, "SELECT body FROM logs").await;
    assert_eq!(bodies, [("log 1".to_owned(),)]);
    let counted: Vec<(i64, i64, i64)> = rows(
        &config.data,
        "SELECT second, severity, count FROM log_counts",
    )
    .await;
    let counts = "SELECT time_ns / 1000000000, severity, count(*) FROM logs GROUP BY 1, 2";
    let stored: Vec<(i64, i64, i64)> = rows(&config.data, counts).await;
    assert_eq!(
        (counted.len(), counted),
        (1, stored),
        "the counts follow the records"
    );
    let metrics: Vec<(String,)> = rows(&config.data, "SELECT metric FROM series").await;
    assert_eq!(metrics, [("m1".to_owned(),)]);
    let times: Vec<(i64,)> = rows(&config.data, "SELECT time_ms FROM samples").await;
    assert_eq!(times, [(now_ms,)]);
    assert_eq!(count(&config.data, "resources").await, 1);

    // The series that went is made anew when it comes again.
    post(
        &lens,
        "/api/v1/write",
        snappy(vec![series(&[("__name__", "m0")], &[(now_ms, 2.0)])]),
    )
    .await;
    assert_eq!(
        count(
            &config.data,
            "samples JOIN series ON id = series_id WHERE metric = 'm0'"
        )
        .await,
        1
    );
    lens.stop().await;
}

#[tokio::test]
async fn a_full_database_loses_its_oldest_rows_and_stays_within_its_bytes() {
    const MAX_BYTES: u64 = 16 << 20;
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    config.max_bytes = MAX_BYTES;
    let lens = Lens::start(&config).await.unwrap();
    let mut client = trace_client(lens.ingest_grpc).await;
    // 40 MiB in requests of 1 MiB.
    let value = "v".repeat(1000);
    for request in 0..40 {
        let spans = (1000 * request..1000 * request + 1000).map(|n| {
            let mut span = span(n);
            span.attributes = vec![text("padding", &value)];
            span
        });
        client.export(trace_request(spans)).await.unwrap();
    }
    let used = "SELECT (page_count - freelist_count) * page_size
                FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
    wait_until("the bytes in use are within the limit", || async {
        rows::<(i64,)>(&config.data, used).await[0].0.unsigned_abs() <= MAX_BYTES
    })
    .await;
    let kept: Vec<(i64, i64, i64)> = rows(
        &config.data,
        "SELECT count(*), min(start_ns) - 1790000000000000000, max(start_ns) - 1790000000000000000 FROM spans",
    )
    .await;
    let (rows_kept, first, last) = kept[0];
    assert!(
        rows_kept > 3000,
        "only {rows_kept} of the 10,000 or so that fit"
    );
    assert_eq!(last, 39_999, "the newest is kept");
    assert_eq!(
        rows_kept,
        last - first + 1,
        "what goes is the oldest, without holes"
    );
    lens.stop().await;
    let file_bytes = std::fs::metadata(&config.data).unwrap().len();
    assert!(file_bytes < 2 * MAX_BYTES, "{file_bytes}");
}
