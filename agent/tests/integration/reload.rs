//! SIGHUP.

use std::fs;

use crate::support::{Bed, Writer};

#[test]
fn a_reload_reads_a_new_source_and_a_broken_configuration_changes_nothing() {
    let bed = Bed::new();
    let mut one = Writer::new(&bed.log("one.log"), 1);
    let mut two = Writer::new(&bed.path("two.txt"), 2);
    one.write(1_000);
    two.write(1_000);
    let agent = bed.start();
    bed.arrived(&agent, 1, 1_000);

    agent.reload();
    agent.says("the configuration has not changed");

    let first = format!("{{include: [{}/*.log]}}", bed.logs().display());
    let second = format!("{{include: [{}/*.txt]}}", bed.path("").display());
    bed.configure_sources(&[&first, &second], "");
    agent.reload();
    agent.says("running with the new configuration");
    bed.arrived(&agent, 2, 1_000);
    one.write(500);
    bed.arrived(&agent, 1, 1_500);

    let good = fs::read_to_string(bed.config()).unwrap();
    fs::write(bed.config(), format!("{good}nonsense: 1\n")).unwrap();
    agent.reload();
    let said = agent.says("the configuration stays as it was: ");
    let line = good.lines().count() + 1;
    let place = format!("{}:{line}", bed.config().display());
    assert!(said.contains(&place) && said.contains("nonsense"), "{said}");
    one.write(500);
    two.write(500);
    bed.arrived(&agent, 1, 2_000);
    bed.arrived(&agent, 2, 1_500);

    // It can be read, and not be used.
    let missing = bed.path("token");
    fs::write(
        bed.config(),
        format!("{good}bearer_token_file: {}\n", missing.display()),
    )
    .unwrap();
    agent.reload();
    let said = agent.says("going on with the configuration as it was: ");
    assert!(said.contains(&missing.display().to_string()), "{said}");
    two.write(500);
    bed.arrived(&agent, 2, 2_000);
    agent.stop();
    bed.sink.with_tally(|tally| {
        assert_eq!(
            (tally.records, tally.duplicates, tally.out_of_order),
            (4_000, 0, 0)
        );
    });
}

#[test]
fn a_reload_while_the_collector_is_away_loses_nothing() {
    let bed = Bed::new();
    let mut writer = Writer::new(&bed.log("app.log"), 1);
    writer.write(1_000);
    let agent = bed.start();
    bed.arrived(&agent, 1, 1_000);
    bed.sink.leave().unwrap();
    writer.write(1_000);
    agent.says("sending logs fails and is tried again");
    bed.configure("compression: zstd");
    agent.reload();
    agent.says("running with the new configuration");
    bed.sink.come_back().unwrap();
    bed.arrived(&agent, 1, 2_000);
    agent.stop();
    assert_eq!(bed.sink.with_tally(|tally| tally.records), 2_000);
}
