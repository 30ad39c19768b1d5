//! The state folder on a real disk: files of mode 0600, found by name for each operation.
//!
//! One process at a time may write to a folder. The lock is on the folder itself, not on a file in it: it needs no room on
//! a full disk, leaves nothing behind, and ends with the process however that ends.

use std::{
    fmt,
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg, OFlag},
};

use super::{StateDir, StateFile};

/// A folder on disk.
#[derive(Debug)]
pub struct RealDir {
    path: PathBuf,
    /// The opened folder, which syncs its names.
    folder: Folder,
}

#[derive(Debug)]
enum Folder {
    Locked(Flock<File>),
    Looked(File),
}

/// Why a state folder can't be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// It could not be made or opened.
    #[error(
        "opening the state folder {}: {source}; make it writable for this user, or set another state_dir",
        path.display()
    )]
    Open {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process writes to it.
    #[error(
        "the state folder {} is in use by {holder}; stop that one, or give each its own state_dir",
        path.display()
    )]
    Held {
        /// The folder.
        path: PathBuf,
        /// Who has it.
        holder: Holder,
    },
}

/// Who holds a lock, as far as this process may see.
#[derive(Debug)]
pub struct Holder(Option<u32>);

impl fmt::Display for Holder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(pid) => write!(formatter, "process {pid}"),
            None => formatter.write_str("another process"),
        }
    }
}

impl RealDir {
    /// Opens a folder to write in; made when it is not there. It is this value's alone until it is dropped.
    ///
    /// # Errors
    /// When it can't be made or opened, or another process has it.
    pub fn lock(path: &Path) -> Result<Self, LockError> {
        let failed = |source| LockError::Open {
            path: path.to_owned(),
            source,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(failed)?;
        let folder = File::open(path).map_err(failed)?;
        let folder =
            Flock::lock(folder, FlockArg::LockExclusiveNonblock).map_err(|(folder, errno)| {
                if errno == Errno::EWOULDBLOCK {
                    LockError::Held {
                        path: path.to_owned(),
                        holder: holder(&folder),
                    }
                } else {
                    failed(errno.into())
                }
            })?;
        Ok(Self {
            path: path.to_owned(),
            folder: Folder::Locked(folder),
        })
    }

    /// Opens a folder to look at while another process may write to it; nothing may be changed through it.
    ///
    /// # Errors
    /// When there is none, or it may not be read.
    pub fn look(path: &Path) -> Result<Self, LockError> {
        let folder = File::open(path).map_err(|source| LockError::Open {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            path: path.to_owned(),
            folder: Folder::Looked(folder),
        })
    }
}

/// Found in the kernel's list of locks, which names the folder by its inode number.
fn holder(folder: &File) -> Holder {
    let find = || {
        let inode = folder.metadata().ok()?.ino().to_string();
        let locks = fs::read_to_string("/proc/locks").ok()?;
        // 1: FLOCK  ADVISORY  WRITE 4711 fd:00:131073 0 EOF
        locks.lines().find_map(|line| {
            let mut fields = line.split_whitespace().skip(1);
            if fields.next()? != "FLOCK" {
                return None;
            }
            let pid = fields.nth(2)?;
            let file = fields.next()?;
            (file.rsplit(':').next()? == inode).then(|| pid.parse().ok())?
        })
    };
    // A holder in another PID namespace has a number that is 0, or none.
    Holder(find().filter(|pid| *pid != 0))
}

impl StateDir for RealDir {
    type File = RealFile;

    fn create(&self, name: &str) -> io::Result<RealFile> {
        // The library refuses to append and to truncate at once, so the flag is given to the system directly.
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .custom_flags(OFlag::O_APPEND.bits())
            .mode(0o600)
            .open(self.path.join(name))
            .map(RealFile)
    }

    fn append(&self, name: &str) -> io::Result<RealFile> {
        OpenOptions::new()
            .append(true)
            .open(self.path.join(name))
            .map(RealFile)
    }

    fn read_at(&self, name: &str, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let file = File::open(self.path.join(name))?;
        let mut read = 0;
        while read < buffer.len() {
            match file.read_at(&mut buffer[read..], offset + read as u64) {
                Ok(0) => break,
                Ok(bytes) => read += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    fn len(&self, name: &str) -> io::Result<u64> {
        Ok(fs::metadata(self.path.join(name))?.len())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                // The agent gives no name that is not UTF-8, so such a file is not its own.
                names.extend(entry.file_name().into_string().ok());
            }
        }
        Ok(names)
    }

    fn sync(&self) -> io::Result<()> {
        match &self.folder {
            Folder::Locked(folder) => folder.sync_all(),
            Folder::Looked(folder) => folder.sync_all(),
        }
    }
}

/// A file that is written at its end.
#[derive(Debug)]
pub struct RealFile(File);

impl StateFile for RealFile {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        io::Write::write_all(&mut self.0, bytes)
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_is_written_at_its_end_whatever_was_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let dir = RealDir::lock(folder.path()).unwrap();
        let mut file = dir.create("a").unwrap();
        file.write_all(b"hello").unwrap();
        file.truncate(2).unwrap();
        file.write_all(b"y").unwrap();
        file.sync().unwrap();
        drop(file);
        dir.append("a").unwrap().write_all(b"!").unwrap();
        dir.sync().unwrap();
        let mut buffer = [0; 9];
        assert_eq!(dir.read_at("a", 1, &mut buffer).unwrap(), 3);
        assert_eq!(&buffer[..3], b"ey!");
        assert_eq!(dir.read_at("a", 99, &mut buffer).unwrap(), 0);
        assert_eq!(dir.len("a").unwrap(), 4);
        drop(dir.create("a").unwrap());
        assert_eq!(dir.len("a").unwrap(), 0, "made anew, it is empty");
    }

    #[test]
    fn names_come_and_go_and_folders_are_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        let dir = RealDir::lock(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "nobody else may read it");
        fs::create_dir(path.join("folder")).unwrap();
        drop(dir.create("one").unwrap());
        drop(dir.create("two").unwrap());
        dir.rename("one", "two").unwrap();
        assert_eq!(dir.list().unwrap(), ["two"]);
        dir.remove("two").unwrap();
        assert_eq!(dir.list().unwrap(), [""; 0]);
        let missing = dir.append("two").unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_second_writer_is_refused_and_told_who_has_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let first = RealDir::lock(folder.path()).unwrap();
        let refused = RealDir::lock(folder.path()).unwrap_err().to_string();
        let holder = format!("is in use by process {};", std::process::id());
        assert!(refused.contains(&holder), "{refused}");
        RealDir::look(folder.path()).unwrap();
        drop(first);
        RealDir::lock(folder.path()).unwrap();
    }
}
