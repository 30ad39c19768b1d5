//! How many processes there are in each state, from `/proc/PID/stat`.
//!
//! ```text
//! 4711 (name of (it)) S 1 4711 4711 0 -1 4194560 ...
//! ```
//!
//! The kernel keeps no such count, so this reads one file for each process: the one family whose cost grows with the host's
//! load, by about 8 µs for each. Where /proc is mounted with `hidepid`, only the agent's own processes are counted.

use std::{fs, os::unix::ffi::OsStrExt as _};

use opentelemetry_semantic_conventions::{attribute::PROCESS_STATE, metric::SYSTEM_PROCESS_COUNT};

use super::expect;
use crate::{
    metrics::{MetricsError, view::HostView},
    wire::metrics::{Metric, Metrics, Value::Text},
};

const COUNT: Metric = Metric::up_down_counter(SYSTEM_PROCESS_COUNT, "{process}");

/// The values of `process.state`.
const STATES: [&str; 4] = ["running", "sleeping", "stopped", "defunct"];

/// Writes the number of processes by state.
pub(super) fn sample(view: &mut HostView, metrics: &mut Metrics<'_>) -> Result<(), MetricsError> {
    let mut counts = [0; STATES.len()];
    let path = view.resolve(&["proc"]);
    let entries = fs::read_dir(path).map_err(|source| MetricsError::Read {
        path: path.to_owned(),
        source,
    })?;
    for entry in entries.flatten() {
        let name = entry.file_name();
        if !name.as_bytes().iter().all(u8::is_ascii_digit) {
            continue;
        }
        let Some(pid) = name.to_str() else { continue };
        let mut state = None;
        // A process that ended meanwhile is none.
        let _ = view.lines(&["proc", pid, "stat"], |line| {
            state = state_of(line).or(state);
        });
        if let Some(state) = state {
            counts[state] += 1;
        }
    }
    let is_any = counts.iter().any(|count| *count > 0);
    expect(is_any.then_some(()), "/proc", "process")?;
    metrics.metric(&COUNT, |points| {
        for (state, count) in STATES.iter().zip(counts) {
            points.int(count, &[(PROCESS_STATE, Text(state))]);
        }
    });
    Ok(())
}

/// The place in [`STATES`]. The name before it may have parentheses and newlines of its own, but nothing after it has.
fn state_of(line: &[u8]) -> Option<usize> {
    let name_end = memchr::memrchr(b')', line)?;
    match line.get(name_end + 1..name_end + 3)? {
        b" R" => Some(0),
        b" S" | b" D" | b" I" | b" W" | b" P" | b" K" => Some(1),
        b" T" | b" t" => Some(2),
        b" Z" | b" X" | b" x" => Some(3),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_process_named_like_a_state_is_in_the_state_that_follows() {
        assert_eq!(state_of(b"7 (a) R (x)) Z 1 2"), Some(3));
        assert_eq!(state_of(b"7 (a) D 1 2"), Some(1));
        assert_eq!(state_of(b"7 (a)"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(line in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = state_of(&line);
        }
    }
}
