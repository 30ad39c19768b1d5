//! The files that a glob names now, for the commands that show them. The running agent has its own discovery.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::config::Glob;

/// Deeper than any folder of logs; it also ends a loop of bind mounts.
const MAX_DEPTH: usize = 32;

/// A file that is there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    /// In bytes.
    pub(super) size: u64,
    /// Why the agent could not read it as this user, if it could not.
    pub(super) problem: Option<io::ErrorKind>,
}

/// All files that `glob` matches, in the order of their paths, and the folders that could not be looked into.
pub(super) fn find(glob: &Glob) -> (Vec<Found>, Vec<PathBuf>) {
    let depth = if glob.as_str().contains("**") {
        MAX_DEPTH
    } else {
        let folders = |path: &str| path.matches('/').count();
        folders(glob.as_str())
            - folders(&glob.folder().to_string_lossy()).min(folders(glob.as_str()))
    };
    let mut walk = Walk {
        glob,
        found: Vec::new(),
        closed: Vec::new(),
    };
    walk.folder(&glob.folder(), depth);
    walk.found.sort_by(|one, other| one.path.cmp(&other.path));
    (walk.found, walk.closed)
}

struct Walk<'a> {
    glob: &'a Glob,
    found: Vec<Found>,
    closed: Vec<PathBuf>,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, depth: usize) {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                if error.kind() == io::ErrorKind::PermissionDenied {
                    self.closed.push(folder.to_owned());
                }
                return;
            }
        };
        for entry in entries.flatten() {
            let path = entry.path();
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            if kind.is_dir() {
                if depth > 0 {
                    self.folder(&path, depth - 1);
                }
            } else if path.to_str().is_some_and(|path| self.glob.matches(path)) {
                self.file(path);
            }
        }
    }

    fn file(&mut self, path: PathBuf) {
        // Follows a symbolic link to a file, as the agent does.
        let Ok(metadata) = fs::metadata(&path) else {
            return;
        };
        if metadata.is_file() {
            self.found.push(Found {
                problem: fs::File::open(&path).err().map(|error| error.kind()),
                path,
                size: metadata.len(),
            });
        }
    }
}
