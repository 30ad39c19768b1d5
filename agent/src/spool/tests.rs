use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use nix::errno::Errno;
use proptest::prelude::*;

use super::{
    frame::{HEADER_BYTES, encode},
    segment, *,
};
use crate::{
    ledger::LossReason,
    state_dir::{
        RealDir, StateDir as _,
        faulty::{FaultyDir, Operation},
    },
};

mod corruption;
mod kill;
mod model;

const SMALL: Limits = Limits {
    max_bytes: 4096,
    max_age: Duration::from_secs(3600),
};

fn open(dir: &FaultyDir, limits: Limits) -> Spool<FaultyDir> {
    Spool::open(dir.clone(), limits).unwrap().0
}

/// Bytes that no compression makes shorter, different for each number.
fn body(number: u64, length: usize) -> Vec<u8> {
    let mut body = number.to_le_bytes().to_vec();
    let mut state = number;
    while body.len() < length + 8 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        body.push((state >> 33) as u8);
    }
    body
}

fn number(frame: &Frame) -> u64 {
    u64::from_le_bytes(*frame.body.first_chunk().unwrap())
}

/// Delivers and acknowledges all; the numbers of the frames. Fails rather than going on forever.
fn drain(spool: &mut Spool<FaultyDir>) -> Vec<u64> {
    let mut numbers = Vec::new();
    for _ in 0..10_000 {
        match spool.front() {
            Ok(Some(frame)) => {
                numbers.push(number(&frame));
                let _ = spool.acknowledge(frame.seq);
            }
            Ok(None) => return numbers,
            Err(_) => {}
        }
    }
    panic!("the spool does not come to an end");
}

fn segments(dir: &FaultyDir) -> Vec<String> {
    let mut names = dir.list().unwrap();
    names.retain(|name| segment::first_seq(name).is_some());
    names
}

#[test]
fn what_was_synced_survives_a_crash_in_order_and_what_was_not_may_not() {
    for seed in 0..50 {
        let dir = FaultyDir::default();
        let mut spool = open(&dir, Limits::default());
        for number in 0..3 {
            spool.append(Signal::Logs, 10, &body(number, 50)).unwrap();
        }
        assert_eq!(spool.front().unwrap(), None, "nothing before the sync");
        spool.sync().unwrap();
        spool.append(Signal::Logs, 10, &body(3, 50)).unwrap();
        dir.crash(seed);
        let (mut spool, recovery) = Spool::open(dir, Limits::default()).unwrap();
        let delivered = drain(&mut spool);
        assert_eq!(delivered[..3], [0, 1, 2]);
        assert!(delivered.len() <= 4);
        assert!(recovery.frames >= 3 && recovery.items == recovery.frames * 10);
    }
}

#[test]
fn an_acknowledged_frame_does_not_come_again_after_the_process_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    let reopen = || Spool::open(RealDir::lock(folder.path()).unwrap(), Limits::default()).unwrap();
    let (mut spool, _) = reopen();
    for number in 0..10 {
        spool.append(Signal::Traces, 1, &body(number, 10)).unwrap();
    }
    spool.sync().unwrap();
    for expected in 0..10 {
        let frame = spool.front().unwrap().unwrap();
        assert_eq!(number(&frame), expected);
        assert_eq!(
            spool.front().unwrap().unwrap(),
            frame,
            "until it is acknowledged"
        );
        spool.acknowledge(frame.seq).unwrap();
        drop(spool);
        let recovery;
        (spool, recovery) = reopen();
        assert_eq!(recovery.frames, 9 - expected);
    }
    assert_eq!(spool.front().unwrap(), None);
    assert_eq!((spool.bytes(), spool.oldest()), (0, None));
}

#[test]
fn the_limit_in_bytes_makes_room_and_declares_what_fell_out() {
    let dir = FaultyDir::default();
    let mut spool = open(&dir, SMALL);
    for number in 0..40 {
        spool
            .append(Signal::Metrics, 3, &body(number, 192))
            .unwrap();
        spool.sync().unwrap();
        assert!(spool.bytes() <= SMALL.max_bytes);
    }
    let losses = spool.losses();
    let kept = drain(&mut spool);
    let lost = 40 - kept.len() as u64;
    assert_eq!(kept, (lost..40).collect::<Vec<_>>(), "the newest are kept");
    assert!(
        kept.len() >= 12,
        "and only one segment goes at a time: {kept:?}"
    );
    assert_eq!(
        losses.iter().map(|loss| loss.items.unwrap()).sum::<u64>(),
        lost * 3
    );
    for loss in &losses {
        assert_eq!(loss.loss.reason, LossReason::SpoolFull);
        assert_eq!(loss.signal, Some(Signal::Metrics));
    }
    assert_eq!(spool.losses(), []);
}

#[test]
fn a_frame_that_is_too_old_is_declared_and_left_out() {
    let dir = FaultyDir::default();
    let hours_ago = |hours: u64| SystemTime::now() - Duration::from_secs(hours * 3600);
    let mut content = Vec::new();
    for (seq, hours) in [(7, 80), (8, 73), (9, 71)] {
        let frame = encode(seq, Signal::Logs, 5, hours_ago(hours), &body(seq, 9)).unwrap();
        content.extend(frame.bytes);
    }
    dir.put(&segment::name(7), &content);
    let mut spool = open(&dir, Limits::default());
    assert_eq!(drain(&mut spool), [9]);
    let losses = spool.losses();
    assert_eq!(losses.len(), 1);
    assert_eq!(losses[0].loss.reason, LossReason::Expired);
    assert_eq!(losses[0].items, Some(10));
    assert_eq!(losses[0].loss.bytes.start, 0);
}

#[test]
fn a_full_disk_refuses_the_frame_and_nothing_else_and_takes_the_next_one_when_it_has_room() {
    let dir = FaultyDir::default();
    let mut spool = open(&dir, Limits::default());
    spool.append(Signal::Logs, 1, &body(0, 100)).unwrap();
    dir.set_capacity(Some(200));
    let full = spool.append(Signal::Logs, 1, &body(1, 100)).unwrap_err();
    assert!(
        matches!(
            full,
            SpoolError::Io {
                action: Action::Write,
                ..
            }
        ),
        "{full}"
    );
    spool.sync().unwrap();
    assert_eq!(number(&spool.front().unwrap().unwrap()), 0);
    dir.set_capacity(None);
    spool.append(Signal::Logs, 1, &body(2, 100)).unwrap();
    spool.sync().unwrap();
    assert_eq!(drain(&mut spool), [0, 2]);
    assert_eq!(spool.losses(), []);
}

#[test]
fn a_full_disk_still_drains_although_the_cursor_has_no_room() {
    let dir = FaultyDir::default();
    let mut spool = open(&dir, Limits::default());
    for number in 0..3 {
        spool.append(Signal::Logs, 1, &body(number, 100)).unwrap();
    }
    spool.sync().unwrap();
    dir.set_capacity(Some(0));
    assert_eq!(drain(&mut spool), [0, 1, 2]);
    assert_eq!(segments(&dir), [""; 0]);
}

#[test]
fn after_a_failed_sync_the_descriptor_is_not_used_again_and_its_frames_are_not_in_the_spool() {
    for operation in [Operation::SyncFile, Operation::SyncDir] {
        let dir = FaultyDir::default();
        let mut spool = open(&dir, Limits::default());
        spool.append(Signal::Logs, 1, &body(0, 10)).unwrap();
        dir.fail_next(operation, Errno::EIO);
        let failed = spool.sync().unwrap_err();
        assert!(
            matches!(
                failed,
                SpoolError::Io {
                    action: Action::Sync,
                    ..
                }
            ),
            "{failed}"
        );
        let first = segments(&dir);
        spool.append(Signal::Logs, 1, &body(1, 10)).unwrap();
        assert_ne!(segments(&dir), first);
        spool.sync().unwrap();
        assert_eq!(drain(&mut spool), [1]);
    }
}

#[test]
fn a_write_that_can_not_be_taken_back_ends_the_segment() {
    let dir = FaultyDir::default();
    let mut spool = open(&dir, Limits::default());
    spool.append(Signal::Logs, 1, &body(0, 10)).unwrap();
    dir.fail_next(Operation::Write, Errno::EIO);
    dir.fail_next(Operation::Truncate, Errno::EIO);
    spool.append(Signal::Logs, 1, &body(1, 10)).unwrap_err();
    let refused = spool.append(Signal::Logs, 1, &body(2, 10)).unwrap_err();
    assert!(matches!(refused, SpoolError::SyncFirst), "{refused}");
    spool.sync().unwrap();
    spool.append(Signal::Logs, 1, &body(3, 10)).unwrap();
    spool.sync().unwrap();
    assert_eq!(segments(&dir).len(), 2);
    dir.crash(1);
    let (mut spool, recovery) = Spool::open(dir, Limits::default()).unwrap();
    assert!(recovery.torn_bytes > 0);
    assert_eq!(drain(&mut spool), [0, 3]);
    assert_eq!(spool.losses(), []);
}

#[test]
fn an_error_that_may_pass_gives_nothing_up() {
    let dir = FaultyDir::default();
    let mut spool = open(&dir, Limits::default());
    spool.append(Signal::Logs, 1, &body(0, 10)).unwrap();
    spool.sync().unwrap();
    dir.fail_next(Operation::Read, Errno::EMFILE);
    let failed = spool.front().unwrap_err();
    assert!(
        matches!(
            failed,
            SpoolError::Io {
                action: Action::Read,
                ..
            }
        ),
        "{failed}"
    );
    assert_eq!(drain(&mut spool), [0]);
    assert_eq!(spool.losses(), []);
}

#[test]
fn a_frame_that_made_room_while_it_was_sent_is_not_acknowledged_in_place_of_another() {
    let dir = FaultyDir::default();
    let mut spool = open(&dir, SMALL);
    spool.append(Signal::Logs, 1, &body(0, 192)).unwrap();
    spool.sync().unwrap();
    let sending = spool.front().unwrap().unwrap();
    for number in 1..40 {
        spool.append(Signal::Logs, 1, &body(number, 192)).unwrap();
        spool.sync().unwrap();
    }
    let oldest = spool.front().unwrap().unwrap();
    spool.acknowledge(sending.seq).unwrap();
    assert_eq!(spool.front().unwrap().unwrap(), oldest);
}

#[test]
fn a_request_that_can_never_fit_is_refused_and_a_group_that_does_not_fit_is_synced_first() {
    let dir = FaultyDir::default();
    let mut spool = open(&dir, SMALL);
    let refused = spool.append(Signal::Logs, 1, &body(0, 2048)).unwrap_err();
    assert!(
        matches!(refused, SpoolError::TooLarge { limit: 2048, .. }),
        "{refused}"
    );
    let mut number = 0;
    let refused = loop {
        match spool.append(Signal::Logs, 1, &body(number, 900)) {
            Ok(()) => number += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, SpoolError::SyncFirst), "{refused}");
    assert_eq!(number, 4);
    spool.sync().unwrap();
    spool.append(Signal::Logs, 1, &body(4, 900)).unwrap();
}

#[test]
fn numbers_are_not_used_again_when_the_cursor_is_lost() {
    let dir = FaultyDir::default();
    let mut spool = open(&dir, Limits::default());
    let mut seqs = Vec::new();
    for number in 0..5 {
        spool.append(Signal::Logs, 1, &body(number, 10)).unwrap();
        spool.sync().unwrap();
        let frame = spool.front().unwrap().unwrap();
        spool.acknowledge(frame.seq).unwrap();
        seqs.push(frame.seq);
        for name in dir.list().unwrap() {
            dir.remove(&name).unwrap();
        }
        spool = open(&dir, Limits::default());
    }
    assert!(seqs.is_sorted_by(|one, two| one < two), "{seqs:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn arbitrary_bytes_as_segment_and_cursor_are_read_to_their_end(
        content in prop::collection::vec(piece(), 0..12),
        cursor in prop::collection::vec(any::<u8>(), 0..30),
    ) {
        let dir = FaultyDir::default();
        let content = content.concat();
        dir.put(&segment::name(5), &content);
        dir.put("spool.cursor.0", &cursor);
        dir.put("spool.cursor.1", &cursor);
        let mut spool = open(&dir, Limits::default());
        let delivered = drain(&mut spool);
        for loss in spool.losses() {
            prop_assert!(loss.loss.bytes.start < loss.loss.bytes.end);
            prop_assert!(loss.loss.bytes.end <= content.len() as u64);
        }
        prop_assert!(delivered.len() <= content.len() / HEADER_BYTES);
        prop_assert_eq!(segments(&dir), [""; 0]);
        spool.append(Signal::Logs, 1, &body(1, 0)).unwrap();
        spool.sync().unwrap();
        prop_assert_eq!(drain(&mut spool), [1]);
    }
}

/// Bytes that look like what a segment has.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let frame = |seq| {
        encode(seq, Signal::Logs, 1, SystemTime::now(), &body(seq, 5))
            .unwrap()
            .bytes
    };
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        (0..200_usize).prop_map(|length| vec![0; length]),
        Just(b"TVSF\x01\x03".to_vec()),
        (5..9_u64).prop_map(frame),
        (5..9_u64, any::<prop::sample::Index>())
            .prop_map(move |(seq, at)| frame(seq)[..at.index(50)].to_vec()),
    ]
}

#[test]
fn the_age_and_size_of_the_backlog_are_known_without_reading_it() {
    let dir = FaultyDir::default();
    let before = SystemTime::now();
    let mut spool = open(&dir, Limits::default());
    assert_eq!((spool.oldest(), spool.bytes()), (None, 0));
    spool.append(Signal::Logs, 1, &body(0, 10)).unwrap();
    spool.sync().unwrap();
    assert!(spool.oldest().unwrap() >= before);
    let on_disk: BTreeMap<_, _> = segments(&dir)
        .into_iter()
        .map(|name| (name.clone(), dir.len(&name).unwrap()))
        .collect();
    assert_eq!(spool.bytes(), on_disk.values().sum::<u64>());
}

#[test]
fn a_segment_whose_removal_a_crash_undid_is_not_delivered_again() {
    let mut undone = 0;
    for seed in 0..50 {
        let dir = FaultyDir::default();
        let mut spool = open(&dir, Limits::default());
        spool.append(Signal::Logs, 1, &body(0, 10)).unwrap();
        spool.sync().unwrap();
        assert_eq!(drain(&mut spool), [0]);
        assert_eq!(segments(&dir), [""; 0]);
        dir.crash(seed);
        undone += segments(&dir).len();
        assert_eq!(drain(&mut open(&dir, Limits::default())), [0; 0]);
    }
    assert!(undone > 0, "no crash undid a removal");
}
