//! What is sent, as numbers: eight services with three instances each, traces of five spans through two of them, log records
//! of which two thirds belong to a trace, and metrics as services, an agent and containers send them. Everything lies in the
//! hour before the start, evenly.

use std::ops::Range;

/// Spans in a trace: a gateway's server span, its client span, the server span of the service behind it, two of its database.
pub(crate) const TRACE_SPANS: u64 = 5;
/// Points of each series.
pub(crate) const POINTS: u64 = 360;
/// Rows in a request.
pub(crate) const REQUEST_ROWS: u64 = 1_000;
/// Milliseconds between two points.
const INTERVAL_MS: u64 = 10_000;
const HOUR_NS: u64 = 3_600_000_000_000;

const SERVICES: [&str; 8] = [
    "auth", "cart", "catalog", "checkout", "mail", "payment", "search", "shipping",
];
pub(crate) const ROUTES: [&str; 5] = [
    "/items/{id}",
    "/items/",
    "/login/",
    "/orders/{id}",
    "/orders/",
];
const BOUNDS: [&str; 15] = [
    "0.005", "0.01", "0.025", "0.05", "0.075", "0.1", "0.25", "0.5", "0.75", "1", "2.5", "5",
    "7.5", "10", "+Inf",
];

/// How much is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Amount {
    pub(crate) spans: u64,
    pub(crate) logs: u64,
    pub(crate) series: u64,
}

/// The rows of one run.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) amount: Amount,
    pub(crate) end_ns: u64,
}

/// One span.
pub(crate) struct SpanRow {
    pub(crate) trace_id: [u8; 16],
    pub(crate) span_id: [u8; 8],
    pub(crate) parent_span_id: Option<[u8; 8]>,
    pub(crate) service: usize,
    pub(crate) instance: u64,
    pub(crate) name: String,
    /// OTLP's `SpanKind`.
    pub(crate) kind: i32,
    pub(crate) start_ns: u64,
    pub(crate) duration_ns: u64,
    pub(crate) is_error: bool,
    pub(crate) attributes: Vec<(&'static str, String)>,
    pub(crate) http_status: Option<i64>,
}

/// One log record.
pub(crate) struct LogRow {
    pub(crate) time_ns: u64,
    pub(crate) ids: Option<([u8; 16], [u8; 8])>,
    pub(crate) service: usize,
    pub(crate) instance: u64,
    pub(crate) severity: (i32, &'static str),
    pub(crate) event: &'static str,
    pub(crate) body: String,
    pub(crate) attributes: Vec<(&'static str, String)>,
}

/// Spreads numbers: neighbours have nothing in common, and every run has the same.
fn mix(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

pub(crate) fn service_name(service: usize) -> &'static str {
    SERVICES[service % SERVICES.len()]
}

impl Shape {
    pub(crate) fn ending_now(amount: Amount) -> Self {
        let now = jiff::Timestamp::now().as_nanosecond();
        Self {
            amount,
            end_ns: u64::try_from(now).unwrap_or_default(),
        }
    }

    /// When the `n`th of `all` happened.
    fn time_ns(&self, n: u64, all: u64) -> u64 {
        self.end_ns - HOUR_NS
            + (u128::from(HOUR_NS) * u128::from(n) / u128::from(all.max(1))) as u64
    }

    pub(crate) fn trace_id(trace: u64) -> [u8; 16] {
        let halves = (u128::from(mix(2 * trace + 1)) << 64) | u128::from(mix(2 * trace + 2));
        halves.to_be_bytes()
    }

    fn span_id(n: u64) -> [u8; 8] {
        (mix(n + 77_777) | 1).to_be_bytes()
    }

    /// A trace of the middle of the hour.
    pub(crate) fn middle_trace(&self) -> u64 {
        self.amount.spans / TRACE_SPANS / 2
    }

    /// The value of `user.id` in that trace.
    pub(crate) fn user(trace: u64) -> String {
        format!("u-{:08x}", mix(trace) >> 32)
    }

    pub(crate) fn span(&self, n: u64) -> SpanRow {
        let (trace, place) = (n / TRACE_SPANS, n % TRACE_SPANS);
        let chance = mix(trace);
        let route = ROUTES[(chance % 5) as usize];
        let behind = 1 + (chance >> 8) as usize % (SERVICES.len() - 1);
        let is_error = chance.is_multiple_of(50);
        // From 1 to 400 ms, most of them short.
        let whole_ns = 1_000_000 + (chance >> 16) % 20_000_000 * (1 + (chance >> 40) % 20);
        let start_ns = self.time_ns(trace, self.amount.spans / TRACE_SPANS);
        let (service, kind, name) = match place {
            0 => (0, 2, format!("GET {route}")),
            1 => (0, 3, "GET".to_owned()),
            2 => (behind, 2, format!("GET {route}")),
            _ => (behind, 3, "SELECT items".to_owned()),
        };
        let parent = match place {
            0 => None,
            1 => Some(n - 1),
            2 => Some(n - 1),
            _ => Some(n - place + 2),
        };
        let text = |key, value: &str| (key, value.to_owned());
        let mut attributes = if place < 3 {
            vec![
                text("http.request.method", "GET"),
                text("http.route", route),
                text("url.path", route),
                text("url.scheme", "http"),
                text("server.address", "10.0.0.7"),
                (
                    "client.address",
                    format!("10.0.{}.{}", chance % 250, n % 250),
                ),
                text("user_agent.original", "trivium-load/0.1.0"),
                ("user.id", Self::user(trace)),
            ]
        } else {
            vec![
                text("db.system.name", "postgresql"),
                text("db.namespace", "shop"),
                text("db.operation.name", "SELECT"),
                text("db.collection.name", "items"),
                text(
                    "db.query.text",
                    "SELECT id, name, price FROM items WHERE id = $1",
                ),
                text("server.address", "10.0.0.9"),
            ]
        };
        if is_error {
            attributes.push(text("error.type", "timeout"));
        }
        SpanRow {
            trace_id: Self::trace_id(trace),
            span_id: Self::span_id(n),
            parent_span_id: parent.map(Self::span_id),
            service,
            instance: chance % 3,
            name,
            kind,
            start_ns: start_ns + place * 50_000,
            duration_ns: whole_ns / (1 + place),
            is_error,
            attributes,
            http_status: (place < 3).then_some(if is_error { 503 } else { 200 }),
        }
    }

    pub(crate) fn log(&self, n: u64) -> LogRow {
        const EVENTS: [&str; 6] = [
            "http.request.served",
            "db.query.slow",
            "cache.miss",
            "login.succeeded",
            "login.failed",
            "job.done",
        ];
        let chance = mix(n ^ 0x5555);
        let severity = match chance % 100 {
            0..20 => (5, "DEBUG"),
            20..90 => (9, "INFO"),
            90..98 => (13, "WARN"),
            _ => (17, "ERROR"),
        };
        let time_ns = self.time_ns(n, self.amount.logs);
        let span = n * self.amount.spans.max(1) / self.amount.logs.max(1);
        let event = EVENTS[(chance >> 8) as usize % EVENTS.len()];
        LogRow {
            time_ns,
            ids: (!n.is_multiple_of(3))
                .then(|| (Self::trace_id(span / TRACE_SPANS), Self::span_id(span))),
            service: (chance >> 16) as usize % SERVICES.len(),
            instance: (chance >> 24) % 3,
            severity,
            event,
            body: format!("{event}: request {n} of user {:08x} answered", chance >> 32),
            attributes: vec![
                ("http.route", ROUTES[(chance >> 12) as usize % 5].to_owned()),
                ("user.id", format!("u-{:08x}", chance >> 32)),
                ("code.file.path", "src/handlers/items.rs".to_owned()),
                ("thread.name", "tokio-runtime-worker".to_owned()),
                ("queue.wait", format!("{} us", chance % 1_000)),
            ],
        }
    }

    /// When point `n` of each series was taken, milliseconds since the Unix epoch.
    pub(crate) fn point_ms(&self, n: u64) -> i64 {
        ((self.end_ns / 1_000_000) - (POINTS - 1 - n) * INTERVAL_MS).cast_signed()
    }

    /// The series, each with its labels and what it grows by from point to point; 0 is a gauge.
    pub(crate) fn series(&self) -> Vec<(Vec<(&'static str, String)>, f64)> {
        let mut all = Vec::new();
        let text = |key, value: &str| (key, value.to_owned());
        let counted = self.amount.series / 5;
        for n in 0..counted {
            let labels = vec![
                text("__name__", "shop_events_total"),
                text("service_name", service_name(n as usize)),
                ("service_instance_id", format!("instance-{}", n % 3)),
                ("shard", n.to_string()),
                ("kind", format!("k{}", n % 7)),
            ];
            all.push((labels, 1.0 + (n % 9) as f64));
        }
        'histograms: for n in 0.. {
            for part in 0..=BOUNDS.len() + 1 {
                // Two fifths of the series belong to histograms.
                if all.len() as u64 >= self.amount.series * 3 / 5 {
                    break 'histograms;
                }
                all.push((request_labels(n, part), ((part + 1) * 2) as f64));
            }
        }
        for n in 0.. {
            if all.len() as u64 >= self.amount.series {
                break;
            }
            all.push(machine_series(n));
        }
        all
    }

    /// The requests of `rows` rows.
    pub(crate) fn requests(rows: u64) -> impl Iterator<Item = Range<u64>> {
        (0..rows)
            .step_by(REQUEST_ROWS as usize)
            .map(move |first| first..(first + REQUEST_ROWS).min(rows))
    }
}

/// Part `part` (a bucket, the sum or the count) of the `n`th `http.server.request.duration`.
fn request_labels(n: usize, part: usize) -> Vec<(&'static str, String)> {
    const STATUS: [&str; 2] = ["200", "503"];
    let suffix = match part {
        15 => "sum",
        16 => "count",
        _ => "bucket",
    };
    let mut labels = vec![
        (
            "__name__",
            format!("http_server_request_duration_seconds_{suffix}"),
        ),
        ("service_name", service_name(n / 10).to_owned()),
        ("service_instance_id", format!("instance-{}", n / 80)),
        ("http_request_method", "GET".to_owned()),
        ("http_route", ROUTES[n / 2 % 5].to_owned()),
        ("http_response_status_code", STATUS[n % 2].to_owned()),
    ];
    if let Some(bound) = BOUNDS.get(part) {
        labels.push(("le", (*bound).to_owned()));
    }
    labels
}

/// What an agent tells of a container or its host, or a service of its process.
fn machine_series(n: usize) -> (Vec<(&'static str, String)>, f64) {
    const METRICS: [(&str, f64); 10] = [
        ("container_cpu_time_seconds_total", 3.0),
        ("container_memory_usage_bytes", 0.0),
        ("container_network_io_bytes_total", 4_096.0),
        ("container_disk_io_bytes_total", 8_192.0),
        ("system_cpu_time_seconds_total", 5.0),
        ("system_memory_usage_bytes", 0.0),
        ("process_cpu_time_seconds_total", 2.0),
        ("process_memory_usage_bytes", 0.0),
        ("tokio_alive_tasks", 0.0),
        ("shop_queue_length", 0.0),
    ];
    let (metric, growth) = METRICS[n % METRICS.len()];
    let n = n / METRICS.len();
    let label = |key, value: String| (key, value);
    let mut labels = vec![label("__name__", metric.to_owned())];
    if metric.starts_with("container_") {
        labels.push(label("container_id", format!("{:064x}", mix(n as u64 / 2))));
        labels.push(label("container_name", format!("shop-{}", n / 2)));
        labels.push(label("host_name", format!("node-{}", n % 4)));
        labels.push(label("cpu_mode", ["user", "system"][n % 2].to_owned()));
    } else if metric.starts_with("system_") {
        labels.push(label("host_name", format!("node-{}", n % 4)));
        labels.push(label(
            "cpu_mode",
            ["user", "system", "idle", "iowait"][n / 4 % 4].to_owned(),
        ));
        labels.push(label("cpu_logical_number", (n / 16).to_string()));
    } else {
        labels.push(label("service_name", service_name(n).to_owned()));
        labels.push(label("service_instance_id", format!("instance-{}", n / 8)));
    }
    (labels, growth)
}
