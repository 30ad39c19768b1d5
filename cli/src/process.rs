//! A process by its id and the time of its start: an id that another process has got by now is not mistaken for it.

use std::time::{Duration, Instant};

use nix::{
    errno::Errno,
    sys::signal::{self, Signal},
    unistd::Pid,
};
use procfs::process::Process;
use serde::{Deserialize, Serialize};

const POLL: Duration = Duration::from_millis(20);

/// Which process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessId {
    pub(crate) pid: u32,
    /// Clock ticks from the boot of the machine to the start of the process, as in `/proc/PID/stat`.
    start_ticks: u64,
}

impl ProcessId {
    /// The process that has this id now.
    pub(crate) fn now(pid: u32) -> procfs::ProcResult<Self> {
        // No kernel gives an id beyond 2²², so the cast is exact.
        let start_ticks = Process::new(pid.cast_signed())?.stat()?.starttime;
        Ok(Self { pid, start_ticks })
    }

    /// A zombie, which nobody has waited for, runs no more.
    pub(crate) fn is_alive(self) -> bool {
        let stat = Process::new(self.pid.cast_signed()).and_then(|process| process.stat());
        stat.is_ok_and(|stat| {
            stat.starttime == self.start_ticks && !matches!(stat.state, 'Z' | 'X')
        })
    }

    /// Sends it `signal`; one that has ended is no error.
    pub(crate) fn signal(self, signal: Signal) -> Result<(), Errno> {
        if !self.is_alive() {
            return Ok(());
        }
        match signal::kill(Pid::from_raw(self.pid.cast_signed()), signal) {
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Waits for its end, at most as long as `patience`; says whether it has ended.
    pub(crate) async fn has_ended_within(self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while self.is_alive() {
            if Instant::now() >= deadline {
                return false;
            }
            tokio::time::sleep(POLL).await;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn the_id_of_a_process_that_ended_is_not_taken_for_it() {
        let own = ProcessId::now(std::process::id()).unwrap();
        assert!(own.is_alive());
        let other = ProcessId {
            start_ticks: own.start_ticks + 1,
            ..own
        };
        assert!(!other.is_alive());
    }

    #[tokio::test]
    async fn a_killed_process_has_ended_before_it_is_waited_for() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let process = ProcessId::now(child.id()).unwrap();
        assert!(!process.has_ended_within(Duration::ZERO).await);
        process.signal(Signal::SIGKILL).unwrap();
        assert!(process.has_ended_within(Duration::from_secs(5)).await);
        process.signal(Signal::SIGTERM).unwrap();
        child.wait().unwrap();
    }
}
