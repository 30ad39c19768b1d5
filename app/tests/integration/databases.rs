//! The databases that the service knows: what is promised of both is tested on both.

use std::path::PathBuf;

use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use tempfile::TempDir;

use crate::{postgres::Postgres, support::TestApp};

/// Makes of each `async fn NAME(database: Database)` a test on SQLite and one on PostgreSQL.
macro_rules! on_each_database {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(crate::databases::Database::Sqlite).await;
            })*
        }
        mod postgresql {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(server) = crate::postgres::Postgres::shared() {
                    super::$name(crate::databases::Database::Postgres(server)).await;
                }
            })*
        }
    };
}
pub(crate) use on_each_database;

#[derive(Clone, Copy)]
pub(crate) enum Database {
    Sqlite,
    Postgres(&'static Postgres),
}

impl Database {
    /// A new, empty database.
    pub(crate) fn place(self) -> Place {
        match self {
            Self::Sqlite => Place::Folder(tempfile::tempdir().unwrap()),
            Self::Postgres(server) => Place::Server(server.database()),
        }
    }

    /// The service on a new, empty database.
    pub(crate) async fn start(self, flags: &[&str]) -> TestApp {
        TestApp::start_in(self.place(), flags).await
    }
}

/// Where the data of one service are.
pub(crate) enum Place {
    Folder(TempDir),
    /// The URL of a database there.
    Server(String),
}

impl Place {
    /// The variable that names it to the program.
    pub(crate) fn variable(&self) -> (&'static str, String) {
        match self {
            Self::Folder(folder) => ("APP_DATABASE", file(folder).display().to_string()),
            Self::Server(url) => ("DATABASE_URL", url.clone()),
        }
    }

    /// The flag, likewise.
    pub(crate) fn flag(&self) -> String {
        match self.variable() {
            ("APP_DATABASE", path) => format!("--database={path}"),
            (_, url) => format!("--database-url={url}"),
        }
    }

    /// Changes data behind the back of the service; gives the number of rows.
    pub(crate) async fn execute(&self, sql: &str) -> u64 {
        let statement = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match self {
            Self::Folder(folder) => {
                let mut connection = open(folder).await;
                statement
                    .execute(&mut connection)
                    .await
                    .unwrap()
                    .rows_affected()
            }
            Self::Server(url) => {
                let mut connection = PgConnection::connect(url).await.unwrap();
                statement
                    .execute(&mut connection)
                    .await
                    .unwrap()
                    .rows_affected()
            }
        }
    }

    /// The first column of each row.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<String> {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Folder(folder) => {
                let mut connection = open(folder).await;
                sqlx::query_scalar(sql)
                    .fetch_all(&mut connection)
                    .await
                    .unwrap()
            }
            Self::Server(url) => {
                let mut connection = PgConnection::connect(url).await.unwrap();
                sqlx::query_scalar(sql)
                    .fetch_all(&mut connection)
                    .await
                    .unwrap()
            }
        }
    }

    /// The number that a statement gives.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let text = self.texts(&format!("SELECT CAST(({sql}) AS TEXT)")).await;
        text[0].parse().unwrap()
    }
}

fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("app.db")
}

async fn open(folder: &TempDir) -> SqliteConnection {
    let url = format!("sqlite:{}", file(folder).display());
    SqliteConnection::connect(&url).await.unwrap()
}
