//! One test for each thing that happens to a file besides growing: renamed, truncated, replaced, compressed, removed.

use super::*;

const NONE: [&str; 0] = [];

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
