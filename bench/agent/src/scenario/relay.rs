//! OTLP in, OTLP out: what a record costs, and whether what was answered with success arrives although the receiver was away.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::{Figures, PATIENCE, Run, SETTLE};
use crate::{
    Failure,
    relay_load::RelayLoad,
    subject::{Compression, Input, free_ports},
};

const SOURCE: u32 = 1;
/// Sent first, so that connections are open when the measurement starts.
const WARM_UP_SOURCE: u32 = 2;
const RECORDS_A_SECOND: u64 = 10_000;
const RECORDS_A_REQUEST: u64 = 100;

pub(super) fn relay(run: &Run<'_>, is_receiver_away: bool) -> Result<Figures, Failure> {
    let [grpc, http] = free_ports()?;
    let mut running = run.start(Input::Otlp { grpc, http }, Compression::None)?;
    running.wait_for_port(grpc)?;
    let load = |source, seconds| RelayLoad {
        source,
        records: RECORDS_A_SECOND * seconds,
        records_a_request: RECORDS_A_REQUEST,
        records_a_second: RECORDS_A_SECOND,
    };
    let length = run.options.seconds;
    let warm_up = load(WARM_UP_SOURCE, 1);
    let measured = load(SOURCE, length);
    let limit = Duration::from_secs(length) + 4 * PATIENCE;
    warm_up.send_now(grpc, limit)?;
    run.must_deliver(&mut running, &[(WARM_UP_SOURCE, warm_up.records)])?;
    thread::sleep(SETTLE);

    let started = Instant::now();
    let before = running.reading()?;
    let client = thread::spawn(move || measured.send_now(grpc, limit));
    if is_receiver_away {
        let quarter = Duration::from_secs(length) / 4;
        thread::sleep(quarter);
        run.sink.leave()?;
        thread::sleep(2 * quarter);
        run.sink.come_back()?;
    }
    client.join().map_err(|_| "the client panicked")??;
    let expected = [
        (WARM_UP_SOURCE, warm_up.records),
        (SOURCE, measured.records),
    ];
    // A program may wait for a minute before it tries again.
    run.wait_for(&mut running, &expected, 3 * PATIENCE)?;
    let after = running.reading()?;
    let seconds = started.elapsed().as_secs_f64();
    let mut figures = run.figures(running, (Some(before), after), seconds, &expected)?;
    figures.lines = measured.records;
    Ok(figures)
}
