//! The state folder of one running stack: who may start one there, what runs, where its output is. Nothing of it is in the
//! repository.
//!
//! | path | holds |
//! |---|---|
//! | `lock` | locked (flock) while `trivium up` runs; its text is that process's id |
//! | `state.json` | what runs, see [`Record`]; left behind only where `trivium up` was killed |
//! | `logs/NAME.log` | what a part printed since its last start, and at most 16 MiB of it; `NAME.log.1`: what stood there before |
//! | `logs/up.log` | the same of `trivium up -d` itself |
//! | `data/` | lens.db, app.db, the Collector's queues, the agent's offsets and spool; kept between runs |
//! | `agent.yaml` | the agent's configuration, written at each start |

mod record;

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process,
};

use clap::Args;

use crate::folders::{self, NoFolder};
pub(crate) use record::{Ended, PartRecord, Record, rfc3339};

/// Which state folder is meant.
#[derive(Debug, Args)]
pub(crate) struct FolderChoice {
    /// Folder of data and logs, one per running stack [default: ~/.local/state/trivium]
    #[arg(long, value_name = "DIR", env = "TRIVIUM_STATE_DIR")]
    state_dir: Option<PathBuf>,
}

/// The folder, whoever uses it; it may not be there yet.
#[derive(Debug, Clone)]
pub(crate) struct StateDir {
    path: PathBuf,
}

/// The folder, which is there and in nobody else's use until this is dropped.
#[derive(Debug)]
pub(crate) struct LockedState {
    folder: StateDir,
    _lock: File,
}

/// Why the state folder can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateError {
    #[error(transparent)]
    NoFolder(#[from] NoFolder),
    #[error("cannot read {}: {source}; choose another folder with --state-dir", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {}: {source}; choose another folder with --state-dir", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error(
        "{} is not what this `trivium` writes: {source}; if nothing of it runs any more, remove it",
        path.display()
    )]
    Format {
        path: PathBuf,
        source: serde_json::Error,
    },
    #[error(
        "`trivium up` already runs{} with the state folder {}: stop it with `trivium down`, or choose another folder with \
         --state-dir",
        as_process(pid), path.display()
    )]
    Locked { path: PathBuf, pid: String },
}

/// Of one that has just begun the number is not written yet.
fn as_process(pid: &str) -> String {
    if pid.is_empty() {
        String::new()
    } else {
        format!(" as process {pid}")
    }
}

impl FolderChoice {
    /// The given folder, or the user's own.
    pub(crate) fn locate(&self) -> Result<StateDir, StateError> {
        let path = match &self.state_dir {
            Some(given) => given.clone(),
            None => folders::state()?,
        };
        // Parts get paths below this one and have another working folder.
        let path =
            std::path::absolute(&path).map_err(|source| StateError::Read { path, source })?;
        Ok(StateDir { path })
    }
}

impl StateDir {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of the parts' databases and queues.
    pub(crate) fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    /// The agent's configuration file.
    pub(crate) fn agent_config(&self) -> PathBuf {
        self.path.join("agent.yaml")
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }

    /// Where the output of a part goes.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.logs().join(format!("{name}.log"))
    }

    /// What runs, or was left behind.
    pub(crate) fn record(&self) -> Result<Option<Record>, StateError> {
        let path = self.state_file();
        match fs::read(&path) {
            Ok(json) => serde_json::from_slice(&json)
                .map(Some)
                .map_err(|source| StateError::Format { path, source }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StateError::Read { path, source }),
        }
    }

    /// Makes the folder where it is missing and locks it.
    pub(crate) fn lock(mut self) -> Result<LockedState, StateError> {
        let write_error = |source| StateError::Write {
            path: self.path.clone(),
            source,
        };
        for folder in ["logs", "data/otelcol"] {
            fs::create_dir_all(self.path.join(folder)).map_err(write_error)?;
        }
        self.path = self.path.canonicalize().map_err(write_error)?;
        let lock = lock(&self.path)?;
        Ok(LockedState {
            folder: self,
            _lock: lock,
        })
    }

    fn state_file(&self) -> PathBuf {
        self.path.join("state.json")
    }
}

impl LockedState {
    pub(crate) fn folder(&self) -> &StateDir {
        &self.folder
    }

    /// Writes state.json, whole or not at all.
    pub(crate) fn remember(&self, record: &Record) -> Result<(), StateError> {
        let path = self.folder.state_file();
        let new = path.with_extension("json.new");
        serde_json::to_vec_pretty(record)
            .map_err(io::Error::from)
            .and_then(|json| fs::write(&new, json))
            .and_then(|()| fs::rename(&new, &path))
            .map_err(|source| StateError::Write { path, source })
    }

    /// Removes state.json, as nothing runs any more.
    pub(crate) fn forget(&self) -> Result<(), StateError> {
        let path = self.folder.state_file();
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(StateError::Write { path, source })
            }
            _ => Ok(()),
        }
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

    fn at(path: PathBuf) -> StateDir {
        let choice = FolderChoice {
            state_dir: Some(path),
        };
        choice.locate().unwrap()
    }

    #[test]
    fn a_second_start_is_refused_with_the_pid_of_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let first = at(folder.path().to_owned()).lock().unwrap();
        let error = at(folder.path().to_owned()).lock().unwrap_err().to_string();
        assert!(
            error.starts_with(&format!(
                "`trivium up` already runs as process {} ",
                process::id()
            )),
            "{error}"
        );
        drop(first);
        at(folder.path().to_owned()).lock().unwrap();
    }

    #[test]
    fn a_second_start_is_refused_also_before_the_first_has_written_its_pid() {
        let folder = tempfile::tempdir().unwrap();
        let _first = at(folder.path().to_owned()).lock().unwrap();
        fs::write(folder.path().join("lock"), "").unwrap();
        let error = at(folder.path().to_owned()).lock().unwrap_err().to_string();
        assert!(
            error.starts_with("`trivium up` already runs with the state folder "),
            "{error}"
        );
    }

    #[test]
    fn the_folders_are_made_at_the_first_start() {
        let folder = tempfile::tempdir().unwrap();
        let state = at(folder.path().join("new")).lock().unwrap();
        assert!(state.folder().logs().is_dir());
        assert!(state.folder().data().join("otelcol").is_dir());
    }

    #[test]
    fn a_state_file_of_something_else_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("state.json"), "{}").unwrap();
        let error = at(folder.path().to_owned()).record().unwrap_err();
        let error = error.to_string();
        let start = format!("{}/state.json is not what ", folder.path().display());
        assert!(error.starts_with(&start), "{error}");
    }
}
