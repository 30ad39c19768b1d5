//! One test for each thing that fails: the process, the state folder's disk, a file's disk, inotify, a log's writer.

use nix::errno::Errno;

use super::*;

const NONE: [&str; 0] = [];

#[test]
fn what_was_acknowledged_just_before_a_crash_is_not_sent_again() {
    let mut rig = Rig::new(&["*.log"]);
    rig.append("a.log", "1\n");
    assert_eq!(rig.deliver(), ["1"]);
    // All of it within the second in which no checkpoint is written.
    for line in 2..5 {
        rig.append("a.log", &format!("{line}\n"));
        rig.append("new.log", &format!("new {line}\n"));
        rig.reconcile();
        rig.wait(Duration::from_millis(200));
        rig.steps();
        assert!(rig.outlet.finish(Ok(())));
        rig.steps();
    }
    rig.rename("new.log", "renamed");
    rig.reconcile();
    rig.append("a.log", "in flight\n");
    rig.reconcile();
    rig.wait(Duration::from_millis(200));
    rig.steps();
    rig.delivered();
    rig.crash();
    rig.append("renamed", "late\n");
    assert_eq!(rig.deliver(), ["in flight", "late"]);
}

#[test]
fn what_a_crashed_process_has_left_in_the_journal_is_soon_safe_from_a_power_loss() {
    for seed in 0..8 {
        let mut rig = Rig::new(&["*.log"]);
        rig.append("a.log", "1\n");
        assert_eq!(rig.deliver(), ["1"]);
        // The first of them is in a checkpoint, the second one is too soon for the next.
        for line in ["2\n", "3\n"] {
            rig.append("a.log", line);
            rig.reconcile();
            rig.wait(Duration::from_millis(200));
            rig.steps();
            assert!(rig.outlet.finish(Ok(())));
            rig.steps();
        }
        rig.crash();
        rig.look();
        rig.lose_power(seed);
        assert_eq!(rig.saved(), [("a.log".to_owned(), 6)], "{seed}");
    }
}

#[test]
fn no_batch_is_sent_before_the_journal_has_the_one_before_it() {
    let mut rig = Rig::new(&["*.log"]);
    rig.settings.batch_bytes = 300_000;
    let line = "a line of some length\n";
    rig.append("a.log", &line.repeat(300_000));
    rig.outlet.sent.lock().unwrap().acknowledges_at_once = true;
    let now = rig.now;
    rig.engine().reconcile(now);
    rig.engine().step(now);
    let delivered = (rig.delivered().len() * line.len()) as u64;
    let saved = rig.saved()[0].1;
    assert!(saved > 0);
    let turn = crate::files::tail::TURN_BYTES as u64;
    let twice = delivered - saved;
    assert!((1..=2 * turn).contains(&twice), "{twice} of {delivered}");
}

#[test]
fn files_go_on_while_the_disk_is_full_and_the_checkpoint_follows_when_it_is_not() {
    let mut rig = Rig::new(&["*.log"]);
    rig.append("a.log", "1\n");
    assert_eq!(rig.deliver(), ["1"]);
    rig.dir.set_capacity(Some(0));
    rig.append("a.log", "2\n");
    assert_eq!(rig.deliver(), ["2"]);
    rig.append("b.log", "3\n");
    assert_eq!(rig.deliver(), ["3"]);
    assert_eq!(rig.saved(), [("a.log".to_owned(), 2)]);
    rig.dir.set_capacity(None);
    assert_eq!(rig.deliver(), NONE);
    rig.crash();
    assert_eq!(rig.deliver(), NONE);
    assert_eq!(
        rig.saved(),
        [("a.log".to_owned(), 4), ("b.log".to_owned(), 2)]
    );
}

/// All reads of the known file at a path fail, or no longer do.
fn set_fault(rig: &mut Rig, name: &str, fault: Option<Errno>) {
    let path = rig.path(name);
    let files = rig.engine().table.files.values_mut();
    for known in files.filter(|known| known.tail.path == path) {
        known.tail.fault = fault;
    }
}

#[test]
fn a_file_that_can_not_be_read_is_tried_again_and_its_status_says_so() {
    let mut rig = Rig::new(&["*.log"]);
    rig.append("a.log", "1\n");
    assert_eq!(rig.deliver(), ["1"]);
    set_fault(&mut rig, "a.log", Some(Errno::EACCES));
    rig.append("a.log", "2\n");
    assert_eq!(rig.deliver(), NONE);
    let error = |rig: &mut Rig| rig.engine().status().files[0].read_error;
    assert_eq!(error(&mut rig), Some(std::io::ErrorKind::PermissionDenied));
    set_fault(&mut rig, "a.log", None);
    // Nobody writes to it any more.
    assert_eq!(rig.deliver(), ["2"]);
    assert_eq!(error(&mut rig), None);
    assert_eq!(rig.losses(), []);
}

#[test]
fn a_removed_file_that_can_not_be_read_is_declared_once_when_it_is_given_up() {
    for is_open in [true, false] {
        let mut rig = Rig::new(&["*.log"]);
        rig.append("a.log", "1\n");
        assert_eq!(rig.deliver(), ["1"]);
        set_fault(&mut rig, "a.log", Some(Errno::EIO));
        rig.append("a.log", "22\n");
        assert_eq!(rig.deliver(), NONE);
        if !is_open {
            for known in rig.engine().table.files.values_mut() {
                known.tail.close();
            }
        }
        rig.remove("a.log");
        rig.look();
        assert_eq!(rig.losses(), []);
        let mut losses = Vec::new();
        for _ in 0..5 {
            rig.wait(Duration::from_secs(31));
            assert_eq!(rig.deliver(), NONE);
            losses.extend(rig.losses());
        }
        assert_eq!(
            losses,
            [("a.log".to_owned(), 2..5, LossReason::ReadError)],
            "open: {is_open}"
        );
        assert_eq!(rig.saved(), []);
    }
}

#[test]
fn where_no_folder_can_be_watched_files_are_looked_at_every_few_seconds() {
    let mut rig = Rig::new(&["*.log"]);
    rig.engine().watch.refusal = Some(Errno::ENOSPC);
    rig.append("a.log", "1\n");
    assert_eq!(rig.deliver(), ["1"]);
    assert!(!rig.engine().watch.is_complete());
    rig.append("a.log", "2\n");
    rig.wait(rig.settings.poll_every);
    rig.steps();
    rig.wait(Duration::from_secs(1));
    rig.steps();
    assert!(rig.outlet.finish(Ok(())));
    assert_eq!(rig.delivered(), ["2"]);
    rig.engine().watch.refusal = None;
    rig.reconcile();
    assert!(rig.engine().watch.is_complete(), "the limit was raised");
    let (due, now) = (rig.engine().reconcile_at, rig.now);
    assert_eq!(due - now, rig.settings.reconcile_every);
}

#[test]
fn what_is_held_of_a_log_that_nobody_writes_any_more_becomes_a_record() {
    let mut rig = Rig::new(&["*.log"]);
    // As a part of a line whose end never comes.
    rig.starts = Some(b"S");
    rig.settings.record_wait = Duration::from_secs(1_000_000);
    rig.append("a.log", "S1\n");
    assert_eq!(rig.deliver(), NONE);
    rig.wait(Duration::from_secs(500));
    rig.append("a.log", "more\n");
    assert_eq!(rig.deliver(), NONE);
    rig.wait(Duration::from_secs(500));
    assert_eq!(rig.deliver(), NONE, "it has grown since");
    assert_eq!(rig.saved(), [("a.log".to_owned(), 0)]);
    rig.wait(Duration::from_secs(100));
    assert_eq!(rig.deliver(), ["S1+more"]);
    assert_eq!(rig.saved(), [("a.log".to_owned(), 8)]);
}

#[test]
fn the_memory_of_a_busy_time_is_given_back_after_an_idle_one() {
    let mut rig = Rig::new(&["*.log"]);
    rig.append("a.log", &"a line\n".repeat(200_000));
    assert_eq!(rig.deliver().len(), 200_000);
    assert!(rig.engine().spare.is_some());
    rig.wait(Duration::from_secs(5));
    rig.look();
    assert!(rig.engine().spare.is_none());
    rig.append("a.log", "next\n");
    assert_eq!(rig.deliver(), ["next"]);
}
