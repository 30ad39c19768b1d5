//! A host with two containers, as an agent and a program tell of them through the Collector.

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

pub(crate) const HOST: &str = "node-1";
pub(crate) const CONTAINER_ID: &str =
    "4f2a9c0b71d84e6f9a35c1e8b7d60f12a4c3e5b6978d0f1e2a3b4c5d6e7f8091";
pub(crate) const OTHER_ID: &str =
    "99b07d1e5a6c4f3b8e2d7a9c0f1b3d5e7a8c6b4d2f0e1c3a5b7d9f8e6c4a2b01";
pub(crate) const TRACE: &str = "0123456789abcdef0123456789abcdef";
const INTERVAL_MS: i64 = 15_000;
pub(crate) const MIB: f64 = 1_048_576.0;

/// A lens that an agent and a program have sent to.
pub(crate) struct Seeded {
    pub(crate) lens: TestLens,
    /// When the span ran, milliseconds since the Unix epoch.
    pub(crate) span_ms: i64,
}

impl Seeded {
    pub(crate) async fn get(&self, path: &str) -> (StatusCode, String) {
        let answer = reqwest::get(format!("http://{}{path}", self.lens.lens.page))
            .await
            .unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    pub(crate) async fn ok(&self, path: &str) -> Value {
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
pub(crate) fn of_host() -> Vec<TimeSeries> {
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
    for (direction, each) in [("in", 30.0), ("out", 60.0)] {
        let labels = [("system_paging_direction", direction)];
        all.push(of("system_paging_operations_total", &labels, 0.0, each));
    }
    for (kind, each) in [("major", 45.0), ("minor", 1_500.0)] {
        let labels = [("system_paging_fault_type", kind)];
        all.push(of("system_paging_faults_total", &labels, 0.0, each));
    }
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
        of("container_pids_count", &[], 12.0, 0.0),
        of(
            "container_cpu_throttling_data_throttled_time_nanoseconds_total",
            &[],
            0.0,
            3e9,
        ),
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
pub(crate) async fn seeded() -> Seeded {
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
