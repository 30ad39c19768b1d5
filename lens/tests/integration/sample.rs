//! Half an hour of a small system's telemetry, as the Collector would have brought it: two instances of `auth` behind a
//! gateway, with a slow spell, a burst of failures, and a trace, an exemplar and logs for some of the requests.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;
use trivium_lens::model::{Batch, LogRecord, Resource, Sample, SeriesRows, Span};

use crate::seed::{exemplar, log_record, resource, series, server_span};

const DURATION: &str = "http_server_request_duration_seconds";
const BOUNDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];
const STEP_MS: i64 = 5_000;
const STEPS: i64 = 360;
const MILLI_NS: i64 = 1_000_000;

/// Method, route, usual seconds, requests per step and instance.
const ROUTES: [(&str, &str, f64, f64); 4] = [
    ("GET", "/", 0.0006, 4.0),
    ("POST", "/login/", 0.31, 3.0),
    ("GET", "/users/me/", 0.004, 12.0),
    ("POST", "/signup/", 0.33, 1.0),
];

/// One histogram of one instance while it counts.
struct Histogram {
    buckets: [f64; BOUNDS.len() + 1],
    rows: Vec<SeriesRows>,
}

impl Histogram {
    fn new(labels: &[(&str, &str)]) -> Self {
        let bounds = BOUNDS
            .iter()
            .map(ToString::to_string)
            .chain(["+Inf".to_owned()]);
        let bucket = |le: String| {
            let labels: Vec<_> = labels
                .iter()
                .copied()
                .chain([("le", le.as_str())])
                .collect();
            series(&format!("{DURATION}_bucket"), &labels, &[])
        };
        let mut rows: Vec<SeriesRows> = bounds.map(bucket).collect();
        rows.push(series(&format!("{DURATION}_count"), labels, &[]));
        Self {
            buckets: [0.0; BOUNDS.len() + 1],
            rows,
        }
    }

    fn record(&mut self, seconds: f64, trace: Option<(i64, [u8; 16], [u8; 8])>) {
        let bucket = BOUNDS.partition_point(|bound| *bound < seconds);
        self.buckets[bucket] += 1.0;
        if let Some((time_ms, trace_id, span_id)) = trace {
            self.rows[bucket]
                .exemplars
                .push(exemplar(time_ms, seconds, trace_id, span_id));
        }
    }

    fn collect(&mut self, time_ms: i64) {
        let mut count = 0.0;
        for (row, bucket) in self.rows.iter_mut().zip(self.buckets.iter()) {
            count += bucket;
            row.samples.push(Sample {
                time_ms,
                value: Some(count),
            });
        }
        let all = self.rows.last_mut().expect("the count is the last row");
        all.samples.push(Sample {
            time_ms,
            value: Some(count),
        });
    }
}

/// The system up to now.
pub(crate) fn half_an_hour() -> Batch {
    let mut random = fastrand::Rng::with_seed(7);
    let now_ms = Timestamp::now().as_millisecond();
    let instances = ["0b54ad1e", "77fe02c9"].map(|instance| (instance, resource("auth", instance)));
    let gateway = resource("gateway", "e01c77aa");
    let mut histograms: BTreeMap<(&str, &str, u16), Histogram> = BTreeMap::new();
    let mut batch = Batch::default();
    for step in 0..STEPS {
        let end_ms = now_ms - (STEPS - 1 - step) * STEP_MS;
        for (instance, auth) in &instances {
            for (method, route, usual, per_step) in ROUTES {
                let wave = 1.0 + 0.5 * (step as f64 / 40.0).sin();
                for _ in 0..(per_step * wave + random.f64()) as usize {
                    let spread = (random.f64() + random.f64() + random.f64() - 1.5) * 0.7;
                    let slow = if (210..235).contains(&step) { 3.5 } else { 1.0 };
                    let tail = if random.f64() < 0.01 { 6.0 } else { 1.0 };
                    let seconds = usual * spread.exp() * slow * tail;
                    let is_busy = (265..280).contains(&step);
                    let status = match random.f64() {
                        r if is_busy && route == "/login/" && r < 0.3 => 503,
                        r if route == "/login/" && r < 0.08 => 401,
                        r if route == "/users/me/" && r < 0.02 => 401,
                        _ if method == "POST" && route == "/signup/" => 201,
                        _ => 200,
                    };
                    let labels_key = (*instance, route, status);
                    let histogram = histograms.entry(labels_key).or_insert_with(|| {
                        let status = status.to_string();
                        Histogram::new(&[
                            ("http_request_method", method),
                            ("http_response_status_code", &status),
                            ("http_route", route),
                            ("instance", instance),
                            ("job", "trivium/auth"),
                            ("service_instance_id", instance),
                            ("service_name", "auth"),
                            ("service_namespace", "trivium"),
                        ])
                    });
                    let is_sampled = status >= 500 || seconds > 1.0 || random.f64() < 0.03;
                    let start_ns =
                        (end_ms - random.i64(1..STEP_MS)) * MILLI_NS - (seconds * 1e9) as i64;
                    let request = Request {
                        method,
                        route,
                        status,
                        seconds,
                        start_ns,
                    };
                    let trace = is_sampled.then(|| {
                        let (trace_id, span_id) =
                            request.write(&mut batch, &mut random, auth, &gateway);
                        (
                            start_ns / MILLI_NS + (seconds * 1e3) as i64,
                            trace_id,
                            span_id,
                        )
                    });
                    histogram.record(seconds, trace);
                }
            }
        }
        for histogram in histograms.values_mut() {
            histogram.collect(end_ms);
        }
    }
    batch.series.extend(
        histograms
            .into_values()
            .flat_map(|histogram| histogram.rows),
    );
    for name in ["otelcol", "trivium-lens"] {
        let samples: Vec<_> = (0..STEPS)
            .map(|step| (now_ms - step * STEP_MS, Some(1.0)))
            .collect();
        let labels = [
            ("service_name", name),
            ("service_namespace", "trivium"),
            ("service_instance_id", name),
        ];
        batch
            .series
            .push(series("process_uptime_seconds", &labels, &samples));
    }
    batch
}

struct Request {
    method: &'static str,
    route: &'static str,
    status: u16,
    seconds: f64,
    start_ns: i64,
}

impl Request {
    /// Writes spans and logs; gives the ids of the trace and of the server span.
    fn write(
        &self,
        batch: &mut Batch,
        random: &mut fastrand::Rng,
        auth: &Arc<Resource>,
        gateway: &Arc<Resource>,
    ) -> ([u8; 16], [u8; 8]) {
        let trace_id = random.u128(..).to_be_bytes();
        let ids: [[u8; 8]; 6] = std::array::from_fn(|_| random.u64(..).to_be_bytes());
        let duration_ns = (self.seconds * 1e9) as i64;
        let share = |percent: i64| duration_ns * percent / 100;
        let is_failed = self.status >= 500;
        let attributes = json!({
            "client.address": "127.0.0.1", "http.request.method": self.method, "http.response.status_code": self.status,
            "http.route": self.route, "network.protocol.version": "1.1", "server.address": "127.0.0.1",
            "server.port": 8000, "url.path": self.route, "url.scheme": "http", "user_agent.original": "trivium-load/0.1.0",
        });
        let server = Span {
            parent_span_id: Some(ids[0]),
            name: format!("{} {}", self.method, self.route),
            duration_ns,
            status: if is_failed { 2 } else { 0 },
            status_message: if is_failed {
                "no free slot for password hashing".to_owned()
            } else {
                String::new()
            },
            http_route: Some(self.route.to_owned()),
            http_status: Some(self.status.into()),
            attributes: attributes.to_string(),
            ..server_span(auth, trace_id, ids[1], self.start_ns)
        };
        let client = Span {
            resource: Arc::clone(gateway),
            parent_span_id: Some(ids[5]),
            span_id: ids[0],
            kind: 3,
            name: self.method.to_owned(),
            start_ns: self.start_ns - 400_000,
            duration_ns: duration_ns + 900_000,
            http_route: None,
            ..server.clone()
        };
        let root = Span {
            parent_span_id: None,
            span_id: ids[5],
            kind: 2,
            name: format!("{} /api{}", self.method, self.route),
            start_ns: self.start_ns - 900_000,
            duration_ns: duration_ns + 2_000_000,
            http_route: Some(format!("/api{}", self.route)),
            ..client.clone()
        };
        let child = |id: usize,
                     parent: usize,
                     name: &str,
                     from: i64,
                     percent: i64,
                     attributes: serde_json::Value| Span {
            span_id: ids[id],
            parent_span_id: Some(ids[parent]),
            kind: if name.contains(' ') { 3 } else { 1 },
            name: name.to_owned(),
            start_ns: self.start_ns + share(from),
            duration_ns: share(percent),
            http_route: None,
            http_status: None,
            status: 0,
            status_message: String::new(),
            attributes: attributes.to_string(),
            ..server.clone()
        };
        let sql = "SELECT id, password_hash FROM users WHERE email_hash = ?";
        let database = json!({"db.system.name": "sqlite", "db.namespace": "auth", "db.query.text": sql, "db.operation.name": "SELECT", "db.collection.name": "users"});
        let mut spans = vec![
            root,
            client,
            server.clone(),
            child(2, 1, "SELECT users", 3, 6, database),
        ];
        if self.method == "POST" {
            let mut verify = child(
                3,
                1,
                "password.verify",
                11,
                84,
                json!({"auth.hash.cost": 12, "auth.queue.wait_ms": 4}),
            );
            let queued = json!([{"time_ns": verify.start_ns + share(4), "name": "slot acquired", "attributes": {"waiting": 2}}]);
            verify.events = Some(queued.to_string());
            if is_failed {
                (verify.status, verify.status_message) = (2, server.status_message.clone());
            }
            spans.push(verify);
            spans.push(child(
                4,
                1,
                "token.issue",
                96,
                2,
                json!({"auth.token.algorithm": "HS256"}),
            ));
        }
        let record = |span: usize,
                      at: i64,
                      severity: i32,
                      text: &str,
                      event: &str,
                      body: &str,
                      attributes: serde_json::Value| LogRecord {
            trace_id: Some(trace_id),
            span_id: Some(ids[span]),
            severity,
            severity_text: text.to_owned(),
            event_name: event.to_owned(),
            attributes: attributes.to_string(),
            ..log_record(auth, self.start_ns + share(at), body)
        };
        let outcome = match (self.route, self.status) {
            (_, 500..) => record(
                1,
                98,
                17,
                "ERROR",
                "auth.hash.refused",
                "no free slot for password hashing",
                json!({"waiting": 64}),
            ),
            ("/login/", 401) => record(
                1,
                97,
                13,
                "WARN",
                "auth.login.failed",
                "login failed",
                json!({"reason": "bad_password"}),
            ),
            ("/login/", _) => record(
                1,
                97,
                9,
                "INFO",
                "auth.login.succeeded",
                "login succeeded",
                json!({"user.id": "u-4711"}),
            ),
            ("/signup/", _) => record(
                1,
                97,
                9,
                "INFO",
                "auth.signup.succeeded",
                "user signed up",
                json!({"user.id": "u-4712"}),
            ),
            (_, 401) => record(
                1,
                90,
                13,
                "WARN",
                "auth.token.refused",
                "token refused",
                json!({"reason": "expired"}),
            ),
            _ => record(
                1,
                95,
                9,
                "INFO",
                "http.request",
                "request served",
                json!({"http.route": self.route}),
            ),
        };
        batch.logs.push(record(
            2,
            8,
            5,
            "DEBUG",
            "db.query",
            "1 row",
            json!({"rows": 1}),
        ));
        batch.logs.push(outcome);
        batch.spans.extend(spans);
        (trace_id, ids[1])
    }
}
