//! One test for each thing that happens to log files.

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
fn rename_and_create_reads_the_old_file_to_its_end_and_then_the_new_one() {
    let mut rig = Rig::new(&["a.log"]);
    rig.append("a.log", "1\n2\n");
    assert_eq!(rig.deliver(), ["1", "2"]);
    rig.append("a.log", "3\n");
    rig.rename("a.log", "a.log.1");
    rig.append("a.log", "4\n");
    rig.append("a.log.1", "late\n");
    assert_eq!(rig.deliver(), ["3", "late", "4"]);
    rig.append("a.log.1", "later\n");
    assert_eq!(rig.deliver(), ["later"], "its writer has not reopened yet");
    assert_eq!(rig.losses(), []);
}

#[test]
fn rotated_files_that_the_pattern_matches_too_are_not_read_again() {
    let mut rig = Rig::new(&["a.log*"]);
    for round in 0..5 {
        rig.append("a.log", &format!("{round}\n"));
        assert_eq!(rig.deliver(), [round.to_string()]);
        for old in (0..round).rev() {
            rig.rename(&format!("a.log.{old}"), &format!("a.log.{}", old + 1));
        }
        rig.rename("a.log", "a.log.0");
        assert_eq!(rig.deliver(), NONE);
    }
    rig.crash();
    assert_eq!(rig.deliver(), NONE, "also after a restart");
}

#[test]
fn a_file_rotated_while_the_agent_is_down_is_found_by_its_inode_under_any_name() {
    for new_name in ["a.log.1", "old-a", "b.log"] {
        let mut rig = Rig::new(&["*.log"]);
        rig.append("a.log", "1\n");
        assert_eq!(rig.deliver(), ["1"]);
        rig.crash();
        rig.append("a.log", "2\n");
        rig.rename("a.log", new_name);
        rig.append("a.log", "3\n");
        assert_eq!(rig.deliver(), ["2", "3"], "{new_name}");
        rig.crash();
        assert_eq!(rig.deliver(), NONE, "{new_name}");
        assert_eq!(rig.losses(), []);
    }
}

#[test]
fn copytruncate_after_all_was_read_loses_nothing() {
    let mut rig = Rig::new(&["a.log"]);
    rig.append("a.log", "1\n2\n");
    assert_eq!(rig.deliver(), ["1", "2"]);
    fs::copy(rig.path("a.log"), rig.path("a.log.1")).unwrap();
    rig.truncate("a.log");
    rig.append("a.log", "3\n");
    assert_eq!(rig.deliver(), ["3"]);
    assert_eq!(rig.losses(), []);
    assert_eq!(rig.saved(), [("a.log".to_owned(), 2)]);
}

#[test]
fn a_truncated_file_that_has_grown_past_the_offset_again_is_read_from_its_beginning() {
    for first in ["same\n", "other\n"] {
        for is_down in [false, true] {
            let mut rig = Rig::new(&["a.log"]);
            rig.append("a.log", "same\n1\n");
            assert_eq!(rig.deliver(), ["same", "1"]);
            if is_down {
                rig.crash();
            }
            rig.truncate("a.log");
            rig.append("a.log", first);
            rig.append("a.log", "2\n3\n4\n5\n");
            let expected = [first.trim(), "2", "3", "4", "5"];
            assert_eq!(rig.deliver(), expected, "{first} {is_down}");
        }
    }
}

#[test]
fn a_truncation_shows_in_the_bytes_before_the_offset_where_the_head_is_the_same() {
    let banner = format!(
        "{}\n",
        "a banner longer than what is hashed of the head ".repeat(30)
    );
    for is_down in [false, true] {
        let mut rig = Rig::new(&["a.log"]);
        rig.append("a.log", &format!("{banner}1\n"));
        assert_eq!(rig.deliver().len(), 2);
        if is_down {
            rig.crash();
        }
        rig.truncate("a.log");
        rig.append("a.log", &format!("{banner}2\n3\n"));
        let delivered = rig.deliver();
        assert_eq!(
            delivered,
            [banner.trim_end_matches('\n'), "2", "3"],
            "{is_down}"
        );
    }
}

#[test]
fn a_file_truncated_to_less_than_the_offset_while_down_is_read_from_its_beginning() {
    let mut rig = Rig::new(&["a.log"]);
    rig.append("a.log", "1\n2\n");
    assert_eq!(rig.deliver(), ["1", "2"]);
    rig.crash();
    rig.truncate("a.log");
    assert_eq!(rig.deliver(), NONE);
    rig.append("a.log", "3\n");
    assert_eq!(rig.deliver(), ["3"]);
    assert_eq!(rig.losses(), []);
}

#[test]
fn what_was_known_and_not_read_before_a_truncation_is_declared() {
    let mut rig = Rig::new(&["a.log"]);
    rig.settings.batch_bytes = 1;
    rig.append("a.log", "1\n");
    rig.look();
    rig.append("a.log", "2\n");
    rig.look();
    rig.append("a.log", "33\n");
    rig.look();
    rig.truncate("a.log");
    rig.append("a.log", "4\n");
    assert_eq!(rig.deliver(), ["1", "2", "4"]);
    assert_eq!(
        rig.losses(),
        [("a.log".to_owned(), 4..7, LossReason::Truncated)]
    );
}

#[test]
fn another_file_with_the_inode_of_an_old_one_is_read_from_its_beginning() {
    let mut rig = Rig::new(&["*.log"]);
    rig.append("a.log", "old 1\nold 2\n");
    assert_eq!(rig.deliver(), ["old 1", "old 2"]);
    rig.crash();
    // The same inode with another content under another name is what the agent sees after a reuse.
    rig.truncate("a.log");
    rig.rename("a.log", "b.log");
    rig.append("b.log", "new 1\nnew 2\nnew 3\n");
    assert_eq!(rig.deliver(), ["new 1", "new 2", "new 3"]);
    rig.crash();
    assert_eq!(rig.deliver(), NONE);
}

#[test]
fn two_files_with_the_same_content_are_two_files() {
    let mut rig = Rig::new(&["*.log"]);
    rig.append("a.log", "banner\n1\n");
    rig.append("b.log", "banner\n1\n");
    assert_eq!(rig.deliver(), ["banner", "1", "banner", "1"]);
    rig.crash();
    rig.append("b.log", "2\n");
    assert_eq!(rig.deliver(), ["2"]);
}

#[test]
fn compressed_rotations_are_never_read_by_name_or_by_content() {
    let mut rig = Rig::new(&["a.log*"]);
    rig.append("a.log", "1\n");
    rig.append("a.log.2.gz", "text all the same\n");
    fs::write(rig.path("a.log.1"), b"\x1f\x8b\x08\x00\n\n\n").unwrap();
    assert_eq!(rig.deliver(), ["1"]);
    rig.wait(Duration::from_secs(100));
    assert_eq!(rig.deliver(), NONE);
    rig.remove("a.log.1");
    rig.deliver();
    rig.wait(Duration::from_secs(100));
    assert_eq!(rig.deliver(), NONE);
    assert_eq!(rig.losses(), []);
}

#[test]
fn a_file_removed_while_the_collector_is_away_goes_into_the_spool() {
    let mut rig = Rig::new(&["*.log"]);
    rig.settings.batch_bytes = 400_000;
    let lines: Vec<String> = (0..60_000).map(|line| format!("line {line:020}")).collect();
    rig.append("a.log", &(lines.join("\n") + "\n"));
    rig.append("b.log", "stays\n");
    rig.reconcile();
    rig.remove("a.log");
    rig.reconcile();
    assert!(rig.delivered().is_empty(), "the Collector may answer yet");
    for _ in 0..20 {
        rig.wait(Duration::from_secs(1));
        rig.sweep();
    }
    let mut kept = rig.outlet.sent.lock().unwrap().kept.clone();
    kept.retain(|line| line != "stays");
    assert!(kept == lines, "{} of {}", kept.len(), lines.len());
    assert_eq!(rig.losses(), []);
}

#[test]
fn a_removed_file_is_forgotten_when_nobody_writes_to_it_any_more() {
    let mut rig = Rig::new(&["*.log"]);
    rig.append("a.log", "1\n");
    let mut writer = OpenOptions::new()
        .append(true)
        .open(rig.path("a.log"))
        .unwrap();
    assert_eq!(rig.deliver(), ["1"]);
    rig.remove("a.log");
    rig.look();
    writer.write_all(b"2\nhalf").unwrap();
    rig.wait(Duration::from_secs(2));
    assert_eq!(rig.deliver(), ["2"]);
    for _ in 0..3 {
        rig.wait(Duration::from_secs(31));
        rig.deliver();
    }
    let delivered = rig.outlet.sent.lock().unwrap().delivered.clone();
    assert_eq!(delivered, ["1", "2", "half"]);
    assert_eq!(rig.saved(), []);
    assert_eq!(rig.engine().table.logs.len(), 0);
}

#[test]
fn what_was_not_read_of_a_file_that_was_removed_while_down_is_declared() {
    let mut rig = Rig::new(&["a.log"]);
    rig.append("a.log", "1\n2\n");
    assert_eq!(rig.deliver(), ["1", "2"]);
    rig.append("a.log", "33\n");
    // Read and in flight, so its size is in the next checkpoint.
    rig.look();
    rig.engine().is_changed = true;
    rig.wait(Duration::from_secs(2));
    rig.steps();
    rig.crash();
    rig.remove("a.log");
    rig.look();
    rig.look();
    assert_eq!(rig.losses(), [], "so soon it proves nothing");
    rig.wait(Duration::from_secs(2));
    assert_eq!(rig.deliver(), NONE);
    assert_eq!(
        rig.losses(),
        [("a.log".to_owned(), 4..7, LossReason::Removed)]
    );
    rig.wait(Duration::from_secs(60));
    rig.deliver();
    assert_eq!(rig.saved(), []);
}

#[test]
fn the_half_line_at_the_end_of_a_rotated_file_is_a_line_when_nobody_ends_it() {
    let mut rig = Rig::new(&["a.log"]);
    rig.append("a.log", "1\nha");
    assert_eq!(rig.deliver(), ["1"]);
    rig.rename("a.log", "a.log.1");
    rig.append("a.log", "2\n");
    assert_eq!(rig.deliver(), ["2"]);
    rig.append("a.log.1", "lf");
    assert_eq!(rig.deliver(), NONE);
    rig.wait(Duration::from_secs(31));
    assert_eq!(rig.deliver(), ["half"]);
    assert_eq!(
        rig.saved(),
        [("a.log.1".to_owned(), 6), ("a.log".to_owned(), 2)]
    );
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
        rig.settings.longest_line = limit;
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
    rig.settings.longest_line = 10;
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
fn a_record_that_goes_on_in_the_next_file_is_whole_also_after_a_crash() {
    let mut rig = Rig::new(&["a.log"]);
    rig.starts = Some(b"S");
    rig.append("a.log", "S1\nS2\n");
    assert_eq!(rig.deliver(), ["S1"]);
    assert_eq!(rig.saved(), [("a.log".to_owned(), 3)], "S2 may go on");
    rig.rename("a.log", "a.log.1");
    rig.append("a.log", "more\n");
    assert_eq!(rig.deliver(), NONE);
    assert_eq!(
        rig.saved(),
        [("a.log.1".to_owned(), 3), ("a.log".to_owned(), 0)]
    );
    rig.crash();
    assert_eq!(rig.deliver(), NONE);
    rig.append("a.log", "S3\n");
    assert_eq!(rig.deliver(), ["S2+more"]);
    assert_eq!(
        rig.saved(),
        [("a.log.1".to_owned(), 6), ("a.log".to_owned(), 5)]
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
