//! A PostgreSQL database. Connections are made when they are needed and tried before they are used, so an outage ends by
//! itself: what is asked meanwhile is an error after [`ACQUIRE_TIMEOUT`] at most. A server that is silent instead of gone
//! holds a query that has begun until the request's own time is over.
//!
//! Migrations take a lock, so several instances may start at once.

use std::time::Duration;

use sqlx::{
    ConnectOptions, Connection, Postgres,
    postgres::{PgArguments, PgConnectOptions, PgPoolOptions},
};
use tokio::time::timeout;

use super::{
    Database, StoreError,
    pool::{self, Pool},
    statement::{Row, Statement, Value, arguments},
};

/// Operations are short and most of a request is spent elsewhere; a server has 100 connections as it is installed.
const CONNECTIONS: u32 = 10;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Shorter than what clients wait, so that they hear of an outage while they still listen.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) struct Server(Pool<Postgres>);

impl Server {
    /// Connects, and brings the tables to this version.
    pub(super) async fn open(options: PgConnectOptions) -> Result<Self, StoreError> {
        let database = Database::Postgres(Box::new(options.clone())).to_string();
        let options = options
            .application_name("trivium-app")
            // Each operation has its span already.
            .disable_statement_logging();

        // Not through the pool, which would try for long and then not say why.
        let mut connection = timeout(CONNECT_TIMEOUT, options.connect())
            .await
            .map_err(|_| StoreError::ConnectTimeout {
                database: database.clone(),
                seconds: CONNECT_TIMEOUT.as_secs(),
            })?
            .map_err(|source| StoreError::Connect {
                database: database.clone(),
                source,
            })?;
        sqlx::migrate!("./migrations/postgres")
            .run(&mut connection)
            .await
            .map_err(|source| StoreError::Migrate { database, source })?;
        // It has done its work; the server notices its end in any case.
        let _ = connection.close().await;

        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_lazy_with(options);
        let pool = Pool::new("postgres", pool);
        pool::observe(&[&pool]);
        Ok(Self(pool))
    }

    pub(super) async fn row<R: Row>(
        &self,
        statement: &Statement,
        values: &[Value<'_>],
    ) -> Result<Option<R>, sqlx::Error> {
        let arguments: PgArguments = arguments(values)?;
        let query = sqlx::query_as_with(statement.text, arguments);
        let mut connection = self.0.acquire().await?;
        // To its end, where it is committed; with the first row it would be only on its way there.
        Ok(query.fetch_all(&mut *connection).await?.pop())
    }

    pub(super) async fn execute(
        &self,
        statement: &Statement,
        values: &[Value<'_>],
    ) -> Result<u64, sqlx::Error> {
        let arguments: PgArguments = arguments(values)?;
        let query = sqlx::query_with(statement.text, arguments);
        let mut connection = self.0.acquire().await?;
        Ok(query.execute(&mut *connection).await?.rows_affected())
    }

    pub(super) async fn close(&self) {
        self.0.close().await;
    }
}
