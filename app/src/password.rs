//! Passwords: which are accepted, and how they are hashed without taking the service down.
//!
//! A [`NewPassword`] has at least 8 characters, at most 71 bytes and no NUL. bcrypt reads 72 bytes with a closing NUL and
//! repeats shorter ones, so a longer password would be cut silently, and `"a"`, `"a\0a"` would be the same.
//!
//! Hashing takes a core for 0.3 s at cost 12. It runs on the blocking threads, at most one per core at a time; who waits
//! longer than the queue's limit is refused. The spans `password.hash` and `password.verify` last from the request to the
//! result and carry `auth.password.queue_wait` (seconds until a core was free). The metric `auth.password.operations`
//! counts what is in each `state`: `waiting` or `running`.
//!
//! A login with an unknown address verifies against a decoy, so it takes the time of a wrong password, unless the account's
//! hash is of before `APP_BCRYPT_COST` was raised: a login with the right password replaces it. An operation whose
//! request went away finishes in vain; it holds its core until then, so the bound is kept.

mod common;
mod cores;

use std::{num::NonZero, time::Duration};

use bcrypt::{BcryptError, HashParts};
use opentelemetry::{KeyValue, global, metrics::UpDownCounter};
use secrecy::{ExposeSecret, SecretString};
use tokio::{sync::oneshot::error::RecvError, time::timeout};
use tracing::{Instrument, Span, field, info_span};
use uuid::Uuid;

use self::cores::{Cores, Submitted};
use crate::error::{ApiError, OverloadedBy};

const MIN_CHARACTERS: usize = 8;
const MAX_BYTES: usize = 71;
const CHEAPEST_COST: u32 = 4;

/// A password that may become an account's.
pub(crate) struct NewPassword(SecretString);

/// Why a password is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PasswordError {
    /// Its length is outside the limits.
    #[error(
        "must have at least {MIN_CHARACTERS} characters and at most {MAX_BYTES} bytes in UTF-8"
    )]
    Length,
    /// bcrypt ends at a NUL.
    #[error("must not contain the character NUL")]
    Nul,
    /// Attackers try it first.
    #[error("is one of the most common passwords, which are tried first; choose another")]
    Common,
}

impl NewPassword {
    /// Checks a password as it was sent; nothing is trimmed or normalised.
    ///
    /// # Errors
    /// [`PasswordError`] says what it must be.
    pub(crate) fn parse(password: String) -> Result<Self, PasswordError> {
        let password = SecretString::from(password);
        let text = password.expose_secret();
        if text.contains('\0') {
            return Err(PasswordError::Nul);
        }
        if text.chars().count() < MIN_CHARACTERS || text.len() > MAX_BYTES {
            return Err(PasswordError::Length);
        }
        if common::is_common(text) {
            return Err(PasswordError::Common);
        }
        Ok(Self(password))
    }
}

/// Why an operation has no result.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// No core was free in time.
    #[error("no core was free to hash a password within {0:?}")]
    QueueTimeout(Duration),
    /// A stored hash is damaged, or the system gives no random salt.
    #[error("bcrypt failed")]
    Bcrypt(#[from] BcryptError),
    /// The operation panicked, or the runtime is shutting down.
    #[error("the hashing thread failed")]
    Thread(#[from] RecvError),
}

impl From<HashError> for ApiError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::QueueTimeout(_) => Self::Overloaded(OverloadedBy::PasswordQueue),
            other => Self::internal(other),
        }
    }
}

/// Hashes and verifies passwords at one cost, as many at a time as there are cores.
pub(crate) struct Hasher {
    cost: u32,
    decoy: String,
    cores: Cores,
    queue_limit: Duration,
    operations: UpDownCounter<i64>,
}

impl Hasher {
    /// # Errors
    /// [`HashError::Bcrypt`] when the cost is outside 4 to 31 or the system gives no random salt.
    pub(crate) fn new(
        cost: u32,
        cores: NonZero<usize>,
        queue_limit: Duration,
    ) -> Result<Self, HashError> {
        let operations = global::meter("trivium-app")
            .i64_up_down_counter("auth.password.operations")
            .with_unit("{operation}")
            .with_description("Password hashings, by state: waiting for a core, or running on one.")
            .build();
        Ok(Self {
            cost,
            decoy: decoy(cost)?,
            cores: Cores::new(cores),
            queue_limit,
            operations,
        })
    }

    /// The hash to store for a password.
    ///
    /// # Errors
    /// [`HashError`]: no core in time, or bcrypt failed.
    pub(crate) async fn hash(&self, password: NewPassword) -> Result<String, HashError> {
        self.hash_at_cost(password.0).await
    }

    /// The hash to store in the place of `hash`, whose password this is, when that is weaker than those of today.
    ///
    /// # Errors
    /// Likewise.
    pub(crate) async fn rehash(
        &self,
        password: SecretString,
        hash: &str,
    ) -> Result<Option<String>, HashError> {
        if hash.parse::<HashParts>()?.get_cost() >= self.cost {
            return Ok(None);
        }
        self.hash_at_cost(password).await.map(Some)
    }

    async fn hash_at_cost(&self, password: SecretString) -> Result<String, HashError> {
        let span = info_span!("password.hash", auth.password.queue_wait = field::Empty);
        let cost = self.cost;
        let operation = move || bcrypt::non_truncating_hash(password.expose_secret(), cost);
        self.run(operation).instrument(span).await
    }

    /// Whether `password` is the one of `hash`; without a hash it never is, and that takes the same time.
    ///
    /// # Errors
    /// [`HashError`]: no core in time, or the hash is damaged.
    pub(crate) async fn verify(
        &self,
        password: SecretString,
        hash: Option<String>,
    ) -> Result<bool, HashError> {
        let span = info_span!("password.verify", auth.password.queue_wait = field::Empty);
        // What could not be stored can't be right, but bcrypt might cut it to what is.
        let hash = hash.filter(|_| {
            let bytes = password.expose_secret().as_bytes();
            bytes.len() <= MAX_BYTES && !bytes.contains(&0)
        });
        let hash = hash.unwrap_or_else(|| self.decoy.clone());
        self.run(move || bcrypt::verify(password.expose_secret(), &hash))
            .instrument(span)
            .await
    }

    async fn run<T: Send + 'static>(
        &self,
        operation: impl FnOnce() -> Result<T, BcryptError> + Send + 'static,
    ) -> Result<T, HashError> {
        let waiting = Counted::new(&self.operations, "waiting");
        let (span, operations) = (Span::current(), self.operations.clone());
        let Submitted { started, result } = self.cores.submit(move || {
            let _running = Counted::new(&operations, "running");
            span.in_scope(operation)
        });
        let started = timeout(self.queue_limit, started).await;
        drop(waiting);
        let queue_wait = match started {
            Ok(started) => Ok(started?),
            Err(_) => Err(HashError::QueueTimeout(self.queue_limit)),
        };
        let waited = queue_wait.as_ref().unwrap_or(&self.queue_limit);
        Span::current().record("auth.password.queue_wait", waited.as_secs_f64());
        queue_wait?;
        Ok(result.await??)
    }
}

/// One operation in one state, until it is dropped.
struct Counted {
    operations: UpDownCounter<i64>,
    attributes: [KeyValue; 1],
}

impl Counted {
    fn new(operations: &UpDownCounter<i64>, state: &'static str) -> Self {
        let attributes = [KeyValue::new("state", state)];
        operations.add(1, &attributes);
        Self {
            operations: operations.clone(),
            attributes,
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.operations.add(-1, &self.attributes);
    }
}

/// A hash that no password is known for. It is made at the lowest cost, to keep the start fast, and then claims the real
/// one: verifying repeats the work that the hash claims.
fn decoy(cost: u32) -> Result<String, BcryptError> {
    let parts = bcrypt::non_truncating_hash_with_result(Uuid::new_v4().as_bytes(), CHEAPEST_COST)?;
    Ok(parts
        .to_string()
        .replacen(&format!("${CHEAPEST_COST:02}$"), &format!("${cost:02}$"), 1))
}

#[cfg(test)]
mod tests;
