//! Keeps the database within its age and its bytes: the oldest rows of all signals go first, in chunks of some
//! milliseconds between which the writer commits what came in.
//!
//! Both limits become one cutoff in time. Spans and log records are old by their arrival, which their id begins with, so a
//! wrong clock of a sender does not matter; samples and exemplars by their own time. Afterwards go the series and resources
//! that have no rows left, and the pages that are free, when they are many: a few are soon filled again.

use sqlx::sqlite::SqliteConnection;

use super::StoreConfig;
use super::ids::SEEN_STEP_MS;
use super::writer::{ID_SHIFT, now_ms};

/// Spans or log records deleted by one statement; each touches a random page of an index.
const CHUNK_ROWS: i64 = 2000;
/// Samples deleted by one statement; neighbours share pages, so each costs little.
const CHUNK_SAMPLES: i64 = 20_000;
/// Series looked at by one statement.
const CHUNK_SERIES: i64 = 500;
/// Pages given back by one statement.
const CHUNK_PAGES: u64 = 512;
/// How long the digest of a request is kept; a sender repeats within minutes.
const DIGEST_KEPT_MS: i64 = 60 * 60 * 1000;

/// The limits, and the pass that is under way.
pub(super) struct Retention {
    keep_ms: i64,
    max_bytes: u64,
    last_cutoff_ms: i64,
    pass: Option<Pass>,
}

/// One way through all tables.
struct Pass {
    cutoff_ms: i64,
    step: Step,
}

#[derive(Clone, Copy)]
enum Step {
    Spans,
    Logs,
    Samples { after_series: i64 },
    Exemplars { after_series: i64 },
    Series { after_series: i64 },
    Rest,
    Pages,
}

impl Retention {
    pub(super) fn new(config: &StoreConfig) -> Self {
        let keep_ms = i64::try_from(config.retention.as_millis()).unwrap_or(i64::MAX);
        Self {
            keep_ms,
            max_bytes: config.max_bytes,
            last_cutoff_ms: 0,
            pass: None,
        }
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.pass.is_some()
    }

    /// Where exceeding the bytes becomes urgent.
    pub(super) fn ceiling_bytes(&self) -> u64 {
        self.max_bytes + self.max_bytes / 8
    }

    /// Gives up the pass, which failed; the next check starts another.
    pub(super) fn abandon(&mut self) {
        self.last_cutoff_ms = 0;
        self.pass = None;
    }

    /// Starts a pass when something is too old or the file too full, and returns the bytes in use.
    pub(super) async fn check(&mut self, connection: &mut SqliteConnection) -> sqlx::Result<u64> {
        let size = Size::of(connection).await?;
        if self.pass.is_some() {
            return Ok(size.used_bytes());
        }
        let now_ms = now_ms();
        let cutoff_ms = if size.used_bytes() > self.max_bytes {
            let oldest_ms = oldest_ms(connection).await?.unwrap_or(now_ms).min(now_ms);
            // A hundredth of what is kept at a time, so that little more goes than must.
            (oldest_ms + ((now_ms - oldest_ms) / 100).max(1000)).min(now_ms)
        } else {
            now_ms.saturating_sub(self.keep_ms)
        };
        // By age there is something to do all the time; doing it in steps is cheaper and nobody sees the difference.
        if size.used_bytes() > self.max_bytes
            || cutoff_ms - self.last_cutoff_ms >= self.keep_ms / 500
        {
            self.last_cutoff_ms = cutoff_ms;
            self.pass = Some(Pass {
                cutoff_ms,
                step: Step::Spans,
            });
        }
        Ok(size.used_bytes())
    }

    /// Does one chunk of the pass. Returns whether series were deleted, so that their ids must be forgotten.
    pub(super) async fn advance(
        &mut self,
        connection: &mut SqliteConnection,
    ) -> sqlx::Result<bool> {
        let Some(Pass { cutoff_ms, step }) = self.pass else {
            return Ok(false);
        };
        let mut has_deleted_series = false;
        let next = match step {
            Step::Spans => {
                let sql = "DELETE FROM spans WHERE id IN (SELECT id FROM spans WHERE id < ? ORDER BY id LIMIT ?)";
                if delete_arrived_before(connection, sql, cutoff_ms).await? {
                    step
                } else {
                    Step::Logs
                }
            }
            Step::Logs => {
                let sql = "DELETE FROM logs WHERE id IN (SELECT id FROM logs WHERE id < ? ORDER BY id LIMIT ?)";
                if delete_arrived_before(connection, sql, cutoff_ms).await? {
                    step
                } else {
                    Step::Samples { after_series: 0 }
                }
            }
            Step::Samples { after_series } => {
                // CROSS JOIN keeps the order: one seek for each series, not a scan of the samples.
                let sql = "DELETE FROM samples WHERE (series_id, time_ms) IN (
                    SELECT series_id, time_ms FROM series CROSS JOIN samples ON series_id = series.id
                    WHERE series.id > ?1 AND series.id <= ?1 + ?2 AND time_ms < ?3 LIMIT ?4)";
                if delete_taken_before(connection, sql, after_series, cutoff_ms).await? {
                    step
                } else if let Some(after_series) = next_series(connection, after_series).await? {
                    Step::Samples { after_series }
                } else {
                    Step::Exemplars { after_series: 0 }
                }
            }
            Step::Exemplars { after_series } => {
                let sql = "DELETE FROM exemplars WHERE (series_id, time_ms) IN (
                    SELECT series_id, time_ms FROM series CROSS JOIN exemplars ON series_id = series.id
                    WHERE series.id > ?1 AND series.id <= ?1 + ?2 AND time_ms < ?3 LIMIT ?4)";
                if delete_taken_before(connection, sql, after_series, cutoff_ms).await? {
                    step
                } else if let Some(after_series) = next_series(connection, after_series).await? {
                    Step::Exemplars { after_series }
                } else {
                    Step::Series { after_series: 0 }
                }
            }
            Step::Series { after_series } => {
                let deleted = sqlx::query(
                    "DELETE FROM series WHERE id > ?1 AND id <= ?1 + ?2
                       AND NOT EXISTS (SELECT 1 FROM samples WHERE series_id = series.id)
                       AND NOT EXISTS (SELECT 1 FROM exemplars WHERE series_id = series.id)",
                )
                .bind(after_series)
                .bind(CHUNK_SERIES)
                .execute(&mut *connection)
                .await?;
                has_deleted_series = deleted.rows_affected() > 0;
                match next_series(connection, after_series).await? {
                    Some(after_series) => Step::Series { after_series },
                    None => Step::Rest,
                }
            }
            Step::Rest => {
                // Rows are stored up to SEEN_STEP_MS after `seen_ms` was.
                sqlx::query("DELETE FROM resources WHERE seen_ms < ?")
                    .bind(cutoff_ms.saturating_sub(SEEN_STEP_MS))
                    .execute(&mut *connection)
                    .await?;
                sqlx::query("DELETE FROM received WHERE time_ms < ?")
                    .bind(now_ms() - DIGEST_KEPT_MS)
                    .execute(&mut *connection)
                    .await?;
                Step::Pages
            }
            Step::Pages => {
                let size = Size::of(connection).await?;
                if size.free_pages < (size.pages / 8).max(CHUNK_PAGES) {
                    self.pass = None;
                    return Ok(false);
                }
                sqlx::query("PRAGMA incremental_vacuum(512)")
                    .execute(&mut *connection)
                    .await?;
                step
            }
        };
        self.pass = Some(Pass {
            cutoff_ms,
            step: next,
        });
        Ok(has_deleted_series)
    }
}

/// Deletes a chunk of spans or log records; returns whether there may be more.
async fn delete_arrived_before(
    connection: &mut SqliteConnection,
    sql: &'static str,
    cutoff_ms: i64,
) -> sqlx::Result<bool> {
    let deleted = sqlx::query(sql)
        .bind(cutoff_ms << ID_SHIFT)
        .bind(CHUNK_ROWS)
        .execute(connection)
        .await?;
    Ok(deleted.rows_affected() == CHUNK_ROWS.unsigned_abs())
}

/// Deletes old rows of a chunk of series; returns whether there may be more.
async fn delete_taken_before(
    connection: &mut SqliteConnection,
    sql: &'static str,
    after_series: i64,
    cutoff_ms: i64,
) -> sqlx::Result<bool> {
    let deleted = sqlx::query(sql)
        .bind(after_series)
        .bind(CHUNK_SERIES)
        .bind(cutoff_ms)
        .bind(CHUNK_SAMPLES)
        .execute(connection)
        .await?;
    // An exemplar row may be named twice by the subquery and so be counted once; then a later pass takes the rest.
    Ok(deleted.rows_affected() == CHUNK_SAMPLES.unsigned_abs())
}

/// Where the next chunk of series begins, when there is one.
async fn next_series(
    connection: &mut SqliteConnection,
    after_series: i64,
) -> sqlx::Result<Option<i64>> {
    let next: Option<i64> = sqlx::query_scalar("SELECT min(id) FROM series WHERE id > ?")
        .bind(after_series + CHUNK_SERIES)
        .fetch_one(connection)
        .await?;
    Ok(next.map(|id| id - 1))
}

/// The arrival of the oldest span or log record, or the time of the oldest sample.
async fn oldest_ms(connection: &mut SqliteConnection) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar(
        "SELECT min(oldest) FROM (
           SELECT min(id) >> ?1 AS oldest FROM spans
           UNION ALL SELECT min(id) >> ?1 FROM logs
           UNION ALL SELECT min((SELECT min(time_ms) FROM samples WHERE series_id = series.id)) FROM series)",
    )
    .bind(ID_SHIFT)
    .fetch_one(connection)
    .await
}

/// The database file in pages.
struct Size {
    pages: u64,
    free_pages: u64,
    page_bytes: u64,
}

impl Size {
    async fn of(connection: &mut SqliteConnection) -> sqlx::Result<Self> {
        let (pages, free_pages, page_bytes): (i64, i64, i64) = sqlx::query_as(
            "SELECT page_count, freelist_count, page_size
             FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
        )
        .fetch_one(connection)
        .await?;
        Ok(Self {
            pages: pages.unsigned_abs(),
            free_pages: free_pages.unsigned_abs(),
            page_bytes: page_bytes.unsigned_abs(),
        })
    }

    fn used_bytes(&self) -> u64 {
        (self.pages - self.free_pages) * self.page_bytes
    }
}
