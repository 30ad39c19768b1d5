//! Ends files: those that were rotated away, removed or truncated, when nothing of them is left to do.

use std::time::Instant;

use super::{Outlet, engine::Engine, identity::Verdict, log::Known, reconcile::PROOF, tail::Tail};
use crate::{
    batch::FileKey,
    ledger::{Loss, LossReason},
    state_dir::StateDir,
};

impl<D: StateDir, O: Outlet> Engine<D, O> {
    /// The file is not the one any more that it was. What was not read of it is lost.
    pub(super) fn over(&mut self, key: FileKey, reason: LossReason) {
        self.table.unname(key);
        let Some(known) = self.table.files.get_mut(&key) else {
            return;
        };
        known.is_over = true;
        known.is_vanished = true;
        known.is_ready = false;
        known.tail.close();
        self.is_changed = true;
        if known.tail.is_behind() && !known.is_compressed {
            self.losses.push_back(Loss {
                path: known.tail.path.to_string_lossy().into_owned(),
                bytes: known.tail.offset()..known.tail.size,
                reason,
            });
        }
        self.declare();
    }

    /// The file ends earlier than it did, though not before what was read.
    pub(super) fn shrunk(&mut self, key: FileKey, size: u64) {
        let Some(known) = self.table.files.get_mut(&key) else {
            return;
        };
        self.losses.push_back(Loss {
            path: known.tail.path.to_string_lossy().into_owned(),
            bytes: size.max(known.tail.offset())..known.tail.size,
            reason: LossReason::Truncated,
        });
        known.tail.size = size;
        known.tail.certain_size = size;
        self.declare();
    }

    /// Reads files that are in no folder any more, as the last thing that is done; whether all of them were read to their end.
    pub(super) fn read_vanished(&mut self, now: Instant) -> bool {
        let is_vanished = |known: &Known| known.is_vanished && !known.is_over;
        let vanished: Vec<_> = self
            .table
            .files
            .iter()
            .filter(|(_, known)| is_vanished(known))
            .map(|(key, known)| (*key, known.log))
            .collect();
        for (key, _) in &vanished {
            self.table.make_ready(*key);
        }
        while let Some(key) = self.table.take_ready(true) {
            if self.is_full() {
                return false;
            }
            self.turn(key, now);
        }
        for (key, log) in vanished {
            // What is wrong with it was told by its turn.
            let _ = self.offer(key, now, Tail::finish);
            self.flush_log(log, u64::MAX, now);
        }
        true
    }

    /// Writes what assemblers hold of logs that nobody writes any more, as of a container that died in the middle of a line:
    /// its checkpoint could never move.
    pub(super) fn flush_abandoned(&mut self, now: Instant) {
        for key in self.held.clone() {
            let Some(log) = self.table.logs.get(&key) else {
                continue;
            };
            let mut files = log
                .files
                .iter()
                .filter_map(|file| self.table.files.get(file));
            if files.all(|known| now >= known.grown_at + self.settings.abandoned_after) {
                self.flush_log(key, u64::MAX, now);
            }
        }
    }

    /// Ends files that were rotated away or are gone, when nothing of them is left to do.
    pub(super) fn sweep(&mut self, now: Instant) {
        let keys: Vec<_> = self.table.files.keys().copied().collect();
        for key in keys {
            if !self.table.is_live(key) {
                self.sweep_file(key, now);
            }
        }
        self.declare();
    }

    fn sweep_file(&mut self, key: FileKey, now: Instant) {
        let Some(known) = self.table.files.get(&key) else {
            return;
        };
        let (log, is_over, is_placed) = (
            known.log,
            known.is_over,
            known.missing == 0 && !known.is_over,
        );
        let has_settled = now >= known.grown_at + self.settings.settle;
        if !is_over && known.is_vanished && !known.is_ready && !has_settled {
            // No event tells of what is still written to it.
            return self.table.make_ready(key);
        }
        if known.is_ready {
            return;
        }
        let is_proven_gone = known.missing >= PROOF;
        if !is_over && is_proven_gone && !known.tail.is_open() {
            let reason = match known.read_error {
                Some(_) => LossReason::ReadError,
                None => LossReason::Removed,
            };
            return self.over(key, reason);
        }
        if !is_over && has_settled && known.tail.is_behind() && !known.is_compressed {
            let finished = self.offer(key, now, Tail::finish);
            // In a folder it is tried again, as it may be readable one day.
            if finished.is_err() && is_proven_gone {
                return self.over(key, LossReason::ReadError);
            }
        }
        let is_covered = |engine: &Self| {
            let known = engine.table.files.get(&key);
            known.is_some_and(|known| known.frontier.covered() >= known.tail.offset())
        };
        // What an assembler holds of it is in no file any more.
        if (is_over || is_proven_gone) && has_settled && !is_covered(self) {
            self.flush_log(log, u64::MAX, now);
        }
        let is_covered = is_covered(self);
        let Some(known) = self.table.files.get(&key) else {
            return;
        };
        let is_read = is_over || known.is_compressed || !known.tail.is_behind();
        if !is_read || !is_covered || !known.frontier.is_settled() {
            return;
        }
        if is_over || (is_proven_gone && has_settled) {
            self.is_changed = true;
            self.table.forget(key);
        } else if is_placed {
            self.table.retire(key, log);
        }
    }
}

impl From<Verdict> for LossReason {
    /// Of what was not read of a file that is not the same any more.
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Truncated => Self::Truncated,
            Verdict::Same | Verdict::Other => Self::Removed,
        }
    }
}
