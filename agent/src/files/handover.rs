//! Hands batches over, and moves frontiers and the checkpoint when they are settled.
//!
//! One batch is in flight to the Collector while the next one is written. When the Collector is away, a batch whose lines are
//! in no file any more goes into the spool, after the one in flight: never more than two are handed over.

use std::time::{Duration, Instant, SystemTime};

use super::{Outcome, Outlet, engine::Engine, status::Status, tail::ReadBuffer};
use crate::{batch::LogBatch, ledger::Loss, state_dir::StateDir};

/// The checkpoint is written at most as often as this.
const SAVE_EVERY: Duration = Duration::from_secs(1);
/// After this time without a batch, the memory of batches is given back; longer than steady lines leave between them.
const IDLE_AFTER: Duration = Duration::from_secs(5);
/// A batch that is in flight for longer means that the Collector is away.
const AWAY_AFTER: Duration = Duration::from_secs(1);

impl<D: StateDir, O: Outlet> Engine<D, O> {
    pub(super) fn start_linger(&mut self, now: Instant) {
        if self.batch_since.is_none() && self.has_batch() {
            self.batch_since = Some(now);
        }
    }

    pub(super) fn has_batch(&self) -> bool {
        !self.batch.is_empty() || !self.batch.covers().is_empty()
    }

    /// Hands the batch over when it is full or has waited long enough (or, if `is_last`, as it is), and there is room.
    pub(super) fn hand_over(&mut self, now: Instant, is_last: bool) {
        let is_due = is_last
            || self.is_full()
            || self
                .batch_since
                .is_some_and(|since| now >= since + self.settings.linger);
        if !is_due || !self.has_batch() {
            return;
        }
        let is_free = self.outlet.is_free();
        if is_free {
            // The one before is settled, and the journal says so before the next one is sent.
            self.settle();
        }
        let is_without_records = self.batch.is_empty();
        let may_go = is_without_records || is_free || (self.may_keep(now) && self.is_endangered());
        if !may_go {
            return;
        }
        for cover in self.batch.covers() {
            if let Some(known) = self.table.files.get_mut(&cover.file) {
                known.frontier.hand_over();
            }
        }
        let next = self.spare.take().unwrap_or_default();
        let batch = std::mem::replace(&mut self.batch, next);
        self.batch_since = None;
        if is_without_records {
            return self.outcome(Outcome {
                batch,
                result: Ok(()),
            });
        }
        self.handed_over += 1;
        if is_free {
            self.sent_at = now;
            self.outlet.send(batch);
        } else {
            // What comes before it has to be there before it.
            self.outlet.keep_sent();
            self.outlet.keep(batch);
        }
    }

    /// Whether a batch may go straight into the spool: the Collector is away, and the one before is there already.
    pub(super) fn may_keep(&self, now: Instant) -> bool {
        !self.outlet.is_free() && now >= self.sent_at + AWAY_AFTER && self.handed_over < 2
    }

    /// Whether the batch has lines that are in no file any more.
    fn is_endangered(&self) -> bool {
        self.batch.covers().iter().any(|cover| {
            self.table
                .files
                .get(&cover.file)
                .is_some_and(|known| known.is_vanished)
        })
    }

    /// Whether files are being read, or in flight, that are in no folder any more.
    pub(super) fn has_vanished(&self) -> bool {
        self.table.files.values().any(|known| known.is_vanished)
    }

    /// Saves from the memory what is in no file any more, if the Collector is away.
    pub(super) fn keep_vanished(&mut self, now: Instant) {
        let is_in_flight = self
            .table
            .files
            .values()
            .any(|known| known.is_vanished && known.frontier.is_waiting());
        if is_in_flight && !self.outlet.is_free() && now >= self.sent_at + AWAY_AFTER {
            self.outlet.keep_sent();
        }
    }

    /// Takes the outcomes.
    pub(super) fn settle(&mut self) {
        for outcome in self.outlet.outcomes() {
            self.handed_over = self.handed_over.saturating_sub(1);
            self.outcome(outcome);
        }
        self.write_journal();
        self.declare();
    }

    fn outcome(&mut self, outcome: Outcome) {
        let Outcome { mut batch, result } = outcome;
        let now = SystemTime::now();
        for cover in batch.covers() {
            let Some(known) = self.table.files.get_mut(&cover.file) else {
                continue;
            };
            let Some(bytes) = known.frontier.settle(cover.up_to) else {
                continue;
            };
            self.is_changed = true;
            self.moved.insert(cover.file);
            match result {
                Ok(()) => {
                    known.last_acknowledged = Some(now);
                    if let Some(log) = self.table.logs.get(&known.log) {
                        self.totals[log.source].acknowledged_bytes += bytes.end - bytes.start;
                    }
                }
                Err(reason) => self.losses.push_back(Loss {
                    path: known.tail.path.to_string_lossy().into_owned(),
                    bytes,
                    reason,
                }),
            }
        }
        batch.clear();
        // A third one is needed only while batches are kept.
        self.spare.get_or_insert(batch);
    }

    /// When memory is to be given back that only a busy time needs; none while it is needed, or not there.
    pub(super) fn free_at(&self) -> Option<Instant> {
        let is_idle = self.spare.is_some() && self.is_settled();
        is_idle.then(|| self.sent_at + IDLE_AFTER)
    }

    /// Gives it back, when it is time.
    pub(super) fn free_if_idle(&mut self, now: Instant) {
        if self.free_at().is_some_and(|due| now >= due) {
            self.spare = None;
            self.batch = LogBatch::default();
            self.buffer = ReadBuffer::default();
        }
    }

    pub(super) fn save_if_due(&mut self, now: Instant) {
        if self.save_at().is_some_and(|due| now >= due) {
            self.save(now);
        }
    }

    /// Writes the checkpoint, if it changed.
    pub(super) fn save(&mut self, now: Instant) {
        if !self.is_changed {
            return;
        }
        self.saved_at = Some(now);
        let waiting = self.loaded.iter().chain(&self.dormant);
        let entries = self.table.entries().chain(waiting.cloned());
        let before = self.checkpoints.generation();
        let result = self.checkpoints.save(entries);
        if self.checkpoints.generation() != before {
            self.moved.clear();
            self.table
                .files
                .values_mut()
                .for_each(|known| known.is_saved = true);
        }
        match result {
            Ok(()) => {
                self.is_changed = false;
                self.is_save_failing = false;
            }
            Err(error) => {
                if !self.is_save_failing {
                    tracing::error!(%error, "the checkpoint can't be written; a power loss would send again what is acknowledged from now on");
                }
                self.is_save_failing = true;
            }
        }
    }

    /// Writes to the checkpoint's journal what has changed, before more is sent: so a crash of the process does not send it
    /// again.
    pub(super) fn write_journal(&mut self) {
        if self.moved.is_empty() {
            return;
        }
        let entries = self.moved.iter().filter_map(|key| self.table.entry(*key));
        let result = self.checkpoints.append(entries);
        match &result {
            Ok(()) => {
                for key in std::mem::take(&mut self.moved) {
                    if let Some(known) = self.table.files.get_mut(&key) {
                        known.is_saved = true;
                    }
                }
            }
            Err(error) if !self.is_journal_failing => {
                tracing::warn!(%error, "the checkpoint's journal can't be written; a crash would send again what is acknowledged until the next checkpoint");
            }
            Err(_) => {}
        }
        self.is_journal_failing = result.is_err();
    }

    pub(super) fn save_at(&self) -> Option<Instant> {
        match self.saved_at {
            _ if !self.is_changed => None,
            Some(saved) => Some(saved + SAVE_EVERY),
            None => Some(self.reconciled_at),
        }
    }

    pub(super) fn status(&self) -> Status {
        Status {
            files: self.table.status(),
            sources: self.totals.clone(),
        }
    }

    /// Whether all that was read is settled.
    pub(super) fn is_settled(&self) -> bool {
        self.handed_over == 0 && !self.has_batch()
    }
}
