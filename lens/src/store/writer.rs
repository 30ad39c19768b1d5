//! The one writer. It takes all batches that wait, stores them in one transaction, and answers each after the commit: the
//! busier it is, the more requests share a commit. A batch whose caller went away is stored all the same. Between two
//! transactions it does a chunk of retention's work, so that the two never wait for each other's locks.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use opentelemetry::metrics::{Gauge, Histogram};
use sqlx::Connection as _;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::StoreConfig;
use super::ids::{IdCache, SeenResource, resource_id, series_id};
use super::open::WAL_BYTES;
use super::retention::Retention;
use super::rows::{self, LogRow, SpanRow};
use crate::model::Batch;

/// Batches that wait for the writer; who bounds bytes does so before decoding.
const QUEUE: usize = 256;
/// Rows of one transaction, so that an answer is never far off.
const TRANSACTION_ROWS: usize = 20_000;
/// How often age and bytes are looked at when nothing comes in; under load it is after each transaction.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// Chunks of retention between two transactions, at most: some seconds.
const CHUNKS_AT_ONCE: usize = 500;
/// How long a reader that did not end while the writer waited for it is left in peace.
const RESET_PAUSE: Duration = Duration::from_secs(5);
/// Row ids of spans and logs are `arrival_ms << ID_SHIFT` and up.
pub(super) const ID_SHIFT: u32 = 20;
const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// Why a batch was not stored. It can be sent again: nothing of it is stored.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WriteError {
    /// SQLite could not commit.
    #[error("the store cannot write: {message}; free space on its disk, then send again")]
    Storage {
        /// What SQLite said.
        message: String,
    },
    /// The store is shutting down.
    #[error("the store is shutting down; send again to its successor")]
    Closed,
}

struct Pending {
    batch: Batch,
    done: oneshot::Sender<Result<(), WriteError>>,
}

/// The way to the writer's task; clones share it.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    queue: mpsc::Sender<Pending>,
    closing: CancellationToken,
    task: TaskTracker,
    is_failing: Arc<AtomicBool>,
}

impl Writer {
    pub(super) async fn start(
        mut connection: SqliteConnection,
        config: &StoreConfig,
    ) -> sqlx::Result<Self> {
        // From the rows, and not only from the clock: it may have been set back, and a row whose id is taken is ignored.
        let last_id = sqlx::query_scalar(
            "SELECT max(coalesce((SELECT max(id) FROM spans), 0), coalesce((SELECT max(id) FROM logs), 0))",
        )
        .fetch_one(&mut connection)
        .await?;
        let (queue, waiting) = mpsc::channel(QUEUE);
        let writer = Self {
            queue,
            closing: CancellationToken::new(),
            task: TaskTracker::new(),
            is_failing: Arc::default(),
        };
        let task = Task {
            connection,
            resources: IdCache::default(),
            series: IdCache::default(),
            last_id,
            retention: Retention::new(config),
            wal: wal_path(&config.path),
            next_reset: Instant::now(),
            is_failing: Arc::clone(&writer.is_failing),
            statistics: Statistics::new(),
        };
        writer.task.spawn(task.run(waiting, writer.closing.clone()));
        writer.task.close();
        Ok(writer)
    }

    pub(super) async fn write(&self, batch: Batch) -> Result<(), WriteError> {
        let (done, answer) = oneshot::channel();
        self.queue
            .send(Pending { batch, done })
            .await
            .map_err(|_| WriteError::Closed)?;
        answer.await.map_err(|_| WriteError::Closed)?
    }

    pub(super) fn is_writable(&self) -> bool {
        !self.is_failing.load(Ordering::Relaxed) && !self.closing.is_cancelled()
    }

    pub(super) async fn close(&self) {
        self.closing.cancel();
        self.task.wait().await;
    }
}

struct Task {
    connection: SqliteConnection,
    resources: IdCache<SeenResource>,
    series: IdCache<i64>,
    last_id: i64,
    retention: Retention,
    wal: PathBuf,
    next_reset: Instant,
    is_failing: Arc<AtomicBool>,
    statistics: Statistics,
}

/// lens's own metrics of the store. Without exemplars: there are no spans here to point to.
struct Statistics {
    transaction_seconds: Histogram<f64>,
    used_bytes: Gauge<u64>,
}

impl Statistics {
    fn new() -> Self {
        let meter = opentelemetry::global::meter("trivium-lens");
        Self {
            transaction_seconds: meter
                .f64_histogram("lens.store.transaction.duration")
                .with_unit("s")
                .with_description("Time to store what waited, commit included")
                .with_boundaries(trivium_telemetry::metrics::DURATION_BOUNDARIES.to_vec())
                .build(),
            used_bytes: meter
                .u64_gauge("lens.store.size")
                .with_unit("By")
                .with_description("Bytes in use of the database file")
                .build(),
        }
    }
}

impl Task {
    async fn run(mut self, mut waiting: mpsc::Receiver<Pending>, closing: CancellationToken) {
        let mut check = tokio::time::interval(CHECK_INTERVAL);
        loop {
            let mut took = Duration::ZERO;
            tokio::select! {
                biased;
                () = closing.cancelled(), if !waiting.is_closed() => waiting.close(),
                first = waiting.recv() => match first {
                    Some(first) => {
                        let started = Instant::now();
                        self.commit_group(first, &mut waiting).await;
                        took = started.elapsed();
                        self.statistics.transaction_seconds.record(took.as_secs_f64(), &[]);
                    }
                    None => break,
                },
                _ = check.tick() => {}
                // Ready at once: an idle writer goes through a pass without pause.
                () = std::future::ready(()), if self.retention.is_under_way() => {}
            }
            if let Err(error) = self.keep_within_limits(took).await {
                self.retention.abandon();
                self.report(Err(&error));
            }
        }
        if let Err(error) = self.finish().await {
            tracing::warn!(name: "lens.store.checkpoint_failed", %error, "the write-ahead log stays until the next start");
        }
    }

    async fn commit_group(&mut self, first: Pending, waiting: &mut mpsc::Receiver<Pending>) {
        let mut row_count = first.batch.row_count();
        let mut batches = vec![first.batch];
        let mut callers = vec![first.done];
        while row_count < TRANSACTION_ROWS
            && let Ok(next) = waiting.try_recv()
        {
            row_count += next.batch.row_count();
            batches.push(next.batch);
            callers.push(next.done);
        }
        let stored = self.try_commit(batches).await;
        self.report(stored.as_ref().copied());
        let answer = stored.map_err(|error| {
            // What the rolled back transaction had inserted is not there.
            self.resources.clear();
            self.series.clear();
            WriteError::Storage {
                message: error.to_string(),
            }
        });
        for done in callers {
            // The caller may have gone away.
            let _ = done.send(answer.clone());
        }
    }

    /// Logs the change between working and failing, not each failure.
    fn report(&self, outcome: Result<(), &sqlx::Error>) {
        let was_failing = self.is_failing.swap(outcome.is_err(), Ordering::Relaxed);
        match outcome {
            Err(error) if !was_failing => {
                tracing::error!(name: "lens.store.failing", %error, "the store cannot write; senders are told to retry");
            }
            Ok(()) if was_failing => {
                tracing::info!(name: "lens.store.recovered", "the store writes again");
            }
            _ => {}
        }
    }

    /// Gives retention as much time as the transaction before `took`, and bounds the write-ahead log.
    async fn keep_within_limits(&mut self, took: Duration) -> sqlx::Result<()> {
        let until = Instant::now() + took;
        for _ in 0..CHUNKS_AT_ONCE {
            let used_bytes = self.retention.check(&mut self.connection).await?;
            self.statistics.used_bytes.record(used_bytes, &[]);
            if self.retention.advance(&mut self.connection).await? {
                self.series.clear();
            }
            // Far above its bytes the database goes before the senders, who are told to wait.
            let is_urgent = used_bytes > self.retention.ceiling_bytes();
            if !self.retention.is_under_way() || (Instant::now() >= until && !is_urgent) {
                break;
            }
        }
        // SQLite starts the log anew only in a moment without readers; with overlapping readers there is none. This waits
        // for those that are under way, and lets new ones read the database itself.
        let wal_bytes = std::fs::metadata(&self.wal).map_or(0, |file| file.len());
        if wal_bytes > WAL_BYTES && Instant::now() >= self.next_reset {
            let (is_busy,): (bool,) = sqlx::query_as("PRAGMA wal_checkpoint(RESTART)")
                .fetch_one(&mut self.connection)
                .await?;
            if is_busy {
                self.next_reset = Instant::now() + RESET_PAUSE;
            }
        }
        Ok(())
    }

    async fn finish(mut self) -> sqlx::Result<()> {
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .execute(&mut self.connection)
            .await?;
        self.connection.close().await
    }

    /// One transaction, by plain statements: sqlx's transaction does not notice that SQLite has ended its own after a full
    /// disk, and never begins another.
    async fn try_commit(&mut self, batches: Vec<Batch>) -> sqlx::Result<()> {
        sqlx::query("BEGIN IMMEDIATE")
            .execute(&mut self.connection)
            .await?;
        let stored = match self.insert(batches).await {
            Ok(()) => sqlx::query("COMMIT")
                .execute(&mut self.connection)
                .await
                .map(|_| ()),
            Err(error) => Err(error),
        };
        if stored.is_err() {
            // Fails when SQLite has done it, which is as good.
            let _ = sqlx::query("ROLLBACK").execute(&mut self.connection).await;
        }
        stored
    }

    async fn insert(&mut self, batches: Vec<Batch>) -> sqlx::Result<()> {
        let connection = &mut self.connection;
        let now_ms = now_ms();
        self.last_id = self.last_id.max(now_ms << ID_SHIFT);
        let mut new_id = || {
            self.last_id += 1;
            self.last_id
        };
        let mut spans = Vec::new();
        let mut logs = Vec::new();
        let mut log_counts: HashMap<(i64, i32), i64> = HashMap::new();
        let mut samples = Vec::new();
        let mut exemplars = Vec::new();
        for batch in batches {
            if let Some(digest) = batch.digest
                && !is_new(connection, digest, now_ms).await?
            {
                continue;
            }
            for span in batch.spans {
                let resource_id =
                    resource_id(connection, &mut self.resources, &span.resource, now_ms).await?;
                spans.push(SpanRow {
                    id: new_id(),
                    resource_id,
                    span,
                });
            }
            for log in batch.logs {
                let resource_id =
                    resource_id(connection, &mut self.resources, &log.resource, now_ms).await?;
                let second = log.time_ns / NANOS_PER_SECOND;
                *log_counts.entry((second, log.severity)).or_default() += 1;
                logs.push(LogRow {
                    id: new_id(),
                    resource_id,
                    log,
                });
            }
            for rows in batch.series {
                let series_id = series_id(connection, &mut self.series, &rows.series).await?;
                samples.extend(rows.samples.into_iter().map(|sample| (series_id, sample)));
                exemplars.extend(
                    rows.exemplars
                        .into_iter()
                        .map(|exemplar| (series_id, exemplar)),
                );
            }
        }
        rows::insert_spans(connection, spans.into_iter()).await?;
        rows::insert_logs(connection, logs.into_iter()).await?;
        rows::add_log_counts(connection, log_counts).await?;
        rows::insert_samples(connection, samples.into_iter()).await?;
        rows::insert_exemplars(connection, exemplars.into_iter()).await
    }
}

async fn is_new(
    connection: &mut SqliteConnection,
    digest: [u8; 32],
    now_ms: i64,
) -> sqlx::Result<bool> {
    let inserted = sqlx::query("INSERT OR IGNORE INTO received (digest, time_ms) VALUES (?, ?)")
        .bind(digest.to_vec())
        .bind(now_ms)
        .execute(connection)
        .await?;
    Ok(inserted.rows_affected() == 1)
}

/// This machine's clock, in milliseconds since the Unix epoch.
pub(super) fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

fn wal_path(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push("-wal");
    path.into()
}

#[cfg(test)]
mod tests;
