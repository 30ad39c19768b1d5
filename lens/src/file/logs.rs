//! Exports the log records of a range, by their time.

use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, LogsData, ResourceLogs, ScopeLogs};
use sqlx::SqlitePool;

use super::FileError;
use super::origin::{Origin, by_origin};
use super::values;
use super::write::{LINE_ROWS, Lines};
use crate::query::QueryError;
use crate::query::time::Range;

#[derive(sqlx::FromRow)]
struct Row {
    #[sqlx(flatten)]
    origin: Origin,
    id: i64,
    time_ns: i64,
    trace_id: Option<Vec<u8>>,
    span_id: Option<Vec<u8>>,
    severity: i32,
    severity_text: String,
    event_name: String,
    body: String,
    attributes: String,
}

pub(super) async fn export(
    pool: &SqlitePool,
    range: Range,
    lines: &mut Lines,
) -> Result<(), FileError> {
    let mut after = (range.since_ns, i64::MIN);
    loop {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT resources.attributes AS resource, scope, logs.id AS id, time_ns, trace_id, span_id, severity, severity_text,
                    event_name, body, logs.attributes AS attributes
             FROM logs JOIN resources ON resources.id = resource_id
             WHERE (time_ns, logs.id) > (?, ?) AND time_ns <= ? ORDER BY time_ns, logs.id LIMIT ?",
        )
        .bind(after.0)
        .bind(after.1)
        .bind(range.until_ns)
        .bind(LINE_ROWS as i64)
        .fetch_all(pool)
        .await?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        after = (last.time_ns, last.id);
        line(rows, lines)?;
    }
}

fn line(rows: Vec<Row>, lines: &mut Lines) -> Result<(), FileError> {
    lines.written.logs += rows.len() as u64;
    let records = rows
        .into_iter()
        .map(|row| Ok((row.origin.clone(), record(row)?)));
    let records = records.collect::<Result<Vec<_>, QueryError>>()?;
    let resource_logs = by_origin(records).into_iter().map(|(origin, log_records)| {
        Ok(ResourceLogs {
            resource: origin.resource()?,
            scope_logs: vec![ScopeLogs {
                scope: origin.scope(),
                log_records,
                ..ScopeLogs::default()
            }],
            ..ResourceLogs::default()
        })
    });
    let resource_logs = resource_logs.collect::<Result<_, FileError>>()?;
    lines.line(&LogsData { resource_logs })
}

fn record(row: Row) -> Result<LogRecord, QueryError> {
    Ok(LogRecord {
        time_unix_nano: u64::try_from(row.time_ns).unwrap_or_default(),
        severity_number: row.severity,
        severity_text: row.severity_text,
        event_name: row.event_name,
        body: Some(AnyValue {
            value: Some(Value::StringValue(row.body)),
        }),
        attributes: values::attributes("logs.attributes", &row.attributes)?,
        trace_id: row.trace_id.unwrap_or_default(),
        span_id: row.span_id.unwrap_or_default(),
        ..LogRecord::default()
    })
}
