//! What is measured, and which programs take part.

mod files;
mod outage;
mod relay;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use trivium_bench_agent::{
    lines::Kind,
    sink::{Sink, Tally},
};

use crate::{
    Failure, Options,
    meter::Reading,
    subject::{Compression, Running, Subject},
};

/// How long nothing may arrive before the rest counts as lost.
const PATIENCE: Duration = Duration::from_secs(30);
/// From the last line's arrival to the reading, so that its acknowledgement and the checkpoint are paid for too.
const SETTLE: Duration = Duration::from_secs(1);

/// One row of the table, each run with a new sink and an empty state folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Scenario {
    /// A prepared file of Docker's lines
    Docker,
    /// The same, requests compressed with zstd
    DockerZstd,
    /// A prepared file of plain lines
    Plain,
    /// Docker's lines at a steady rate
    Steady,
    /// Many files without a new line
    Idle,
    /// OTLP in, OTLP out
    Relay,
    /// The same with the receiver away for half of the time
    RelayOutage,
    /// A backlog grows while the receiver is away
    Outage,
}

impl Scenario {
    /// Those it is fair to, and that can do it.
    pub(crate) fn subjects(self) -> &'static [Subject] {
        use Subject::{Agent, Collector, CollectorOnDisk, FluentBit, Rotel};
        match self {
            // Without new lines there is no queue.
            Self::Idle => &[Agent, Collector, FluentBit],
            Self::Docker | Self::DockerZstd | Self::Plain | Self::Steady | Self::Outage => {
                &[Agent, Collector, CollectorOnDisk, FluentBit]
            }
            Self::Relay | Self::RelayOutage => &[Agent, Collector, CollectorOnDisk, Rotel],
        }
    }

    pub(crate) fn run(
        self,
        subject: Subject,
        options: &Options,
        folder: &Path,
    ) -> Result<Figures, Failure> {
        let run = Run {
            subject,
            options,
            folder,
            sink: Sink::start()?,
        };
        match self {
            Self::Docker => files::full_speed(&run, Kind::Docker, Compression::None),
            Self::DockerZstd => files::full_speed(&run, Kind::Docker, Compression::Zstd),
            Self::Plain => files::full_speed(&run, Kind::Plain, Compression::None),
            Self::Steady => files::steady(&run),
            Self::Idle => files::idle(&run),
            Self::Relay => relay::relay(&run, false),
            Self::RelayOutage => relay::relay(&run, true),
            Self::Outage => outage::outage(&run),
        }
    }
}

/// One program in one scenario.
struct Run<'a> {
    subject: Subject,
    options: &'a Options,
    folder: &'a Path,
    sink: Sink,
}

/// What came of it.
#[derive(Debug, Clone)]
pub(crate) struct Figures {
    /// Lines or records that were given to the program.
    pub(crate) lines: u64,
    /// Over the time that is measured.
    pub(crate) cpu_seconds: f64,
    /// The time that is measured: to the last acknowledgement at full speed, else as long as asked for.
    pub(crate) seconds: f64,
    /// At the end.
    pub(crate) resident_mib: f64,
    pub(crate) peak_resident_mib: f64,
    pub(crate) descriptors: usize,
    pub(crate) missing: u64,
    pub(crate) duplicates: u64,
    pub(crate) out_of_order: u64,
    pub(crate) wire_bytes: u64,
    /// Resident memory in MiB over an outage, and after the backlog has gone.
    pub(crate) outage: Vec<f64>,
}

impl Figures {
    pub(crate) fn cores(&self) -> f64 {
        self.cpu_seconds / self.seconds
    }
}

/// A source, and how many lines of it there are.
type Expected = (u32, u64);

impl Run<'_> {
    /// Waits until all lines have arrived, for as long as new ones arrive within `patience`; returns when the last one did.
    fn wait_for(
        &self,
        running: &mut Running,
        expected: &[Expected],
        patience: Duration,
    ) -> Result<Option<Instant>, Failure> {
        const LOOK_AT_PROGRAM: Duration = Duration::from_secs(1);
        let total: u64 = expected.iter().map(|(_, count)| count).sum();
        let mut arrived = 0;
        let mut last_arrival = Instant::now();
        while last_arrival.elapsed() < patience {
            let all = self.sink.wait(LOOK_AT_PROGRAM, |tally| {
                let mut missing = expected
                    .iter()
                    .map(|(source, count)| tally.missing(*source, *count));
                tally.distinct() >= total && missing.all(|missing| missing == 0)
            });
            if all.is_some() {
                return Ok(all);
            }
            running.must_run()?;
            let now = self.sink.with_tally(Tally::distinct);
            if now > arrived {
                arrived = now;
                last_arrival = Instant::now();
            }
        }
        Ok(None)
    }

    fn must_deliver(&self, running: &mut Running, expected: &[Expected]) -> Result<(), Failure> {
        match self.wait_for(running, expected, PATIENCE)? {
            Some(_) => Ok(()),
            None => Err(format!("it does not deliver: {}", running.last_words()).into()),
        }
    }

    /// The figures between two readings, checked against what the sink got, and the program's end.
    fn figures(
        &self,
        running: Running,
        (before, after): (Option<Reading>, Reading),
        seconds: f64,
        expected: &[Expected],
    ) -> Result<Figures, Failure> {
        let said = running.last_words();
        running.stop()?;
        let figures = self.sink.with_tally(|tally| {
            if tally.malformed_requests > 0 {
                return Err(format!(
                    "{} malformed requests: {said}",
                    tally.malformed_requests
                ));
            }
            Ok(Figures {
                lines: expected.iter().map(|(_, count)| count).sum(),
                cpu_seconds: after.cpu_seconds - before.map_or(0.0, |before| before.cpu_seconds),
                seconds,
                resident_mib: after.resident_mib,
                peak_resident_mib: after.peak_resident_mib,
                descriptors: after.descriptors,
                missing: expected
                    .iter()
                    .map(|(source, count)| tally.missing(*source, *count))
                    .sum(),
                duplicates: tally.duplicates,
                out_of_order: tally.out_of_order,
                wire_bytes: tally.wire_bytes,
                outage: Vec::new(),
            })
        })?;
        let first_missing = self.sink.with_tally(|tally| {
            let mut sources = expected.iter();
            sources
                .find_map(|(source, count)| Some((*source, tally.first_missing(*source, *count)?)))
        });
        if let Some((source, sequence)) = first_missing {
            eprintln!(
                "{} lines are missing, first line {sequence} of source {source}; it said: {said}",
                figures.missing
            );
        }
        Ok(figures)
    }
}
