//! A state folder in memory that fails in every way a disk can; for tests.
//!
//! What the program sees (the page cache) and what a crash would leave (the disk) are kept apart. At a [crash](FaultyDir::crash)
//! - of what was written to a file since its last successful `sync`, any first part is on the disk; of the last write any
//!   part, or its length with zeros in place of some of its bytes;
//! - of the names made, changed or removed since the folder's last `sync`, any are on the disk, in no order; a rename is
//!   whole or not at all;
//! - files opened before it can't be written any more.
//!
//! After a `sync` that failed, what it should have written may never reach the disk, although the cache still shows it and
//! a later `sync` succeeds; so does Linux.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard},
};

use nix::errno::Errno;

use super::{StateDir, StateFile};

/// What can be made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operation {
    Create,
    Append,
    Read,
    Rename,
    Remove,
    List,
    SyncDir,
    /// Writes the first half, then fails.
    Write,
    Truncate,
    SyncFile,
}

/// Clones are the same folder.
#[derive(Debug, Clone, Default)]
pub(crate) struct FaultyDir(Arc<Mutex<Disk>>);

#[derive(Debug, Default)]
struct Disk {
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    names_on_disk: BTreeMap<String, usize>,
    /// Since the last sync; each is atomic.
    names_pending: Vec<Vec<(String, Option<usize>)>>,
    faults: BTreeMap<Operation, Errno>,
    /// All files together; none is no limit.
    capacity: Option<u64>,
    crashes: u64,
}

#[derive(Debug, Default)]
struct Inode {
    cache: Vec<u8>,
    disk: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Truncate(usize),
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes } => {
                let end = offset + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[*offset..end].copy_from_slice(bytes);
            }
            Self::Truncate(length) => content.resize(*length, 0),
        }
    }
}

/// A small generator (splitmix64), so that a seed repeats a crash.
struct Dice(u64);

impl Dice {
    /// Below `sides`, which is not 0.
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % sides as u64) as usize
    }
}

impl FaultyDir {
    /// Makes the next `operation` fail, once.
    pub(crate) fn fail_next(&self, operation: Operation, errno: Errno) {
        self.disk().faults.insert(operation, errno);
    }

    /// Nothing fails any more that has not yet.
    pub(crate) fn heal(&self) {
        self.disk().faults.clear();
    }

    /// How many bytes all files may have together before a write gets `ENOSPC`.
    pub(crate) fn set_capacity(&self, bytes: Option<u64>) {
        self.disk().capacity = bytes;
    }

    /// The power goes; `seed` chooses what of the unsynced is on the disk.
    pub(crate) fn crash(&self, seed: u64) {
        let mut dice = Dice(seed);
        let disk = &mut *self.disk();
        disk.crashes += 1;
        disk.faults.clear();
        for inode in &mut disk.inodes {
            inode.reach_disk(&mut dice);
            inode.cache.clone_from(&inode.disk);
        }
        for changes in std::mem::take(&mut disk.names_pending) {
            if dice.roll(2) == 0 {
                link(&mut disk.names_on_disk, &changes);
            }
        }
        disk.names = disk.names_on_disk.clone();
    }

    /// A file's content, as the program sees it.
    pub(crate) fn content(&self, name: &str) -> Option<Vec<u8>> {
        let disk = self.disk();
        Some(disk.inodes[*disk.names.get(name)?].cache.clone())
    }

    /// Puts a file of this content in the folder, safe from a crash.
    pub(crate) fn put(&self, name: &str, content: &[u8]) {
        let mut disk = self.disk();
        disk.inodes.push(Inode {
            cache: content.to_vec(),
            disk: content.to_vec(),
            pending: Vec::new(),
        });
        let inode = disk.inodes.len() - 1;
        disk.names.insert(name.to_owned(), inode);
        disk.names_on_disk.insert(name.to_owned(), inode);
    }

    /// Flips bits of a byte on the medium; nothing happens where there is no such byte.
    pub(crate) fn corrupt(&self, name: &str, offset: usize, bits: u8) {
        let disk = &mut *self.disk();
        let Some(inode) = disk.names.get(name) else {
            return;
        };
        let inode = &mut disk.inodes[*inode];
        for content in [&mut inode.cache, &mut inode.disk] {
            if let Some(byte) = content.get_mut(offset) {
                *byte ^= bits;
            }
        }
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().expect("no code panics with the lock")
    }
}

impl Inode {
    /// Some of what is pending reaches the disk; none of it is pending any more.
    fn reach_disk(&mut self, dice: &mut Dice) {
        let pending = std::mem::take(&mut self.pending);
        let whole = dice.roll(pending.len() + 1);
        for change in &pending[..whole] {
            change.apply(&mut self.disk);
        }
        let Some(Change::Write { offset, bytes }) = pending.get(whole) else {
            return;
        };
        let mut bytes = bytes.clone();
        if !bytes.is_empty() {
            let at = dice.roll(bytes.len());
            match dice.roll(3) {
                0 => bytes.truncate(at),
                1 => bytes[at..].fill(0),
                _ => bytes[..at].fill(0),
            }
        }
        let offset = *offset;
        Change::Write { offset, bytes }.apply(&mut self.disk);
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.cache);
        self.pending.push(change);
    }
}

fn link(names: &mut BTreeMap<String, usize>, changes: &[(String, Option<usize>)]) {
    for (name, inode) in changes {
        match inode {
            Some(inode) => names.insert(name.clone(), *inode),
            None => names.remove(name),
        };
    }
}

impl Disk {
    fn check(&mut self, operation: Operation) -> io::Result<()> {
        match self.faults.remove(&operation) {
            Some(errno) => Err(errno.into()),
            None => Ok(()),
        }
    }

    fn find(&self, name: &str) -> io::Result<usize> {
        let inode = self.names.get(name).copied();
        inode.ok_or_else(|| Errno::ENOENT.into())
    }

    fn rename(&mut self, changes: Vec<(String, Option<usize>)>) {
        link(&mut self.names, &changes);
        self.names_pending.push(changes);
    }

    fn free(&self) -> usize {
        let used: u64 = self
            .names
            .values()
            .map(|inode| self.inodes[*inode].cache.len() as u64)
            .sum();
        self.capacity.map_or(usize::MAX, |capacity| {
            usize::try_from(capacity.saturating_sub(used)).unwrap_or(usize::MAX)
        })
    }
}

impl StateDir for FaultyDir {
    type File = FaultyFile;

    fn create(&self, name: &str) -> io::Result<FaultyFile> {
        let mut disk = self.disk();
        disk.check(Operation::Create)?;
        let inode = match disk.find(name) {
            Ok(inode) => {
                disk.inodes[inode].change(Change::Truncate(0));
                inode
            }
            Err(_) => {
                disk.inodes.push(Inode::default());
                let inode = disk.inodes.len() - 1;
                disk.rename(vec![(name.to_owned(), Some(inode))]);
                inode
            }
        };
        let crashes = disk.crashes;
        drop(disk);
        Ok(FaultyFile {
            dir: self.clone(),
            inode,
            crashes,
        })
    }

    fn append(&self, name: &str) -> io::Result<FaultyFile> {
        let mut disk = self.disk();
        disk.check(Operation::Append)?;
        Ok(FaultyFile {
            dir: self.clone(),
            inode: disk.find(name)?,
            crashes: disk.crashes,
        })
    }

    fn read_at(&self, name: &str, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut disk = self.disk();
        disk.check(Operation::Read)?;
        let content = &disk.inodes[disk.find(name)?].cache;
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = content.get(from..).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    fn len(&self, name: &str) -> io::Result<u64> {
        let disk = self.disk();
        Ok(disk.inodes[disk.find(name)?].cache.len() as u64)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut disk = self.disk();
        disk.check(Operation::Rename)?;
        let inode = disk.find(from)?;
        disk.rename(vec![(from.to_owned(), None), (to.to_owned(), Some(inode))]);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut disk = self.disk();
        disk.check(Operation::Remove)?;
        disk.find(name)?;
        disk.rename(vec![(name.to_owned(), None)]);
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut disk = self.disk();
        disk.check(Operation::List)?;
        Ok(disk.names.keys().cloned().collect())
    }

    fn sync(&self) -> io::Result<()> {
        let mut disk = self.disk();
        disk.check(Operation::SyncDir)?;
        disk.names_on_disk = disk.names.clone();
        disk.names_pending.clear();
        Ok(())
    }
}

#[derive(Debug)]
pub(crate) struct FaultyFile {
    dir: FaultyDir,
    inode: usize,
    crashes: u64,
}

impl FaultyFile {
    fn on<T>(
        &self,
        operation: Operation,
        act: impl FnOnce(&mut Disk, io::Result<()>) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut disk = self.dir.disk();
        if disk.crashes != self.crashes {
            return Err(Errno::EBADF.into());
        }
        let checked = disk.check(operation);
        act(&mut disk, checked)
    }
}

impl StateFile for FaultyFile {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.on(Operation::Write, |disk, checked| {
            let (length, result) = match checked {
                Err(error) => (bytes.len() / 2, Err(error)),
                Ok(()) if disk.free() < bytes.len() => (disk.free(), Err(Errno::ENOSPC.into())),
                Ok(()) => (bytes.len(), Ok(())),
            };
            let inode = &mut disk.inodes[self.inode];
            let offset = inode.cache.len();
            inode.change(Change::Write {
                offset,
                bytes: bytes[..length].to_vec(),
            });
            result
        })
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.on(Operation::Truncate, |disk, checked| {
            checked?;
            let length = usize::try_from(length).map_err(|_| Errno::EFBIG)?;
            disk.inodes[self.inode].change(Change::Truncate(length));
            Ok(())
        })
    }

    fn sync(&mut self) -> io::Result<()> {
        self.on(Operation::SyncFile, |disk, checked| {
            let inode = &mut disk.inodes[self.inode];
            if checked.is_err() {
                let mut dice = Dice(inode.cache.len() as u64);
                inode.reach_disk(&mut dice);
                return checked;
            }
            for change in std::mem::take(&mut inode.pending) {
                change.apply(&mut inode.disk);
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All that a file may be after a crash.
    fn outcomes(prepare: impl Fn(&FaultyDir)) -> Vec<Option<Vec<u8>>> {
        let mut outcomes: Vec<_> = (0..200)
            .map(|seed| {
                let dir = FaultyDir::default();
                prepare(&dir);
                dir.crash(seed);
                dir.content("a")
            })
            .collect();
        outcomes.sort();
        outcomes.dedup();
        outcomes
    }

    #[test]
    fn what_was_synced_survives_and_its_name_only_with_the_folder() {
        let write = |dir: &FaultyDir| {
            let mut file = dir.create("a").unwrap();
            file.write_all(b"xy").unwrap();
            file.sync().unwrap();
        };
        let whole = Some(b"xy".to_vec());
        assert_eq!(outcomes(write), [None, whole.clone()]);
        let synced = outcomes(|dir| {
            write(dir);
            dir.sync().unwrap();
        });
        assert_eq!(synced, [whole]);
    }

    #[test]
    fn what_was_not_synced_is_torn_in_any_way() {
        let outcomes = outcomes(|dir| {
            dir.put("a", b"1");
            dir.append("a").unwrap().write_all(b"23").unwrap();
        });
        let some = |text: &[u8]| Some(text.to_vec());
        let expected = [
            some(b"1"),
            some(b"1\x00\x00"),
            some(b"1\x003"),
            some(b"12"),
            some(b"12\x00"),
            some(b"123"),
        ];
        assert_eq!(outcomes, expected);
    }

    #[test]
    fn after_a_failed_sync_the_cache_shows_what_the_disk_may_never_have() {
        let lost = outcomes(|dir| {
            dir.put("a", b"");
            let mut file = dir.append("a").unwrap();
            file.write_all(b"1").unwrap();
            dir.fail_next(Operation::SyncFile, Errno::EIO);
            assert!(file.sync().is_err());
            assert_eq!(dir.content("a").unwrap(), b"1");
            file.write_all(b"2").unwrap();
            file.sync().unwrap();
        });
        assert!(lost.contains(&Some(b"\x002".to_vec())) || lost.contains(&Some(b"12".to_vec())));
        assert_eq!(lost.len(), 1, "the failed sync decides, not the crash");
    }

    #[test]
    fn a_full_disk_takes_what_fits() {
        let dir = FaultyDir::default();
        dir.set_capacity(Some(3));
        let mut file = dir.create("a").unwrap();
        let error = file.write_all(b"12345").unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::ENOSPC as i32));
        assert_eq!(dir.content("a").unwrap(), b"123");
    }
}
