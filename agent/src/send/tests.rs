//! Against a sink: what is sent, what is kept, and in which order.

use std::{sync::Arc, time::Duration};

use tempfile::TempDir;
use trivium_bench_agent::{
    lines,
    sink::{Answer, Sink, Tally},
};
use trivium_otlp::Signal;

use super::{Kept, Link, LogOutlet, LogSender, Uplink, backoff::Backoff, drain, uplink::Refused};
use crate::{
    batch::{LogBatch, SourceKey},
    config::Config,
    files::{Outcome, Outlet as _},
    ledger::LossReason,
    spool::{Limits, Spool},
    state_dir::RealDir,
    stats::Stats,
    wire::logs::Record,
};

const PATIENCE: Duration = Duration::from_secs(20);

struct Bed {
    _folder: TempDir,
    sink: Sink,
    link: Link,
    kept: Kept,
    stats: Arc<Stats>,
}

impl Bed {
    /// To be called inside a runtime.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sink = Sink::start().unwrap();
        let text = format!("endpoint: http://{}", sink.address());
        let config = Config::parse(&text, "test", |_| None).unwrap();
        let limits = Limits {
            max_bytes: 1 << 20,
            max_age: PATIENCE * 100,
        };
        let dir = RealDir::lock(folder.path()).unwrap();
        Self {
            _folder: folder,
            sink,
            link: Link::new(&config).unwrap(),
            kept: Kept::new(Spool::open(dir, limits).unwrap().0),
            stats: Arc::default(),
        }
    }

    fn uplink(&self) -> Uplink {
        Uplink::new(
            self.link.clone(),
            self.kept.clone(),
            Arc::clone(&self.stats),
        )
    }

    fn outlet(&self) -> LogOutlet {
        let (link, kept) = (self.link.clone(), self.kept.clone());
        let (sender, outlet) = LogSender::new(link, kept, Arc::clone(&self.stats)).unwrap();
        tokio::spawn(sender.run());
        outlet
    }

    fn start_drain(&self) {
        let (link, kept) = (self.link.clone(), self.kept.clone());
        tokio::spawn(drain(kept, link, Arc::clone(&self.stats)));
    }

    /// Waits until so many numbers have arrived, while the runtime works.
    async fn arrived(&self, count: u64) {
        until(|| self.tally(|tally| tally.missing(1, count) == 0)).await;
        assert_eq!(
            self.tally(|tally| (tally.duplicates, tally.out_of_order)),
            (0, 0)
        );
    }

    fn tally<T>(&self, read: impl FnOnce(&Tally) -> T) -> T {
        self.sink.with_tally(read)
    }
}

async fn until(is_met: impl Fn() -> bool) {
    let met = async {
        while !is_met() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, met).await.unwrap();
}

/// A batch with one record of this number.
fn batch(number: u64) -> LogBatch {
    let mut batch = LogBatch::default();
    let body = lines::message(1, number);
    batch.record(SourceKey(1), &[], &[], |out| {
        let record = Record {
            time_unix_nano: None,
            observed_unix_nano: 1,
            severity_number: 0,
            severity_text: "",
            body: &body,
            trace_id: None,
            span_id: None,
        };
        record.write(out);
    });
    batch
}

fn request(number: u64) -> bytes::Bytes {
    batch(number).take_request().into()
}

async fn outcomes(outlet: &mut LogOutlet, count: usize) -> Vec<Outcome> {
    let mut all = Vec::new();
    let collected = async {
        while all.len() < count {
            all.extend(outlet.outcomes());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, collected).await.unwrap();
    all
}

fn is_all_ok(outcomes: &[Outcome]) -> bool {
    outcomes.iter().all(|outcome| outcome.result == Ok(()))
}

#[tokio::test]
async fn a_batch_is_in_flight_until_the_collector_has_taken_it() {
    let bed = Bed::new();
    let mut outlet = bed.outlet();
    bed.sink.set_answer(Answer::Unavailable);
    outlet.send(batch(0));
    assert!(!outlet.is_free());
    until(|| bed.tally(|tally| tally.refused_requests >= 2)).await;
    assert!(!outlet.is_free());
    assert!(outlet.outcomes().is_empty());
    bed.sink.set_answer(Answer::Accept);
    assert!(is_all_ok(&outcomes(&mut outlet, 1).await));
    assert!(outlet.is_free());
    bed.arrived(1).await;
    assert_eq!(bed.stats.sent.of(Signal::Logs), 1);
    assert_eq!(bed.stats.acknowledged.of(Signal::Logs), 1);
}

#[tokio::test]
async fn a_batch_that_is_refused_for_good_comes_back_with_the_reason() {
    let bed = Bed::new();
    let mut outlet = bed.outlet();
    bed.sink.set_answer(Answer::Refused);
    outlet.send(batch(0));
    let outcomes = outcomes(&mut outlet, 1).await;
    assert_eq!(outcomes[0].result, Err(LossReason::Rejected));
    assert!(outlet.is_free());
    assert!(!bed.kept.has_backlog());
    assert_eq!(bed.stats.acknowledged.of(Signal::Logs), 0);
}

#[tokio::test]
async fn what_is_in_flight_is_kept_when_the_files_say_so_and_what_is_kept_next_comes_after_it() {
    let bed = Bed::new();
    let mut outlet = bed.outlet();
    bed.sink.leave().unwrap();
    outlet.send(batch(0));
    outlet.keep_sent();
    outlet.keep(batch(1));
    assert!(is_all_ok(&outcomes(&mut outlet, 2).await));
    assert!(bed.kept.has_backlog());
    // It waits for what is kept.
    outlet.send(batch(2));
    bed.sink.come_back().unwrap();
    bed.start_drain();
    assert!(is_all_ok(&outcomes(&mut outlet, 1).await));
    bed.arrived(3).await;
    assert!(!bed.kept.has_backlog());
    assert_eq!(bed.stats.acknowledged.of(Signal::Logs), 3);
}

#[tokio::test]
async fn a_request_goes_straight_to_the_collector_and_into_the_spool_while_that_is_away() {
    let bed = Bed::new();
    let uplink = bed.uplink();
    uplink.deliver(Signal::Logs, 1, request(0)).await.unwrap();
    assert!(!bed.kept.has_backlog());
    bed.sink.leave().unwrap();
    uplink.deliver(Signal::Logs, 1, request(1)).await.unwrap();
    assert!(bed.kept.has_backlog());
    bed.sink.come_back().unwrap();
    // The Collector is there; what is kept goes first all the same.
    uplink.deliver(Signal::Logs, 1, request(2)).await.unwrap();
    assert_eq!(bed.tally(Tally::distinct), 1);
    bed.start_drain();
    bed.arrived(3).await;
    until(|| !bed.kept.has_backlog()).await;
    uplink.deliver(Signal::Logs, 1, request(3)).await.unwrap();
    assert_eq!(bed.tally(Tally::distinct), 4);
}

#[tokio::test]
async fn what_nobody_takes_is_refused_to_who_sent_it() {
    let bed = Bed::new();
    let uplink = bed.uplink();
    bed.sink.set_answer(Answer::Refused);
    let refused = uplink.deliver(Signal::Logs, 1, request(0)).await;
    assert!(matches!(refused, Err(Refused::Invalid(_))), "{refused:?}");
    bed.sink.leave().unwrap();
    // It does not become smaller by compression.
    let large: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..))
        .take(2 << 20)
        .collect();
    let refused = uplink.deliver(Signal::Logs, 1, large.into()).await;
    assert!(matches!(refused, Err(Refused::TooLarge(_))), "{refused:?}");
    assert!(!bed.kept.has_backlog());
}

#[tokio::test]
async fn a_kept_request_that_is_refused_for_good_is_declared_and_the_next_one_goes_on() {
    let bed = Bed::new();
    let uplink = bed.uplink();
    bed.sink.leave().unwrap();
    for number in 0..2 {
        let request = request(number);
        uplink.deliver(Signal::Logs, 1, request).await.unwrap();
    }
    bed.sink.set_answer(Answer::Refused);
    bed.sink.come_back().unwrap();
    bed.start_drain();
    until(|| !bed.kept.has_backlog()).await;
    let losses = bed.stats.undeclared();
    assert_eq!(losses.len(), 2);
    assert!(
        losses
            .iter()
            .all(|loss| loss.reason == LossReason::Rejected)
    );
    assert_eq!(bed.stats.losses()[&LossReason::Rejected].losses, 2);
}

#[tokio::test]
async fn pauses_double_up_to_five_seconds_and_start_again_after_a_success() {
    let bed = Bed::new();
    bed.sink.leave().unwrap();
    let error = bed.link.send(Signal::Logs, request(0)).await.unwrap_err();
    assert!(error.is_retryable);
    let mut backoff = Backoff::new("a test");
    for millis in [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000] {
        let (pause, expected) = (backoff.failed(&error), Duration::from_millis(millis));
        let jitter = expected.mul_f64(0.79)..expected.mul_f64(1.21);
        assert!(jitter.contains(&pause), "{pause:?} for {expected:?}");
    }
    backoff.succeeded();
    assert!(backoff.failed(&error) < Duration::from_millis(130));
}
