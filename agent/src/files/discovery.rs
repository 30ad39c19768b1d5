//! Finds the files that the configured patterns name, and the folders in which such files may appear.
//!
//! A walk visits every folder before it reads it, so that whoever watches the folder then misses nothing. A symbolic link to
//! a file counts as the file it leads to, under that file's own path. Folders behind symbolic links are entered by a
//! literal part or a glob, not by `**`. Compressed files are left out by their name.

use std::{
    fs::{self, Metadata},
    io,
    path::{Path, PathBuf},
};

use super::{
    Source,
    identity::has_compressed_name,
    pattern::{Part, Pattern, PatternError},
};

/// The patterns of all sources.
#[derive(Debug)]
pub struct Discovery {
    sources: Vec<Patterns>,
}

#[derive(Debug)]
struct Patterns {
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
}

/// What a walk meets.
#[derive(Debug)]
pub enum Met<'a> {
    /// A folder that is about to be read.
    Folder(&'a Path),
    /// A file that a source names.
    File {
        /// Where it is.
        path: PathBuf,
        /// The index of the source; the first that names it.
        source: usize,
        /// Of the file.
        metadata: Metadata,
    },
}

impl Discovery {
    /// Reads the patterns.
    ///
    /// # Errors
    /// When one is no pattern.
    pub fn new(sources: &[Source]) -> Result<Self, PatternError> {
        let read = |patterns: &[String]| -> Result<Vec<_>, _> {
            patterns.iter().map(|text| Pattern::new(text)).collect()
        };
        let sources = sources
            .iter()
            .map(|source| {
                Ok(Patterns {
                    include: read(&source.include)?,
                    exclude: read(&source.exclude)?,
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { sources })
    }

    /// The source that a file at `path` would belong to.
    pub fn source_of(&self, path: &Path) -> Option<usize> {
        if has_compressed_name(path) {
            return None;
        }
        self.sources.iter().position(|source| {
            source.include.iter().any(|pattern| pattern.matches(path)) && !source.excludes(path)
        })
    }

    /// Visits all folders and files. What can't be read is as if it were not there.
    pub fn walk(&self, visit: &mut dyn FnMut(Met<'_>)) {
        for (source, patterns) in self.sources.iter().enumerate() {
            for pattern in &patterns.include {
                let mut walk = Walk {
                    source,
                    patterns,
                    visit,
                };
                walk.folder(Path::new("/"), pattern.parts());
            }
        }
    }
}

impl Patterns {
    fn excludes(&self, path: &Path) -> bool {
        self.exclude.iter().any(|pattern| pattern.matches(path))
    }
}

struct Walk<'a> {
    source: usize,
    patterns: &'a Patterns,
    visit: &'a mut dyn FnMut(Met<'_>),
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, parts: &[Part]) {
        let Some((part, rest)) = parts.split_first() else {
            return;
        };
        if let (Part::Literal(name), false) = (part, rest.is_empty()) {
            let next = folder.join(name);
            if next.is_dir() {
                return self.folder(&next, rest);
            }
            // Its nearest parent is where it will appear.
            return (self.visit)(Met::Folder(folder));
        }
        (self.visit)(Met::Folder(folder));
        if let Part::Folders = part {
            self.folder(folder, rest);
        }
        // Which folders can't be read is shown by `check`; here there is nobody to tell and nothing to do.
        let Ok(entries) = fs::read_dir(folder) else {
            return;
        };
        for entry in entries.filter_map(Result::ok) {
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            match part {
                Part::Folders if kind.is_dir() => self.folder(&entry.path(), parts),
                Part::Folders => {}
                _ if !part.matches(&entry.file_name()) => {}
                _ if rest.is_empty() => self.file(entry.path(), kind.is_symlink()),
                _ if kind.is_dir() || (kind.is_symlink() && entry.path().is_dir()) => {
                    self.folder(&entry.path(), rest);
                }
                _ => {}
            }
        }
    }

    fn file(&mut self, path: PathBuf, is_link: bool) {
        if has_compressed_name(&path) || self.patterns.excludes(&path) {
            return;
        }
        let Ok((path, metadata)) = resolve(path, is_link) else {
            return;
        };
        if !metadata.is_file() || has_compressed_name(&path) {
            return;
        }
        if is_link && let Some(folder) = path.parent() {
            (self.visit)(Met::Folder(folder));
        }
        (self.visit)(Met::File {
            path,
            source: self.source,
            metadata,
        });
    }
}

fn resolve(path: PathBuf, is_link: bool) -> io::Result<(PathBuf, Metadata)> {
    let path = if is_link { path.canonicalize()? } else { path };
    let metadata = path.metadata()?;
    Ok((path, metadata))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, os::unix::fs::symlink};

    use super::*;
    use crate::files::StartAt;

    fn walk(include: &[&str], exclude: &[&str], root: &Path) -> (Vec<String>, BTreeSet<String>) {
        let at_root = |patterns: &[&str]| {
            patterns
                .iter()
                .map(|pattern| format!("{}/{pattern}", root.display()))
                .collect()
        };
        let discovery = Discovery::new(&[Source {
            include: at_root(include),
            exclude: at_root(exclude),
            start_at: StartAt::Beginning,
            longest_line: 1 << 20,
        }])
        .unwrap();
        let (mut files, mut folders) = (Vec::new(), BTreeSet::new());
        let relative = |path: &Path| path.strip_prefix(root).unwrap().display().to_string();
        discovery.walk(&mut |met| match met {
            Met::Folder(path) => drop(folders.insert(relative(path))),
            Met::File { path, .. } => {
                assert_eq!(discovery.source_of(&path), Some(0), "{}", path.display());
                files.push(relative(&path));
            }
        });
        files.sort();
        (files, folders)
    }

    #[test]
    fn a_walk_finds_what_is_included_and_not_excluded_or_compressed() {
        let root = tempfile::tempdir().unwrap();
        for path in [
            "a.log",
            "b.log",
            "old.log",
            "c.log.gz",
            "d.txt",
            "x/e.log",
            "x/y/f.log",
        ] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let (files, folders) = walk(&["*.log*"], &["old*"], root.path());
        assert_eq!(files, ["a.log", "b.log"]);
        assert_eq!(folders, BTreeSet::from([String::new()]));
        let (files, folders) = walk(&["**/*.log"], &["**/e.*"], root.path());
        assert_eq!(files, ["a.log", "b.log", "old.log", "x/y/f.log"]);
        assert_eq!(folders, ["", "x", "x/y"].map(str::to_owned).into());
        let (files, _) = walk(&["*/*.log", "x/y/f.log"], &[], root.path());
        assert_eq!(files, ["x/e.log", "x/y/f.log"]);
    }

    #[test]
    fn a_folder_that_does_not_exist_is_awaited_in_its_nearest_parent() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("x")).unwrap();
        let (files, folders) = walk(&["x/y/z/*.log"], &[], root.path());
        assert!(files.is_empty());
        assert_eq!(folders, BTreeSet::from(["x".to_owned()]));
    }

    #[test]
    fn a_link_counts_as_the_file_it_leads_to() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        fs::create_dir(root.join("real")).unwrap();
        fs::create_dir(root.join("links")).unwrap();
        fs::write(root.join("real/0.log"), "").unwrap();
        symlink(root.join("real/0.log"), root.join("links/pod.log")).unwrap();
        symlink(root.join("nowhere"), root.join("links/dead.log")).unwrap();
        let pattern = format!("{}/links/*.log", root.display());
        let discovery = Discovery::new(&[Source {
            include: vec![pattern],
            exclude: vec![],
            start_at: StartAt::Beginning,
            longest_line: 1 << 20,
        }])
        .unwrap();
        let (mut files, mut folders) = (Vec::new(), Vec::new());
        discovery.walk(&mut |met| match met {
            Met::Folder(path) => folders.push(path.to_owned()),
            Met::File { path, .. } => files.push(path),
        });
        assert_eq!(files, [root.join("real/0.log")]);
        assert_eq!(folders, [root.join("links"), root.join("real")]);
    }
}
