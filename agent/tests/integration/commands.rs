//! The other commands beside a running agent, and what it says when it can't start.

use std::{fs, process::Command};

use trivium_bench_agent::lines::{Kind, Lines};

use crate::support::{Bed, Writer, until};

#[test]
fn a_second_agent_on_the_same_state_folder_is_refused_with_the_pid_of_the_first() {
    let bed = Bed::new();
    let mut writer = Writer::new(&bed.log("app.log"), 1);
    writer.write(10);
    let mut agent = bed.start();
    bed.arrived(&agent, 1, 10);
    let output = bed.run(&["run"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let expected = format!("is in use by process {}; stop that one", agent.pid());
    assert!(said.contains(&expected), "{said}");
    // Nor may its state be changed behind its back.
    let output = bed.run(&["checkpoint", "reset", "--all"]);
    assert_eq!(output.status.code(), Some(1));
    let output = bed.run(&["spool", "drop", "--all"]);
    assert_eq!(output.status.code(), Some(1));
    agent.is_running();
    agent.stop();
    assert_eq!(bed.sink.with_tally(|tally| tally.records), 10);
}

#[test]
fn a_wrong_configuration_is_one_line_with_file_line_key_and_fix() {
    let bed = Bed::new();
    for (text, key, fix) in [
        (
            "logs:\n  files:\n    - includ: [/a]\n",
            "includ",
            "did you mean `include`",
        ),
        ("\n\nendpoint: collector:4317\n", "endpoint", "http://"),
        ("spool: {max_bytes: much}\n", "max_bytes", "GiB"),
    ] {
        fs::write(bed.config(), text).unwrap();
        for command in ["run", "check"] {
            let output = bed.run(&[command]);
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(1), "{said}");
            assert_eq!(said.lines().count(), 1, "{said}");
            let line = 1 + text.lines().position(|line| line.contains(key)).unwrap();
            let place = format!("trivium-agent: {}:{line}: ", bed.config().display());
            assert!(said.starts_with(&place), "{said}");
            assert!(said.contains(key) && said.contains(fix), "{said}");
        }
    }
    fs::remove_file(bed.config()).unwrap();
    let output = bed.run(&["run"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("agent.yaml"), "{said}");
    assert_eq!(bed.run(&["start"]).status.code(), Some(2));
}

#[test]
fn promtails_positions_are_gone_on_from() {
    let bed = Bed::new();
    let log = bed.log("app.log");
    let mut writer = Writer::new(&log, 1);
    writer.write(1_000);
    fs::write(
        bed.path("promtail.yaml"),
        format!(
            "clients: [{{url: 'http://loki:3100/loki/api/v1/push'}}]\nscrape_configs: [{{job_name: a, static_configs: [{{labels: {{__path__: {}}}}}]}}]\n",
            log.display()
        ),
    )
    .unwrap();
    let gone = bed.log("gone.log");
    let positions = format!(
        "positions:\n  {}: '{}'\n  {}: '7'\n",
        log.display(),
        600 * 200,
        gone.display()
    );
    fs::write(bed.path("positions.yaml"), positions).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_trivium-agent"))
        .args(["import", "promtail"])
        .arg(bed.path("promtail.yaml"))
        .arg("--positions")
        .arg(bed.path("positions.yaml"))
        .arg("--state-dir")
        .arg(bed.path("state"))
        .output()
        .unwrap();
    let report = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{report}");
    assert!(report.contains("1 offsets carried over"), "{report}");
    assert!(report.contains("gone.log"), "{report}");

    // Loki stands where the sink is, and takes OTLP.
    let yaml = String::from_utf8(output.stdout).unwrap();
    assert!(
        yaml.contains(&format!("state_dir: {}\n", bed.path("state").display())),
        "{yaml}"
    );
    let endpoint = yaml
        .lines()
        .find(|line| line.starts_with("endpoint:"))
        .unwrap();
    let ours = format!("endpoint: http://{}", bed.sink.address());
    fs::write(bed.config(), yaml.replace(endpoint, &ours)).unwrap();
    let agent = bed.start();
    writer.write(100);
    bed.waits_for(&agent, "the rest", |tally| tally.distinct() == 500);
    agent.stop();
    bed.sink.with_tally(|tally| {
        assert_eq!(tally.first_missing(1, 1_100), Some(0));
        assert_eq!((tally.missing(1, 600), tally.missing(1, 1_100)), (600, 600));
        assert_eq!((tally.records, tally.unnumbered), (500, 0));
    });
}

#[test]
fn explain_and_checkpoint_say_how_far_a_file_is_and_a_reset_reads_it_again() {
    let bed = Bed::new();
    let log = bed.log("app.log");
    let text = log.display().to_string();
    let mut writer = Writer::new(&log, 1);
    writer.write(50);
    assert_eq!(
        bed.answer(&["checkpoint", "ls"]),
        "no checkpoint: the agent has not run with this state_dir\n"
    );
    assert!(
        bed.answer(&["explain", &text])
            .contains("nothing of it has been acknowledged")
    );
    let agent = bed.start();
    bed.arrived(&agent, 1, 50);
    agent.stop();
    writer.write(3);

    let explained = bed.answer(&["explain", &text]);
    let glob = format!(
        "read: logs.files[0] includes {}/*.log",
        bed.logs().display()
    );
    assert!(explained.starts_with(&glob), "{explained}");
    assert!(explained.contains(", 10600 bytes\n"), "{explained}");
    assert!(
        explained.contains("acknowledged up to byte 10000; 600 bytes behind"),
        "{explained}"
    );
    let other = bed.path("other.txt").display().to_string();
    let output = bed.run(&["explain", &other]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .starts_with("not read: ")
    );

    let listed = bed.answer(&["checkpoint", "ls"]);
    assert_eq!(
        listed,
        format!("{:>14} of {:>14} bytes 100 %  {text}\n", 10_000, 10_000)
    );
    assert_eq!(
        bed.answer(&["checkpoint", "reset", &text]),
        format!("forgotten: {text}\n")
    );
    assert_eq!(
        bed.run(&["checkpoint", "reset", &text]).status.code(),
        Some(1)
    );
    let agent = bed.start();
    bed.arrived(&agent, 1, 53);
    agent.stop();
    assert_eq!(bed.sink.with_tally(|tally| tally.duplicates), 50);
}

#[test]
fn the_spool_is_shown_checked_written_out_and_dropped() {
    let bed = Bed::new();
    assert_eq!(
        bed.answer(&["spool", "ls"]),
        "no spool: the agent has not run with this state_dir\n"
    );
    let mut writer = Writer::new(&bed.log("app.log"), 1);
    bed.sink.leave().unwrap();
    writer.write(30);
    let agent = bed.start();
    agent.says("sending logs fails and is tried again");
    writer.remove();
    let shown = until("it is in the spool", || {
        let shown = bed.answer(&["spool", "ls"]);
        shown.contains("1 frames, 30 items, ").then_some(shown)
    });
    // Beside the running agent.
    let sequence = shown.split(' ').next().unwrap();
    assert!(shown.contains(" logs "), "{shown}");
    let request = bed.run(&["spool", "cat", sequence]).stdout;
    let line = Lines::new(Kind::Plain, 1).line(29).to_vec();
    let line = line.strip_suffix(b"\n").unwrap();
    assert!(request.windows(line.len()).any(|window| window == line));
    agent.kill();

    let verified = bed.answer(&["spool", "verify"]);
    assert!(
        verified.contains("1 frames, 30 items, 0 damaged places"),
        "{verified}"
    );
    let segment = fs::read_dir(bed.path("state/spool"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .max_by_key(|path| path.metadata().unwrap().len())
        .unwrap();
    let whole = fs::read(&segment).unwrap();
    let mut damaged = whole.clone();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(&segment, &damaged).unwrap();
    let output = bed.run(&["spool", "verify"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .contains("is damaged, 30 logs items")
    );
    fs::write(&segment, &whole).unwrap();

    let dropped = bed.answer(&["spool", "drop", "--all"]);
    assert!(
        dropped.ends_with("dropped 1 frames, 30 items\n"),
        "{dropped}"
    );
    assert_eq!(bed.answer(&["spool", "ls"]), "0 frames, 0 items, 0 bytes\n");
}

#[test]
fn a_damaged_spool_costs_the_damaged_frame_which_is_declared_and_nothing_else() {
    let bed = Bed::new();
    bed.sink.keep();
    bed.configure(crate::relay::OPEN);
    bed.sink.leave().unwrap();
    let agent = bed.start();
    let grpc = crate::relay::address(&agent, "grpc");
    for part in 0..3 {
        crate::relay::send(grpc, 1, part * 10..(part + 1) * 10).unwrap();
    }
    agent.kill();
    let segment = fs::read_dir(bed.path("state/spool"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .max_by_key(|path| path.metadata().unwrap().len())
        .unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    fs::write(&segment, &bytes).unwrap();

    bed.sink.come_back().unwrap();
    let agent = bed.start();
    bed.waits_for(&agent, "the others", |tally| tally.distinct() == 20);
    // Losses of the spool are declared every ten seconds.
    bed.waits_for(&agent, "the loss", |tally| {
        !crate::support::losses(tally).is_empty()
    });
    agent.stop();
    bed.sink.with_tally(|tally| {
        assert_eq!(
            (
                tally.missing(1, 10),
                tally.missing(1, 20),
                tally.missing(1, 30)
            ),
            (0, 10, 10)
        );
        let losses = crate::support::losses(tally);
        assert_eq!(losses.len(), 1);
        assert_eq!(losses[0].reason, "corrupt_frame");
    });
}

#[test]
fn each_stage_is_shown_for_a_files_lines() {
    let bed = Bed::new();
    let source = format!(
        "{{include: [{}/*.log], redact: {{}}, format: json, drop: ['debug it']}}",
        bed.logs().display()
    );
    bed.configure_sources(&[&source], "");
    let log = bed.log("app.log");
    let lines = r#"{"level":"warn","msg":"hello","password":"two"}
{"level":"info","msg":"debug it"}
"#;
    fs::write(&log, lines).unwrap();
    let shown = bed.answer(&["tail", "--inspect", &log.display().to_string()]);
    assert!(
        shown.contains(r#"> {"level":"warn","msg":"hello","password":"two"}"#),
        "{shown}"
    );
    assert!(shown.contains("severity 13 warn \"hello\""), "{shown}");
    assert!(shown.contains("shed     dropped by a pattern"), "{shown}");
    assert!(shown.contains("2 lines, 1 records"), "{shown}");
    assert!(
        !shown.split_once("record").unwrap().1.contains("two"),
        "{shown}"
    );
}
