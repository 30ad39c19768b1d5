//! The state folder of one running stack. Nothing of it is in the repository.
//!
//! | path | holds |
//! |---|---|
//! | `lock` | locked (flock) while `trivium up` runs; its text is that process's id |
//! | `state.json` | while parts run: `{"pid", "backends": [name], "parts": [{"name", "pid", "log", "addresses": {label: URL}}]}` |
//! | `logs/NAME.log` | what a part printed since its last start |
//! | `data/` | lens.db, app.db, the Collector's queues, the agent's offsets and spool; kept between runs |
//! | `agent.yaml` | the agent's configuration, written at each start |

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process,
};

use serde::Serialize;

use super::{backends::Backends, group::Group};
use crate::folders::{self, NoFolder};

/// The folder, locked until this is dropped.
#[derive(Debug)]
pub(crate) struct StateDir {
    path: PathBuf,
    _lock: File,
}

/// Why the state folder can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateError {
    #[error(transparent)]
    NoFolder(#[from] NoFolder),
    #[error("cannot write {}: {source}; choose another folder with --state-dir", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error(
        "`trivium up` already runs as process {pid} with the state folder {}: stop it with Ctrl-C there or \
         `kill {pid}`, or choose another folder with --state-dir",
        path.display()
    )]
    Locked { path: PathBuf, pid: String },
}

/// One entry of `parts` in state.json.
#[derive(Debug, Serialize)]
pub(super) struct PartState<'a> {
    pub(super) name: &'a str,
    pub(super) pid: Option<u32>,
    pub(super) log: &'a Path,
    pub(super) addresses: BTreeMap<&'a str, String>,
}

#[derive(Serialize)]
struct StackState<'a> {
    pid: u32,
    backends: &'a [String],
    parts: Vec<PartState<'a>>,
}

impl StateDir {
    /// Makes the folder where it is missing (the given one, or the user's default) and locks it.
    pub(super) fn open(given: Option<PathBuf>) -> Result<Self, StateError> {
        let path = match given {
            Some(given) => given,
            None => folders::state()?,
        };
        let write_error = |source| StateError::Write {
            path: path.clone(),
            source,
        };
        for folder in ["logs", "data/otelcol"] {
            fs::create_dir_all(path.join(folder)).map_err(write_error)?;
        }
        // Parts get paths below this one and have another working folder.
        let path = path.canonicalize().map_err(write_error)?;
        let lock = lock(&path)?;
        Ok(Self { path, _lock: lock })
    }

    /// The folder of the parts' databases and queues.
    pub(super) fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    /// The agent's configuration file.
    pub(super) fn agent_config(&self) -> PathBuf {
        self.path.join("agent.yaml")
    }

    pub(super) fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }

    /// Writes state.json, whole or not at all.
    pub(super) fn remember(&self, backends: &Backends, group: &Group) -> Result<(), StateError> {
        let state = StackState {
            pid: process::id(),
            backends: backends.names(),
            parts: group.states(),
        };
        let path = self.state_file();
        let new = path.with_extension("json.new");
        serde_json::to_vec_pretty(&state)
            .map_err(io::Error::from)
            .and_then(|json| fs::write(&new, json))
            .and_then(|()| fs::rename(&new, &path))
            .map_err(|source| StateError::Write { path, source })
    }

    /// Removes state.json, as nothing runs any more.
    pub(super) fn forget_parts(&self) -> Result<(), StateError> {
        let path = self.state_file();
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(StateError::Write { path, source })
            }
            _ => Ok(()),
        }
    }

    fn state_file(&self) -> PathBuf {
        self.path.join("state.json")
    }
}

fn lock(folder: &Path) -> Result<File, StateError> {
    let path = folder.join("lock");
    let write_error = |source| StateError::Write {
        path: path.clone(),
        source,
    };
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let mut file = options.open(&path).map_err(write_error)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::Error(source)) => return Err(write_error(source)),
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            // Without its text the lock still says that somebody holds it.
            let _ = file.read_to_string(&mut pid);
            return Err(StateError::Locked {
                path: folder.to_owned(),
                pid,
            });
        }
    }
    file.set_len(0)
        .and_then(|()| write!(file, "{}", process::id()))
        .map_err(write_error)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_start_is_refused_with_the_pid_of_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let first = StateDir::open(Some(folder.path().to_owned())).unwrap();
        let error = StateDir::open(Some(folder.path().to_owned()))
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with(&format!(
                "`trivium up` already runs as process {} ",
                process::id()
            )),
            "{error}"
        );
        drop(first);
        StateDir::open(Some(folder.path().to_owned())).unwrap();
    }

    #[test]
    fn the_folders_are_made_at_the_first_start() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::open(Some(folder.path().join("new"))).unwrap();
        assert!(state.logs().is_dir());
        assert!(state.data().join("otelcol").is_dir());
    }
}
