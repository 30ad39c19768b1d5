//! A log that is written to, rotated, truncated and removed.

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
};

use trivium_bench_agent::lines::{Kind, Lines};

/// Appends numbered lines to a file, and rotates it.
pub(crate) struct Writer {
    path: PathBuf,
    pub(crate) source: u32,
    lines: Lines,
    file: File,
    /// The number of the next line.
    pub(crate) next: u64,
    rotations: u32,
}

impl Writer {
    pub(crate) fn new(path: &Path, source: u32) -> Self {
        Self::of_kind(path, Kind::Plain, source)
    }

    pub(crate) fn of_kind(path: &Path, kind: Kind, source: u32) -> Self {
        Self {
            path: path.to_owned(),
            source,
            lines: Lines::new(kind, source),
            file: append(path),
            next: 0,
            rotations: 0,
        }
    }

    pub(crate) fn write(&mut self, count: u64) {
        let mut bytes = Vec::new();
        for sequence in self.next..self.next + count {
            bytes.extend_from_slice(self.lines.line(sequence));
        }
        self.file.write_all(&bytes).unwrap();
        self.next += count;
    }

    /// Renames the file and makes a new one.
    pub(crate) fn rotate(&mut self) -> PathBuf {
        self.rotations += 1;
        let rotated = PathBuf::from(format!("{}.{}", self.path.display(), self.rotations));
        fs::rename(&self.path, &rotated).unwrap();
        self.file = append(&self.path);
        rotated
    }

    /// Copies the file and cuts it to nothing.
    pub(crate) fn copy_and_truncate(&mut self) {
        self.rotations += 1;
        fs::copy(
            &self.path,
            format!("{}.{}", self.path.display(), self.rotations),
        )
        .unwrap();
        self.truncate();
    }

    pub(crate) fn truncate(&mut self) {
        self.file.set_len(0).unwrap();
    }

    /// Removes the files that were rotated away.
    pub(crate) fn forget_rotations(&mut self) {
        for rotation in 1..=std::mem::take(&mut self.rotations) {
            fs::remove_file(format!("{}.{rotation}", self.path.display())).unwrap();
        }
    }

    pub(crate) fn remove(&self) {
        fs::remove_file(&self.path).unwrap();
    }
}

fn append(path: &Path) -> File {
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .unwrap()
}
