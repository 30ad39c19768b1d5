//! Descriptors and memory do not grow. 20 seconds, or as long as `TRIVIUM_SOAK` says (`10m`).

use std::{
    thread,
    time::{Duration, Instant},
};

use trivium_bench_agent::lines::{Kind, prepare};

use crate::{
    relay::{OPEN, address, send},
    support::{Agent, Bed, PATIENCE, Writer, until},
};

const FILES: u32 = 8;
/// Of a file and a round.
const LINES: u64 = 100;
/// Rounds of writing, before all files are rotated.
const PER_CYCLE: u32 = 10;
/// What a megabyte batch or two more or less, and the allocator, make of memory.
const NOISE_KIB: u64 = 12 * 1024;

#[test]
fn descriptors_and_memory_do_not_grow_through_rotations_and_outages() {
    let lasts = std::env::var("TRIVIUM_SOAK").map_or(Duration::from_secs(20), |text| {
        humantime::parse_duration(&text).unwrap()
    });
    let bed = Bed::new();
    bed.configure(OPEN);
    let mut writers: Vec<_> = (0..FILES)
        .map(|source| Writer::new(&bed.log(&format!("{source}.log")), source))
        .collect();
    let agent = bed.start();
    let mut relayed = 0;
    let started = Instant::now();
    let mut samples = Vec::new();
    while started.elapsed() < lasts {
        cycle(&bed, &agent, &mut writers, &mut relayed, samples.len());
        samples.push((agent.descriptors(), agent.resident_kib()));
    }
    for writer in &writers {
        bed.arrived(&agent, writer.source, writer.next);
    }
    bed.arrived(&agent, FILES, relayed);
    agent.stop();
    bed.sink.with_tally(|tally| {
        assert_eq!(
            (
                tally.out_of_order,
                tally.unnumbered,
                tally.malformed_requests
            ),
            (0, 0, 0)
        );
    });
    // The first quarter warms up: buffers get their size.
    let (early, late) = samples.split_at(samples.len() / 4 + 1);
    let late = &late[late.len() / 2..];
    assert!(!late.is_empty(), "{samples:?}");
    let most = |samples: &[(usize, u64)]| {
        let descriptors = samples.iter().map(|sample| sample.0).max().unwrap();
        let kib = samples.iter().map(|sample| sample.1).max().unwrap();
        (descriptors, kib)
    };
    let (before, after) = (most(early), most(late));
    eprintln!(
        "{} cycles, descriptors and KiB: {before:?}, later {after:?}",
        samples.len()
    );
    // A removed file stays open until it has not grown for 30 seconds; twice that, as cycles differ.
    let cycles = 60 * samples.len() / lasts.as_secs().max(1) as usize + 1;
    assert!(after.0 <= 40 + FILES as usize * cycles, "{samples:?}");
    assert!(after.1 <= before.1 + NOISE_KIB, "{samples:?}");
}

#[test]
fn memory_does_not_depend_on_the_backlog() {
    let resident = [20_000, 500_000].map(|lines| {
        let bed = Bed::new();
        bed.sink.leave().unwrap();
        prepare(&bed.log("app.log"), Kind::Plain, 1, lines).unwrap();
        let agent = bed.start();
        agent.says("sending logs fails and is tried again");
        // It reads ahead until it has to wait.
        let mut last = 0;
        until("its memory stays as it is", || {
            let before = std::mem::replace(&mut last, agent.resident_kib());
            thread::sleep(Duration::from_millis(500));
            (last == before && last == agent.resident_kib()).then_some(last)
        })
    });
    assert!(resident[1] < resident[0] + 4 * 1024, "{resident:?} KiB");
}

/// Writes, rotates, relays, with an outage in every other cycle, and waits until all has arrived.
fn cycle(bed: &Bed, agent: &Agent, writers: &mut [Writer], relayed: &mut u64, number: usize) {
    let grpc = address(agent, "grpc");
    for round in 0..PER_CYCLE {
        if number % 2 == 1 && round == 3 {
            bed.sink.leave().unwrap();
        }
        for writer in writers.iter_mut() {
            writer.write(LINES);
        }
        send(grpc, FILES, *relayed..*relayed + 10).unwrap();
        *relayed += 10;
        thread::sleep(Duration::from_millis(50));
        if number % 2 == 1 && round == 7 {
            bed.sink.come_back().unwrap();
        }
    }
    for writer in writers {
        writer.rotate();
        writer.write(1);
        let all = bed.sink.wait_for_all(writer.source, writer.next, PATIENCE);
        assert!(all.is_some(), "{}", agent.said());
        writer.forget_rotations();
    }
}
