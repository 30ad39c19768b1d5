//! Finds the clone of the repository, which holds the Collector's configuration and the sources.

use std::{
    env,
    path::{Path, PathBuf},
};

/// The file that makes a folder the root of a clone.
const MARKER: &str = "otelcol/config.yaml";

/// No folder with the Collector's configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RootError {
    /// `--root` names another folder.
    #[error("{} has no {MARKER}: give the root of the clone with --root", .0.display())]
    NotARoot(PathBuf),
    /// Neither the working folder nor the executable lies in a clone.
    #[error("no folder with {MARKER} above {}: run inside the clone, or name it with --root", .0.display())]
    NotFound(PathBuf),
}

/// The root as given, or else the nearest one above the working folder, or else above this executable.
/// The path is absolute, so that children with another working folder can use it.
pub(crate) fn find(given: Option<&Path>) -> Result<PathBuf, RootError> {
    if let Some(given) = given {
        return given
            .canonicalize()
            .ok()
            .filter(|folder| is_root(folder))
            .ok_or_else(|| RootError::NotARoot(given.to_owned()));
    }
    let working = env::current_dir().unwrap_or_default();
    above(&working)
        .or_else(|| above(&env::current_exe().ok()?.canonicalize().ok()?))
        .ok_or(RootError::NotFound(working))
}

fn above(start: &Path) -> Option<PathBuf> {
    start
        .ancestors()
        .find(|folder| is_root(folder))
        .map(Path::to_owned)
}

fn is_root(folder: &Path) -> bool {
    folder.join(MARKER).is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clone() -> tempfile::TempDir {
        let clone = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(clone.path().join("otelcol")).unwrap();
        std::fs::create_dir_all(clone.path().join("a/b")).unwrap();
        std::fs::write(clone.path().join(MARKER), "").unwrap();
        clone
    }

    #[test]
    fn the_root_is_found_from_a_folder_below_it() {
        let clone = clone();
        assert_eq!(
            above(&clone.path().join("a/b")),
            Some(clone.path().to_owned())
        );
    }

    #[test]
    fn a_given_folder_must_be_a_root_itself() {
        let clone = clone();
        assert_eq!(
            find(Some(clone.path())).unwrap(),
            clone.path().canonicalize().unwrap()
        );
        let error = find(Some(&clone.path().join("a"))).unwrap_err().to_string();
        assert!(
            error.contains("has no otelcol/config.yaml") && error.contains("--root"),
            "{error}"
        );
    }
}
