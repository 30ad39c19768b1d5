//! What a store can't do, and how a client hears of it.

use crate::error::ApiError;

/// What a store can't do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file can't be opened or made.
    #[error(
        "can't open the database {database}: check APP_DATABASE, that its folder exists and can be written"
    )]
    OpenFile {
        /// As configured.
        database: String,
        /// What the driver said.
        source: sqlx::Error,
    },
    /// The server can't be reached, or lets this user not in.
    #[error(
        "can't connect to the database {database}: check DATABASE_URL, and that PostgreSQL listens there and knows the user"
    )]
    Connect {
        /// As configured, without the password.
        database: String,
        /// What the driver said.
        source: sqlx::Error,
    },
    /// The server did not answer in time.
    #[error(
        "the database {database} did not answer within {seconds} s: check DATABASE_URL, and that nothing on the way drops what is sent there"
    )]
    ConnectTimeout {
        /// As configured, without the password.
        database: String,
        /// How long it had.
        seconds: u64,
    },
    /// The tables can't be brought to this version.
    #[error(
        "can't migrate the database {database}: it may be of a newer version of trivium-app, or no database of it"
    )]
    Migrate {
        /// As configured, without the password.
        database: String,
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
            StoreError::Operation { ref source, .. } if is_outage(source) => {
                Self::DatabaseUnreachable(error.into())
            }
            other => Self::internal(other),
        }
    }
}

/// Whether the database can't be had now, so that the same may go well later.
fn is_outage(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            // PostgreSQL's connection exceptions, too many connections, and "operator intervention" such as a shutdown.
            ["08", "53300", "57P"]
                .iter()
                .any(|class| code.starts_with(class))
        }),
        _ => false,
    }
}
