//! The table `refresh_families`: one row per family of refresh tokens, with the hash of the one token that is good now.
//!
//! Rotation is one statement that compares and replaces that hash, so of two that bring the same token one finds it gone,
//! on one instance or on several.

use super::{
    Store, StoreError,
    statement::{Statement, Value},
};
use crate::token::RefreshToken;

/// A family that was there and is not any more.
#[derive(Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Ended {
    /// Whose it was.
    pub user_id: String,
    /// Milliseconds since the Unix epoch.
    pub expires_at: i64,
}

const INSERT: Statement = Statement {
    action: "insert a family of refresh tokens",
    operation: "INSERT",
    table: "refresh_families",
    text: "INSERT INTO refresh_families (id, user_id, token_hash, expires_at) VALUES ($1, $2, $3, $4)",
};
const ROTATE: Statement = Statement {
    action: "rotate a refresh token",
    operation: "UPDATE",
    table: "refresh_families",
    text: "UPDATE refresh_families SET token_hash = $1, expires_at = $2 WHERE id = $3 AND token_hash = $4 AND expires_at > $5 RETURNING user_id",
};
const END: Statement = Statement {
    action: "end a family of refresh tokens",
    operation: "DELETE",
    table: "refresh_families",
    text: "DELETE FROM refresh_families WHERE id = $1 RETURNING user_id, expires_at",
};
const DELETE_EXPIRED: Statement = Statement {
    action: "delete expired families of refresh tokens",
    operation: "DELETE",
    table: "refresh_families",
    text: "DELETE FROM refresh_families WHERE expires_at <= $1",
};

impl Store {
    /// Begins a family with its first token. Times are milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// [`StoreError::Operation`].
    pub(crate) async fn begin_family(
        &self,
        user_id: &str,
        token: &RefreshToken,
        expires_at: i64,
    ) -> Result<(), StoreError> {
        let values = [
            Value::Text(&token.family_id()),
            Value::Text(user_id),
            Value::Bytes(&token.hash()),
            Value::Integer(expires_at),
        ];
        self.execute(&INSERT, &values).await.map(drop)
    }

    /// Puts `next` in the place of `current`; gives the user's id. `None`: `current` is not the good one of a living family.
    ///
    /// # Errors
    /// [`StoreError::Operation`].
    pub(crate) async fn rotate(
        &self,
        current: &RefreshToken,
        next: &RefreshToken,
        expires_at: i64,
        now: i64,
    ) -> Result<Option<String>, StoreError> {
        let values = [
            Value::Bytes(&next.hash()),
            Value::Integer(expires_at),
            Value::Text(&current.family_id()),
            Value::Bytes(&current.hash()),
            Value::Integer(now),
        ];
        let row: Option<(String,)> = self.row(&ROTATE, &values).await?;
        Ok(row.map(|(user_id,)| user_id))
    }

    /// Ends the family of a token, whichever of it that is. `None`: there is none.
    ///
    /// # Errors
    /// [`StoreError::Operation`].
    pub(crate) async fn end_family(
        &self,
        token: &RefreshToken,
    ) -> Result<Option<Ended>, StoreError> {
        self.row(&END, &[Value::Text(&token.family_id())]).await
    }

    /// Deletes what has expired; gives how many families that were. No span: nobody waits for it.
    ///
    /// # Errors
    /// [`StoreError::Operation`].
    pub(crate) async fn delete_expired_families(&self, now: i64) -> Result<u64, StoreError> {
        let values = [Value::Integer(now)];
        self.execute_unseen(&DELETE_EXPIRED, &values).await
    }
}
