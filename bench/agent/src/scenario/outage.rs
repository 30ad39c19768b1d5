//! The receiver goes away, lines are written on, it comes back: does memory stay flat, and does every line arrive?

use std::{
    thread,
    time::{Duration, Instant},
};

use trivium_bench_agent::lines::{self, Kind};

use super::{Figures, PATIENCE, Run, SETTLE};
use crate::{Failure, subject::Compression};

const SOURCE: u32 = 1;
/// How often memory is read.
const SAMPLE: Duration = Duration::from_secs(1);

pub(super) fn outage(run: &Run<'_>) -> Result<Figures, Failure> {
    let kind = Kind::Docker;
    let seconds = run.options.outage_length();
    let count = run.options.backlog_bytes() / kind.line_length() as u64;
    let rate = count / seconds;
    let (input, file) = run.input(kind)?;
    lines::prepare(&file, kind, SOURCE, 1)?;
    let mut running = run.start(input, Compression::None)?;
    run.must_deliver(&mut running, &[(SOURCE, 1)])?;
    thread::sleep(SETTLE);
    let before = running.reading()?;
    run.sink.leave()?;

    let writer = thread::spawn(move || lines::append(&file, kind, SOURCE, 1, count, rate));
    let mut resident = Vec::new();
    let started = Instant::now();
    while !writer.is_finished() {
        resident.push(running.reading()?.resident_mib);
        thread::sleep(SAMPLE);
    }
    writer
        .join()
        .map_err(|_| "the writer of lines panicked")??;

    run.sink.come_back()?;
    // A program may wait for a minute before it tries again.
    let expected = [(SOURCE, count + 1)];
    run.wait_for(&mut running, &expected, 3 * PATIENCE)?;
    let seconds = started.elapsed().as_secs_f64();
    thread::sleep(SETTLE);
    let after = running.reading()?;
    let mut figures = run.figures(
        running,
        (Some(before), after),
        seconds,
        &[(SOURCE, count + 1)],
    )?;
    figures.outage = over_time(&resident, after.resident_mib);
    Ok(figures)
}

/// At the start, a quarter, half, three quarters and the end of the outage, and afterwards.
fn over_time(resident: &[f64], afterwards: f64) -> Vec<f64> {
    let last = resident.len().saturating_sub(1);
    (0..=4)
        .filter_map(|quarter| resident.get(last * quarter / 4).copied())
        .chain([afterwards])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_over_time_is_told_in_quarters() {
        let resident: Vec<_> = (0..=100).map(f64::from).collect();
        assert_eq!(
            over_time(&resident, 7.0),
            [0.0, 25.0, 50.0, 75.0, 100.0, 7.0]
        );
        assert_eq!(over_time(&[], 7.0), [7.0]);
    }
}
