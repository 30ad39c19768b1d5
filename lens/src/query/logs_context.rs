//! What the source of a log record wrote just before and after it. A source is a process (its resource), and of a process
//! whose files are read, one file.

use serde_json::Value;
use sqlx::SqlitePool;

use super::QueryError;
use super::logs::{EXAMINED, LogRecord, Row, record};

/// A record among its neighbours.
#[derive(Debug)]
pub struct Context {
    /// In order of time, the record among them.
    pub records: Vec<LogRecord>,
    /// Where in `records` it is.
    pub index: usize,
    /// Whether the source wrote more before those.
    pub has_before: bool,
    /// Whether it wrote more after those.
    pub has_after: bool,
}

impl Context {
    /// The record itself.
    pub fn record(&self) -> &LogRecord {
        &self.records[self.index]
    }
}

const ONE: &str = "SELECT log.*, service_name, resources.attributes AS resource_attributes
     FROM logs AS log JOIN resources ON resources.id = resource_id WHERE log.id = ?1";

/// Records of the same source on one side; no more than [`EXAMINED`] are looked at.
macro_rules! neighbours {
    ($side:literal, $order:literal) => {
        concat!(
            "SELECT log.*, service_name, resources.attributes AS resource_attributes
             FROM (SELECT * FROM logs WHERE (time_ns, id) ",
            $side,
            " (?1, ?2) ORDER BY time_ns ",
            $order,
            ", id ",
            $order,
            " LIMIT ?3) AS log CROSS JOIN resources ON resources.id = resource_id
             WHERE resource_id = (SELECT resource_id FROM logs WHERE id = ?2)
               AND (?4 IS NULL OR log.attributes ->> '$.\"log.file.path\"' = ?4)
             LIMIT ?5"
        )
    };
}

/// The record with the row id `id`, and up to `lines` on either side of it.
pub async fn context(
    pool: &SqlitePool,
    id: i64,
    lines: i64,
) -> Result<Option<Context>, QueryError> {
    let row: Option<Row> = sqlx::query_as(ONE).bind(id).fetch_optional(pool).await?;
    let Some(marked) = row.map(record).transpose()? else {
        return Ok(None);
    };
    let (mut before, has_before) = side(pool, neighbours!("<", "DESC"), &marked, lines).await?;
    let (after, has_after) = side(pool, neighbours!(">", "ASC"), &marked, lines).await?;
    before.reverse();
    let index = before.len();
    let records = before.into_iter().chain([marked]).chain(after);
    Ok(Some(Context {
        records: records.collect(),
        index,
        has_before,
        has_after,
    }))
}

async fn side(
    pool: &SqlitePool,
    statement: &'static str,
    marked: &LogRecord,
    lines: i64,
) -> Result<(Vec<LogRecord>, bool), QueryError> {
    let rows: Vec<Row> = sqlx::query_as(statement)
        .bind(marked.time_ns)
        .bind(marked.id)
        .bind(EXAMINED)
        .bind(
            marked
                .attributes
                .get("log.file.path")
                .and_then(Value::as_str),
        )
        .bind(lines + 1)
        .fetch_all(pool)
        .await?;
    let lines = usize::try_from(lines).unwrap_or(usize::MAX);
    let has_more = rows.len() > lines;
    let records = rows.into_iter().take(lines).map(record);
    Ok((records.collect::<Result<_, _>>()?, has_more))
}
