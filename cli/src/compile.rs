//! Runs a compiler for minutes: its phases go to the progress line, its stderr into a log, its stdout to the caller.
//!
//! The compiler and all it starts form one process group, which is ended as a whole when the caller gives up.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader},
    process::Command,
};

use crate::{progress::Step, tail};

/// A compiler that did not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CompileError {
    /// It could not be started; `NotFound` when it isn't on `PATH`.
    #[error("cannot start {program}: {source}")]
    Start { program: String, source: io::Error },
    /// Its log could not be written.
    #[error("cannot write the build's log {}: {source}", log.display())]
    Log { log: PathBuf, source: io::Error },
    /// It was started and ended with an error.
    #[error("{program} failed ({status}); the last lines of {}:\n{}", log.display(), tail::last_lines(log))]
    Failed {
        program: String,
        status: ExitStatus,
        log: PathBuf,
    },
}

/// Runs `command` to its end and returns what it wrote to stdout. `phase_of` picks from a line of its stderr what it
/// is doing.
pub(crate) async fn run(
    mut command: Command,
    log: &Path,
    step: &mut Step,
    phase_of: fn(&str) -> Option<&str>,
) -> Result<String, CompileError> {
    let program = command
        .as_std()
        .get_program()
        .to_string_lossy()
        .into_owned();
    let log_error = |source| CompileError::Log {
        log: log.to_owned(),
        source,
    };
    let mut log_file = File::create(log).map_err(log_error)?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|source| CompileError::Start {
            program: program.clone(),
            source,
        })?;
    let group = Group::of(&child);
    let stdout = read_all(child.stdout.take());
    let stderr = async {
        let Some(stderr) = child.stderr.take() else {
            return Ok(());
        };
        let mut lines = BufReader::new(stderr).lines();
        while let Some(line) = lines.next_line().await? {
            writeln!(log_file, "{line}")?;
            if let Some(phase) = phase_of(&line) {
                step.phase(phase);
            }
        }
        Ok(())
    };
    let (stdout, logged) = tokio::join!(stdout, stderr);
    logged.map_err(log_error)?;
    let status = child.wait().await.map_err(log_error)?;
    group.ended();
    if status.success() {
        stdout.map_err(log_error)
    } else {
        Err(CompileError::Failed {
            program,
            status,
            log: log.to_owned(),
        })
    }
}

async fn read_all(stream: Option<impl AsyncRead + Unpin>) -> io::Result<String> {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        stream.read_to_end(&mut bytes).await?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Ends the compiler's process group on drop, so that giving up leaves nothing running.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &tokio::process::Child) -> Self {
        Self(
            child
                .id()
                .and_then(|id| i32::try_from(id).ok())
                .map(Pid::from_raw),
        )
    }

    /// The leader was waited for: its id may be another process's by now.
    fn ended(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // It can only fail when the group is gone, which is what is wanted.
            let _ = killpg(leader, Signal::SIGTERM);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn whole_line(line: &str) -> Option<&str> {
        Some(line)
    }

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[tokio::test]
    async fn stdout_is_returned_and_stderr_is_logged() {
        let log = tempfile::NamedTempFile::new().unwrap();
        let mut step = Step::start("test");
        let stdout = run(
            shell("echo result; echo noise >&2"),
            log.path(),
            &mut step,
            whole_line,
        )
        .await
        .unwrap();
        assert_eq!(stdout, "result\n");
        assert_eq!(std::fs::read_to_string(log.path()).unwrap(), "noise\n");
    }

    #[tokio::test]
    async fn a_failure_shows_the_status_and_the_end_of_the_log() {
        let log = tempfile::NamedTempFile::new().unwrap();
        let mut step = Step::start("test");
        let error = run(
            shell("echo no such module >&2; exit 3"),
            log.path(),
            &mut step,
            whole_line,
        )
        .await
        .unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("sh failed (exit status: 3)"), "{text}");
        assert!(text.ends_with("    no such module"), "{text}");
    }

    #[tokio::test]
    async fn giving_up_ends_the_compiler_and_what_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let pid_file = folder.path().join("pid");
        let script = format!("sleep 600 & echo $! > {}; wait", pid_file.display());
        let mut step = Step::start("test");
        let log = folder.path().join("log");
        let grandchild = tokio::select! {
            ended = run(shell(&script), &log, &mut step, whole_line) => panic!("ended by itself: {ended:?}"),
            pid = until(|| std::fs::read_to_string(&pid_file).ok()?.trim().parse::<i32>().ok()) => pid,
        };
        until(|| {
            match procfs::process::Process::new(grandchild).and_then(|process| process.stat()) {
                Ok(stat) => (stat.state == 'Z').then_some(()),
                Err(_) => Some(()),
            }
        })
        .await;
    }

    /// Polls until there is a value, for ten seconds at most.
    async fn until<T>(poll: impl Fn() -> Option<T>) -> T {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            if let Some(value) = poll() {
                return value;
            }
            assert!(Instant::now() < deadline, "nothing within ten seconds");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
