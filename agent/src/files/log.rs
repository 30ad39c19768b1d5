//! The files that are known, and the logs they belong to.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    fs::Metadata,
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Instant, SystemTime},
};

use super::{
    Assembler,
    checkpoint::Entry,
    frontier::{Frontier, Position},
    identity::Inode,
    status::FileStatus,
    tail::Tail,
};
use crate::batch::FileKey;

/// Names a log for as long as the process lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct LogKey(u64);

/// A path, and the files that were there one after the other.
pub(super) struct Log {
    pub(super) path: PathBuf,
    pub(super) source: usize,
    pub(super) assembler: Box<dyn Assembler>,
    /// Oldest first; without those that were rotated away and read to their end.
    pub(super) files: Vec<FileKey>,
}

/// A file.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) tail: Tail,
    pub(super) frontier: Frontier,
    pub(super) log: LogKey,
    /// Worth a turn.
    pub(super) is_ready: bool,
    /// How many reconciliations in a row did not find it.
    pub(super) missing: u32,
    /// When the first of these was.
    pub(super) missing_since: Instant,
    /// No folder names it, or it was truncated: what it had is in memory only.
    pub(super) is_vanished: bool,
    /// Not the file any more that it was: never read again, and kept only until what it had is settled.
    pub(super) is_over: bool,
    /// When it was last seen to have grown.
    pub(super) grown_at: Instant,
    /// Its size and time of modification when it was last looked at.
    pub(super) seen: Seen,
    /// Its last turn ended with this.
    pub(super) read_error: Option<io::ErrorKind>,
    /// The checkpoint or its journal has it.
    pub(super) is_saved: bool,
    /// Never read.
    pub(super) is_compressed: bool,
    pub(super) last_acknowledged: Option<SystemTime>,
    /// The turn in which it was read last.
    pub(super) last_turn: u64,
}

/// What changes when a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Seen {
    size: u64,
    modified: (i64, i64),
}

impl Seen {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

/// All files and logs.
#[derive(Default)]
pub(super) struct Table {
    /// By age, so that the checkpoint has older ones first.
    pub(super) files: BTreeMap<FileKey, Known>,
    pub(super) logs: BTreeMap<LogKey, Log>,
    by_inode: HashMap<Inode, FileKey>,
    by_path: HashMap<PathBuf, FileKey>,
    log_by_path: HashMap<PathBuf, LogKey>,
    /// The files that are worth a turn, in the order of their turns.
    ready: VecDeque<FileKey>,
    last_key: u64,
}

impl Table {
    pub(super) fn file_of(&self, inode: Inode) -> Option<FileKey> {
        self.by_inode.get(&inode).copied()
    }

    pub(super) fn file_at(&self, path: &Path) -> Option<FileKey> {
        self.by_path.get(path).copied()
    }

    pub(super) fn log_at(&self, path: &Path) -> Option<LogKey> {
        self.log_by_path.get(path).copied()
    }

    pub(super) fn add_log(
        &mut self,
        path: PathBuf,
        source: usize,
        assembler: Box<dyn Assembler>,
    ) -> LogKey {
        self.last_key += 1;
        let key = LogKey(self.last_key);
        self.log_by_path.insert(path.clone(), key);
        self.logs.insert(
            key,
            Log {
                path,
                source,
                assembler,
                files: Vec::new(),
            },
        );
        key
    }

    pub(super) fn add_file(&mut self, tail: Tail, log: LogKey, now: Instant) -> FileKey {
        self.last_key += 1;
        let key = FileKey(self.last_key);
        self.by_inode.insert(tail.inode, key);
        self.by_path.insert(tail.path.clone(), key);
        if let Some(log) = self.logs.get_mut(&log) {
            log.files.push(key);
        }
        let start = Position {
            offset: tail.offset(),
            guard: tail.guard(),
        };
        self.files.insert(
            key,
            Known {
                tail,
                frontier: Frontier::new(start),
                log,
                is_ready: false,
                missing: 0,
                missing_since: now,
                is_vanished: false,
                is_over: false,
                grown_at: now,
                seen: Seen::default(),
                read_error: None,
                is_saved: false,
                is_compressed: false,
                last_acknowledged: None,
                last_turn: 0,
            },
        );
        key
    }

    /// Gives the file a turn, the last one for now.
    pub(super) fn make_ready(&mut self, key: FileKey) {
        let Some(known) = self.files.get_mut(&key) else {
            return;
        };
        if known.is_ready || known.is_over || known.is_compressed {
            return;
        }
        known.is_ready = true;
        self.ready.push_back(key);
        // A file that was thought read to its end was written again.
        if let Some(log) = self.logs.get_mut(&known.log)
            && let Err(index) = log.files.binary_search(&key)
        {
            log.files.insert(index, key);
        }
    }

    /// The next file to read: not before an older one of its log. Only among the vanished ones if `is_urgent`.
    pub(super) fn take_ready(&mut self, is_urgent: bool) -> Option<FileKey> {
        let index = self.ready.iter().position(|key| {
            let Some(known) = self.files.get(key) else {
                return true;
            };
            if is_urgent {
                return known.is_vanished;
            }
            self.logs.get(&known.log).is_none_or(|log| {
                let older = log.files.iter().take_while(|file| *file != key);
                !older
                    .filter_map(|file| self.files.get(file))
                    .any(|older| older.is_ready)
            })
        })?;
        let key = self.ready.remove(index)?;
        if let Some(known) = self.files.get_mut(&key) {
            known.is_ready = false;
        }
        Some(key)
    }

    /// Whether a file waits for its turn.
    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The files that wait for their turn.
    pub(super) fn ready(&self) -> impl Iterator<Item = FileKey> {
        self.ready.iter().copied()
    }

    /// The file is at another path now.
    pub(super) fn renamed(&mut self, key: FileKey, path: &Path) {
        let Some(known) = self.files.get_mut(&key) else {
            return;
        };
        if self.by_path.get(&known.tail.path) == Some(&key) {
            self.by_path.remove(&known.tail.path);
        }
        path.clone_into(&mut known.tail.path);
        known.missing = 0;
        self.by_path.insert(path.to_owned(), key);
    }

    /// The file is not where it was.
    pub(super) fn unplace(&mut self, key: FileKey) {
        if let Some(known) = self.files.get(&key)
            && self.by_path.get(&known.tail.path) == Some(&key)
        {
            self.by_path.remove(&known.tail.path);
        }
    }

    /// The file is not the one of its inode any more.
    pub(super) fn unname(&mut self, key: FileKey) {
        self.unplace(key);
        let Some(known) = self.files.get(&key) else {
            return;
        };
        if self.by_inode.get(&known.tail.inode) == Some(&key) {
            self.by_inode.remove(&known.tail.inode);
        }
    }

    /// Forgets a file, and its log when that was the last of it.
    pub(super) fn forget(&mut self, key: FileKey) {
        self.unname(key);
        let Some(known) = self.files.remove(&key) else {
            return;
        };
        self.retire(key, known.log);
        let has_files = self.files.values().any(|other| other.log == known.log);
        if !has_files && let Some(log) = self.logs.remove(&known.log) {
            self.log_by_path.remove(&log.path);
        }
    }

    /// The file takes no part in its log's order any more.
    pub(super) fn retire(&mut self, key: FileKey, log: LogKey) {
        if let Some(log) = self.logs.get_mut(&log) {
            log.files.retain(|file| *file != key);
        }
    }

    /// Whether the file is where its log is written.
    pub(super) fn is_live(&self, key: FileKey) -> bool {
        self.files
            .get(&key)
            .and_then(|known| self.logs.get(&known.log))
            .is_some_and(|log| self.by_path.get(&log.path) == Some(&key))
    }

    /// What the checkpoint shall say.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> {
        self.files.values().filter_map(|known| self.entry_of(known))
    }

    /// What the checkpoint shall say of a file, with whether that is new to it; none when it shall say nothing.
    pub(super) fn entry(&self, key: FileKey) -> Option<(bool, Entry)> {
        let known = self.files.get(&key)?;
        Some((!known.is_saved, self.entry_of(known)?))
    }

    fn entry_of(&self, known: &Known) -> Option<Entry> {
        if known.is_over {
            return None;
        }
        Some(Entry {
            inode: known.tail.inode,
            position: known.frontier.acknowledged(),
            size: known.tail.size,
            head: known.tail.head,
            path: known.tail.path.clone(),
            log: self.logs.get(&known.log)?.path.clone(),
        })
    }

    pub(super) fn status(&self) -> Vec<FileStatus> {
        self.files
            .values()
            .filter(|known| !known.is_over)
            .filter_map(|known| {
                let log = self.logs.get(&known.log)?;
                Some(FileStatus {
                    path: known.tail.path.clone(),
                    log: log.path.clone(),
                    source: log.source,
                    inode: known.tail.inode,
                    head: known.tail.head,
                    size: known.tail.size,
                    read: known.tail.offset(),
                    acknowledged: known.frontier.acknowledged().offset,
                    last_acknowledged: known.last_acknowledged,
                    is_open: known.tail.is_open(),
                    is_removed: known.is_vanished,
                    read_error: known.read_error,
                })
            })
            .collect()
    }
}
