//! Lines in files: at full speed, at a steady rate, and none at all.

use std::{
    fs,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use trivium_bench_agent::lines::{self, Kind};

use super::{Figures, Run};
use crate::{
    Failure,
    subject::{Compression, Input, Running, Task},
};

/// How long nothing may arrive before the rest counts as lost.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// From the last line's arrival to the reading, so that its acknowledgement and the checkpoint are paid for too.
pub(super) const SETTLE: Duration = Duration::from_secs(1);
const SOURCE: u32 = 1;
const STEADY_LINES_A_SECOND: u64 = 10_000;
const LINES_OF_IDLE_FILES: u64 = 10;
const CONTAINER: &str = "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00";

/// All lines of a prepared file, from the program's start to the last one's acknowledgement.
pub(super) fn full_speed(
    run: &Run<'_>,
    kind: Kind,
    compression: Compression,
) -> Result<Figures, Failure> {
    let count = run.options.lines;
    let (input, file) = run.input(kind)?;
    lines::prepare(&file, kind, SOURCE, count)?;
    let started = Instant::now();
    let mut running = run.start(input, compression)?;
    let all = run.sink.wait_for_all(SOURCE, count, PATIENCE);
    let end = all.unwrap_or_else(Instant::now);
    thread::sleep(SETTLE);
    let after = running.reading()?;
    let seconds = (end - started).as_secs_f64();
    run.figures(running, (None, after), seconds, &[(SOURCE, count)])
}

/// Lines appended at a steady rate, once the program has delivered a first one.
pub(super) fn steady(run: &Run<'_>) -> Result<Figures, Failure> {
    let (input, file) = run.input(Kind::Docker)?;
    lines::prepare(&file, Kind::Docker, SOURCE, 1)?;
    let mut running = run.start(input, Compression::None)?;
    run.must_deliver(&running, SOURCE, 1)?;
    thread::sleep(SETTLE);
    let count = STEADY_LINES_A_SECOND * run.options.seconds;
    let started = Instant::now();
    let before = running.reading()?;
    lines::append(&file, Kind::Docker, SOURCE, 1, count, STEADY_LINES_A_SECOND)?;
    let after = running.reading()?;
    let seconds = started.elapsed().as_secs_f64();
    run.sink.wait_for_all(SOURCE, count + 1, PATIENCE);
    run.figures(
        running,
        (Some(before), after),
        seconds,
        &[(SOURCE, count + 1)],
    )
}

/// Many files that were read to their end.
pub(super) fn idle(run: &Run<'_>) -> Result<Figures, Failure> {
    let folder = run.folder.join("logs");
    fs::create_dir_all(&folder)?;
    let expected: Vec<_> = (0..run.options.idle_files)
        .map(|source| (source, LINES_OF_IDLE_FILES))
        .collect();
    for (source, count) in &expected {
        lines::prepare(
            &folder.join(format!("{source:04}.log")),
            Kind::Plain,
            *source,
            *count,
        )?;
    }
    let mut running = run.start(Input::Files(folder.join("*.log")), Compression::None)?;
    let all = expected.len() as u64 * LINES_OF_IDLE_FILES;
    if run
        .sink
        .wait(PATIENCE, |tally| tally.distinct() == all)
        .is_none()
    {
        return Err(format!("the idle files are not read: {}", running.last_words()).into());
    }
    thread::sleep(3 * SETTLE);
    let started = Instant::now();
    let before = running.reading()?;
    thread::sleep(Duration::from_secs(run.options.idle_seconds));
    let after = running.reading()?;
    let seconds = started.elapsed().as_secs_f64();
    run.figures(running, (Some(before), after), seconds, &expected)
}

impl Run<'_> {
    /// Where a file of this kind is to be written, and how a program finds it.
    pub(super) fn input(&self, kind: Kind) -> Result<(Input, PathBuf), Failure> {
        match kind {
            Kind::Docker => {
                let containers = self.folder.join("containers");
                let container = containers.join(CONTAINER);
                fs::create_dir_all(&container)?;
                let description = serde_json::json!({
                    "ID": CONTAINER,
                    "Name": "/bench",
                    "Config": {"Image": "bench:1", "Labels": {}},
                });
                fs::write(container.join("config.v2.json"), description.to_string())?;
                let file = container.join(format!("{CONTAINER}-json.log"));
                Ok((Input::Containers(containers), file))
            }
            Kind::Plain => {
                let folder = self.folder.join("logs");
                fs::create_dir_all(&folder)?;
                Ok((Input::Files(folder.join("*.log")), folder.join("bench.log")))
            }
        }
    }

    pub(super) fn start(&self, input: Input, compression: Compression) -> Result<Running, Failure> {
        let task = Task {
            input,
            sink: self.sink.address(),
            compression,
            folder: self.folder,
        };
        Running::start(self.subject, self.options, &task)
    }

    pub(super) fn must_deliver(
        &self,
        running: &Running,
        source: u32,
        count: u64,
    ) -> Result<(), Failure> {
        match self.sink.wait_for_all(source, count, PATIENCE) {
            Some(_) => Ok(()),
            None => Err(format!("it delivers nothing: {}", running.last_words()).into()),
        }
    }
}
