//! The agent between this machine and the Collector: what it measures and reads is what lens has.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Write,
    path::Path,
    time::{Duration, Instant, SystemTime},
};

use serde_json::{Value, json};

use crate::{lens::Lens, stack::Stack, until};

const OUTAGE: Duration = Duration::from_secs(20);
const PAUSE_BETWEEN_LINES: Duration = Duration::from_millis(5);

fn host_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    name.trim_end().to_owned()
}

fn write_lines(file: &mut File, numbers: std::ops::Range<usize>) {
    let lines: String = numbers.map(|number| format!("line {number}\n")).collect();
    file.write_all(lines.as_bytes()).unwrap();
}

/// The records of a file, oldest first.
async fn records(lens: &Lens, file: &Path) -> Vec<Value> {
    let path = format!("/api/logs?file={}&since=1h&limit=10000", file.display());
    let mut records = lens.list(&path, "logs").await;
    records.reverse();
    records
}

async fn until_read(lens: &Lens, file: &Path, expected: usize) -> Vec<Value> {
    until(
        &format!("{expected} lines of {}", file.display()),
        || async {
            let records = records(lens, file).await;
            assert!(records.len() <= expected, "{} of {expected}", records.len());
            (records.len() == expected).then_some(records)
        },
    )
    .await
}

fn assert_numbered(records: &[Value]) {
    for (number, record) in records.iter().enumerate() {
        assert_eq!(record["body"], format!("line {number}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn this_machine_is_a_host_of_lens_with_its_cpus_and_its_memory() {
    let Some(mut stack) = Stack::start(0).await else {
        return;
    };
    stack.start_agent().await;
    let name = host_name();
    let host = until("a host with a rate", || async {
        let hosts = stack.lens.list("/api/hosts?since=15m", "hosts").await;
        let host = hosts
            .into_iter()
            .find(|host| host["name"] == name.as_str())?;
        host["cpu_ratio"].is_number().then_some(host)
    })
    .await;
    let cpus = fs::read_to_string("/proc/stat").unwrap();
    let cpus = cpus
        .lines()
        .filter(|line| line.starts_with("cpu") && !line.starts_with("cpu "));
    assert_eq!(host["cpus"].as_f64().unwrap(), cpus.count() as f64);
    let ratio = host["cpu_ratio"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&ratio), "{host}");
    let used = host["memory_used_bytes"].as_f64().unwrap();
    let limit = host["memory_limit_bytes"].as_f64().unwrap();
    assert!(used > 0.0 && used < limit, "{host}");
    let total = fs::read_to_string("/proc/meminfo").unwrap();
    let total = total
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.strip_suffix(" kB"));
    let total = total.unwrap().trim().parse::<f64>().unwrap() * 1024.0;
    assert!(
        (limit / total - 1.0).abs() < 0.1,
        "{limit} of {total}: {host}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_of_a_file_reaches_lens_in_order_with_the_host_it_was_on() {
    let Some(mut stack) = Stack::start(0).await else {
        return;
    };
    let path = stack.log_file("shop.log");
    let mut file = File::create(&path).unwrap();
    write_lines(&mut file, 0..3000);
    stack.start_agent().await;
    assert_numbered(&until_read(&stack.lens, &path, 3000).await);
    write_lines(&mut file, 3000..3100);
    let records = until_read(&stack.lens, &path, 3100).await;
    assert_numbered(&records);
    let name = host_name();
    for record in &records {
        assert_eq!(record["resource"]["host.name"], name.as_str(), "{record}");
    }
    stack.stop_agent().await;
    stack.start_agent().await;
    write_lines(&mut file, 3100..3101);
    assert_numbered(&until_read(&stack.lens, &path, 3101).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_with_a_trace_id_joins_its_trace() {
    let Some(mut stack) = Stack::start(1).await else {
        return;
    };
    stack.start_agent().await;
    let sent = stack.app(0).get("/").await;
    let span = until("the trace", || stack.lens.root(&sent.trace_id)).await;
    let line = json!({
        "level": "warn",
        "message": "the stock of 7 is low",
        "trace_id": sent.trace_id,
        "span_id": span["span_id"],
    });
    fs::write(stack.log_file("foreign.log"), format!("{line}\n")).unwrap();
    let record = until("the foreign record among those of the trace", || async {
        let records = stack.lens.logs(&sent.trace_id).await;
        let mut records = records.into_iter();
        records.find(|record| record["attributes"]["log.file.name"] == "foreign.log")
    })
    .await;
    assert_eq!(record["severity"], "WARN");
    assert_eq!(record["span_id"], span["span_id"]);
    assert!(
        record["body"]
            .as_str()
            .unwrap()
            .contains("the stock of 7 is low"),
        "{record}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_container_prints_has_its_name_and_joins_its_trace() {
    let Some(mut stack) = Stack::start(1).await else {
        return;
    };
    let sent = stack.app(0).get("/").await;
    let id = "4f1d2c3b5a6978897a6b5c4d3e2f10014f1d2c3b5a6978897a6b5c4d3e2f1001";
    let folder = stack.docker_folder().join(id);
    fs::create_dir_all(&folder).unwrap();
    let config = json!({
        "ID": id,
        "Name": "/shop-stock-1",
        "Config": {"Image": "registry/stock:1.2", "Labels": {
            "com.docker.compose.project": "shop",
            "com.docker.compose.service": "stock",
        }},
    });
    fs::write(folder.join("config.v2.json"), config.to_string()).unwrap();
    let message = json!({"level": "error", "message": "no stock", "trace_id": sent.trace_id});
    let time = humantime::format_rfc3339_nanos(SystemTime::now()).to_string();
    let line = json!({
        "log": format!("{message}\n"),
        "stream": "stderr",
        "time": time,
    });
    fs::write(folder.join(format!("{id}-json.log")), format!("{line}\n")).unwrap();
    stack.start_agent().await;
    let record = until("the record of the container", || async {
        let path = format!(
            "/api/logs?container=shop-stock-1&trace_id={}",
            sent.trace_id
        );
        stack.lens.list(&path, "logs").await.pop()
    })
    .await;
    assert_eq!(record["body"], "no stock");
    assert_eq!(record["severity"], "ERROR");
    // As instants, for lens writes no zeros at the end.
    let stored = humantime::parse_rfc3339(record["time"].as_str().unwrap());
    assert_eq!(stored, humantime::parse_rfc3339(&time));
    assert_eq!(record["attributes"]["log.iostream"], "stderr");
    let container = stack
        .lens
        .get(&format!("/api/containers/{id}"))
        .await
        .unwrap();
    assert_eq!(container["name"], "shop-stock-1");
    assert_eq!(container["image"], "registry/stock:1.2");
    assert_eq!(container["compose_project"], "shop");
    assert_eq!(container["compose_service"], "stock");
    assert_eq!(container["host"], host_name().as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_collector_no_line_is_lost() {
    let Some(mut stack) = Stack::start(0).await else {
        return;
    };
    let path = stack.log_file("busy.log");
    stack.start_agent().await;
    let mut file = File::create(&path).unwrap();
    stack.stop_otelcol().await;
    let started = Instant::now();
    let mut written = 0;
    let mut rotated = false;
    while started.elapsed() < OUTAGE {
        write_lines(&mut file, written..written + 1);
        written += 1;
        if !rotated && started.elapsed() > OUTAGE / 2 {
            fs::rename(&path, path.with_extension("log.1")).unwrap();
            file = File::create(&path).unwrap();
            rotated = true;
        }
        tokio::time::sleep(PAUSE_BETWEEN_LINES).await;
    }
    stack.start_otelcol().await;
    write_lines(&mut file, written..written + 100);
    written += 100;

    let expected: BTreeSet<_> = (0..written)
        .map(|number| format!("line {number}"))
        .collect();
    until(&format!("{written} lines"), || async {
        let records = records(&stack.lens, &path).await;
        let bodies = records
            .iter()
            .map(|record| record["body"].as_str().unwrap().to_owned());
        let bodies: BTreeSet<_> = bodies.collect();
        assert!(bodies.is_subset(&expected), "what nobody wrote");
        (bodies == expected).then_some(())
    })
    .await;
}
