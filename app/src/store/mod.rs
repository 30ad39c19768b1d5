//! Where accounts are kept. [`Store`] promises: what [`Store::insert`] acknowledged survives a crash of the process and a
//! loss of power; an address belongs to one account; a read never waits for a write. Each operation is a client span with
//! `db.client.operation.duration`, carrying the statement with placeholders and never a value.

mod sqlite;

use std::path::PathBuf;

pub(crate) use sqlite::Store;

use crate::error::ApiError;

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct User {
    /// UUID v4, hyphenated lower-case. Opaque: it may appear in signals.
    pub id: String,
    /// Normalised address.
    pub email: String,
    /// Milliseconds since the Unix epoch.
    pub created_at: i64,
}

/// What a login needs of an account.
#[derive(sqlx::FromRow)]
pub(crate) struct Credentials {
    /// The account's id.
    pub id: String,
    /// bcrypt hash in modular crypt format.
    pub password_hash: String,
}

/// What a store can't do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file can't be opened or made.
    #[error("can't open the database {}: check APP_DATABASE, that its folder exists and can be written", path.display())]
    Open {
        /// As configured.
        path: PathBuf,
        /// What the driver said.
        source: sqlx::Error,
    },
    /// The tables can't be brought to this version.
    #[error("can't migrate the database {}: it may be of a newer version of trivium-app, or no database of it", path.display())]
    Migrate {
        /// As configured.
        path: PathBuf,
        /// What failed.
        source: sqlx::migrate::MigrateError,
    },
    /// An operation failed.
    #[error("can't {action} in the database")]
    Operation {
        /// What was being done.
        action: &'static str,
        /// What the driver said.
        source: sqlx::Error,
    },
    /// The address has an account.
    #[error("the e-mail address has an account already")]
    EmailTaken,
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::EmailTaken => Self::EmailTaken,
            other => Self::internal(other),
        }
    }
}
