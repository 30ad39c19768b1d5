//! Gives files their turns, and notes in the batch what it covers of them.

use std::{
    collections::{BTreeSet, HashSet, VecDeque},
    io,
    ops::Range,
    path::PathBuf,
    time::{Duration, Instant},
};

use super::{
    Assemblers, Ledger, Outlet, PatternError, Settings,
    checkpoint::{Checkpoints, Entry, Saved},
    discovery::Discovery,
    frontier::Position,
    identity::{Fingerprint, Verdict},
    log::{LogKey, Table},
    status::SourceTotals,
    tail::{ReadBuffer, Tail, Turn},
    watch::Watch,
};
use crate::{
    batch::{FileKey, LogBatch},
    clock::unix_nano,
    ledger::{Loss, LossReason},
    state_dir::StateDir,
};

/// How many turns there are before outcomes and events are looked at again.
const TURNS: usize = 16;
/// How often the size of files that have to wait is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// All of the state of the thread.
pub(super) struct Engine<D: StateDir, O> {
    pub(super) settings: Settings,
    pub(super) discovery: Discovery,
    pub(super) watch: Watch,
    pub(super) table: Table,
    pub(super) assemblers: Box<dyn Assemblers>,
    pub(super) outlet: O,
    pub(super) ledger: Ledger,
    pub(super) checkpoints: Checkpoints<D>,
    /// From the checkpoint, until the first reconciliation.
    pub(super) loaded: Vec<Entry>,
    /// Entries of files that no source names now; kept, because one may again.
    pub(super) dormant: Vec<Entry>,
    /// Where files are now, and where they were written, since the last reconciliation, oldest first.
    pub(super) renamed: Vec<(PathBuf, PathBuf)>,
    /// Files that no assembler is for.
    pub(super) refused: HashSet<PathBuf>,
    /// Until the first reconciliation.
    pub(super) is_first_start: bool,
    pub(super) reconcile_at: Instant,
    pub(super) reconciled_at: Instant,
    pub(super) reconciliation_took: Duration,
    pub(super) buffer: ReadBuffer,
    pub(super) batch: LogBatch,
    pub(super) batch_since: Option<Instant>,
    /// The memory of the next batch.
    pub(super) spare: Option<LogBatch>,
    pub(super) sent_at: Instant,
    pub(super) handed_over: usize,
    pub(super) losses: VecDeque<Loss>,
    /// The logs whose assemblers hold lines.
    pub(super) held: BTreeSet<LogKey>,
    flush_at: Instant,
    pub(super) totals: Vec<SourceTotals>,
    looked_at: Instant,
    pub(super) is_changed: bool,
    /// What the journal of the checkpoint does not say yet.
    pub(super) moved: BTreeSet<FileKey>,
    pub(super) saved_at: Option<Instant>,
    pub(super) is_save_failing: bool,
    pub(super) is_journal_failing: bool,
    turns: u64,
    opened: usize,
}

impl<D: StateDir, O: Outlet> Engine<D, O> {
    pub(super) fn new(
        settings: Settings,
        dir: D,
        assemblers: Box<dyn Assemblers>,
        outlet: O,
        ledger: Ledger,
        now: Instant,
    ) -> Result<Self, PatternError> {
        let discovery = Discovery::new(&settings.sources)?;
        let (checkpoints, saved) = Checkpoints::load(dir);
        let is_first_start = saved == Saved::Nothing;
        let loaded = match saved {
            Saved::Nothing => Vec::new(),
            Saved::Newest(entries) => entries,
            Saved::Older(entries) => {
                tracing::error!(
                    "a checkpoint is damaged; the one before it is used: the last second's lines are sent again"
                );
                entries
            }
            Saved::Damaged => {
                tracing::error!(
                    "all checkpoints are damaged: all files are read and sent again from their beginning"
                );
                Vec::new()
            }
        };
        Ok(Self {
            buffer: ReadBuffer::default(),
            discovery,
            watch: Watch::new(),
            table: Table::default(),
            assemblers,
            outlet,
            ledger,
            is_changed: checkpoints.has_unsynced(),
            checkpoints,
            loaded,
            dormant: Vec::new(),
            renamed: Vec::new(),
            refused: HashSet::new(),
            is_first_start,
            reconcile_at: now,
            reconciled_at: now,
            reconciliation_took: Duration::ZERO,
            batch: LogBatch::default(),
            batch_since: None,
            spare: None,
            sent_at: now,
            handed_over: 0,
            losses: VecDeque::new(),
            held: BTreeSet::new(),
            flush_at: now,
            totals: vec![SourceTotals::default(); settings.sources.len()],
            settings,
            looked_at: now,
            moved: BTreeSet::new(),
            saved_at: None,
            is_save_failing: false,
            is_journal_failing: false,
            turns: 0,
            opened: 0,
        })
    }

    /// Some turns, and what is due of all else but reconciliations.
    pub(super) fn step(&mut self, now: Instant) {
        self.settle();
        self.save_if_due(now);
        // What was declared has to be sent, also when no line comes after it.
        self.start_linger(now);
        self.flush_held(now);
        for _ in 0..TURNS {
            self.hand_over(now, false);
            let is_urgent = self.is_full();
            if is_urgent && !self.may_keep(now) {
                break;
            }
            let Some(key) = self.table.take_ready(is_urgent) else {
                break;
            };
            self.turn(key, now);
        }
        self.hand_over(now, false);
        if self.is_full() {
            self.open_ready();
            self.look_at_ready(now);
        }
        if self.opened > self.settings.open_files {
            self.close_idle();
        }
        self.save_if_due(now);
        self.write_journal();
        self.free_if_idle(now);
    }

    /// Whether reading has to wait for an outcome.
    pub(super) fn is_full(&self) -> bool {
        self.batch.len() >= self.settings.batch_bytes
    }

    /// Whether there is something to do right now.
    pub(super) fn is_busy(&self) -> bool {
        self.table.has_ready() && !self.is_full()
    }

    pub(super) fn turn(&mut self, key: FileKey, now: Instant) {
        if self.table.files.get(&key).is_none_or(|known| known.is_over) {
            return;
        }
        self.turns += 1;
        let was_open = self.is_open(key);
        let turn = self.offer(key, now, |tail, buffer, offer| tail.turn(buffer, offer));
        let Some(known) = self.table.files.get_mut(&key) else {
            return;
        };
        known.last_turn = self.turns;
        if !was_open && known.tail.is_open() {
            self.opened += 1;
        }
        let error = turn.as_ref().err().map(io::Error::kind);
        let error = error.filter(|error| *error != io::ErrorKind::NotFound);
        let was_failing = std::mem::replace(&mut known.read_error, error).is_some();
        match turn {
            Ok(Turn::More) => self.table.make_ready(key),
            Ok(Turn::End) => {}
            Ok(Turn::Compressed) => {
                known.is_compressed = true;
                known.tail.close();
            }
            Ok(Turn::Changed(verdict)) => {
                known.tail.size = known.tail.certain_size;
                self.over(key, verdict.into());
                self.reconcile_soon();
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.reconcile_soon(),
            Err(_) if was_failing => {}
            Err(error) => {
                tracing::warn!(
                    path = %known.tail.path.display(),
                    %error,
                    "a file can't be read; it is tried again when it is written, and with each reconciliation",
                );
            }
        }
    }

    fn is_open(&self, key: FileKey) -> bool {
        self.table
            .files
            .get(&key)
            .is_some_and(|known| known.tail.is_open())
    }

    /// Lets a file offer lines to its log's assembler, and covers them.
    pub(super) fn offer(
        &mut self,
        key: FileKey,
        now: Instant,
        read: impl FnOnce(
            &mut Tail,
            &mut ReadBuffer,
            &mut dyn FnMut(Range<u64>, &[u8]),
        ) -> io::Result<Turn>,
    ) -> io::Result<Turn> {
        let Some(known) = self.table.files.get_mut(&key) else {
            return Ok(Turn::End);
        };
        let Some(log) = self.table.logs.get_mut(&known.log) else {
            return Ok(Turn::End);
        };
        let (batch, losses, assembler) = (&mut self.batch, &mut self.losses, &mut log.assembler);
        let observed = unix_nano();
        let (before, mut cut, mut lines) = (known.tail.offset(), Vec::new(), 0);
        let longest_line = self.settings.sources[log.source].longest_line;
        let buffer = self.buffer.for_lines_of(longest_line);
        let turn = read(&mut known.tail, buffer, &mut |at, line| {
            if (line.len() as u64) + 1 < at.end - at.start {
                cut.push(at.start + line.len() as u64..at.end);
            }
            lines += 1;
            assembler.offer(key, at, line, observed, batch);
        });
        losses.extend(cut.into_iter().map(|bytes| Loss {
            path: known.tail.path.to_string_lossy().into_owned(),
            bytes,
            reason: LossReason::TooLong,
        }));
        if known.tail.offset() != before {
            known.grown_at = now;
            let totals = &mut self.totals[log.source];
            totals.read_lines += lines;
            totals.read_bytes += known.tail.offset() - before;
            let log = known.log;
            self.cover(log);
        }
        self.declare();
        self.start_linger(now);
        turn
    }

    /// Notes in the batch how far it covers the files of a log. What comes after the start of a held line is not covered,
    /// also not in the files that follow: that line may go on there.
    fn cover(&mut self, key: LogKey) {
        let Some(log) = self.table.logs.get_mut(&key) else {
            return;
        };
        let held = log.assembler.held();
        match held {
            Some(_) => self.held.insert(key),
            None => self.held.remove(&key),
        };
        for file in &log.files {
            let Some(known) = self.table.files.get_mut(file) else {
                continue;
            };
            let offset = known.tail.offset();
            let up_to = match held {
                Some((holding, _)) if holding < *file => break,
                Some((holding, start)) if holding == *file => start.min(offset),
                _ => offset,
            };
            if up_to <= known.frontier.covered() {
                continue;
            }
            let guard = if up_to == offset {
                Ok(known.tail.guard())
            } else if known.is_over {
                Ok(Fingerprint::default())
            } else {
                known
                    .tail
                    .open()
                    .and_then(|_| known.tail.guard_before(up_to))
            };
            // Without it nothing is lost: the next cover includes this one.
            if let Ok(guard) = guard {
                known.frontier.cover(Position {
                    offset: up_to,
                    guard,
                });
                self.batch.cover(*file, up_to);
            }
        }
    }

    /// Writes the multi-line records that have waited long enough.
    fn flush_held(&mut self, now: Instant) {
        if self.held.is_empty() || now < self.flush_at {
            return;
        }
        self.flush_at = now + self.settings.record_wait / 4;
        let wait = self.settings.record_wait.as_nanos() as u64;
        let older_than = unix_nano().saturating_sub(wait);
        for key in self.held.clone() {
            self.flush_log(key, older_than, now);
        }
    }

    /// Writes what a log's assembler holds since before a time.
    pub(super) fn flush_log(&mut self, key: LogKey, older_than: u64, now: Instant) {
        match self.table.logs.get_mut(&key) {
            Some(log) => log.assembler.flush(older_than, &mut self.batch),
            None => drop(self.held.remove(&key)),
        }
        self.cover(key);
        self.start_linger(now);
    }

    /// Tells the ledger of the losses.
    pub(super) fn declare(&mut self) {
        while let Some(loss) = self.losses.pop_front() {
            tracing::warn!(path = loss.path, from = loss.bytes.start, to = loss.bytes.end, reason = %loss.reason, "lines are lost");
            (self.ledger)(loss, &mut self.batch);
        }
    }

    /// Files that can't be read yet may be removed meanwhile; what is open stays.
    fn open_ready(&mut self) {
        let room = self.settings.open_files.saturating_sub(self.opened);
        let closed: Vec<FileKey> = self
            .table
            .ready()
            .filter(|key| !self.is_open(*key))
            .take(room)
            .collect();
        for key in closed {
            let Some(known) = self.table.files.get_mut(&key) else {
                continue;
            };
            // What is wrong with it shows in its turn.
            let _ = known.tail.open();
            self.opened += usize::from(known.tail.is_open());
        }
    }

    /// Notes how much there is to read in the files that have to wait: it is declared when they are truncated meanwhile.
    fn look_at_ready(&mut self, now: Instant) {
        if now < self.looked_at + LOOK_EVERY {
            return;
        }
        self.looked_at = now;
        for key in self.table.ready().collect::<Vec<_>>() {
            let Some(known) = self.table.files.get_mut(&key) else {
                continue;
            };
            let before = known.tail.size;
            match known.tail.look() {
                Ok(Verdict::Same) => self.is_changed |= known.tail.size > before,
                Ok(verdict) => {
                    self.over(key, verdict.into());
                    self.reconcile_soon();
                }
                // It shows in its turn.
                Err(_) => {}
            }
        }
    }

    /// Closes the files that were not read for the longest time, but none whose content is elsewhere already gone.
    fn close_idle(&mut self) {
        let mut open: Vec<_> = self
            .table
            .files
            .values_mut()
            .filter(|known| known.tail.is_open())
            .collect();
        self.opened = open.len();
        open.retain(|known| !known.is_ready && !known.is_vanished && known.missing == 0);
        open.sort_by_key(|known| known.last_turn);
        let excess = self.opened.saturating_sub(self.settings.open_files * 3 / 4);
        for known in open.into_iter().take(excess) {
            known.tail.close();
            self.opened -= 1;
        }
    }

    /// When there is something to do without an event.
    pub(super) fn next_due(&self) -> Instant {
        let mut due = self.reconcile_at;
        let may_hand_over = self.batch.is_empty() || self.outlet.is_free();
        if let Some(since) = self.batch_since.filter(|_| may_hand_over) {
            due = due.min(since + self.settings.linger);
        }
        for at in [self.save_at(), self.free_at()].into_iter().flatten() {
            due = due.min(at);
        }
        if !self.held.is_empty() {
            due = due.min(self.flush_at);
        }
        if self.is_full() && self.table.has_ready() {
            due = due.min(self.looked_at + LOOK_EVERY);
        }
        due
    }
}
