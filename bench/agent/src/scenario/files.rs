//! Lines in files: at full speed, at a steady rate, and none at all.

use std::{
    fs,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use trivium_bench_agent::lines::{self, Kind};

use super::{Figures, PATIENCE, Run, SETTLE};
use crate::{
    Failure,
    subject::{Compression, Input, Running, Task},
};

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
    let all = run.wait_for(&mut running, &[(SOURCE, count)], PATIENCE)?;
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
    run.must_deliver(&mut running, &[(SOURCE, 1)])?;
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
    run.must_deliver(&mut running, &expected)?;
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
}
