//! Requests that nothing else holds: straight to the Collector while it answers, otherwise into the spool.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use trivium_otlp::{PartialSuccess, Signal};

use super::{
    kept::{KeepError, Kept},
    link::Link,
};
use crate::{spool::SpoolError, stats::Stats};

/// How long who asks is made to wait for the Collector before the spool answers instead.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why a request was not taken; who sent it still has it.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The Collector refuses it for good.
    #[error("the Collector refuses it: {0}")]
    Invalid(String),
    /// It is larger than the spool takes.
    #[error(transparent)]
    TooLarge(SpoolError),
    /// It can't be kept now.
    #[error("it can't be kept now: {0}")]
    Full(KeepError),
}

/// Takes requests. Cloned, it is the same one.
#[derive(Debug, Clone)]
pub struct Uplink {
    link: Link,
    kept: Kept,
    stats: Arc<Stats>,
}

impl Uplink {
    /// Over `link`, or into `kept`.
    pub fn new(link: Link, kept: Kept, stats: Arc<Stats>) -> Self {
        Self { link, kept, stats }
    }

    /// Returns when the Collector has acknowledged the request, with what it says about it, or when the spool has synced it.
    ///
    /// # Errors
    /// When neither has it.
    pub async fn deliver(
        &self,
        signal: Signal,
        items: u64,
        body: Bytes,
    ) -> Result<Option<PartialSuccess>, Refused> {
        self.stats.sent.add(signal, items);
        if !self.kept.has_backlog() {
            let attempt = self.link.send(signal, body.clone());
            match tokio::time::timeout(PATIENCE, attempt).await {
                Ok(Ok(partial_success)) => {
                    self.stats.taken(signal, items, partial_success.clone());
                    return Ok(partial_success);
                }
                Ok(Err(error)) if !error.is_retryable => {
                    return Err(Refused::Invalid(error.to_string()));
                }
                Ok(Err(_)) | Err(_) => {}
            }
        }
        match self.kept.keep(signal, items, body).await {
            Ok(()) => Ok(None),
            Err(KeepError::Spool(error @ SpoolError::TooLarge { .. })) => {
                Err(Refused::TooLarge(error))
            }
            Err(error) => Err(Refused::Full(error)),
        }
    }
}
