//! Pressure stall information: for how long tasks waited for CPU, memory, I/O or interrupts, of `/proc/pressure`.
//!
//! ```text
//! some avg10=0.48 avg60=2.05 avg300=2.21 total=245983860
//! full avg10=0.06 avg60=0.13 avg300=0.30 total=124796566
//! ```
//!
//! `some`: at least one task waited; `full`: all did that had anything to do. `total` is in µs. The averages are left out: a
//! rate of the total is the same over any time. So is `full` of the CPU, which has no meaning for a whole host.
//! The conventions 1.42 have no names for these; the ones here follow what was proposed for them.
//!
//! <https://docs.kernel.org/accounting/psi.html>
//! <https://github.com/open-telemetry/semantic-conventions/issues/2995>

use crate::{
    metrics::{
        MetricsError,
        text::{fields, number},
        view::HostView,
    },
    wire::metrics::{Metric, Metrics, Value::Text},
};

const TIME: Metric = Metric::counter("system.linux.psi.time", "s");
const RESOURCE: &str = "system.linux.psi.resource";
const STALL_TYPE: &str = "system.linux.psi.stall_type";

const RESOURCES: [&str; 4] = ["cpu", "memory", "io", "irq"];

/// Writes the time of stalls.
pub(super) fn sample(view: &mut HostView, metrics: &mut Metrics<'_>) -> Result<(), MetricsError> {
    let mut stalls = Vec::with_capacity(2 * RESOURCES.len());
    for resource in RESOURCES {
        let result = view.lines(&["proc/pressure", resource], |line| {
            stalls.extend(
                stall(line)
                    .filter(|(kind, _)| (resource, *kind) != ("cpu", "full"))
                    .map(|(kind, microseconds)| (resource, kind, microseconds)),
            );
        });
        match result {
            // Many kernels don't count those of interrupts.
            Err(error) if resource != "irq" || !error.is_gone() => return Err(error),
            _ => {}
        }
    }
    metrics.metric(&TIME, |points| {
        for (resource, kind, microseconds) in stalls {
            points.double(
                microseconds as f64 / 1e6,
                &[(RESOURCE, Text(resource)), (STALL_TYPE, Text(kind))],
            );
        }
    });
    Ok(())
}

fn stall(line: &[u8]) -> Option<(&'static str, u64)> {
    let mut fields = fields(line);
    let kind = match fields.next()? {
        b"some" => "some",
        b"full" => "full",
        _ => return None,
    };
    let total = fields.find_map(|field| field.strip_prefix(b"total="))?;
    Some((kind, number(total)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(line in prop::collection::vec(any::<u8>(), 0..80), text in "(some|full)[a-z0-9= ]{0,60}") {
            let _ = stall(&line);
            let _ = stall(text.as_bytes());
        }
    }
}
