//! The folder that holds the agent's state, behind a trait, so that tests can make it fail in every way a disk can.

use std::io;

#[cfg(test)]
pub(crate) mod faulty;
mod real;

pub use real::{LockError, RealDir, RealFile};

/// A folder of files without subfolders. What is written is safe from a crash only after [`StateFile::sync`] of the file and
/// [`sync`](Self::sync) of the folder that names it.
pub trait StateDir: Send + Sync + 'static {
    /// A file opened for writing.
    type File: StateFile;

    /// Makes an empty file, in place of one of that name.
    fn create(&self, name: &str) -> io::Result<Self::File>;
    /// Opens a file to write at its end; there must be one.
    fn append(&self, name: &str) -> io::Result<Self::File>;
    /// Fills `buffer` from `offset` on, as far as the file goes; how many bytes it got.
    fn read_at(&self, name: &str, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
    /// The length of a file in bytes.
    fn len(&self, name: &str) -> io::Result<u64>;
    /// Gives a file another name, in place of one of that name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// The names of all files.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Makes creations, renames and removals safe from a crash.
    fn sync(&self) -> io::Result<()>;
}

/// A file of a [`StateDir`].
pub trait StateFile: Send + 'static {
    /// Writes all of it at the end of the file; after an error any part of it may have been written.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Cuts the file to a length.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
    /// Makes what was written safe from a crash.
    fn sync(&mut self) -> io::Result<()>;
}
