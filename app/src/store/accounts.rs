//! The table `users`: one row per account.

use super::{
    Store, StoreError,
    statement::{Statement, Value},
};
use crate::email::Email;

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

const INSERT: Statement = Statement {
    action: "insert a user",
    operation: "INSERT",
    table: "users",
    text: "INSERT INTO users (id, email, password_hash, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (email) DO NOTHING",
};
const SELECT_CREDENTIALS: Statement = Statement {
    action: "find a user by address",
    operation: "SELECT",
    table: "users",
    text: "SELECT id, password_hash FROM users WHERE email = $1",
};
const SELECT_USER: Statement = Statement {
    action: "find a user by id",
    operation: "SELECT",
    table: "users",
    text: "SELECT id, email, created_at FROM users WHERE id = $1",
};
const UPDATE_HASH: Statement = Statement {
    action: "replace a password hash",
    operation: "UPDATE",
    table: "users",
    text: "UPDATE users SET password_hash = $1 WHERE id = $2 AND password_hash = $3",
};

impl Store {
    /// Makes an account.
    ///
    /// # Errors
    /// [`StoreError::EmailTaken`], or [`StoreError::Operation`].
    pub(crate) async fn insert(&self, user: &User, password_hash: &str) -> Result<(), StoreError> {
        let values = [
            Value::Text(&user.id),
            Value::Text(&user.email),
            Value::Text(password_hash),
            Value::Integer(user.created_at),
        ];
        match self.execute(&INSERT, &values).await? {
            0 => Err(StoreError::EmailTaken),
            _ => Ok(()),
        }
    }

    /// The credentials of the account with this address.
    ///
    /// # Errors
    /// [`StoreError::Operation`].
    pub(crate) async fn credentials(
        &self,
        email: &Email,
    ) -> Result<Option<Credentials>, StoreError> {
        let values = [Value::Text(email.as_str())];
        self.row(&SELECT_CREDENTIALS, &values).await
    }

    /// The account with this id.
    ///
    /// # Errors
    /// [`StoreError::Operation`].
    pub(crate) async fn user(&self, id: &str) -> Result<Option<User>, StoreError> {
        self.row(&SELECT_USER, &[Value::Text(id)]).await
    }

    /// Puts another hash of the same password in the place of `old`, unless that is no longer there.
    ///
    /// # Errors
    /// [`StoreError::Operation`].
    pub(crate) async fn replace_hash(
        &self,
        user_id: &str,
        old: &str,
        new: &str,
    ) -> Result<(), StoreError> {
        let values = [Value::Text(new), Value::Text(user_id), Value::Text(old)];
        self.execute(&UPDATE_HASH, &values).await.map(drop)
    }
}
