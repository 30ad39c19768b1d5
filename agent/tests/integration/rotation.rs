//! Files are rotated, truncated and removed, also while the agent or the Collector is away.

use trivium_bench_agent::sink::Tally;

use crate::support::{Bed, DeclaredLoss, Writer, losses, until};

/// Of a plain numbered line.
const LINE: u64 = 200;
/// More than the agent reads ahead while the Collector is away.
const BACKLOG: u64 = 20_000;

fn counts(tally: &Tally) -> (u64, u64, u64) {
    (tally.duplicates, tally.out_of_order, tally.unnumbered)
}

#[test]
fn a_file_that_is_renamed_and_made_anew_is_read_once_and_in_order() {
    let bed = Bed::new();
    let mut writer = Writer::new(&bed.log("app.log"), 1);
    let agent = bed.start();
    for _ in 0..5 {
        writer.write(2_000);
        bed.arrived(&agent, 1, writer.next);
        writer.write(500);
        writer.rotate();
    }
    writer.write(1);
    bed.arrived(&agent, 1, writer.next);
    agent.stop();
    assert_eq!(bed.sink.with_tally(counts), (0, 0, 0));
}

#[test]
fn a_file_that_is_rotated_while_the_agent_is_down_is_read_to_its_end_before_its_successor() {
    let bed = Bed::new();
    let (mut writer, agent) = bed.delivered(1_000);
    agent.stop();
    writer.write(500);
    writer.rotate();
    writer.write(500);
    let agent = bed.start();
    bed.arrived(&agent, 1, 2_000);
    agent.stop();
    assert_eq!(bed.sink.with_tally(counts), (0, 0, 0));
}

#[test]
fn a_file_that_was_found_and_rotated_just_before_a_kill_is_read_to_its_end() {
    let bed = Bed::new();
    bed.sink.leave().unwrap();
    let agent = bed.start();
    let mut writers = Vec::new();
    // The checkpoint was just written for the one before.
    for source in 1..=4 {
        let name = format!("{source}.log");
        let mut writer = Writer::new(&bed.log(&name), source);
        writer.write(100);
        until("it is open", || agent.has_open(&name).then_some(()));
        writer.rotate();
        writers.push(writer);
    }
    agent.kill();
    bed.sink.come_back().unwrap();
    let agent = bed.start();
    for mut writer in writers {
        writer.write(1);
        bed.arrived(&agent, writer.source, 101);
    }
    agent.stop();
    assert_eq!(bed.sink.with_tally(counts), (0, 0, 0));
}

#[test]
fn files_that_came_and_were_rotated_while_the_agent_was_down_are_read_where_the_pattern_names_them()
{
    let bed = Bed::new();
    let source = format!("{{include: ['{}*']}}", bed.log("app.log").display());
    bed.configure_sources(&[&source], "");
    let (mut writer, agent) = bed.delivered(1_000);
    agent.stop();
    for _ in 0..3 {
        writer.write(500);
        writer.rotate();
    }
    writer.write(500);
    let agent = bed.start();
    bed.arrived(&agent, 1, 3_000);
    agent.stop();
    let (duplicates, _, unnumbered) = bed.sink.with_tally(counts);
    assert_eq!((duplicates, unnumbered), (0, 0));
}

#[test]
fn a_file_that_is_copied_and_truncated_after_it_was_read_loses_nothing() {
    let bed = Bed::new();
    let mut writer = Writer::new(&bed.log("app.log"), 1);
    let agent = bed.start();
    for _ in 0..4 {
        writer.write(1_500);
        bed.arrived(&agent, 1, writer.next);
        writer.copy_and_truncate();
    }
    writer.write(1_000);
    bed.arrived(&agent, 1, writer.next);
    agent.stop();
    assert_eq!(bed.sink.with_tally(counts), (0, 0, 0));
}

#[test]
fn what_was_not_read_of_a_file_before_it_was_truncated_is_declared_to_the_byte() {
    let bed = Bed::new();
    bed.sink.keep();
    let (mut writer, agent) = bed.delivered(1_000);
    bed.falls_behind(&agent, &mut writer, BACKLOG);
    let known = writer.next;
    sees(&bed, known * LINE);
    writer.truncate();
    writer.write(100);
    bed.sink.come_back().unwrap();
    bed.waits_for(&agent, "the loss", |tally| {
        !losses(tally).is_empty() && tally.distinct() > 1_100
    });
    until("the new lines", || {
        let count = bed
            .sink
            .with_tally(|tally| tally.missing(1, writer.next) - tally.missing(1, known));
        (count == 0).then_some(())
    });
    agent.stop();
    bed.sink.with_tally(|tally| {
        let missing = tally.missing(1, known);
        let first = tally.first_missing(1, known).unwrap();
        assert!(missing > 0);
        assert_eq!(
            losses(tally),
            [DeclaredLoss {
                file: "app.log".to_owned(),
                from: first * LINE,
                to: (first + missing) * LINE,
                reason: "truncated".to_owned(),
            }]
        );
        assert_eq!(first + missing, known);
        assert_eq!((tally.duplicates, tally.out_of_order), (0, 0));
    });
}

/// Waits until the agent knows that the file has so many bytes.
fn sees(bed: &Bed, bytes: u64) {
    until("the size is in the checkpoint", || {
        let checkpoint = bed.answer(&["checkpoint", "ls"]);
        checkpoint
            .contains(&format!(" of {bytes:>14} bytes "))
            .then_some(())
    });
}

#[test]
fn a_file_that_is_truncated_while_the_agent_is_down_is_read_from_its_beginning() {
    let bed = Bed::new();
    let (mut writer, agent) = bed.delivered(1_000);
    agent.stop();
    writer.truncate();
    // Longer than it was: only the bytes before the saved offset tell.
    writer.write(1_500);
    let agent = bed.start();
    bed.arrived(&agent, 1, 2_500);
    agent.stop();
    writer.truncate();
    writer.write(10);
    let agent = bed.start();
    bed.arrived(&agent, 1, 2_510);
    agent.stop();
    assert_eq!(bed.sink.with_tally(counts), (0, 0, 0));
}

#[test]
fn what_was_known_of_a_file_and_not_read_when_it_was_removed_while_down_is_declared() {
    let bed = Bed::new();
    bed.sink.keep();
    let (mut writer, agent) = bed.delivered(BACKLOG);
    bed.falls_behind(&agent, &mut writer, BACKLOG);
    sees(&bed, writer.next * LINE);
    assert!(agent.terminate().success());
    writer.remove();
    bed.sink.come_back().unwrap();
    let agent = bed.start();
    bed.waits_for(&agent, "the loss", |tally| !losses(tally).is_empty());
    agent.stop();
    bed.sink.with_tally(|tally| {
        let first = tally.first_missing(1, 2 * BACKLOG).unwrap();
        assert_eq!(tally.missing(1, 2 * BACKLOG), 2 * BACKLOG - first);
        assert_eq!(
            losses(tally),
            [DeclaredLoss {
                file: "app.log".to_owned(),
                from: first * LINE,
                to: 2 * BACKLOG * LINE,
                reason: "removed".to_owned(),
            }]
        );
    });
}

#[test]
fn a_file_that_is_removed_while_the_collector_is_away_is_spooled_and_delivered_after() {
    removed_while_away(false);
}

#[test]
fn a_file_that_is_removed_while_the_collector_is_away_survives_a_kill_in_the_spool() {
    removed_while_away(true);
}

fn removed_while_away(is_killed: bool) {
    let bed = Bed::new();
    let (mut writer, mut agent) = bed.delivered(1_000);
    bed.falls_behind(&agent, &mut writer, BACKLOG);
    writer.remove();
    bed.has_spooled(BACKLOG);
    if is_killed {
        agent.kill();
        agent = bed.start();
        agent.says("the spool holds");
    }
    bed.sink.come_back().unwrap();
    bed.arrived(&agent, 1, writer.next);
    agent.stop();
    assert_eq!(bed.sink.with_tally(counts), (0, 0, 0));
    assert_eq!(bed.answer(&["spool", "ls"]), "0 frames, 0 items, 0 bytes\n");
}
