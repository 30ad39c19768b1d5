//! The Collector answers otherwise than with success.

use std::{
    thread,
    time::{Duration, Instant},
};

use trivium_bench_agent::sink::Answer;

use crate::support::{Bed, DeclaredLoss, Writer, losses};

/// For both at once, as most of the time is waited.
fn for_each_protocol(test: impl Fn(&str) + Sync) {
    thread::scope(|scope| {
        for protocol in ["grpc", "http"] {
            let test = &test;
            scope.spawn(move || test(protocol));
        }
    });
}

/// Lines are sent again until the Collector takes them; none is lost, none comes twice.
fn is_tried_again(protocol: &str, answer: Answer) {
    let bed = Bed::new();
    bed.configure(&format!("protocol: {protocol}"));
    bed.sink.set_answer(answer);
    let mut writer = Writer::new(&bed.log("app.log"), 1);
    writer.write(10_000);
    let agent = bed.start();
    bed.waits_for(&agent, "attempts", |tally| tally.refused_requests >= 3);
    agent.says("sending logs fails and is tried again");
    bed.sink.set_answer(Answer::Accept);
    bed.arrived(&agent, 1, 10_000);
    agent.says("sending logs works again");
    agent.stop();
    bed.sink.with_tally(|tally| {
        assert_eq!((tally.records, tally.out_of_order), (10_000, 0));
        assert_eq!(tally.malformed_requests, 0);
    });
}

#[test]
fn unavailable_is_tried_again_until_it_is_taken() {
    for_each_protocol(|protocol| {
        is_tried_again(protocol, Answer::Unavailable);
    });
}

#[test]
fn credentials_that_are_not_accepted_lose_nothing() {
    for_each_protocol(|protocol| {
        is_tried_again(protocol, Answer::Unauthenticated);
        is_tried_again(protocol, Answer::Forbidden);
    });
}

#[test]
fn a_wrong_address_loses_nothing() {
    for_each_protocol(|protocol| {
        is_tried_again(protocol, Answer::NotFound);
    });
}

#[test]
fn garbage_over_grpc_is_tried_again_until_it_is_taken() {
    is_tried_again("grpc", Answer::Garbage);
}

#[test]
fn garbage_over_http_is_tried_again_until_it_is_taken() {
    is_tried_again("http", Answer::Garbage);
}

#[test]
fn a_collector_that_asks_to_wait_is_left_alone_for_that_time() {
    // HTTP says it in whole seconds.
    let asked = Duration::from_secs(2);
    for_each_protocol(|protocol| {
        let bed = Bed::new();
        bed.configure(&format!("protocol: {protocol}"));
        bed.sink.set_answer(Answer::ResourceExhausted(asked));
        let mut writer = Writer::new(&bed.log("app.log"), 1);
        writer.write(1_000);
        let agent = bed.start();
        bed.waits_for(&agent, "the first attempt", |tally| {
            tally.refused_requests >= 1
        });
        let first = Instant::now();
        bed.waits_for(&agent, "the second attempt", |tally| {
            tally.refused_requests >= 2
        });
        // The agent's pauses have a jitter of a fifth; its own first pause would be 0.1 s.
        assert!(
            first.elapsed() >= asked.mul_f64(0.7),
            "{protocol}: {:?}",
            first.elapsed()
        );
        bed.sink.set_answer(Answer::Accept);
        bed.arrived(&agent, 1, 1_000);
        agent.stop();
        assert_eq!(bed.sink.with_tally(|tally| tally.records), 1_000);
    });
}

#[test]
fn what_a_partial_success_leaves_out_is_told_and_not_sent_again() {
    for_each_protocol(|protocol| {
        let bed = Bed::new();
        bed.configure(&format!("protocol: {protocol}"));
        bed.sink.set_answer(Answer::PartialSuccess(10));
        let mut writer = Writer::new(&bed.log("app.log"), 1);
        writer.write(100);
        let agent = bed.start();
        agent.says("the Collector left 10 of 100 logs out: rejected as told");
        bed.sink.set_answer(Answer::Accept);
        writer.write(1);
        bed.waits_for(&agent, "the next line", |tally| tally.missing(1, 101) == 10);
        agent.stop();
        bed.sink.with_tally(|tally| {
            assert_eq!((tally.rejected, tally.records), (10, 91));
            assert_eq!(tally.first_missing(1, 101), Some(0));
        });
    });
}

#[test]
fn what_is_refused_for_good_is_declared_to_the_byte_and_the_next_lines_go_on() {
    for_each_protocol(|protocol| {
        let bed = Bed::new();
        bed.configure(&format!("protocol: {protocol}"));
        bed.sink.keep();
        bed.sink.set_answer(Answer::Refused);
        let mut writer = Writer::new(&bed.log("app.log"), 1);
        writer.write(100);
        let agent = bed.start();
        bed.waits_for(&agent, "the refusal", |tally| tally.refused_requests >= 1);
        bed.sink.set_answer(Answer::Accept);
        writer.write(50);
        bed.waits_for(&agent, "the loss and the next lines", |tally| {
            tally.missing(1, 150) == 100 && !losses(tally).is_empty()
        });
        agent.stop();
        bed.sink.with_tally(|tally| {
            assert_eq!(tally.first_missing(1, 150), Some(0));
            assert_eq!(
                losses(tally),
                [DeclaredLoss {
                    file: "app.log".to_owned(),
                    from: 0,
                    to: 100 * 200,
                    reason: "rejected".to_owned(),
                }]
            );
        });
    });
}

#[test]
fn a_collector_that_does_not_answer_is_asked_again_and_a_stop_does_not_wait_for_it() {
    let bed = Bed::new();
    bed.sink.set_answer(Answer::Silence);
    let mut writer = Writer::new(&bed.log("app.log"), 1);
    writer.write(1_000);
    let agent = bed.start();
    bed.waits_for(&agent, "the first attempt", |tally| {
        tally.refused_requests >= 1
    });
    let started = Instant::now();
    agent.stop();
    assert!(
        started.elapsed() < Duration::from_secs(15),
        "{:?}",
        started.elapsed()
    );

    let agent = bed.start();
    bed.waits_for(&agent, "its attempt", |tally| tally.refused_requests >= 2);
    bed.sink.set_answer(Answer::Accept);
    // Its limit is 30 seconds.
    let is_there = bed.sink.wait(Duration::from_secs(45), |tally| {
        tally.missing(1, 1_000) == 0
    });
    assert!(is_there.is_some(), "{}", agent.said());
    agent.says("no answer within 30s");
    agent.stop();
    assert_eq!(bed.sink.with_tally(|tally| tally.records), 1_000);
}
