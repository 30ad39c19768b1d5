//! Opens the database file: one lens per file, settings of the connections, schema. A file that is not lens's own is
//! refused before anything is written to it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, SqlitePool};

/// Concurrent readers, for the page and the API.
const READERS: u32 = 4;
/// Page cache of each reader.
const READER_CACHE_KIB: u32 = 4 * 1024;
/// Page cache of the writer, which updates three indexes at random places.
const WRITER_CACHE_KIB: u32 = 16 * 1024;
/// Pages (4 KiB) in the write-ahead log before SQLite copies them into the database. Larger than SQLite's 1000, because a
/// page that many commits touch is then copied once.
const CHECKPOINT_PAGES: u32 = 4096;
/// The write-ahead log is cut to this once it is copied.
pub(super) const WAL_BYTES: u64 = 64 * 1024 * 1024;
/// `PRAGMA application_id` of the schema: "LENS".
const APPLICATION_ID: i64 = 0x4C45_4E53;

/// Why the store did not open.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The lock file beside the database could not be made.
    #[error(
        "cannot write {path}: {source}; set LENS_DATA to a file in a folder that exists and can be written"
    )]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another lens has it open.
    #[error(
        "the database {path} is in use by another lens (process {pid}); stop that one or set LENS_DATA to another file"
    )]
    InUse {
        /// The database file.
        path: PathBuf,
        /// Process id of the other, as it wrote it.
        pid: String,
    },
    /// There is nothing to read.
    #[error("there is no database {path}; set LENS_DATA to the file of a lens that ran")]
    Missing {
        /// The database file.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("{path} is not a database of lens; set LENS_DATA to another file")]
    NotLens {
        /// The database file.
        path: PathBuf,
    },
    /// SQLite refused.
    #[error(
        "cannot open the database {path}: {source}; make it readable and writable or set LENS_DATA to another file"
    )]
    Open {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        source: sqlx::Error,
    },
    /// The schema could not be brought up to date.
    #[error(
        "cannot bring the schema of {path} up to date: {source}; move the file away to start with an empty one"
    )]
    Migrate {
        /// The database file.
        path: PathBuf,
        /// What failed.
        source: sqlx::migrate::MigrateError,
    },
}

/// Opens a database to read from it, beside a lens that may run on it.
pub async fn read(path: &Path) -> Result<SqlitePool, StoreError> {
    if !path.exists() {
        return Err(StoreError::Missing {
            path: path.to_owned(),
        });
    }
    let options = options(path).read_only(true);
    check_is_lens(path, options.clone()).await?;
    readers(options).await.map_err(|source| StoreError::Open {
        path: path.to_owned(),
        source,
    })
}

async fn readers(options: SqliteConnectOptions) -> sqlx::Result<SqlitePool> {
    SqlitePoolOptions::new()
        .max_connections(READERS)
        .connect_with(options.pragma("cache_size", format!("-{READER_CACHE_KIB}")))
        .await
}

/// Foreign keys off: they would be checked at each row, and deleting a resource would scan all spans and logs.
fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(Duration::from_secs(5))
        .foreign_keys(false)
        .disable_statement_logging()
}

/// The connections to a database that is this process's alone.
pub(super) struct Opened {
    pub(super) writer: SqliteConnection,
    pub(super) readers: SqlitePool,
    pub(super) lock: Lock,
}

/// Held as long as the database is in use; the system releases it at any end of the process.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Drop for Lock {
    /// Not left to the closing: a child that another thread is just starting may have the file open too, until it
    /// executes its program.
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

pub(super) async fn open(path: &Path) -> Result<Opened, StoreError> {
    let lock = lock(path)?;
    let failed = |source| StoreError::Open {
        path: path.to_owned(),
        source,
    };
    let options = options(path);
    if std::fs::metadata(path).is_ok_and(|file| file.len() > 0) {
        check_is_lens(path, options.clone().read_only(true)).await?;
    }
    let mut writer = options
        .clone()
        .create_if_missing(true)
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .pragma("cache_size", format!("-{WRITER_CACHE_KIB}"))
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES.to_string())
        .pragma("journal_size_limit", WAL_BYTES.to_string())
        .connect()
        .await
        .map_err(failed)?;
    sqlx::migrate!()
        .run(&mut writer)
        .await
        .map_err(|source| StoreError::Migrate {
            path: path.to_owned(),
            source,
        })?;
    let readers = readers(options.read_only(true)).await.map_err(failed)?;
    Ok(Opened {
        writer,
        readers,
        lock,
    })
}

/// Takes the lock beside the database. Not on the database itself: SQLite's own locks are of the kind that vanish when any
/// descriptor of the file is closed.
fn lock(database: &Path) -> Result<Lock, StoreError> {
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    let path = PathBuf::from(path);
    let failed = |source| StoreError::Lock {
        path: path.clone(),
        source,
    };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            file.read_to_string(&mut pid).map_err(failed)?;
            return Err(StoreError::InUse {
                path: database.to_owned(),
                pid: pid.trim().to_owned(),
            });
        }
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    file.set_len(0).map_err(failed)?;
    writeln!(file, "{}", std::process::id()).map_err(failed)?;
    Ok(Lock(file))
}

async fn check_is_lens(path: &Path, options: SqliteConnectOptions) -> Result<(), StoreError> {
    const NOT_A_DATABASE: &str = "26";
    let id: Result<i64, sqlx::Error> = async {
        let mut connection = options.connect().await?;
        sqlx::query_scalar("PRAGMA application_id")
            .fetch_one(&mut connection)
            .await
    }
    .await;
    match id {
        Ok(APPLICATION_ID) => Ok(()),
        Ok(_) => Err(StoreError::NotLens {
            path: path.to_owned(),
        }),
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(NOT_A_DATABASE) => {
            Err(StoreError::NotLens {
                path: path.to_owned(),
            })
        }
        Err(source) => Err(StoreError::Open {
            path: path.to_owned(),
            source,
        }),
    }
}
