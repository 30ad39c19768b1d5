//! What a process costs: CPU time, resident memory, open descriptors.
//!
//! CPU time is the kernel's clock of the whole process, ended threads included: what `/proc/PID/stat` says as utime + stime,
//! but in nanoseconds instead of hundredths of a second, which would be too coarse for an idle agent.

use std::fs;

use nix::{time::ClockId, unistd::Pid};

use crate::Failure;

/// One look at a process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    pub(crate) cpu_seconds: f64,
    pub(crate) resident_mib: f64,
    pub(crate) peak_resident_mib: f64,
    pub(crate) descriptors: usize,
}

impl Reading {
    pub(crate) fn of(process: u32) -> Result<Self, Failure> {
        let time = ClockId::pid_cpu_clock_id(Pid::from_raw(process.cast_signed()))?.now()?;
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        Ok(Self {
            cpu_seconds: std::time::Duration::from(time).as_secs_f64(),
            resident_mib: mib(&status, "VmRSS:")?,
            peak_resident_mib: mib(&status, "VmHWM:")?,
            descriptors: fs::read_dir(format!("/proc/{process}/fd"))?.count(),
        })
    }
}

fn mib(status: &str, name: &str) -> Result<f64, Failure> {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    Ok(kib.ok_or("no resident memory in /proc/PID/status")? / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_of_this_process_is_seen() {
        let me = std::process::id();
        let before = Reading::of(me).unwrap();
        let started = std::time::Instant::now();
        while started.elapsed().as_millis() < 50 {}
        let after = Reading::of(me).unwrap();
        assert!(
            after.cpu_seconds >= before.cpu_seconds + 0.01,
            "{before:?} {after:?}"
        );
        assert!(after.resident_mib > 1.0 && after.peak_resident_mib >= after.resident_mib);
        let file = fs::File::open("/proc/self/status").unwrap();
        assert!(Reading::of(me).unwrap().descriptors > 0);
        drop(file);
    }
}
