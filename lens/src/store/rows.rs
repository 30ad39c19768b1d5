//! Writes the rows of batches, many rows per statement: at 64 rows per statement the cost of a row is SQLite's own, at one
//! it is mostly the way to SQLite's thread and back.

use std::collections::HashMap;
use std::sync::LazyLock;

use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnection};

use crate::model::{Exemplar, LogRecord, Sample, Span};

/// Rows per statement, largest first; each size of each table is one cached statement.
const SIZES: [usize; 3] = [64, 8, 1];

/// The statements of one table: one text for each of [`SIZES`].
struct Insert([String; SIZES.len()]);

impl Insert {
    fn new(table: &str, columns: &[&str]) -> Self {
        let row = format!("({})", vec!["?"; columns.len()].join(","));
        Self(SIZES.map(|size| {
            // A row that is stored already is left as it is.
            format!(
                "INSERT OR IGNORE INTO {table} ({}) VALUES {}",
                columns.join(","),
                vec![&*row; size].join(",")
            )
        }))
    }

    async fn run<'q, R>(
        &'static self,
        connection: &mut SqliteConnection,
        mut rows: impl ExactSizeIterator<Item = R>,
        bind: impl Fn(Query<'q, Sqlite, SqliteArguments>, R) -> Query<'q, Sqlite, SqliteArguments>,
    ) -> sqlx::Result<()> {
        for (size, sql) in SIZES.into_iter().zip(&self.0) {
            while rows.len() >= size {
                let statement = rows
                    .by_ref()
                    .take(size)
                    .fold(sqlx::query(sql.as_str()), &bind);
                statement.execute(&mut *connection).await?;
            }
        }
        Ok(())
    }
}

/// A span with the ids the writer gave it.
pub(super) struct SpanRow {
    pub(super) id: i64,
    pub(super) resource_id: i64,
    pub(super) span: Span,
}

pub(super) async fn insert_spans(
    connection: &mut SqliteConnection,
    rows: impl ExactSizeIterator<Item = SpanRow>,
) -> sqlx::Result<()> {
    static INSERT: LazyLock<Insert> = LazyLock::new(|| {
        Insert::new(
            "spans",
            &[
                "id",
                "trace_id",
                "span_id",
                "parent_span_id",
                "resource_id",
                "scope",
                "name",
                "kind",
                "start_ns",
                "duration_ns",
                "status",
                "status_message",
                "is_entry",
                "http_route",
                "http_status",
                "attributes",
                "events",
                "links",
            ],
        )
    });
    INSERT
        .run(
            connection,
            rows,
            |query,
             SpanRow {
                 id,
                 resource_id,
                 span,
             }| {
                let is_entry = span.is_entry();
                query
                    .bind(id)
                    .bind(span.trace_id.to_vec())
                    .bind(span.span_id.to_vec())
                    .bind(span.parent_span_id.map(|id| id.to_vec()))
                    .bind(resource_id)
                    .bind(span.scope)
                    .bind(span.name)
                    .bind(span.kind)
                    .bind(span.start_ns)
                    .bind(span.duration_ns)
                    .bind(span.status)
                    .bind(span.status_message)
                    .bind(is_entry)
                    .bind(span.http_route)
                    .bind(span.http_status)
                    .bind(span.attributes)
                    .bind(span.events)
                    .bind(span.links)
            },
        )
        .await
}

/// A log record with the ids the writer gave it.
pub(super) struct LogRow {
    pub(super) id: i64,
    pub(super) resource_id: i64,
    pub(super) log: LogRecord,
}

pub(super) async fn insert_logs(
    connection: &mut SqliteConnection,
    rows: impl ExactSizeIterator<Item = LogRow>,
) -> sqlx::Result<()> {
    static INSERT: LazyLock<Insert> = LazyLock::new(|| {
        Insert::new(
            "logs",
            &[
                "id",
                "time_ns",
                "trace_id",
                "span_id",
                "resource_id",
                "scope",
                "severity",
                "severity_text",
                "event_name",
                "body",
                "attributes",
            ],
        )
    });
    INSERT
        .run(
            connection,
            rows,
            |query,
             LogRow {
                 id,
                 resource_id,
                 log,
             }| {
                query
                    .bind(id)
                    .bind(log.time_ns)
                    .bind(log.trace_id.map(|id| id.to_vec()))
                    .bind(log.span_id.map(|id| id.to_vec()))
                    .bind(resource_id)
                    .bind(log.scope)
                    .bind(log.severity)
                    .bind(log.severity_text)
                    .bind(log.event_name)
                    .bind(log.body)
                    .bind(log.attributes)
            },
        )
        .await
}

pub(super) async fn insert_samples(
    connection: &mut SqliteConnection,
    rows: impl ExactSizeIterator<Item = (i64, Sample)>,
) -> sqlx::Result<()> {
    static INSERT: LazyLock<Insert> =
        LazyLock::new(|| Insert::new("samples", &["series_id", "time_ms", "value"]));
    INSERT
        .run(connection, rows, |query, (series_id, sample)| {
            query
                .bind(series_id)
                .bind(sample.time_ms)
                .bind(sample.value)
        })
        .await
}

pub(super) async fn insert_exemplars(
    connection: &mut SqliteConnection,
    rows: impl ExactSizeIterator<Item = (i64, Exemplar)>,
) -> sqlx::Result<()> {
    static INSERT: LazyLock<Insert> = LazyLock::new(|| {
        Insert::new(
            "exemplars",
            &["series_id", "time_ms", "value", "trace_id", "span_id"],
        )
    });
    INSERT
        .run(connection, rows, |query, (series_id, exemplar)| {
            query
                .bind(series_id)
                .bind(exemplar.time_ms)
                .bind(exemplar.value)
                .bind(exemplar.trace_id.to_vec())
                .bind(exemplar.span_id.to_vec())
        })
        .await
}

/// Adds to the counts of log records by second and severity.
pub(super) async fn add_log_counts(
    connection: &mut SqliteConnection,
    counts: HashMap<(i64, i32), i64>,
) -> sqlx::Result<()> {
    for ((second, severity), count) in counts {
        sqlx::query(
            "INSERT INTO log_counts (second, severity, count) VALUES (?, ?, ?)
             ON CONFLICT DO UPDATE SET count = count + excluded.count",
        )
        .bind(second)
        .bind(severity)
        .bind(count)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
