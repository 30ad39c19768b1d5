//! What is known of each file, for the agent's own metrics and `explain`.

use std::{io, path::PathBuf, time::SystemTime};

use super::identity::{Fingerprint, Inode};

/// What is known at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// All files, older ones of a log first.
    pub files: Vec<FileStatus>,
    /// Of each source, in the order of the settings.
    pub sources: Vec<SourceTotals>,
}

/// What was done for a source since the start; these only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SourceTotals {
    /// Lines that were offered to assemblers.
    pub read_lines: u64,
    /// Bytes of files that were read, newlines and skipped bytes included.
    pub read_bytes: u64,
    /// Bytes of files whose batches were acknowledged.
    pub acknowledged_bytes: u64,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStatus {
    /// Where it was seen last.
    pub path: PathBuf,
    /// Where it was before it was rotated; the same while it is not.
    pub log: PathBuf,
    /// The index of the source that names it.
    pub source: usize,
    /// Its device and inode.
    pub inode: Inode,
    /// Of its first bytes.
    pub head: Fingerprint,
    /// The largest size that was seen, in bytes.
    pub size: u64,
    /// All lines before it were read.
    pub read: u64,
    /// All before it is acknowledged or declared.
    pub acknowledged: u64,
    /// When a batch with lines of it was last acknowledged by this process.
    pub last_acknowledged: Option<SystemTime>,
    /// Whether it is open.
    pub is_open: bool,
    /// Whether no folder names it any more.
    pub is_removed: bool,
    /// Why it can't be read now; it is tried again.
    pub read_error: Option<io::ErrorKind>,
}

impl FileStatus {
    /// The bytes that are in the file and not acknowledged.
    pub fn lag_bytes(&self) -> u64 {
        self.size.saturating_sub(self.acknowledged)
    }
}
