//! What was acknowledged since the newest checkpoint, so that the end of the process does not send it again.
//!
//! `checkpoint.journal` belongs to one generation; the next one starts it again. It is written at its end with each settled
//! batch and never synced: what is in the page cache outlives the process, and a power loss costs what was acknowledged since
//! the checkpoint.
//!
//! | bytes of a record | |
//! |---|---|
//! | 4 | length of all after the next field |
//! | 4 | CRC32C of all after this field |
//! | 8, 4 | generation, and the CRC32C of its checkpoint |
//! | 1 | 0: the file is in the checkpoint or in a record before; 1: it is new, and comes after all others |
//! | … | an entry, as in the checkpoint |
//!
//! Records count up to the first that is damaged or of another generation. What is after it is cut off before the next one
//! is written.

use std::{borrow::Borrow, io};

use super::{
    entry::{Entry, Reader},
    read_all,
};
use crate::state_dir::{StateDir, StateFile};

const NAME: &str = "checkpoint.journal";
/// Longer it becomes only while no checkpoint can be written.
const MOST_BYTES: u64 = 8 * 1024 * 1024;

/// Names a checkpoint: its generation and checksum. There may have been two of one generation, when the power was lost before
/// the first of them was safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Mark {
    pub(super) generation: u64,
    pub(super) crc: u32,
}

/// Writes records.
pub(super) struct Journal<F> {
    /// None before the first record, and after an error.
    file: Option<F>,
    /// Of the records that count.
    length: u64,
    /// The newest generation that the records which do not count are of; 0 when there are none.
    foreign: u64,
    bytes: Vec<u8>,
}

impl<F: StateFile> Journal<F> {
    /// Reads the records of a checkpoint, and changes its entries as they say; how many there were.
    pub(super) fn load<D: StateDir<File = F>>(
        dir: &D,
        mark: Mark,
        entries: &mut Vec<Entry>,
    ) -> (Self, usize) {
        let bytes = read_all(dir, NAME).unwrap_or_else(|error| {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::error!(file = NAME, %error, "the journal can't be read; what was acknowledged since the checkpoint is sent again");
            }
            Vec::new()
        });
        let (mut rest, mut count) = (bytes.as_slice(), 0);
        while let Some((found, is_new, entry, after)) = decode(rest)
            && found == mark
        {
            apply(is_new, entry, entries);
            (rest, count) = (after, count + 1);
        }
        let length = (bytes.len() - rest.len()) as u64;
        let mut foreign = 0;
        while let Some((found, _, _, after)) = decode(rest) {
            (rest, foreign) = (after, found.generation.max(foreign));
        }
        let journal = Self {
            file: None,
            length,
            foreign,
            bytes: Vec::new(),
        };
        (journal, count)
    }

    pub(super) fn foreign_generation(&self) -> u64 {
        self.foreign
    }

    pub(super) fn has_records(&self) -> bool {
        self.length > 0
    }

    /// Writes records, each with whether its file is new.
    pub(super) fn append<D: StateDir<File = F>>(
        &mut self,
        dir: &D,
        mark: Mark,
        records: impl Iterator<Item = (bool, impl Borrow<Entry>)>,
    ) -> io::Result<()> {
        if self.length >= MOST_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.clear();
        for (is_new, entry) in records {
            encode(mark, is_new, entry.borrow(), &mut self.bytes);
        }
        let mut file = match self.file.take() {
            Some(file) => file,
            None => open(dir, self.length)?,
        };
        // After an error a part of a record may be at the end, so it is opened again.
        file.write_all(&self.bytes)?;
        self.file = Some(file);
        self.length += self.bytes.len() as u64;
        Ok(())
    }

    /// A new checkpoint has what the records say.
    pub(super) fn start_again(&mut self) {
        self.length = 0;
        // Records of another generation do no harm, so it is soon enough before the next one is written.
        self.file.take_if(|file| file.truncate(0).is_err());
    }
}

fn open<D: StateDir>(dir: &D, length: u64) -> io::Result<D::File> {
    match dir.append(NAME) {
        Ok(mut file) => {
            file.truncate(length)?;
            Ok(file)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => dir.create(NAME),
        Err(error) => Err(error),
    }
}

fn apply(is_new: bool, entry: Entry, entries: &mut Vec<Entry>) {
    let known = entries.iter().position(|known| known.inode == entry.inode);
    match known {
        Some(index) if !is_new => entries[index] = entry,
        known => {
            // Another file that had the inode before.
            known.map(|index| entries.remove(index));
            entries.push(entry);
        }
    }
}

fn encode(mark: Mark, is_new: bool, entry: &Entry, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&mark.generation.to_le_bytes());
    out.extend_from_slice(&mark.crc.to_le_bytes());
    out.push(u8::from(is_new));
    entry.encode(out);
    let (header, body) = out[start..].split_at_mut(8);
    header[..4].copy_from_slice(&(body.len() as u32).to_le_bytes());
    header[4..].copy_from_slice(&crc32c::crc32c(body).to_le_bytes());
}

/// The first record, of which checkpoint it is, and what is after it; none when it is damaged.
fn decode(bytes: &[u8]) -> Option<(Mark, bool, Entry, &[u8])> {
    let mut reader = Reader(bytes);
    let length = u32::from_le_bytes(reader.array()?);
    let crc = u32::from_le_bytes(reader.array()?);
    let (body, after) = reader.0.split_at_checked(usize::try_from(length).ok()?)?;
    if crc32c::crc32c(body) != crc {
        return None;
    }
    let mut reader = Reader(body);
    let found = Mark {
        generation: reader.generation()?,
        crc: u32::from_le_bytes(reader.array()?),
    };
    let [is_new] = reader.array()?;
    let entry = reader.entry()?;
    let is_whole = reader.0.is_empty();
    is_whole.then_some((found, is_new != 0, entry, after))
}
