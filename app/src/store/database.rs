//! Which database the service works with: what `APP_DATABASE` and `DATABASE_URL` name. The password of a URL is in nothing
//! that can be printed.

use std::{fmt, path::PathBuf};

use sqlx::postgres::PgConnectOptions;

/// A database to open.
#[derive(Clone)]
pub(crate) enum Database {
    /// A file.
    Sqlite(PathBuf),
    /// A server; what its URL leaves out is taken from `PGHOST` and the other variables of libpq.
    Postgres(Box<PgConnectOptions>),
}

/// Why a text is not the URL of a database. The text is not part of it, for it may hold a password.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UrlError {
    /// Another kind of database, or no URL.
    #[error("does not start with postgres://, postgresql:// or sqlite:")]
    Scheme,
    /// No path after the scheme.
    #[error("names no file")]
    NoFile,
    /// The driver can't read it.
    #[error("is not well-formed: {0}")]
    Malformed(#[from] sqlx::Error),
}

impl Database {
    /// Reads `postgres://USER:PASSWORD@HOST:PORT/NAME?sslmode=…` or `sqlite:PATH`.
    ///
    /// # Errors
    /// [`UrlError`].
    pub(crate) fn parse(url: &str) -> Result<Self, UrlError> {
        match url.split_once(':') {
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => {
                Ok(Self::Postgres(Box::new(url.parse()?)))
            }
            Some(("sqlite", path)) => match path.strip_prefix("//").unwrap_or(path) {
                "" => Err(UrlError::NoFile),
                path => Ok(Self::Sqlite(path.into())),
            },
            _ => Err(UrlError::Scheme),
        }
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "{}", path.display()),
            Self::Postgres(options) => {
                let name = options.get_database().unwrap_or(options.get_username());
                match options.get_socket() {
                    Some(socket) => write!(f, "{name} at {}", socket.display()),
                    None => write!(f, "{name} at {}:{}", options.get_host(), options.get_port()),
                }
            }
        }
    }
}

/// As [`fmt::Display`]: the driver's own would print the password.
impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_database_and_its_password_is_not_printed() {
        for (url, printed) in [
            (
                "postgres://ada:hunter2@db.example:5433/auth",
                "auth at db.example:5433",
            ),
            (
                "postgresql://ada:hunter2@localhost:5432",
                "ada at localhost:5432",
            ),
            ("postgres://ada:hunter2@%2Frun%2Fpg/auth", "auth at /run/pg"),
            ("sqlite:data/auth.db", "data/auth.db"),
            ("sqlite:///var/lib/auth.db", "/var/lib/auth.db"),
        ] {
            let database = Database::parse(url).unwrap();
            assert_eq!(database.to_string(), printed);
            assert_eq!(format!("{database:?}"), format!("Database({printed})"));
        }
    }

    #[test]
    fn what_is_wrong_with_a_url_is_said_without_it() {
        for (url, problem) in [
            ("mysql://ada:hunter2@localhost/auth", "does not start with"),
            ("hunter2", "does not start with"),
            ("postgres:hunter2", "does not start with"),
            ("sqlite:", "names no file"),
            ("postgres://ada:hunter2@localhost:port/auth", "invalid port"),
            (
                "postgres://ada:hunter2@localhost/auth?sslmode=often",
                "often",
            ),
        ] {
            let error = Database::parse(url).unwrap_err().to_string();
            assert!(error.contains(problem), "{url}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
