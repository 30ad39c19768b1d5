//! What the agent counts of itself; read by its own metrics.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use trivium_otlp::{PartialSuccess, Signal};

use crate::{
    by_signal::BySignal,
    ledger::{Loss, LossReason},
};

/// Counters that only grow.
#[derive(Debug, Default)]
pub struct Stats {
    /// Items that were handed to be sent, each once.
    pub sent: BySignal<AtomicU64>,
    /// Items that the Collector has taken.
    pub acknowledged: BySignal<AtomicU64>,
    /// Items that it left out of requests it took.
    pub rejected: BySignal<AtomicU64>,
    lost: Mutex<Lost>,
}

#[derive(Debug, Default)]
struct Lost {
    by_reason: BTreeMap<LossReason, LostCount>,
    undeclared: Vec<Loss>,
}

/// How much was lost for one reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LostCount {
    /// Ranges.
    pub losses: u64,
    /// Bytes in them.
    pub bytes: u64,
}

impl BySignal<AtomicU64> {
    /// Counts.
    pub fn add(&self, signal: Signal, items: u64) {
        self[signal].fetch_add(items, Relaxed);
    }

    /// How many so far.
    pub fn of(&self, signal: Signal) -> u64 {
        self[signal].load(Relaxed)
    }
}

impl Stats {
    /// The Collector took a request, and says what it left out of it.
    pub fn taken(&self, signal: Signal, items: u64, partial_success: Option<PartialSuccess>) {
        let partial_success = partial_success.unwrap_or_default();
        let rejected = u64::try_from(partial_success.rejected)
            .unwrap_or(0)
            .min(items);
        self.acknowledged.add(signal, items - rejected);
        self.rejected.add(signal, rejected);
        if rejected > 0 || !partial_success.message.is_empty() {
            let message = partial_success.message;
            tracing::warn!("the Collector left {rejected} of {items} {signal} out: {message}");
        }
    }

    /// Counts a loss that is declared by whoever counts it.
    pub fn count_loss(&self, loss: &Loss) {
        let mut lost = self.lost();
        let count = lost.by_reason.entry(loss.reason).or_default();
        count.losses += 1;
        count.bytes += loss.bytes.end.saturating_sub(loss.bytes.start);
    }

    /// Counts a loss, and remembers it until it is [declared](Self::undeclared).
    pub fn lost_for_good(&self, loss: Loss) {
        self.count_loss(&loss);
        self.lost().undeclared.push(loss);
    }

    /// The losses that nobody has written a record of yet.
    pub fn undeclared(&self) -> Vec<Loss> {
        std::mem::take(&mut self.lost().undeclared)
    }

    /// What was lost so far, by reason.
    pub fn losses(&self) -> BTreeMap<LossReason, LostCount> {
        self.lost().by_reason.clone()
    }

    fn lost(&self) -> MutexGuard<'_, Lost> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
