//! What is measured: the host, its containers, the agent itself.

use std::fs;

use opentelemetry_proto::tonic::metrics::v1::ResourceMetrics;
use trivium_bench_agent::sink::Tally;

use crate::support::{Bed, Writer, attribute, last_value, resource_metrics};

const ID: &str = "1111111111111111111111111111111111111111111111111111111111111111";

/// The names of the metrics of the resources that have this attribute.
fn names(all: &[ResourceMetrics], with: (&str, &str)) -> Vec<String> {
    let has = |metrics: &&ResourceMetrics| {
        let resource = metrics.resource.as_ref().unwrap();
        attribute(&resource.attributes, with.0).as_deref() == Some(with.1)
    };
    let metrics = all
        .iter()
        .filter(has)
        .flat_map(|metrics| &metrics.scope_metrics);
    metrics
        .flat_map(|scope| &scope.metrics)
        .map(|metric| metric.name.clone())
        .collect()
}

#[test]
fn the_host_and_its_containers_are_measured_and_containers_have_their_names() {
    let bed = Bed::new();
    bed.sink.keep();
    let write = |path: &str, text: &str| {
        let path = bed.path("host").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    for name in ["uptime", "stat", "meminfo", "loadavg", "vmstat"] {
        let real = fs::read_to_string(format!("/proc/{name}")).unwrap();
        write(&format!("proc/{name}"), &real);
    }
    let cgroup = format!("sys/fs/cgroup/system.slice/docker-{ID}.scope");
    write("etc/hostname", "the-host\n");
    write("sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
    write(
        &format!("{cgroup}/cpu.stat"),
        "usage_usec 3500000\nuser_usec 2000000\nsystem_usec 1500000\n",
    );
    write(&format!("{cgroup}/memory.current"), "1000000\n");
    write(
        &format!("{cgroup}/memory.stat"),
        "anon 600000\ninactive_file 100000\n",
    );
    write(
        &format!("var/lib/docker/containers/{ID}/config.v2.json"),
        &format!(r#"{{"ID":"{ID}","Name":"/web","Config":{{"Image":"web:1"}}}}"#),
    );
    bed.configure_as(&format!(
        "root: {}\nmetrics: {{host: {{interval: 1s}}, containers: {{interval: 1s}}}}\n",
        bed.path("host").display()
    ));
    let agent = bed.start();
    bed.waits_for(&agent, "two samples", |tally| tally.other_requests >= 2);
    agent.stop();

    let all = bed.sink.with_tally(resource_metrics);
    let of_host = names(&all, ("host.name", "the-host"));
    for name in ["system.cpu.time", "system.memory.usage", "system.uptime"] {
        assert!(
            of_host.iter().any(|found| found == name),
            "{name}: {of_host:?}"
        );
    }
    let of_container = names(&all, ("container.name", "web"));
    for name in ["container.cpu.time", "container.memory.usage"] {
        assert!(
            of_container.iter().any(|found| found == name),
            "{name}: {of_container:?}"
        );
    }
    let memory = bed
        .sink
        .with_tally(|tally| of_metric(tally, "container.memory.usage"));
    assert_eq!(memory, Some(1_000_000));
}

/// The last value of a metric whose points have no attributes.
fn of_metric(tally: &Tally, metric: &str) -> Option<u64> {
    last_value(tally, metric, None)
}

#[test]
fn its_own_metrics_agree_with_what_was_written_and_what_arrived() {
    const LINES: u64 = 5_000;
    let bed = Bed::new();
    bed.sink.keep();
    let source = format!(
        "{{include: [{}/*.log], drop: ['line=0001/00000000[0-9]7']}}",
        bed.logs().display()
    );
    bed.configure_sources(
        &[&source],
        "metrics: {host: {interval: 1s}, containers: false}",
    );
    let mut writer = Writer::new(&bed.log("app.log"), 1);
    writer.write(LINES);
    let agent = bed.start();
    // Ten lines match.
    let left = LINES - 10;
    bed.waits_for(&agent, "the lines", |tally| tally.records == left);
    let files = Some(("source", "files[0]"));
    let logs = Some(("signal", "logs"));
    bed.waits_for(
        &agent,
        "a sample of itself after the last answer",
        |tally| last_value(tally, "trivium.agent.acknowledged", logs) == Some(left),
    );
    agent.stop();
    bed.sink.with_tally(|tally| {
        let value = |metric, with| last_value(tally, metric, with);
        assert_eq!(value("trivium.agent.records", files), Some(left));
        assert_eq!(
            value(
                "trivium.agent.records.left_out",
                Some(("reason", "dropped"))
            ),
            Some(10)
        );
        assert_eq!(value("trivium.agent.sent", logs), Some(left));
        assert_eq!(value("trivium.agent.acknowledged", logs), Some(left));
        assert_eq!(value("trivium.agent.rejected", logs), Some(0));
        assert_eq!(value("trivium.agent.lag", files), Some(0));
        assert_eq!(value("trivium.agent.files", files), Some(1));
        assert_eq!(value("trivium.agent.files.unreadable", files), Some(0));
        assert_eq!(of_metric(tally, "trivium.agent.spool.size"), Some(0));
        assert_eq!(value("trivium.agent.losses", None), None);
        let memory = of_metric(tally, "process.memory.usage").unwrap();
        assert!((1 << 20..1 << 28).contains(&memory), "{memory}");
    });
}

#[test]
fn metrics_of_an_outage_are_kept_and_delivered_after() {
    let bed = Bed::new();
    bed.sink.keep();
    bed.configure("metrics: {host: {interval: 1s}, containers: false}");
    bed.sink.leave().unwrap();
    let agent = bed.start();
    crate::support::until("samples are in the spool", || {
        let spool = bed.answer(&["spool", "ls"]);
        let frames: u64 = spool.lines().last()?.split(' ').next()?.parse().ok()?;
        (frames >= 2).then_some(())
    });
    agent.kill();
    bed.sink.come_back().unwrap();
    let agent = bed.start();
    bed.waits_for(&agent, "them", |tally| tally.other_requests >= 3);
    agent.stop();
    let all = bed.sink.with_tally(resource_metrics);
    let own = names(&all, ("service.name", "trivium-agent"));
    assert!(
        own.iter().any(|name| name == "trivium.agent.lines"),
        "{own:?}"
    );
}
