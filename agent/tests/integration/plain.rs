//! Nothing goes wrong.

use std::collections::BTreeMap;

use crate::support::{Bed, Writer, attribute, body, losses, of_resource, records};

#[test]
fn each_line_comes_once_and_in_order_and_what_was_sent_is_not_sent_again_after_a_stop() {
    let bed = Bed::new();
    let mut one = Writer::new(&bed.log("one.log"), 1);
    let mut two = Writer::new(&bed.log("two.log"), 2);
    one.write(20_000);
    let agent = bed.start();
    bed.arrived(&agent, 1, 20_000);
    for _ in 0..10 {
        one.write(100);
        two.write(100);
    }
    // What was not read yet is read by the next one.
    agent.stop();
    let agent = bed.start();
    bed.arrived(&agent, 1, 21_000);
    bed.arrived(&agent, 2, 1_000);
    agent.stop();
    let agent = bed.start();
    two.write(1);
    bed.arrived(&agent, 2, 1_001);
    agent.stop();
    bed.sink.with_tally(|tally| {
        assert_eq!(
            (tally.records, tally.duplicates, tally.out_of_order),
            (22_001, 0, 0)
        );
        assert_eq!((tally.unnumbered, tally.malformed_requests), (0, 0));
    });
}

#[test]
fn a_stop_hands_over_what_was_read_and_waits_for_its_acknowledgement() {
    let bed = Bed::new();
    let mut writer = Writer::new(&bed.log("app.log"), 1);
    writer.write(100);
    let agent = bed.start();
    bed.arrived(&agent, 1, 100);
    bed.sink.leave().unwrap();
    writer.write(100);
    agent.says("sending logs fails and is tried again");
    // It is tried again while the agent stops.
    let stopping = std::thread::spawn(move || agent.stop());
    bed.sink.come_back().unwrap();
    stopping.join().unwrap();
    bed.sink.with_tally(|tally| {
        assert_eq!((tally.missing(1, 200), tally.records), (0, 200));
    });
    let agent = bed.start();
    writer.write(1);
    bed.arrived(&agent, 1, 201);
    agent.stop();
    assert_eq!(bed.sink.with_tally(|tally| tally.records), 201);
}

#[test]
fn lines_are_of_the_service_that_the_configuration_or_the_files_name_says() {
    let bed = Bed::new();
    bed.sink.keep();
    let named = format!(
        "{{include: [{}], resource: {{service.name: shop}}}}",
        bed.log("access.log").display()
    );
    let other = format!("{{include: ['{}/*']}}", bed.logs().display());
    bed.configure_sources(&[&named, &other], "");
    let files = [
        "access.log",
        "app-2026-11-23.log",
        "app-2026-11-24.log",
        "worker.log",
        "2026.log",
    ];
    for (source, name) in files.iter().enumerate() {
        Writer::new(&bed.log(name), source as u32).write(10);
    }
    let agent = bed.start();
    for source in 0..files.len() {
        bed.arrived(&agent, source as u32, 10);
    }
    agent.stop();
    let mut lines = BTreeMap::new();
    for resource_logs in bed.resource_logs() {
        let service = of_resource(&resource_logs, "service.name").unwrap();
        *lines.entry(service).or_insert(0) += records(&resource_logs).count();
    }
    let expected = [("app", 20), ("logs", 10), ("shop", 10), ("worker", 10)];
    assert_eq!(
        lines,
        expected
            .map(|(service, count)| (service.to_owned(), count))
            .into()
    );
}

#[test]
fn each_source_cuts_lines_at_its_own_limit_and_declares_what_it_cut() {
    let bed = Bed::new();
    bed.sink.keep();
    let short = format!(
        "{{include: [{}], max_line: 64}}",
        bed.log("short.log").display()
    );
    let long = format!(
        "{{include: [{}], max_line: 1KiB}}",
        bed.log("long.log").display()
    );
    bed.configure_sources(&[&short, &long], "");
    let line = "x".repeat(100);
    for name in ["short.log", "long.log"] {
        std::fs::write(bed.log(name), format!("{line}\n")).unwrap();
    }
    let agent = bed.start();
    bed.waits_for(&agent, "two lines and a loss", |tally| {
        tally.unnumbered >= 2 && !losses(tally).is_empty()
    });
    agent.stop();
    let mut lengths = BTreeMap::new();
    for resource_logs in bed.resource_logs() {
        for record in records(&resource_logs).filter(|record| body(record).starts_with('x')) {
            let file = attribute(&record.attributes, "log.file.name").unwrap();
            lengths.insert(file, body(record).len());
        }
    }
    let expected = [("long.log", 100), ("short.log", 64)];
    assert_eq!(
        lengths,
        expected
            .map(|(file, length)| (file.to_owned(), length))
            .into()
    );
    let declared = bed.sink.with_tally(losses);
    let cut = declared
        .iter()
        .map(|loss| (&*loss.file, loss.from, loss.to));
    // The newline is no part of the line.
    assert_eq!(cut.collect::<Vec<_>>(), [("short.log", 64, 101)]);
}
