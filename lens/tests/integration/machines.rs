//! Hosts and containers, from what an agent and a program send through the Collector to the API and to the page.

use fantoccini::Locator;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as OtlpValue;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;
use reqwest::StatusCode;
use serde_json::Value;

use crate::ingest_metrics::{TimeSeries, series, snappy};
use crate::support::{TestLens, scope, text};
use crate::webdriver::{console, with_browser};

const HOST: &str = "node-1";
const CONTAINER_ID: &str = "4f2a9c0b71d84e6f9a35c1e8b7d60f12a4c3e5b6978d0f1e2a3b4c5d6e7f8091";
const OTHER_ID: &str = "99b07d1e5a6c4f3b8e2d7a9c0f1b3d5e7a8c6b4d2f0e1c3a5b7d9f8e6c4a2b01";
const TRACE: &str = "0123456789abcdef0123456789abcdef";
const INTERVAL_MS: i64 = 15_000;
const MIB: f64 = 1_048_576.0;

/// Two minutes ago: when the span ran.
struct Seeded {
    lens: TestLens,
    span_ms: i64,
}

impl Seeded {
    async fn get(&self, path: &str) -> (StatusCode, String) {
        let answer = reqwest::get(format!("http://{}{path}", self.lens.lens.page))
            .await
            .unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    async fn ok(&self, path: &str) -> Value {
        let (status, body) = self.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }
}

/// A value every 15 s for the last five minutes: `first`, and `step` more each time.
fn samples(first: f64, step: f64) -> Vec<(i64, f64)> {
    let now_ms = jiff::Timestamp::now().as_millisecond() - 1_000;
    let sample = |index: i32| {
        let time_ms = now_ms - i64::from(20 - index) * INTERVAL_MS;
        (time_ms, first + step * f64::from(index))
    };
    (0..=20).map(sample).collect()
}

fn named(metric: &str, labels: &[(&str, &str)], first: f64, step: f64) -> TimeSeries {
    let labels: Vec<_> = labels
        .iter()
        .copied()
        .chain([("__name__", metric)])
        .collect();
    series(&labels, &samples(first, step))
}

/// What the agent sends of a host with two CPUs and 8 GiB, 30 % busy.
fn of_host() -> Vec<TimeSeries> {
    let host = ("host_name", HOST);
    let of = |metric: &str, labels: &[(&str, &str)], first: f64, step: f64| {
        named(metric, &[labels, &[host]].concat(), first, step)
    };
    let mut all = vec![
        of("system_cpu_logical_count", &[], 2.0, 0.0),
        of("system_cpu_load_average_1m", &[], 1.5, 0.0),
        of("system_memory_limit_bytes", &[], 8192.0 * MIB, 0.0),
        of("system_uptime_seconds", &[], 86_400.0, 15.0),
        of(
            "system_linux_psi_time_seconds_total",
            &[
                ("system_linux_psi_resource", "io"),
                ("system_linux_psi_stall_type", "some"),
            ],
            0.0,
            3.0,
        ),
        of(
            "system_disk_io_time_seconds_total",
            &[("system_device", "vda")],
            0.0,
            6.0,
        ),
    ];
    for (mode, seconds) in [
        ("user", 6.0),
        ("system", 3.0),
        ("iowait", 1.5),
        ("idle", 19.5),
    ] {
        for cpu in ["0", "1"] {
            let labels = [("cpu_mode", mode), ("cpu_logical_number", cpu)];
            all.push(of(
                "system_cpu_time_seconds_total",
                &labels,
                1_000.0,
                seconds / 2.0,
            ));
        }
    }
    for (state, mib) in [
        ("used", 3_072.0),
        ("cached", 2_048.0),
        ("buffers", 1_024.0),
        ("free", 2_048.0),
    ] {
        all.push(of(
            "system_memory_usage_bytes",
            &[("system_memory_state", state)],
            mib * MIB,
            0.0,
        ));
    }
    for (name, mib) in [("eth0", 15.0), ("lo", 1_500.0)] {
        for (direction, factor) in [("receive", 1.0), ("transmit", 2.0)] {
            let labels = [
                ("network_interface_name", name),
                ("network_io_direction", direction),
            ];
            all.push(of(
                "system_network_io_bytes_total",
                &labels,
                0.0,
                mib * factor * MIB,
            ));
        }
    }
    for (state, gib) in [("used", 30.0), ("free", 9.0), ("reserved", 1.0)] {
        let labels = [
            ("system_filesystem_mountpoint", "/"),
            ("system_device", "/dev/vda1"),
            ("system_filesystem_type", "ext4"),
            ("system_filesystem_state", state),
        ];
        all.push(of(
            "system_filesystem_usage_bytes",
            &labels,
            gib * 1_024.0 * MIB,
            0.0,
        ));
    }
    for (direction, mib) in [("read", 15.0), ("write", 30.0)] {
        let labels = [("system_device", "vda"), ("disk_io_direction", direction)];
        all.push(of("system_disk_io_bytes_total", &labels, 0.0, mib * MIB));
    }
    all
}

/// What the agent sends of a container: `own` are the labels that the Collector gives its metrics.
fn of_container(own: &[(&str, &str)], user_seconds: f64) -> Vec<TimeSeries> {
    let of = |metric: &str, labels: &[(&str, &str)], first: f64, step: f64| {
        named(metric, &[labels, own].concat(), first, step)
    };
    vec![
        of(
            "container_cpu_time_seconds_total",
            &[("cpu_mode", "user")],
            5.0,
            user_seconds,
        ),
        of(
            "container_cpu_time_seconds_total",
            &[("cpu_mode", "system")],
            5.0,
            3.0,
        ),
        of("container_memory_usage_bytes", &[], 256.0 * MIB, 0.0),
        of("container_memory_usage_limit_bytes", &[], 512.0 * MIB, 0.0),
        of(
            "container_network_io_bytes_total",
            &[
                ("network_interface_name", "eth0"),
                ("network_io_direction", "receive"),
            ],
            0.0,
            15.0 * MIB,
        ),
        of(
            "container_disk_io_bytes_total",
            &[("disk_io_direction", "write")],
            0.0,
            30.0 * MIB,
        ),
        of("container_uptime_seconds", &[], 600.0, 15.0),
    ]
}

fn resource(attributes: Vec<KeyValue>) -> Option<Resource> {
    Some(Resource {
        attributes,
        ..Resource::default()
    })
}

fn log_lines(container_id: &str, container_name: &str, lines: &[&str], at_ms: i64) -> ResourceLogs {
    let record = |(index, line): (usize, &&str)| LogRecord {
        time_unix_nano: u64::try_from(at_ms).unwrap() * 1_000_000 + index as u64,
        severity_number: 9,
        body: Some(AnyValue {
            value: Some(OtlpValue::StringValue((*line).to_owned())),
        }),
        attributes: vec![
            text("log.file.path", &format!("/var/log/{container_name}.log")),
            text("log.file.name", &format!("{container_name}.log")),
        ],
        ..LogRecord::default()
    };
    ResourceLogs {
        resource: resource(vec![
            text("service.name", container_name),
            text("host.name", HOST),
            text("container.id", container_id),
            text("container.name", container_name),
        ]),
        scope_logs: vec![ScopeLogs {
            scope: Some(scope()),
            log_records: lines.iter().enumerate().map(record).collect(),
            ..ScopeLogs::default()
        }],
        ..ResourceLogs::default()
    }
}

/// A host with two containers: the metrics of `shop-auth-1` carry its name, those of `shop-db-1` its id too. A span of two
/// minutes ago ran in the first, and says so with an abbreviated id.
async fn seeded() -> Seeded {
    let lens = TestLens::start().await;
    let span_ms = jiff::Timestamp::now().as_millisecond() - 120_000;
    let by_name = [
        ("container_name", "shop-auth-1"),
        ("host_name", HOST),
        ("service_name", "auth"),
    ];
    let by_id = [
        ("container_id", OTHER_ID),
        ("container_name", "shop-db-1"),
        ("host_name", HOST),
    ];
    let target_info = [
        &by_name[..],
        &[
            ("container_id", CONTAINER_ID),
            ("container_image_name", "registry/auth"),
            ("container_image_tags", "[\"1.2\"]"),
            ("container_label_com_docker_compose_project", "shop"),
            ("container_label_com_docker_compose_service", "auth"),
        ],
    ]
    .concat();
    let metrics = [
        of_host(),
        of_container(&by_name, 7.5),
        of_container(&by_id, 0.0),
        vec![named("target_info", &target_info, 1.0, 0.0)],
    ];
    let answer = lens
        .post("/api/v1/write", Some("snappy"), snappy(metrics.concat()))
        .await;
    assert_eq!(answer.status(), 204);

    let logs = ExportLogsServiceRequest {
        resource_logs: vec![
            log_lines(
                CONTAINER_ID,
                "shop-auth-1",
                &["listening", "login ok"],
                span_ms,
            ),
            log_lines(OTHER_ID, "shop-db-1", &["checkpoint done"], span_ms),
        ],
    };
    let answer = lens.post("/otlp/v1/logs", None, logs.encode_to_vec()).await;
    assert_eq!(answer.status(), 204);

    let start = u64::try_from(span_ms).unwrap() * 1_000_000;
    let span = Span {
        trace_id: 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef_u128
            .to_be_bytes()
            .to_vec(),
        span_id: 1_u64.to_be_bytes().to_vec(),
        name: "POST /login/".to_owned(),
        kind: 2,
        start_time_unix_nano: start,
        end_time_unix_nano: start + 5_000_000,
        ..Span::default()
    };
    let spans = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: resource(vec![
                text("service.name", "auth"),
                text("host.name", HOST),
                text("container.id", &CONTAINER_ID[..12]),
            ]),
            scope_spans: vec![ScopeSpans {
                scope: Some(scope()),
                spans: vec![span],
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    };
    lens.grpc().await.export(spans).await.unwrap();
    Seeded { lens, span_ms }
}

/// Within a thousandth: times of samples are rounded to milliseconds.
fn near(value: &Value, expected: f64) {
    let close = value
        .as_f64()
        .is_some_and(|value| (value - expected).abs() <= expected.abs() * 1e-3);
    assert!(close, "got {value}, expected {expected}");
}

fn line<'a>(charts: &'a Value, chart: &str, line: &str) -> &'a Value {
    let by_name = |list: &'a Value, name: &str| {
        let mut list = list.as_array().unwrap().iter();
        list.find(|entry| entry["name"] == name)
            .unwrap_or_else(|| panic!("{name} is missing"))
    };
    &by_name(&by_name(charts, chart)["lines"], line)["points"]
}

fn last_value(points: &Value) -> &Value {
    &points.as_array().unwrap().last().unwrap()["value"]
}

#[tokio::test]
async fn a_host_shows_what_its_agent_measured() {
    let seeded = seeded().await;
    let hosts = seeded.ok("/api/hosts").await;
    assert_eq!(hosts["hosts"].as_array().unwrap().len(), 1);
    let host = seeded.ok(&format!("/api/hosts/{HOST}")).await;
    for of in [&hosts["hosts"][0], &host] {
        assert_eq!(of["name"], HOST);
        assert_eq!(of["containers"], 2);
        near(&of["cpus"], 2.0);
        near(&of["cpu_ratio"], 0.3);
        near(&of["load_average_1m"], 1.5);
        near(&of["memory_used_bytes"], 3_072.0 * MIB);
        near(&of["memory_limit_bytes"], 8_192.0 * MIB);
        near(&of["network_receive_bytes_per_second"], MIB);
        near(&of["network_transmit_bytes_per_second"], 2.0 * MIB);
        near(&of["uptime_seconds"], 86_700.0);
    }
    let charts = &host["charts"];
    for (mode, share) in [("user", 0.2), ("system", 0.1), ("iowait", 0.05)] {
        near(last_value(line(charts, "cpu", mode)), share);
    }
    // The agent started in the range, the kernel's counters long before: no step has what they counted until then.
    let user = line(charts, "cpu", "user").as_array().unwrap();
    assert!(
        (8..=10).contains(&user.len()),
        "five minutes in steps of 30 s: {user:?}"
    );
    for point in user {
        near(&point["value"], 0.2);
    }
    near(last_value(line(charts, "memory", "cached")), 2_048.0 * MIB);
    near(last_value(line(charts, "load", "1m")), 1.5);
    near(last_value(line(charts, "pressure", "io")), 0.2);
    near(last_value(line(charts, "network", "transmit")), 2.0 * MIB);
    near(last_value(line(charts, "disk", "write")), 2.0 * MIB);

    let filesystem = &host["filesystems"][0];
    assert_eq!(filesystem["mountpoint"], "/");
    assert_eq!(
        (&filesystem["device"], &filesystem["type"]),
        (&"/dev/vda1".into(), &"ext4".into())
    );
    near(&filesystem["used_bytes"], 30.0 * 1_024.0 * MIB);
    near(&filesystem["limit_bytes"], 40.0 * 1_024.0 * MIB);
    assert_eq!(host["disks"][0]["name"], "vda");
    near(&host["disks"][0]["read_bytes_per_second"], MIB);
    near(&host["disks"][0]["busy_ratio"], 0.4);
    assert_eq!(host["interfaces"][1]["name"], "lo");
    near(
        &host["interfaces"][1]["receive_bytes_per_second"],
        100.0 * MIB,
    );
}

#[tokio::test]
async fn a_container_is_one_whatever_tells_of_it() {
    let seeded = seeded().await;
    let containers = seeded.ok("/api/containers").await;
    let containers = containers["containers"].as_array().unwrap();
    let names: Vec<_> = containers.iter().map(|c| (&c["name"], &c["id"])).collect();
    assert_eq!(
        names,
        [
            (&"shop-auth-1".into(), &CONTAINER_ID.into()),
            (&"shop-db-1".into(), &OTHER_ID.into())
        ]
    );
    near(&containers[1]["cpu"], 0.2);

    // By its id, an abbreviation of it, or its name.
    for asked in [CONTAINER_ID, &CONTAINER_ID[..12], "shop-auth-1"] {
        let container = seeded.ok(&format!("/api/containers/{asked}")).await;
        assert_eq!(container["id"], CONTAINER_ID, "{asked}");
        assert_eq!(container["image"], "registry/auth:1.2");
        assert_eq!(container["compose_project"], "shop");
        assert_eq!(container["compose_service"], "auth");
        assert_eq!(container["host"], HOST);
        near(&container["cpu"], 0.7);
        near(&container["memory_bytes"], 256.0 * MIB);
        near(&container["memory_limit_bytes"], 512.0 * MIB);
        near(&container["network_receive_bytes_per_second"], MIB);
        near(&container["disk_write_bytes_per_second"], 2.0 * MIB);
        near(&container["uptime_seconds"], 900.0);
        near(last_value(line(&container["charts"], "cpu", "user")), 0.5);
        near(
            last_value(line(&container["charts"], "memory", "usage")),
            256.0 * MIB,
        );
    }

    let of_host = seeded.ok(&format!("/api/containers?host={HOST}")).await;
    assert_eq!(of_host["containers"].as_array().unwrap().len(), 2);
    let elsewhere = seeded.ok("/api/containers?host=node-2").await;
    assert_eq!(elsewhere["containers"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn logs_are_found_by_host_container_and_file() {
    let seeded = seeded().await;
    let bodies = async |query: &str| -> Vec<String> {
        let found = seeded.ok(&format!("/api/logs?{query}")).await;
        let logs = found["logs"].as_array().unwrap().iter();
        logs.map(|log| log["body"].as_str().unwrap().to_owned())
            .collect()
    };
    let of_auth = ["login ok", "listening"];
    assert_eq!(bodies(&format!("container={CONTAINER_ID}")).await, of_auth);
    assert_eq!(
        bodies(&format!("container={}", &CONTAINER_ID[..12])).await,
        of_auth
    );
    assert_eq!(bodies("container=shop-auth-1").await, of_auth);
    assert_eq!(bodies("container=shop").await, [""; 0]);
    assert_eq!(
        bodies("file=/var/log/shop-db-1.log").await,
        ["checkpoint done"]
    );
    assert_eq!(bodies("file=shop-db-1.log").await, ["checkpoint done"]);
    assert_eq!(bodies(&format!("host={HOST}")).await.len(), 3);
    assert_eq!(bodies("host=node-2").await.len(), 0);
    assert_eq!(
        bodies(&format!("host={HOST}&container=shop-db-1&q=check"))
            .await
            .len(),
        1
    );
}

#[tokio::test]
async fn what_nothing_is_known_of_is_not_found() {
    let seeded = seeded().await;
    for (path, code) in [
        ("/api/hosts/node-2", "unknown_host"),
        ("/api/containers/shop", "unknown_container"),
        ("/hosts/node-2", "Not found"),
        ("/containers/4f2a9c0b71d", "Not found"),
    ] {
        let (status, body) = seeded.get(path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert!(body.contains(code), "{path}: {body}");
    }
}

#[tokio::test]
async fn without_an_agent_the_pages_say_how_to_start_one() {
    let lens = TestLens::start().await;
    for path in ["/hosts", "/containers"] {
        let address = format!("http://{}{path}", lens.lens.page);
        let body = reqwest::get(address).await.unwrap().text().await.unwrap();
        assert!(body.contains("trivium-agent run --config"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_a_span_to_the_container_it_ran_in_and_on_to_its_host() {
    let seeded = seeded().await;
    let origin = format!("http://{}", seeded.lens.lens.page);
    let span_ms = seeded.span_ms;
    with_browser(async move |client| {
        let find = async |selector: &str| {
            let element = client.wait().for_element(Locator::Css(selector)).await;
            element.unwrap_or_else(|error| panic!("{selector}: {error}"))
        };
        client
            .goto(&format!("{origin}/traces/{TRACE}"))
            .await
            .unwrap();
        find("[data-testid=span-container]")
            .await
            .click()
            .await
            .unwrap();

        // The container, around the span.
        let name = find("[data-testid=container-name]")
            .await
            .text()
            .await
            .unwrap();
        assert_eq!(name, "shop-auth-1");
        let url = client.current_url().await.unwrap();
        let at = jiff::Timestamp::from_millisecond(span_ms).unwrap();
        assert_eq!(url.path(), format!("/containers/{}", &CONTAINER_ID[..12]));
        assert_eq!(url.query(), Some(format!("at={at}").as_str()));
        assert!(
            find("[data-testid=memory]")
                .await
                .text()
                .await
                .unwrap()
                .contains("256 MiB")
        );
        assert_eq!(
            find("[data-testid=cpu]").await.text().await.unwrap(),
            "0.70"
        );
        find("[data-testid=chart-cpu] [data-testid=marked]").await;
        let logs = client
            .find_all(Locator::Css("[data-testid=log]"))
            .await
            .unwrap();
        assert_eq!(
            logs.len(),
            2,
            "its own records, not those of the other container"
        );
        assert_eq!(console(&client).await.unwrap(), [""; 0]);

        // All its records, and from one of them back to the container.
        find("[data-testid=container-logs]")
            .await
            .click()
            .await
            .unwrap();
        find("[data-testid=log] summary")
            .await
            .click()
            .await
            .unwrap();
        let back = find("[data-testid=log] .facts a[href^='/containers/']").await;
        assert_eq!(back.text().await.unwrap(), "shop-auth-1");
        back.click().await.unwrap();

        // The host at that time.
        find("[data-testid=container-host]")
            .await
            .click()
            .await
            .unwrap();
        assert_eq!(find("h1").await.text().await.unwrap(), HOST);
        assert_eq!(
            find("[data-testid=cpu]").await.text().await.unwrap(),
            "30.0 %"
        );
        find("[data-testid=chart-memory] [data-testid=marked]").await;
        let containers = client
            .find_all(Locator::Css("[data-testid=container]"))
            .await
            .unwrap();
        assert_eq!(containers.len(), 2);
        assert_eq!(console(&client).await.unwrap(), [""; 0]);
    })
    .await;
}
