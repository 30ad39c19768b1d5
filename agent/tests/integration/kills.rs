//! The process is killed again and again, while files rotate and the Collector comes and goes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use trivium_bench_agent::sink::Tally;

use crate::support::{Agent, Bed, PATIENCE, Writer};

/// Records in a batch, at most: it is handed over at 1 MiB, to which the last turn may add 256 KiB of a file; each record takes
/// more than its line's 200 bytes.
const BATCH: u64 = (1024 + 256) * 1024 / 200;
/// What the checkpoint did not say yet, what was acknowledged since, and what was in flight.
const MOST_DUPLICATES: u64 = 3 * BATCH;
const LINES_PER_MILLISECOND: u64 = 10;
const ROTATE_EVERY: Duration = Duration::from_secs(2);

#[test]
fn killed_again_and_again_under_rotation_and_outages_it_loses_nothing() {
    let bed = Bed::new();
    let is_over = Arc::new(AtomicBool::new(false));
    let writers = [1, 2].map(|source| {
        let writer = Writer::new(&bed.log(&format!("{source}.log")), source);
        let is_over = Arc::clone(&is_over);
        thread::spawn(move || write(writer, &is_over))
    });

    let mut duplicates_before = 0;
    for round in 0..3 {
        for outage in [
            Outage::None,
            Outage::AtTheEnd,
            Outage::AtTheStart,
            Outage::Between,
        ] {
            let agent = bed.start();
            outage.pass(&bed, &agent, 2_000 * (round + 1));
            agent.kill();
            let duplicates = bed.sink.with_tally(|tally| tally.duplicates);
            let more = duplicates - duplicates_before;
            // When the sink goes away, what it had taken and not answered comes again too.
            assert!(
                more <= MOST_DUPLICATES + BATCH,
                "{more} came twice after {outage:?}"
            );
            duplicates_before = duplicates;
        }
    }
    is_over.store(true, Ordering::Relaxed);
    let written = writers.map(|writer| writer.join().unwrap());

    let agent = bed.start();
    bed.arrived(&agent, 1, written[0]);
    bed.arrived(&agent, 2, written[1]);
    agent.stop();
    bed.sink.with_tally(|tally| {
        assert_eq!((tally.out_of_order, tally.unnumbered), (0, 0));
        assert_eq!(tally.malformed_requests, 0);
        assert_eq!(tally.distinct(), written[0] + written[1]);
    });
}

#[test]
fn killed_while_it_reads_a_backlog_it_sends_at_most_three_batches_again() {
    const LINES: u64 = 120_000;
    let bed = Bed::new();
    let mut writer = Writer::new(&bed.log("app.log"), 1);
    writer.write(LINES);
    let mut duplicates_before = 0;
    for part in [1, 2] {
        let agent = bed.start();
        bed.waits_for(&agent, "a part of the lines", |tally| {
            tally.distinct() >= part * LINES / 3
        });
        agent.kill();
        let duplicates = bed.sink.with_tally(|tally| tally.duplicates);
        let more = duplicates - duplicates_before;
        assert!(more <= MOST_DUPLICATES, "{more} came twice");
        duplicates_before = duplicates;
    }
    let agent = bed.start();
    bed.arrived(&agent, 1, LINES);
    agent.stop();
    bed.sink
        .with_tally(|tally| assert_eq!((tally.out_of_order, tally.unnumbered), (0, 0)));
}

/// Until it is over; how many lines.
fn write(mut writer: Writer, is_over: &AtomicBool) -> u64 {
    let mut rotated = Instant::now();
    while !is_over.load(Ordering::Relaxed) {
        writer.write(5 * LINES_PER_MILLISECOND);
        if rotated.elapsed() >= ROTATE_EVERY {
            writer.rotate();
            rotated = Instant::now();
        }
        thread::sleep(Duration::from_millis(5));
    }
    writer.next
}

#[derive(Debug, Clone, Copy)]
enum Outage {
    None,
    /// The agent is killed in it.
    AtTheEnd,
    /// The agent is started in it.
    AtTheStart,
    Between,
}

impl Outage {
    /// Lets the agent deliver so many new lines, before and after.
    fn pass(self, bed: &Bed, agent: &Agent, lines: u64) {
        let delivers = || {
            let goal = bed.sink.with_tally(Tally::distinct) + lines;
            let is_there = bed.sink.wait(PATIENCE, |tally| tally.distinct() >= goal);
            assert!(is_there.is_some(), "{}", agent.said());
        };
        let begins = || bed.sink.leave().unwrap();
        let is_noticed = || drop(agent.says("sending logs fails and is tried again"));
        let ends = || bed.sink.come_back().unwrap();
        match self {
            Self::None => delivers(),
            Self::AtTheEnd => {
                delivers();
                begins();
                is_noticed();
            }
            Self::AtTheStart => {
                is_noticed();
                ends();
                delivers();
            }
            Self::Between => {
                delivers();
                begins();
                is_noticed();
                ends();
                delivers();
            }
        }
    }
}
