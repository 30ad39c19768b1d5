use super::*;

#[test]
fn parts_of_a_docker_line_are_joined_per_stream_and_across_a_rotation() {
    let mut log = Log::of(Format::Docker);
    log.docker("stdout", "complete\n");
    let start = log.offset;
    log.docker("stdout", "one ");
    assert_eq!(log.held(), Some((1, start)));
    log.docker("stderr", "between\n").docker("stderr", "error ");
    log.rotate().docker("stdout", "two ");
    let error_end = log.offset;
    log.docker("stderr", "end\n");
    assert_eq!(log.bodies(), ["complete", "between", "error end"]);
    assert_eq!(log.held(), Some((1, start)));
    log.flush(u64::MAX - 1);
    assert_eq!(log.bodies(), [""; 0], "a part is no record");
    assert!(error_end > 0);
    log.docker("stdout", "three\n");
    assert_eq!(log.bodies(), ["one two three"]);
    assert_eq!((log.held(), log.count(|counts| &counts.parts)), (None, 5));
}

#[test]
fn parts_whose_end_never_comes_are_records_when_all_is_flushed() {
    let mut log = Log::new(Settings {
        format: Format::Docker,
        multiline: Some(bytes::Regex::new("^E").unwrap()),
        ..Settings::default()
    });
    log.docker("stderr", "E1\n");
    log.docker("stderr", "at ").docker("stderr", "a");
    log.docker("stdout", "E2 ").docker("stdout", "is");
    log.flush(u64::MAX);
    assert_eq!(
        (log.bodies(), log.held()),
        (vec!["E2 is".to_owned(), "E1\nat a".to_owned()], None)
    );
    log.docker("stdout", "E3\n").flush(u64::MAX);
    assert_eq!(log.bodies(), ["E3"]);
}

#[test]
fn the_time_of_a_joined_line_is_that_of_its_first_part() {
    let mut log = Log::of(Format::Cri);
    log.offer("2026-11-24T11:42:48.5Z stdout P one ")
        .offer("2026-11-24T11:42:50Z stdout F two");
    let [record] = &log.records()[..] else {
        panic!()
    };
    assert_eq!(
        (record.time_unix_nano, body(record).as_str()),
        (UNIX_NANO, "one two")
    );
}

#[test]
fn a_character_that_was_cut_by_a_part_is_whole_again() {
    let mut log = Log::of(Format::Cri);
    log.offer(b"2026-11-24T11:42:48.5Z stdout P caf\xc3")
        .offer(b"2026-11-24T11:42:48.5Z stdout F \xa9");
    assert_eq!(log.bodies(), ["café"]);
    assert_eq!(log.count(|counts| &counts.invalid_utf8), 0);
}

#[test]
fn the_earliest_of_what_both_streams_hold_is_reported() {
    let mut log = Log::of(Format::Cri);
    log.offer(format!("{TIME} stderr P a"));
    let second = log.offset;
    log.offer(format!("{TIME} stdout P b"));
    assert_eq!(log.held(), Some((1, 0)));
    log.offer(format!("{TIME} stderr F c"));
    assert_eq!(log.held(), Some((1, second)));
    log.rotate().offer(format!("{TIME} stderr P d"));
    assert_eq!(log.held(), Some((1, second)));
    log.offer(format!("{TIME} stdout F e"));
    assert_eq!(log.held(), Some((2, 0)));
}

#[test]
fn a_joined_line_over_the_limit_is_written_in_pieces_and_nothing_is_lost() {
    let mut log = Log::new(Settings {
        format: Format::Docker,
        max_record_bytes: 10,
        ..Settings::default()
    });
    log.docker("stdout", "aaaaaa")
        .docker("stdout", "bbbb")
        .docker("stdout", "cc");
    assert_eq!(log.bodies(), ["aaaaaabbbb"]);
    log.docker("stdout", "dddddddd\n");
    assert_eq!(log.bodies(), ["ccdddddddd"]);
    assert_eq!((log.count(|counts| &counts.split), log.held()), (1, None));
}

#[test]
fn lines_belong_to_the_record_whose_start_came_before_them() {
    let start = Some(bytes::Regex::new(r"^\d{4}-").unwrap());
    let mut log = Log::new(Settings {
        multiline: start,
        ..Settings::default()
    });
    log.now = SECOND;
    log.offer("  an end without its start").offer("2026- one");
    assert_eq!(log.bodies(), ["  an end without its start"]);
    let start = log.held();
    log.now = 5 * SECOND;
    log.offer("  at f()").offer("").offer("  at g()");
    log.flush(5 * SECOND);
    assert_eq!(
        (log.held(), log.bodies().len()),
        (start, 0),
        "it was added to just now"
    );
    log.rotate()
        .offer("  and after the rotation")
        .offer("2027- two");
    assert_eq!(log.held().unwrap().0, 2);
    let records = log.records();
    assert_eq!(
        body(&records[0]),
        "2026- one\n  at f()\n\n  at g()\n  and after the rotation"
    );
    assert_eq!(records[0].observed_time_unix_nano, SECOND);
    log.flush(5 * SECOND + 1);
    assert_eq!(
        (log.held(), log.bodies()),
        (None, vec!["2027- two".to_owned()])
    );
}

#[test]
fn a_record_of_many_lines_over_the_limit_is_written_in_pieces() {
    let mut log = Log::new(Settings {
        multiline: Some(bytes::Regex::new("^start").unwrap()),
        max_record_bytes: 10,
        ..Settings::default()
    });
    log.offer("start").offer("1234").offer("5").flush(u64::MAX);
    assert_eq!(log.bodies(), ["start\n1234", "5"]);
    assert_eq!(log.count(|counts| &counts.split), 1);
}

#[test]
fn records_of_many_lines_are_joined_after_parts_and_per_stream() {
    let mut log = Log::new(Settings {
        format: Format::Cri,
        multiline: Some(bytes::Regex::new("^E").unwrap()),
        ..Settings::default()
    });
    for line in [
        "stdout F E1",
        "stderr F E2",
        "stdout P  at ",
        "stderr F  in b",
        "stdout F a",
        "stdout F E3",
    ] {
        log.offer(format!("{TIME} {line}"));
    }
    assert_eq!(log.bodies(), ["E1\n at a"]);
    log.flush(u64::MAX);
    assert_eq!(log.bodies(), ["E3", "E2\n in b"]);
}
