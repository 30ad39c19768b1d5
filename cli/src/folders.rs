//! The user's own folders for state and cache, by the XDG base directory specification.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

/// Neither the XDG variable nor `HOME` says where the user's files go.
#[derive(Debug, thiserror::Error)]
#[error("no folder of yours is known: set HOME or {variable} to an absolute path")]
pub(crate) struct NoFolder {
    variable: &'static str,
}

/// `$XDG_STATE_HOME/trivium`, or `~/.local/state/trivium`.
pub(crate) fn state() -> Result<PathBuf, NoFolder> {
    of_user("XDG_STATE_HOME", ".local/state")
}

/// `$XDG_CACHE_HOME/trivium`, or `~/.cache/trivium`.
pub(crate) fn cache() -> Result<PathBuf, NoFolder> {
    of_user("XDG_CACHE_HOME", ".cache")
}

fn of_user(variable: &'static str, below_home: &str) -> Result<PathBuf, NoFolder> {
    choose(env::var_os(variable), env::var_os("HOME"), below_home).ok_or(NoFolder { variable })
}

/// The specification tells to ignore relative paths, so they count as unset.
fn choose(xdg: Option<OsString>, home: Option<OsString>, below_home: &str) -> Option<PathBuf> {
    let absolute = |value: OsString| Some(PathBuf::from(value)).filter(|path| path.is_absolute());
    xdg.and_then(absolute)
        .or_else(|| home.and_then(absolute).map(|home| home.join(below_home)))
        .map(|folder| folder.join("trivium"))
}

/// Whether `path` is a file that this user may execute, as far as its mode tells.
pub(crate) fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(xdg: &str, home: &str) -> Option<PathBuf> {
        let set = |value: &str| (!value.is_empty()).then(|| value.into());
        choose(set(xdg), set(home), ".cache")
    }

    #[test]
    fn the_xdg_variable_wins_over_home() {
        assert_eq!(chosen("/x", "/h"), Some("/x/trivium".into()));
        assert_eq!(chosen("", "/h"), Some("/h/.cache/trivium".into()));
    }

    #[test]
    fn relative_paths_count_as_unset() {
        assert_eq!(chosen("x", "/h"), Some("/h/.cache/trivium".into()));
        assert_eq!(chosen("x", "h"), None);
        assert_eq!(chosen("", ""), None);
    }
}
