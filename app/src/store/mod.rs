//! Where accounts and refresh tokens are kept: in a file of `SQLite` or in PostgreSQL. [`Store`] promises the same of both:
//! what a write acknowledged survives a crash of the process and a loss of power (of the server: as its `fsync` and
//! `synchronous_commit` have it); an address belongs to one account; a read never waits for a write; each operation is one
//! statement, and so happens whole or not at all.
//!
//! Each operation of a request is a client span with `db.client.operation.duration`, carrying the statement with placeholders
//! and never a value.

mod accounts;
mod database;
mod error;
mod families;
mod pool;
mod postgres;
mod sqlite;
mod statement;

use std::time::{SystemTime, UNIX_EPOCH};

use sqlx::postgres::PgConnectOptions;
use trivium_telemetry::db;

pub(crate) use accounts::{Credentials, User};
pub(crate) use database::Database;
pub(crate) use error::StoreError;

use crate::faults::delayed;
use statement::{Row, Statement, Value};

/// Milliseconds since the Unix epoch, as the store has its times.
pub(crate) fn now() -> i64 {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

/// Handle to the database; see the module above for what it promises.
pub(crate) struct Store {
    backend: Backend,
    telemetry: db::Client,
}

enum Backend {
    Sqlite(sqlite::File),
    Postgres(postgres::Server),
}

impl Store {
    /// Opens the database and brings its tables to this version.
    ///
    /// # Errors
    /// [`StoreError`], with the database and what to check.
    pub(crate) async fn open(database: &Database) -> Result<Self, StoreError> {
        Ok(match database {
            Database::Sqlite(path) => Self {
                backend: Backend::Sqlite(sqlite::File::open(path).await?),
                telemetry: db::Client::new("sqlite", "auth"),
            },
            Database::Postgres(options) => {
                // The telemetry library keeps names for the life of the process, as does this store.
                let name = options.get_database().unwrap_or(options.get_username());
                let name = String::leak(name.to_owned());
                Self {
                    backend: Backend::Postgres(
                        postgres::Server::open(PgConnectOptions::clone(options)).await?,
                    ),
                    telemetry: db::Client::new("postgresql", name),
                }
            }
        })
    }

    /// Whether the database answers; no span, since a probe asks every few seconds.
    ///
    /// # Errors
    /// [`StoreError::Operation`].
    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        const PING: Statement = Statement {
            action: "read",
            operation: "SELECT",
            table: "",
            text: "SELECT 1",
        };
        let done = self.execute_unseen(&PING, &[]).await;
        done.map(drop)
    }

    /// Waits for running operations and closes the database.
    pub(crate) async fn close(&self) {
        match &self.backend {
            Backend::Sqlite(file) => file.close().await,
            Backend::Postgres(server) => server.close().await,
        }
    }

    /// Runs a statement that has one row or none.
    async fn row<R: Row>(
        &self,
        statement: &Statement,
        values: &[Value<'_>],
    ) -> Result<Option<R>, StoreError> {
        self.observe(statement, async {
            match &self.backend {
                Backend::Sqlite(file) => file.row(statement, values).await,
                Backend::Postgres(server) => server.row(statement, values).await,
            }
        })
        .await
    }

    /// Runs a statement and counts the rows it changed.
    async fn execute(
        &self,
        statement: &Statement,
        values: &[Value<'_>],
    ) -> Result<u64, StoreError> {
        self.observe(statement, self.run(statement, values)).await
    }

    /// Likewise without a span: for what belongs to no request.
    async fn execute_unseen(
        &self,
        statement: &Statement,
        values: &[Value<'_>],
    ) -> Result<u64, StoreError> {
        let done = self.run(statement, values).await;
        done.map_err(|source| statement.failed(source))
    }

    async fn run(&self, statement: &Statement, values: &[Value<'_>]) -> Result<u64, sqlx::Error> {
        match &self.backend {
            Backend::Sqlite(file) => file.execute(statement, values).await,
            Backend::Postgres(server) => server.execute(statement, values).await,
        }
    }

    async fn observe<T>(
        &self,
        statement: &Statement,
        call: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, StoreError> {
        self.telemetry
            .operation(statement.operation, statement.table)
            .query_text(statement.text)
            .observe(delayed(call))
            .await
            .map_err(|source| statement.failed(source))
    }
}
