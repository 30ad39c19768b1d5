//! Saves how far each file is acknowledged, so that a restart goes on from there.
//!
//! Two generations, `checkpoint.0` and `checkpoint.1`, written in turn: a new one is written beside them as `checkpoint.new`,
//! synced, renamed over the older one, and the folder is synced. The one with the higher generation that is not damaged
//! counts, with what the journal (`checkpoint/journal.rs`) says was acknowledged since. An older one, or none, means that lines are sent again;
//! never that lines are lost.
//!
//! All numbers are little-endian.
//!
//! | bytes | |
//! |---|---|
//! | 8 | `TRVCKPT` and the version, 1 |
//! | 8 | generation |
//! | 4 | number of entries |
//! | … | entries, for each log the older file first |
//! | 4 | CRC32C of all before |
//!
//! | bytes of an entry | |
//! |---|---|
//! | 8, 8 | device, inode |
//! | 8 | offset: all before it is acknowledged |
//! | 8 | the largest size of the file that was seen |
//! | 2, 8 | length and XXH3 of the head |
//! | 2, 8 | length and XXH3 of the bytes before the offset |
//! | 2, n | length and bytes of the path where the file was seen last |
//! | 2, n | the same of the log's path: where the file was before it was rotated |

use std::{borrow::Borrow, io};

pub use entry::Entry;
use entry::Reader;
use journal::{Journal, Mark};

use crate::state_dir::{StateDir, StateFile};

mod entry;
mod journal;

const NAMES: [&str; 2] = ["checkpoint.0", "checkpoint.1"];
const NEW: &str = "checkpoint.new";
const MAGIC: &[u8; 8] = b"TRVCKPT\x01";

/// What a folder has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saved {
    /// No checkpoint: it is the first start.
    Nothing,
    /// The newest generation.
    Newest(Vec<Entry>),
    /// The newest one is damaged: the one before it. What was acknowledged since is sent again.
    Older(Vec<Entry>),
    /// All there is is damaged: everything is read again.
    Damaged,
}

impl Saved {
    /// The entries, of whichever generation.
    pub fn entries(self) -> Vec<Entry> {
        match self {
            Self::Newest(entries) | Self::Older(entries) => entries,
            Self::Nothing | Self::Damaged => Vec::new(),
        }
    }
}

/// Writes checkpoints.
pub struct Checkpoints<D: StateDir> {
    dir: D,
    newest: Mark,
    next_generation: u64,
    journal: Journal<D::File>,
    bytes: Vec<u8>,
}

impl<D: StateDir> Checkpoints<D> {
    /// Reads what the folder has.
    pub fn load(dir: D) -> (Self, Saved) {
        let slots = NAMES.map(|name| read(&dir, name));
        let mut damaged = 0;
        let mut best: Option<(Mark, Vec<Entry>)> = None;
        for slot in slots {
            match slot {
                Slot::Missing => {}
                Slot::Damaged => damaged += 1,
                Slot::Good(mark, entries) => {
                    if best
                        .as_ref()
                        .is_none_or(|(other, _)| other.generation < mark.generation)
                    {
                        best = Some((mark, entries));
                    }
                }
            }
        }
        let is_none = best.is_none();
        let (newest, mut entries) = best.unwrap_or_default();
        let (journal, records) = Journal::load(&dir, newest, &mut entries);
        let saved = match damaged {
            0 if is_none && records == 0 => Saved::Nothing,
            0 => Saved::Newest(entries),
            _ if is_none && records == 0 => Saved::Damaged,
            _ => Saved::Older(entries),
        };
        // A power loss may have taken checkpoints that the journal has records of: another one like them would claim those. Two
        // at a time, for the generations take turns in two files.
        let taken = journal.foreign_generation();
        let behind = taken.saturating_sub(newest.generation);
        let checkpoints = Self {
            dir,
            newest,
            next_generation: newest.generation + 1 + behind.next_multiple_of(2),
            journal,
            bytes: Vec::new(),
        };
        (checkpoints, saved)
    }

    /// The generation that a start of the process would find now.
    pub fn generation(&self) -> u64 {
        self.newest.generation
    }

    /// Whether something is known that a power loss could take: what the last process appended, too.
    pub fn has_unsynced(&self) -> bool {
        self.journal.has_records()
    }

    /// Saves all entries, durably when it returns.
    ///
    /// # Errors
    /// When it can't be written: the one before is still there, or [`generation`](Self::generation) is another one, and only
    /// after a power loss that may not be.
    pub fn save(&mut self, entries: impl Iterator<Item = impl Borrow<Entry>>) -> io::Result<()> {
        let generation = self.next_generation;
        let crc = encode(generation, entries, &mut self.bytes);
        let mut file = self.dir.create(NEW)?;
        file.write_all(&self.bytes)?;
        file.sync()?;
        drop(file);
        // The damaged one of two has no generation; the good one has that of `self`, and is never the one replaced.
        self.dir.rename(NEW, NAMES[(generation % 2) as usize])?;
        // Found by the next start, also when the folder can't be synced.
        self.newest = Mark { generation, crc };
        self.next_generation = generation + 1;
        self.journal.start_again();
        self.dir.sync()
    }

    /// Saves what has changed since the last [`save`](Self::save), so that it outlives the process, but not a power loss.
    /// Each entry comes with whether its file is new: neither in that generation nor in an `append` since.
    ///
    /// # Errors
    /// When it can't be written; then none of it counts.
    pub fn append(
        &mut self,
        entries: impl Iterator<Item = (bool, impl Borrow<Entry>)>,
    ) -> io::Result<()> {
        self.journal.append(&self.dir, self.newest, entries)
    }
}

enum Slot {
    Missing,
    Damaged,
    Good(Mark, Vec<Entry>),
}

fn read(dir: &impl StateDir, name: &str) -> Slot {
    match read_all(dir, name) {
        Ok(bytes) => match decode(&bytes) {
            Some((mark, entries)) => Slot::Good(mark, entries),
            None => Slot::Damaged,
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Slot::Missing,
        Err(error) => {
            tracing::error!(file = name, %error, "a checkpoint can't be read");
            Slot::Damaged
        }
    }
}

fn read_all(dir: &impl StateDir, name: &str) -> io::Result<Vec<u8>> {
    let length = dir.len(name)?;
    let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    let filled = dir.read_at(name, 0, &mut bytes)?;
    bytes.truncate(filled);
    Ok(bytes)
}

/// Returns the checksum.
fn encode(
    generation: u64,
    entries: impl Iterator<Item = impl Borrow<Entry>>,
    out: &mut Vec<u8>,
) -> u32 {
    out.clear();
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&generation.to_le_bytes());
    let count_at = out.len();
    out.extend_from_slice(&[0; 4]);
    let mut count = 0u32;
    for entry in entries {
        entry.borrow().encode(out);
        count += 1;
    }
    out[count_at..count_at + 4].copy_from_slice(&count.to_le_bytes());
    let crc = crc32c::crc32c(out);
    out.extend_from_slice(&crc.to_le_bytes());
    crc
}

/// None when it is damaged.
fn decode(bytes: &[u8]) -> Option<(Mark, Vec<Entry>)> {
    let (bytes, crc) = bytes.split_last_chunk::<4>()?;
    let crc = u32::from_le_bytes(*crc);
    if crc32c::crc32c(bytes) != crc {
        return None;
    }
    let mut reader = Reader(bytes.strip_prefix(MAGIC)?);
    let generation = reader.generation()?;
    let count = u32::from_le_bytes(reader.array()?);
    let mut entries = Vec::new();
    for _ in 0..count {
        entries.push(reader.entry()?);
    }
    let mark = Mark { generation, crc };
    reader.0.is_empty().then_some((mark, entries))
}

/// Forgets what `is_removed` says, and returns it: those files count as never seen, and are read from their beginning. Not
/// while the agent runs.
///
/// # Errors
/// When it can't be written.
pub fn remove<D: StateDir>(dir: D, is_removed: impl Fn(&Entry) -> bool) -> io::Result<Vec<Entry>> {
    let (mut checkpoints, saved) = Checkpoints::load(dir);
    let (removed, kept): (Vec<_>, Vec<_>) = saved.entries().into_iter().partition(is_removed);
    if !removed.is_empty() {
        checkpoints.save(kept.iter())?;
    }
    Ok(removed)
}

/// Adds entries, in place of those of the same files. The next start is then not the first one. Not while the agent runs.
///
/// # Errors
/// When it can't be written.
pub fn add<D: StateDir>(dir: D, entries: &[Entry]) -> io::Result<()> {
    let (mut checkpoints, saved) = Checkpoints::load(dir);
    let mut before = saved.entries();
    before.retain(|old| entries.iter().all(|new| new.inode != old.inode));
    checkpoints.save(before.iter().chain(entries))
}
