//! Saves how far each file is acknowledged, so that a restart goes on from there.
//!
//! Two generations, `checkpoint.0` and `checkpoint.1`, written in turn: a new one is written beside them as `checkpoint.new`,
//! synced, renamed over the older one, and the folder is synced. The one with the higher generation that is not damaged
//! counts. An older one, or none, means that lines are sent again; never that lines are lost.
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

use std::{
    borrow::Borrow,
    ffi::OsStr,
    io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use super::{
    frontier::Position,
    identity::{Fingerprint, Inode},
    tail::Tail,
};
use crate::state_dir::{StateDir, StateFile};

const NAMES: [&str; 2] = ["checkpoint.0", "checkpoint.1"];
const NEW: &str = "checkpoint.new";
const MAGIC: &[u8; 8] = b"TRVCKPT\x01";

/// What is remembered of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Which file.
    pub inode: Inode,
    /// All before it is acknowledged.
    pub position: Position,
    /// The largest size that was seen, in bytes.
    pub size: u64,
    /// Of its first bytes.
    pub head: Fingerprint,
    /// Where it was seen last.
    pub path: PathBuf,
    /// Where it was before it was rotated.
    pub log: PathBuf,
}

impl Entry {
    /// For a file that is there now and of which another program says that all before `offset` is done with.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn at(path: &Path, offset: u64) -> io::Result<Self> {
        let none = Fingerprint::default();
        let inode = Inode::of(&path.metadata()?);
        let mut tail = Tail::new(inode, path.to_owned(), none, 0, none);
        tail.skip_to(offset)?;
        Ok(Self {
            inode,
            position: Position {
                offset: tail.offset(),
                guard: tail.guard(),
            },
            size: tail.size,
            head: tail.head,
            path: path.to_owned(),
            log: path.to_owned(),
        })
    }
}

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
#[derive(Debug)]
pub struct Checkpoints<D> {
    dir: D,
    generation: u64,
    bytes: Vec<u8>,
}

impl<D: StateDir> Checkpoints<D> {
    /// Reads what the folder has.
    pub fn load(dir: D) -> (Self, Saved) {
        let slots = NAMES.map(|name| read(&dir, name));
        let mut damaged = 0;
        let mut best: Option<(u64, Vec<Entry>)> = None;
        for slot in slots {
            match slot {
                Slot::Missing => {}
                Slot::Damaged => damaged += 1,
                Slot::Good(generation, entries) => {
                    if best.as_ref().is_none_or(|(other, _)| *other < generation) {
                        best = Some((generation, entries));
                    }
                }
            }
        }
        let (generation, saved) = match best {
            Some((generation, entries)) if damaged == 0 => (generation, Saved::Newest(entries)),
            Some((generation, entries)) => (generation, Saved::Older(entries)),
            None if damaged == 0 => (0, Saved::Nothing),
            None => (0, Saved::Damaged),
        };
        let checkpoints = Self {
            dir,
            generation,
            bytes: Vec::new(),
        };
        (checkpoints, saved)
    }

    /// Saves all entries, durably when it returns.
    ///
    /// # Errors
    /// When it can't be written; the one before is still there.
    pub fn save(&mut self, entries: impl Iterator<Item = impl Borrow<Entry>>) -> io::Result<()> {
        let generation = self.generation + 1;
        encode(generation, entries, &mut self.bytes);
        let mut file = self.dir.create(NEW)?;
        file.write_all(&self.bytes)?;
        file.sync()?;
        drop(file);
        // The damaged one of two has no generation; the good one has that of `self`, and is never the one replaced.
        self.dir.rename(NEW, NAMES[(generation % 2) as usize])?;
        self.dir.sync()?;
        self.generation = generation;
        Ok(())
    }
}

enum Slot {
    Missing,
    Damaged,
    Good(u64, Vec<Entry>),
}

fn read(dir: &impl StateDir, name: &str) -> Slot {
    match read_all(dir, name) {
        Ok(bytes) => match decode(&bytes) {
            Some((generation, entries)) => Slot::Good(generation, entries),
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
    let mut filled = 0;
    while filled < bytes.len() {
        match dir.read_at(name, filled as u64, &mut bytes[filled..])? {
            0 => break,
            length => filled += length,
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

fn encode(generation: u64, entries: impl Iterator<Item = impl Borrow<Entry>>, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&generation.to_le_bytes());
    let count_at = out.len();
    out.extend_from_slice(&[0; 4]);
    let mut count = 0u32;
    for entry in entries {
        let entry = entry.borrow();
        for number in [
            entry.inode.device,
            entry.inode.number,
            entry.position.offset,
            entry.size,
        ] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for fingerprint in [entry.head, entry.position.guard] {
            out.extend_from_slice(&fingerprint.length.to_le_bytes());
            out.extend_from_slice(&fingerprint.hash.to_le_bytes());
        }
        for path in [&entry.path, &entry.log] {
            // Linux has no longer paths than 4096 bytes.
            let bytes = path.as_os_str().as_bytes();
            let bytes = &bytes[..bytes.len().min(usize::from(u16::MAX))];
            out.extend_from_slice(&(bytes.len() as u16).to_le_bytes());
            out.extend_from_slice(bytes);
        }
        count += 1;
    }
    out[count_at..count_at + 4].copy_from_slice(&count.to_le_bytes());
    let crc = crc32c::crc32c(out);
    out.extend_from_slice(&crc.to_le_bytes());
}

/// None when it is damaged.
fn decode(bytes: &[u8]) -> Option<(u64, Vec<Entry>)> {
    let (bytes, crc) = bytes.split_last_chunk::<4>()?;
    if crc32c::crc32c(bytes) != u32::from_le_bytes(*crc) {
        return None;
    }
    let mut reader = Reader(bytes.strip_prefix(MAGIC)?);
    let generation = reader.u64()?;
    let count = u32::from_le_bytes(reader.array()?);
    let mut entries = Vec::new();
    for _ in 0..count {
        entries.push(reader.entry()?);
    }
    reader.0.is_empty().then_some((generation, entries))
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*array)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn fingerprint(&mut self) -> Option<Fingerprint> {
        Some(Fingerprint {
            length: self.u16()?,
            hash: self.u64()?,
        })
    }

    fn path(&mut self) -> Option<PathBuf> {
        let length = usize::from(self.u16()?);
        let (path, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(PathBuf::from(OsStr::from_bytes(path)))
    }

    fn entry(&mut self) -> Option<Entry> {
        let inode = Inode {
            device: self.u64()?,
            number: self.u64()?,
        };
        let (offset, size) = (self.u64()?, self.u64()?);
        let (head, guard) = (self.fingerprint()?, self.fingerprint()?);
        Some(Entry {
            inode,
            position: Position { offset, guard },
            size,
            head,
            path: self.path()?,
            log: self.path()?,
        })
    }
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
