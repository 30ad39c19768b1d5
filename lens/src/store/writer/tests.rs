//! The writer when SQLite refuses, and when everything comes at once.

use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::SqliteConnection;

use super::{WAL_BYTES, WriteError, Writer};
use crate::model::{Batch, LogRecord, Resource, Sample, Series, SeriesRows};
use crate::store::{StoreConfig, open};

fn batch(n: i64, body: &str) -> Batch {
    let resource = Arc::new(Resource {
        service_name: "auth".to_owned(),
        service_namespace: String::new(),
        service_instance_id: n.to_string(),
        attributes: format!(r#"{{"service.instance.id":"{n}"}}"#),
    });
    let log = LogRecord {
        time_ns: n,
        trace_id: None,
        span_id: None,
        resource,
        scope: "".into(),
        severity: 9,
        severity_text: String::new(),
        event_name: String::new(),
        body: body.to_owned(),
        attributes: "{}".to_owned(),
    };
    let series = Series {
        metric: "m".to_owned(),
        labels: format!(r#"{{"__name__":"m","n":"{n}"}}"#),
    };
    let samples = vec![Sample {
        time_ms: jiff::Timestamp::now().as_millisecond(),
        value: Some(1.0),
    }];
    Batch {
        logs: vec![log],
        series: vec![SeriesRows {
            series,
            samples,
            exemplars: Vec::new(),
        }],
        ..Batch::default()
    }
}

async fn pragma(connection: &mut SqliteConnection, sql: &'static str) {
    sqlx::query(sql).execute(connection).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_is_told_and_what_fits_afterwards_is_stored_whole() {
    let folder = tempfile::tempdir().unwrap();
    let config = StoreConfig {
        path: folder.path().join("lens.db"),
        retention: Duration::from_secs(3600),
        max_bytes: 1 << 30,
    };
    let mut opened = open::open(&config.path).await.unwrap();
    // SQLite's own way to a full disk: 100 pages of 4 KiB.
    pragma(&mut opened.writer, "PRAGMA max_page_count = 100").await;
    let writer = Writer::start(opened.writer, &config).await.unwrap();

    writer.write(batch(1, "small")).await.unwrap();
    let error = writer
        .write(batch(2, &"large".repeat(1 << 20)))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, WriteError::Storage { message } if message.contains("full")),
        "{error}"
    );
    assert!(!writer.is_writable());

    // The resource and the series of the failed batch were rolled back with it, and must not be taken for stored.
    writer.write(batch(2, "small")).await.unwrap();
    assert!(writer.is_writable());
    let joined: Vec<(i64, String)> = sqlx::query_as(
        "SELECT time_ns, service_instance_id FROM logs JOIN resources ON resources.id = resource_id ORDER BY time_ns",
    )
    .fetch_all(&opened.readers)
    .await
    .unwrap();
    assert_eq!(joined, [(1, "1".to_owned()), (2, "2".to_owned())]);
    let series: Vec<(String,)> =
        sqlx::query_as("SELECT labels FROM samples JOIN series ON id = series_id ORDER BY id")
            .fetch_all(&opened.readers)
            .await
            .unwrap();
    assert_eq!(
        series,
        [
            (r#"{"__name__":"m","n":"1"}"#.to_owned(),),
            (r#"{"__name__":"m","n":"2"}"#.to_owned(),)
        ]
    );
    opened.readers.close().await;
    writer.close().await;
    assert!(matches!(
        writer.write(batch(3, "late")).await,
        Err(WriteError::Closed)
    ));
}

#[tokio::test]
async fn a_clock_that_was_set_back_loses_no_row() {
    let folder = tempfile::tempdir().unwrap();
    let config = StoreConfig {
        path: folder.path().join("lens.db"),
        retention: Duration::from_secs(3600),
        max_bytes: 1 << 30,
    };
    for n in 0..2 {
        let mut opened = open::open(&config.path).await.unwrap();
        if n == 1 {
            // The row of the first round arrived in a minute from now.
            pragma(
                &mut opened.writer,
                "UPDATE logs SET id = id + (60000 << 20)",
            )
            .await;
        }
        let writer = Writer::start(opened.writer, &config).await.unwrap();
        writer.write(batch(n, "row")).await.unwrap();
        let ids: Vec<(i64,)> = sqlx::query_as("SELECT time_ns FROM logs ORDER BY id")
            .fetch_all(&opened.readers)
            .await
            .unwrap();
        assert_eq!(
            ids,
            (0..=n).map(|n| (n,)).collect::<Vec<_>>(),
            "in the order of arrival"
        );
        opened.readers.close().await;
        writer.close().await;
    }
}

#[tokio::test]
async fn the_log_stays_bounded_under_readers_that_overlap_without_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let config = StoreConfig {
        path: folder.path().join("lens.db"),
        retention: Duration::from_secs(3600),
        max_bytes: 1 << 30,
    };
    let opened = open::open(&config.path).await.unwrap();
    let writer = Writer::start(opened.writer, &config).await.unwrap();
    let readers = opened.readers.clone();
    let reading = tokio::spawn(async move {
        // Each ends only after the next has begun.
        let mut previous = None;
        loop {
            let mut reader = readers.acquire().await.unwrap();
            pragma(&mut reader, "BEGIN").await;
            pragma(&mut reader, "SELECT count(*) FROM logs").await;
            if let Some(mut previous) = previous.replace(reader) {
                pragma(&mut previous, "COMMIT").await;
            }
        }
    });
    let body = "x".repeat(4 << 20);
    let mut largest = 0;
    for n in 0..60 {
        writer.write(batch(n, &body)).await.unwrap();
        largest = largest.max(
            std::fs::metadata(super::wal_path(&config.path))
                .unwrap()
                .len(),
        );
    }
    reading.abort();
    assert!(reading.await.unwrap_err().is_cancelled());
    // 240 MiB were written; what one transaction adds comes on top of the bound.
    assert!(largest < WAL_BYTES + (32 << 20), "{} MiB", largest >> 20);
    opened.readers.close().await;
    writer.close().await;
}

#[tokio::test]
async fn what_is_queued_when_it_closes_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let config = StoreConfig {
        path: folder.path().join("lens.db"),
        retention: Duration::from_secs(3600),
        max_bytes: 1 << 30,
    };
    let opened = open::open(&config.path).await.unwrap();
    let writer = Writer::start(opened.writer, &config).await.unwrap();
    let writes: Vec<_> = (0..100)
        .map(|n| {
            let writer = writer.clone();
            tokio::spawn(async move { writer.write(batch(n, "queued")).await })
        })
        .collect();
    tokio::task::yield_now().await;
    writer.close().await;
    let mut stored = 0;
    for write in writes {
        match write.await.unwrap() {
            Ok(()) => stored += 1,
            Err(error) => assert!(matches!(error, WriteError::Closed), "{error}"),
        }
    }
    let (count,): (i64,) = sqlx::query_as("SELECT count(*) FROM logs")
        .fetch_one(&opened.readers)
        .await
        .unwrap();
    assert_eq!(
        count, stored,
        "stored is what was acknowledged, no more and no less"
    );
    assert_eq!(stored, 100, "all were queued before it closed");
}
