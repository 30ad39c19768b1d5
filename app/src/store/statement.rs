//! A statement that both databases understand, and the values it is run with.
//!
//! Placeholders are `$1`, `$2`, …, which `SQLite` knows as PostgreSQL does. What the two write differently stays out.

use sqlx::{Arguments, Encode, FromRow, Type, postgres::PgRow, sqlite::SqliteRow};

use super::StoreError;

/// One statement.
pub(super) struct Statement {
    /// What it does, to end the sentence "can't …".
    pub action: &'static str,
    /// `db.operation.name`.
    pub operation: &'static str,
    /// `db.collection.name`.
    pub table: &'static str,
    /// The SQL, with placeholders.
    pub text: &'static str,
}

impl Statement {
    /// That it could not be run.
    pub(super) fn failed(&self, source: sqlx::Error) -> StoreError {
        StoreError::Operation {
            action: self.action,
            source,
        }
    }
}

/// The value of a placeholder.
pub(super) enum Value<'a> {
    Text(&'a str),
    Integer(i64),
    Bytes(&'a [u8]),
}

/// The values as the driver takes them.
pub(super) fn arguments<A: Arguments>(values: &[Value<'_>]) -> Result<A, sqlx::Error>
where
    i64: for<'q> Encode<'q, A::Database> + Type<A::Database>,
    for<'v> &'v str: Encode<'v, A::Database> + Type<A::Database>,
    for<'v> &'v [u8]: Encode<'v, A::Database> + Type<A::Database>,
{
    let mut arguments = A::default();
    for value in values {
        match *value {
            Value::Text(text) => arguments.add(text),
            Value::Integer(number) => arguments.add(number),
            Value::Bytes(bytes) => arguments.add(bytes),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

/// What can be read from the rows of either database.
pub(super) trait Row:
    Send + Unpin + for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow>
{
}

impl<T> Row for T where T: Send + Unpin + for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow>
{}
