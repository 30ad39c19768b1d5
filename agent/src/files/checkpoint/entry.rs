//! One entry of a checkpoint or a record of its journal: what is remembered of a file, and its bytes.

use std::{
    ffi::OsStr,
    io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use crate::files::{
    frontier::Position,
    identity::{Fingerprint, Inode},
    tail::Tail,
};

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

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        for number in [
            self.inode.device,
            self.inode.number,
            self.position.offset,
            self.size,
        ] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for fingerprint in [self.head, self.position.guard] {
            out.extend_from_slice(&fingerprint.length.to_le_bytes());
            out.extend_from_slice(&fingerprint.hash.to_le_bytes());
        }
        for path in [&self.path, &self.log] {
            // Linux has no longer paths than 4096 bytes.
            let bytes = path.as_os_str().as_bytes();
            let bytes = &bytes[..bytes.len().min(usize::from(u16::MAX))];
            out.extend_from_slice(&(bytes.len() as u16).to_le_bytes());
            out.extend_from_slice(bytes);
        }
    }
}

/// No folder gets so far: each second has few. Below it none of their sums overflows.
const END_OF_GENERATIONS: u64 = 1 << 62;

/// Reads what was encoded; none where it is damaged.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl Reader<'_> {
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
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

    pub(super) fn generation(&mut self) -> Option<u64> {
        self.u64()
            .filter(|generation| *generation < END_OF_GENERATIONS)
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

    pub(super) fn entry(&mut self) -> Option<Entry> {
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
