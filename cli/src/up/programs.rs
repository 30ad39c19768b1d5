//! Finds our own programs beside this executable, or builds what is missing with Cargo from the clone.

use std::{
    env,
    path::{Path, PathBuf},
};

use serde_json::Value;
use tokio::process::Command;

use super::backends::Backends;
use crate::{
    compile::{self, CompileError},
    folders,
    progress::Step,
    state::StateDir,
};

const AGENT: &str = "trivium-agent";
const APP: &str = "trivium-app";
const LENS: &str = "trivium-lens";

/// Whether there is an agent for this system: it reads /proc and cgroups, and waits by inotify.
pub(super) const HAS_AGENT: bool = cfg!(target_os = "linux");

/// The executables to start.
#[derive(Debug)]
pub(super) struct Programs {
    pub(super) app: PathBuf,
    /// Only on Linux.
    pub(super) agent: Option<PathBuf>,
    /// Only when lens is one of the backends.
    pub(super) lens: Option<PathBuf>,
}

/// A program that is neither there nor can be built.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProgramError {
    #[error(
        "{program} is not beside this executable, and `cargo`, which builds it, is not on PATH: install Rust \
         (https://rustup.rs), or put {program} there"
    )]
    NoCargo { program: &'static str },
    #[error("cannot build {program}: {error}")]
    Build {
        program: &'static str,
        error: CompileError,
    },
    #[error("`cargo build` of {program} in {} reported no executable; is --root the clone of Trivium?", root.display())]
    NoExecutable {
        program: &'static str,
        root: PathBuf,
    },
}

impl Programs {
    /// Cargo's output goes to `logs/build.log` of the state folder.
    pub(super) async fn find_or_build(
        root: &Path,
        backends: &Backends,
        state: &StateDir,
    ) -> Result<Self, ProgramError> {
        let log = state.log("build");
        let lens = if backends.include_lens() {
            Some(lens_program(root, &log).await?)
        } else {
            None
        };
        let agent = if HAS_AGENT {
            Some(find_or_build(AGENT, root, &log).await?)
        } else {
            None
        };
        Ok(Self {
            app: find_or_build(APP, root, &log).await?,
            agent,
            lens,
        })
    }
}

/// The program lens by itself; Cargo's output goes to `log`.
pub(crate) async fn lens_program(root: &Path, log: &Path) -> Result<PathBuf, ProgramError> {
    find_or_build(LENS, root, log).await
}

async fn find_or_build(
    program: &'static str,
    root: &Path,
    log: &Path,
) -> Result<PathBuf, ProgramError> {
    match beside(program) {
        Some(found) => Ok(found),
        None => build(program, root, log).await,
    }
}

fn beside(program: &str) -> Option<PathBuf> {
    let neighbour = env::current_exe()
        .ok()?
        .canonicalize()
        .ok()?
        .with_file_name(program);
    Some(neighbour).filter(|path| folders::is_executable(path))
}

async fn build(program: &'static str, root: &Path, log: &Path) -> Result<PathBuf, ProgramError> {
    let mut cargo = Command::new("cargo");
    cargo
        .args([
            "build",
            "--release",
            "--message-format=json-render-diagnostics",
            "-p",
            program,
        ])
        .current_dir(root);
    let mut step = Step::start(program);
    step.phase("building, which takes minutes the first time");
    let messages =
        compile::run(cargo, log, &mut step, phase)
            .await
            .map_err(|error| match error {
                CompileError::Start { source, .. }
                    if source.kind() == std::io::ErrorKind::NotFound =>
                {
                    ProgramError::NoCargo { program }
                }
                error => ProgramError::Build { program, error },
            })?;
    let executable = executable(&messages, program).ok_or_else(|| ProgramError::NoExecutable {
        program,
        root: root.to_owned(),
    })?;
    step.done("built");
    Ok(executable)
}

/// `   Compiling serde v1.0.0` and the like.
fn phase(line: &str) -> Option<&str> {
    line.starts_with(' ').then(|| line.trim())
}

/// Cargo says where the target folder is: `{"reason":"compiler-artifact","target":{"name":…},"executable":PATH}`.
fn executable(messages: &str, program: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == program)
        .find_map(|message| Some(message["executable"].as_str()?.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_executable_is_read_from_cargos_messages() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"trivium_app"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"trivium-app"},"executable":"/t/release/trivium-app"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(
            executable(messages, APP),
            Some("/t/release/trivium-app".into())
        );
        assert_eq!(executable(messages, LENS), None);
    }

    #[test]
    fn cargos_status_lines_are_phases() {
        assert_eq!(
            phase("   Compiling serde v1.0.0"),
            Some("Compiling serde v1.0.0")
        );
        assert_eq!(phase("warning: unused"), None);
    }
}
