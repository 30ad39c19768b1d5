//! `/proc/stat`: the time of each CPU by mode, and the processes created.
//!
//! ```text
//! cpu  1390955 22668 248322 719151 18677 0 7637 1077 0 0
//!      user nice system idle iowait irq softirq steal guest guest_nice
//! cpu0 689565 8685 120085 377010 5393 0 3656 521 0 0
//! processes 368241
//! ```
//!
//! The time of guests is part of `user` and `nice`, so it is not read.

use super::expect;
use crate::metrics::{
    MetricsError,
    text::{fields, number, number_after},
    view::HostView,
};

/// The `cpu.mode` of each place in [`Ticks`].
pub(super) const MODES: [&str; 7] = [
    "user",
    "nice",
    "system",
    "idle",
    "iowait",
    "interrupt",
    "steal",
];

/// CPU time in each of [`MODES`], in clock ticks; `interrupt` is of hardware and of software interrupts.
pub(super) type Ticks = [u64; MODES.len()];

/// What is read of the file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Stat {
    /// All CPUs together.
    pub(super) all: Ticks,
    /// Each CPU that is online, by its number.
    pub(super) cpus: Vec<(u32, Ticks)>,
    /// Processes and threads created since boot.
    pub(super) created: Option<u64>,
}

/// Reads the file.
pub(super) fn read(view: &mut HostView) -> Result<Stat, MetricsError> {
    let mut stat = Stat::default();
    let mut all = None;
    view.lines(&["proc/stat"], |line| match cpu_line(line) {
        Some((None, ticks)) => all = Some(ticks),
        Some((Some(number), ticks)) => stat.cpus.push((number, ticks)),
        None => stat.created = stat.created.or_else(|| number_after(line, b"processes")),
    })?;
    stat.all = expect(all, "/proc/stat", "line of \"cpu\"")?;
    Ok(stat)
}

/// The CPU of a line, `None` for all of them, and its time.
fn cpu_line(line: &[u8]) -> Option<(Option<u32>, Ticks)> {
    let mut fields = fields(line);
    let cpu = match fields.next()?.strip_prefix(b"cpu")? {
        b"" => None,
        digits => Some(u32::try_from(number(digits)?).ok()?),
    };
    let mut columns = [0; 8];
    for (index, column) in columns.iter_mut().enumerate() {
        *column = match fields.next() {
            Some(field) => number(field)?,
            // The oldest kernels have only the first four.
            None if index >= 4 => 0,
            None => return None,
        };
    }
    let [user, nice, system, idle, iowait, irq, softirq, steal] = columns;
    let interrupt = irq.saturating_add(softirq);
    Some((cpu, [user, nice, system, idle, iowait, interrupt, steal]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn interrupts_are_added_and_guests_are_not() {
        assert_eq!(
            cpu_line(b"cpu3 1 2 3 4 5 6 7 8 100 200"),
            Some((Some(3), [1, 2, 3, 4, 5, 13, 8]))
        );
        assert_eq!(
            cpu_line(b"cpu  1 2 3 4"),
            Some((None, [1, 2, 3, 4, 0, 0, 0]))
        );
        for bad in [
            &b"cpu 1 2 3"[..],
            b"cpux 1 2 3 4",
            b"cpu 1 2 3 4 x",
            b"ctxt 1 2 3 4",
        ] {
            assert_eq!(cpu_line(bad), None);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_after_cpu_are_read_without_panic(rest in prop::collection::vec(any::<u8>(), 0..80), digits in "[0-9 ]{0,200}") {
            let _ = cpu_line(&[b"cpu", rest.as_slice()].concat());
            let _ = cpu_line(format!("cpu{digits}").as_bytes());
        }
    }
}
