//! Follows a file that is now and then emptied, or moved away and begun anew: either way the rest of what stood there is in
//! the file before it.
//!
//! The file is looked at ten times a second. **Known limitation**: one that is emptied twice between two looks, or has grown
//! beyond where it stood by the next one, is shown from there on only; the bound of 16 MiB makes both unheard of.

use std::{
    fs::{self, File},
    io::{self, Seek, SeekFrom, Write},
    os::unix::fs::MetadataExt,
    path::PathBuf,
    time::Duration,
};

use super::{LogsError, copy};
use crate::up;

const POLL: Duration = Duration::from_millis(100);

/// The file, and how far it was shown.
pub(super) struct Followed {
    path: PathBuf,
    file: File,
}

impl Followed {
    /// `file`: what `path` is now, from where it is to be shown.
    pub(super) fn new(path: PathBuf, file: File) -> Self {
        Self { path, file }
    }

    /// Prints what comes; ends by an error only.
    pub(super) async fn print(mut self, out: &mut impl Write) -> Result<(), LogsError> {
        loop {
            self.print_new(out)?;
            tokio::time::sleep(POLL).await;
        }
    }

    fn print_new(&mut self, out: &mut impl Write) -> Result<(), LogsError> {
        let path = self.path.clone();
        let read_error = |source| LogsError::Read {
            path: path.clone(),
            source,
        };
        if self.is_moved().map_err(read_error)? {
            // The open file is the one that was moved away.
            copy(&mut self.file, &self.path, out)?;
            self.file = File::open(&self.path).map_err(read_error)?;
        }
        let shown = self.file.stream_position().map_err(read_error)?;
        if self.file.metadata().map_err(read_error)?.len() < shown {
            self.print_before(shown, out)?;
            self.file.rewind().map_err(read_error)?;
        }
        copy(&mut self.file, &self.path, out)
    }

    /// Whether the path is another file by now. For the moment in which it is none, it is not.
    fn is_moved(&self) -> io::Result<bool> {
        match fs::metadata(&self.path) {
            Ok(now) => Ok(now.ino() != self.file.metadata()?.ino()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What was not shown of the file before it was emptied.
    fn print_before(&self, shown: u64, out: &mut impl Write) -> Result<(), LogsError> {
        let path = up::before(&self.path);
        let open = || -> io::Result<File> {
            let mut before = File::open(&path)?;
            before.seek(SeekFrom::Start(shown))?;
            Ok(before)
        };
        match open() {
            Ok(mut before) => copy(&mut before, &path, out),
            // It was emptied by somebody else.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(LogsError::Read { path, source }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file that was shown to its end.
    fn shown(text: &str) -> (tempfile::TempDir, Followed) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.log");
        fs::write(&path, text).unwrap();
        let mut file = File::open(&path).unwrap();
        file.seek(SeekFrom::End(0)).unwrap();
        (folder, Followed::new(path, file))
    }

    fn append(followed: &Followed, text: &str) {
        let mut file = File::options().append(true).open(&followed.path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn new(followed: &mut Followed) -> String {
        let mut out = Vec::new();
        followed.print_new(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_is_appended_is_shown_once() {
        let (_folder, mut followed) = shown("one\n");
        assert_eq!(new(&mut followed), "");
        append(&followed, "two\n");
        assert_eq!(new(&mut followed), "two\n");
        assert_eq!(new(&mut followed), "");
    }

    #[test]
    fn a_file_that_was_emptied_at_its_bound_is_shown_whole() {
        let (_folder, mut followed) = shown("one\n");
        append(&followed, "two\n");
        fs::copy(&followed.path, up::before(&followed.path)).unwrap();
        fs::write(&followed.path, "").unwrap();
        append(&followed, "3\n");
        assert_eq!(new(&mut followed), "two\n3\n");
    }

    #[test]
    fn a_file_that_somebody_emptied_is_followed_on() {
        let (_folder, mut followed) = shown("one\n");
        fs::write(&followed.path, "").unwrap();
        append(&followed, "2\n");
        assert_eq!(new(&mut followed), "2\n");
    }

    #[test]
    fn a_part_that_was_started_again_is_followed_on() {
        let (_folder, mut followed) = shown("one\n");
        append(&followed, "last words\n");
        fs::rename(&followed.path, up::before(&followed.path)).unwrap();
        assert_eq!(new(&mut followed), "last words\n");
        fs::write(&followed.path, "a new and longer file\n").unwrap();
        assert_eq!(new(&mut followed), "a new and longer file\n");
    }
}
