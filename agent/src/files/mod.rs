//! Finds files, reads them, and moves their checkpoints when what was read is safe.
//!
//! One thread does all of it: `discover → tail → assemble → hand over → acknowledge → checkpoint`. A *log* is a path with the
//! files that were rotated away from it; its assembler makes records of lines, also of those that lie in two files.
//!
//! Promised, as long as the state folder is there:
//! - Every line that was in a file is in an acknowledged batch, or in one the spool has, or is declared in the [`Ledger`].
//! - Lines of a file are handed over in order, those of a rotated file before those of its successor.
//! - After a crash of the process, what is sent again is what was not acknowledged: at most two batches, and what an assembler
//!   held, with what came after it in its log. After a power loss, also what was acknowledged since the checkpoint was synced:
//!   one second.
//! - While the state folder can't be written, reading goes on; what a crash would send again then grows.
//! - A file that can't be read is tried again for as long as a folder names it; its [`FileStatus`] says so. When it is gone,
//!   what was not read of it is declared.
//! - Memory holds three batches and one read buffer, however much there is to read.
//!
//! Known limitations:
//! - What was written between the last look at a file (a second ago, at most, while reading has to wait) and its truncation or
//!   removal is unknown, so it can't be declared.
//! - A file of which a part is copied to another file (`copytruncate`) under a name that the patterns match is read again
//!   under that name; exclude such names.
//! - A file that is found and gets a name that no pattern matches within the second before a power loss is not found again.
//! - What is written to a rotated file after its successor was read comes after the successor's lines.
//! - A line that an assembler holds, holds back the acknowledged offset of its file and of that file's successors; when its
//!   end never comes, until nobody has written to the log for ten minutes.
//! - When a batch is refused, its file's checkpoint may be saved before the record that declares it is acknowledged.

use std::{ops::Range, os::fd::BorrowedFd, path::Path, time::Duration};

use crate::{
    batch::{FileKey, LogBatch},
    ledger::{Loss, LossReason},
};

pub mod checkpoint;
pub mod discovery;
mod ending;
mod engine;
mod events;
pub mod frontier;
mod handover;
pub mod identity;
mod log;
pub mod pattern;
mod reconcile;
mod status;
pub mod tail;
#[cfg(test)]
mod tests;
mod thread;
pub mod watch;

pub use pattern::PatternError;
pub use status::{FileStatus, SourceTotals, Status};
pub use thread::{Files, StartError, StopError};

/// What to read, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// In the order of their precedence: a file belongs to the first that names it.
    pub sources: Vec<Source>,
    /// In bytes; a batch that has as many is handed over.
    pub batch_bytes: usize,
    /// A batch with less is handed over after this time.
    pub linger: Duration,
    /// How long a multi-line record waits for its next line.
    pub record_wait: Duration,
    /// How often all files are looked at, where inotify tells of changes.
    pub reconcile_every: Duration,
    /// How often all files are looked at, where inotify does not.
    pub poll_every: Duration,
    /// How long a file that was rotated away must not have grown before its last half line counts as a line, and before a
    /// removed one is closed.
    pub settle: Duration,
    /// How long no file of a log must have grown before a part of a line, whose end never came, counts as a line.
    pub abandoned_after: Duration,
    /// How many files may be open that need not be.
    pub open_files: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sources: Vec::new(),
            batch_bytes: 1024 * 1024,
            linger: Duration::from_millis(200),
            record_wait: Duration::from_secs(1),
            reconcile_every: Duration::from_secs(60),
            poll_every: Duration::from_secs(10),
            settle: Duration::from_secs(30),
            abandoned_after: Duration::from_secs(600),
            open_files: 256,
        }
    }
}

/// Files that are read alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Patterns for absolute paths ([`pattern`]).
    pub include: Vec<String>,
    /// Patterns for paths that are left out all the same.
    pub exclude: Vec<String>,
    /// Where to start in files that are there at the very first start.
    pub start_at: StartAt,
    /// In bytes, without the newline; what is longer is cut.
    pub longest_line: usize,
}

/// Where reading starts in a file that is there at the very first start; in all others, at the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StartAt {
    /// With its first line.
    #[default]
    Beginning,
    /// With what is written from then on.
    End,
}

/// Makes records of a log's lines.
pub trait Assembler: Send {
    /// Offers one whole line without its newline. `at`: its bytes in the file, with the newline. Writes what is complete into
    /// `batch`.
    fn offer(
        &mut self,
        file: FileKey,
        at: Range<u64>,
        line: &[u8],
        observed_unix_nano: u64,
        batch: &mut LogBatch,
    );
    /// The start of the earliest line that was offered and is not yet in a batch.
    fn held(&self) -> Option<(FileKey, u64)>;
    /// Writes what is held and has waited since before `older_than_unix_nano` (multi-line records; never container parts).
    /// `u64::MAX`: all of it, container parts too.
    fn flush(&mut self, older_than_unix_nano: u64, batch: &mut LogBatch);
}

/// Makes the assembler of each log.
pub trait Assemblers: Send {
    /// For the log at `path`, which the source of index `source` names; none when it is not to be read (it is asked again
    /// with each reconciliation).
    fn assembler(&mut self, path: &Path, source: usize) -> Option<Box<dyn Assembler>>;
}

/// Takes finished batches.
pub trait Outlet: Send {
    /// Whether [`send`](Self::send) may be called: nothing that was sent is in flight.
    fn is_free(&self) -> bool;
    /// Sends a batch to the Collector.
    fn send(&mut self, batch: LogBatch);
    /// As `send`, but straight into the spool, also while one is in flight: what it covers is about to vanish. What is sent
    /// later must not overtake it, or the order per file is lost.
    fn keep(&mut self, batch: LogBatch);
    /// Puts what is in flight into the spool, if that is not done yet: what it covers is about to vanish. May be called
    /// repeatedly.
    fn keep_sent(&mut self);
    /// The batches that are settled since the last call; clears the waker.
    fn outcomes(&mut self) -> Vec<Outcome>;
    /// Becomes readable when there are outcomes.
    fn waker_fd(&self) -> BorrowedFd<'_>;
}

/// What became of a batch.
#[derive(Debug)]
pub struct Outcome {
    /// Given back for its memory and its covers.
    pub batch: LogBatch,
    /// Acknowledged by the Collector or durable in the spool; or refused for good.
    pub result: Result<(), LossReason>,
}

/// Takes the losses: counts them, and writes a record of each into the batch.
pub type Ledger = Box<dyn FnMut(Loss, &mut LogBatch) + Send>;
