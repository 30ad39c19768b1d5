//! One test for each thing that happens to log files which stay where they are.

use super::*;
use crate::files::checkpoint;

const NONE: [&str; 0] = [];

#[test]
fn lines_are_delivered_in_order_and_the_checkpoint_follows_their_acknowledgement() {
    let mut rig = Rig::new(&["*.log"]);
    rig.append("a.log", "one\ntwo\n");
    rig.look();
    rig.wait(Duration::from_secs(2));
    rig.steps();
    assert_eq!(rig.saved(), [("a.log".to_owned(), 0)], "sent is not safe");
    assert_eq!(rig.deliver(), ["one", "two"]);
    assert_eq!(rig.saved(), [("a.log".to_owned(), 8)]);
    rig.append("a.log", "three\n");
    assert_eq!(rig.deliver(), ["three"]);
    assert_eq!(rig.losses(), []);
}

#[test]
fn a_half_line_waits_for_its_newline() {
    let mut rig = Rig::new(&["*.log"]);
    rig.append("a.log", "one\ntw");
    assert_eq!(rig.deliver(), ["one"]);
    rig.wait(Duration::from_secs(100));
    assert_eq!(rig.deliver(), NONE, "of a live file however long it takes");
    rig.append("a.log", "o\n");
    assert_eq!(rig.deliver(), ["two"]);
}

#[test]
fn a_line_that_is_too_long_is_cut_and_its_rest_declared() {
    for (limit, length) in [
        (10, 11),
        (10, 1000),
        (10, 700_000),
        (300_000, 300_001),
        (300_000, 2_000_000),
        (300_000, 300_000),
    ] {
        let mut rig = Rig::new(&["a.log"]);
        rig.settings.sources[0].longest_line = limit;
        rig.append("a.log", &format!("1\n{}\n2\n", "x".repeat(length)));
        let expected = "x".repeat(limit.min(length));
        assert!(rig.deliver() == ["1", &expected, "2"], "{limit} {length}");
        let lost = (
            "a.log".to_owned(),
            2 + limit as u64..3 + length as u64,
            LossReason::TooLong,
        );
        let lost = if length > limit { vec![lost] } else { vec![] };
        assert_eq!(rig.losses(), lost);
        rig.crash();
        assert_eq!(rig.deliver(), NONE);
    }
}

#[test]
fn the_rest_of_a_too_long_line_may_arrive_after_a_crash() {
    let mut rig = Rig::new(&["a.log"]);
    rig.settings.sources[0].longest_line = 10;
    rig.append("a.log", &"x".repeat(1_000_000));
    assert_eq!(rig.deliver(), NONE);
    rig.crash();
    assert_eq!(rig.deliver(), NONE);
    rig.append("a.log", "xx\n2\n");
    assert_eq!(rig.deliver(), ["xxxxxxxxxx", "2"]);
    assert_eq!(
        rig.losses(),
        [("a.log".to_owned(), 10..1_000_003, LossReason::TooLong)]
    );
}

#[test]
fn start_at_end_is_for_files_of_the_very_first_start_only() {
    let mut rig = Rig::new(&["*.log"]);
    rig.settings.sources[0].start_at = StartAt::End;
    rig.append("a.log", "old\n");
    rig.look();
    rig.crash();
    rig.append("a.log", "new\n");
    rig.append("b.log", "appeared\n");
    assert_eq!(rig.deliver(), ["new", "appeared"]);
    rig.rename("a.log", "a.1");
    rig.append("a.log", "successor\n");
    assert_eq!(rig.deliver(), ["successor"]);
}

#[test]
fn a_damaged_checkpoint_means_duplicates_and_two_damaged_ones_a_fresh_start_from_the_beginning() {
    let mut rig = Rig::new(&["*.log"]);
    rig.settings.sources[0].start_at = StartAt::End;
    rig.append("a.log", "old\n");
    rig.deliver();
    rig.append("a.log", "1\n");
    assert_eq!(rig.deliver(), ["1"]);
    rig.append("a.log", "2\n");
    assert_eq!(rig.deliver(), ["2"]);
    rig.crash();
    // Which of the two is the newest is not the test's business: after damage of either, the other one counts.
    rig.damage("checkpoint.0");
    let after_one = rig.deliver();
    assert!(after_one == NONE || after_one == ["2"], "{after_one:?}");
    rig.crash();
    for name in rig.dir.list().unwrap() {
        rig.damage(&name);
    }
    assert_eq!(rig.deliver(), ["old", "1", "2"]);
}

#[test]
fn a_refused_batch_is_declared_with_its_ranges_and_the_checkpoint_moves_on() {
    let mut rig = Rig::new(&["*.log"]);
    rig.append("a.log", "1\n2\n");
    rig.append("b.log", "3\n");
    rig.look();
    rig.wait(Duration::from_secs(1));
    rig.steps();
    assert!(rig.outlet.finish(Err(LossReason::Rejected)));
    rig.append("a.log", "4\n");
    assert_eq!(rig.deliver(), ["4"]);
    assert_eq!(
        rig.losses(),
        [
            ("a.log".to_owned(), 0..4, LossReason::Rejected),
            ("b.log".to_owned(), 0..2, LossReason::Rejected)
        ]
    );
    assert_eq!(
        rig.saved(),
        [("a.log".to_owned(), 6), ("b.log".to_owned(), 2)]
    );
}

#[test]
fn a_backlog_is_not_read_into_memory() {
    let mut rig = Rig::new(&["*.log"]);
    let text = "a line of some length for a backlog\n".repeat(500_000);
    rig.append("a.log", &text);
    rig.look();
    rig.wait(Duration::from_secs(5));
    rig.steps();
    let read: u64 = rig
        .engine()
        .table
        .status()
        .iter()
        .map(|file| file.read)
        .sum();
    assert!(read > 1_000_000, "{read}");
    assert!(
        read < 3_000_000,
        "{read}: one batch in flight and one that waits"
    );
    let mut delivered = rig.deliver().len();
    while rig.outlet.finish(Ok(())) {
        delivered += rig.deliver().len();
    }
    assert_eq!(delivered, 500_000);
}

#[test]
fn no_file_starves_another_one() {
    let mut rig = Rig::new(&["*.log"]);
    rig.append("a.log", &"a long backlog of one file\n".repeat(200_000));
    rig.append("b.log", "short\n");
    rig.look();
    let status = rig.engine().table.status();
    assert_eq!(status[1].read, 6, "{status:?}");
    assert!(status[0].is_open && status[0].lag_bytes() == 200_000 * 27);
}

#[test]
fn a_thousand_files_are_all_read_with_few_of_them_open() {
    let mut rig = Rig::new(&["**/*.log"]);
    for file in 0..1000 {
        fs::create_dir_all(rig.path(&format!("{}", file % 10))).unwrap();
        rig.append(&format!("{}/{file}.log", file % 10), &format!("{file}\n"));
    }
    let mut delivered = rig.deliver();
    delivered.sort_by_key(|line| line.parse::<u32>().unwrap());
    let expected: Vec<String> = (0..1000).map(|file| file.to_string()).collect();
    assert_eq!(delivered, expected);
    let status = rig.engine().table.status();
    let open = status.iter().filter(|file| file.is_open).count();
    assert!((1..=256).contains(&open), "{open}");
    rig.append("0/990.log", "closed meanwhile or not\n");
    rig.append("1/1.log", "closed meanwhile or not\n");
    assert_eq!(rig.deliver().len(), 2);
}

#[test]
fn a_reset_file_is_read_again_and_no_other() {
    let mut rig = Rig::new(&["*.log"]);
    rig.append("a.log", "1\n");
    rig.append("b.log", "2\n");
    assert_eq!(rig.deliver(), ["1", "2"]);
    rig.crash();
    let path = rig.path("b.log");
    let removed = checkpoint::remove(rig.dir.clone(), |entry| entry.path == path);
    assert_eq!(removed.unwrap().len(), 1);
    assert_eq!(rig.deliver(), ["2"]);
}

#[test]
fn an_offset_that_another_program_has_left_is_taken_over() {
    let mut rig = Rig::new(&["*.log"]);
    rig.append("a.log", "1\n2\n");
    rig.append("b.log", "3\n");
    let entry = |name: &str, offset| checkpoint::Entry::at(&rig.path(name), offset).unwrap();
    let entries = [entry("a.log", 2), entry("b.log", 77)];
    checkpoint::add(rig.dir.clone(), &entries).unwrap();
    rig.append("b.log", "4\n");
    assert_eq!(rig.deliver(), ["2", "4"]);
    assert_eq!(rig.losses(), []);
}

#[test]
fn a_loss_is_declared_in_a_record_also_when_no_line_comes_after_it() {
    let mut rig = Rig::new(&["*.log"]);
    rig.declares = true;
    rig.append("a.log", "1\n");
    rig.look();
    rig.wait(Duration::from_secs(1));
    rig.steps();
    assert!(rig.outlet.finish(Err(LossReason::Rejected)));
    rig.steps();
    assert_eq!(rig.deliver(), ["rejected"]);
}

#[test]
fn a_file_that_nobody_wants_yet_keeps_its_checkpoint_until_somebody_does() {
    let mut rig = Rig::new(&["*.log"]);
    rig.append("a.log", "1\n");
    assert_eq!(rig.deliver(), ["1"]);
    rig.crash();
    rig.append("a.unknown", "");
    rig.append("a.log", "2\n");
    assert_eq!(rig.deliver(), NONE);
    assert_eq!(rig.saved(), [("a.log".to_owned(), 2)]);
    rig.remove("a.unknown");
    assert_eq!(rig.deliver(), ["2"]);
    assert_eq!(rig.saved(), [("a.log".to_owned(), 4)]);
}
