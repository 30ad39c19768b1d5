//! The result of a load run, as text for people and as JSON for programs.
//!
//! JSON: `{"target","scenario","users","spawn_rate","duration_seconds","requests","failures","rate","routes":[{"route",
//! "requests","failures","rate","p50_seconds","p95_seconds","p99_seconds","max_seconds"}],"errors":[{"route","error",
//! "count"}],"slowest":[{"route","duration_seconds","trace_id","link"}]}`. Rates are requests per second over the whole
//! run. `link` is null unless lens's address was given.

use std::{
    fmt::Write as _,
    io::{self, Write},
    time::Duration,
};

use reqwest::Url;
use serde::Serialize;

use super::{
    options::Plan,
    stats::{Stats, Tally},
};

#[derive(Debug, Serialize)]
pub(super) struct Summary {
    target: String,
    scenario: &'static str,
    users: u32,
    spawn_rate: f64,
    duration_seconds: f64,
    requests: u64,
    failures: u64,
    rate: f64,
    routes: Vec<RouteSummary>,
    errors: Vec<ErrorCount>,
    slowest: Vec<SlowRequest>,
    #[serde(skip)]
    table: String,
}

#[derive(Debug, Serialize)]
struct RouteSummary {
    route: String,
    requests: u64,
    failures: u64,
    rate: f64,
    p50_seconds: Option<f64>,
    p95_seconds: Option<f64>,
    p99_seconds: Option<f64>,
    max_seconds: Option<f64>,
}

#[derive(Debug, Serialize)]
struct ErrorCount {
    route: String,
    error: String,
    count: u64,
}

#[derive(Debug, Serialize)]
struct SlowRequest {
    route: String,
    duration_seconds: f64,
    trace_id: String,
    link: Option<String>,
}

impl Summary {
    pub(super) fn new(
        target: &Url,
        plan: &Plan,
        lens: Option<&Url>,
        elapsed: Duration,
        stats: &Stats,
    ) -> Self {
        let routes = stats
            .routes
            .iter()
            .map(|(route, tally)| RouteSummary::new(route.to_string(), tally, elapsed));
        let errors = stats
            .failures
            .iter()
            .map(|((route, failure), count)| ErrorCount {
                route: route.to_string(),
                error: failure.to_string(),
                count: *count,
            });
        let slowest = stats.slowest.iter().map(|sample| SlowRequest {
            route: sample.route.to_string(),
            duration_seconds: sample.duration.as_secs_f64(),
            trace_id: sample.trace_id.clone(),
            link: lens.map(|lens| {
                format!(
                    "{}/traces/{}",
                    lens.as_str().trim_end_matches('/'),
                    sample.trace_id
                )
            }),
        });
        Self {
            target: target.to_string(),
            scenario: plan.scenario,
            users: plan.users,
            spawn_rate: plan.spawn_rate,
            duration_seconds: elapsed.as_secs_f64(),
            requests: stats.all.requests,
            failures: stats.all.failures,
            rate: rate(&stats.all, elapsed),
            routes: routes.collect(),
            errors: errors.collect(),
            slowest: slowest.collect(),
            table: table(stats, elapsed),
        }
    }

    pub(super) fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *out, self)?;
        writeln!(out)
    }

    pub(super) fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        let Self {
            target,
            scenario,
            users,
            duration_seconds,
            ..
        } = self;
        writeln!(
            out,
            "{target}: {scenario}, {users} users, {duration_seconds:.0} s\n\n{}",
            self.table
        )?;
        if !self.errors.is_empty() {
            writeln!(out, "\nfailures")?;
        }
        for error in &self.errors {
            writeln!(
                out,
                "{:>8}  {:<16} {}",
                error.count, error.route, error.error
            )?;
        }
        if !self.slowest.is_empty() {
            writeln!(out, "\nslowest requests, with their traces")?;
        }
        for slow in &self.slowest {
            let latency = format_latency(Some(Duration::from_secs_f64(slow.duration_seconds)));
            let trace = slow.link.as_ref().unwrap_or(&slow.trace_id);
            writeln!(out, "{latency:>8}  {:<16} {trace}", slow.route)?;
        }
        Ok(())
    }
}

impl RouteSummary {
    fn new(route: String, tally: &Tally, elapsed: Duration) -> Self {
        let seconds = |share| tally.quantile(share).map(|latency| latency.as_secs_f64());
        Self {
            route,
            requests: tally.requests,
            failures: tally.failures,
            rate: rate(tally, elapsed),
            p50_seconds: seconds(0.5),
            p95_seconds: seconds(0.95),
            p99_seconds: seconds(0.99),
            max_seconds: seconds(1.0),
        }
    }
}

/// One line for each route and one for all of them, without a newline at the end.
pub(super) fn table(stats: &Stats, elapsed: Duration) -> String {
    let header = ["requests", "failures", "req/s", "p50", "p95", "p99", "max"];
    let mut text = row("route", &header.map(str::to_owned));
    let routes = stats
        .routes
        .iter()
        .map(|(route, tally)| (route.to_string(), tally));
    for (name, tally) in routes.chain([("all".to_owned(), &stats.all)]) {
        let latency = |share| format_latency(tally.quantile(share));
        let cells = [
            tally.requests.to_string(),
            tally.failures.to_string(),
            format!("{:.1}", rate(tally, elapsed)),
            latency(0.5),
            latency(0.95),
            latency(0.99),
            latency(1.0),
        ];
        text.push('\n');
        text.push_str(&row(&name, &cells));
    }
    text
}

fn row(name: &str, cells: &[String; 7]) -> String {
    cells.iter().fold(format!("{name:<16}"), |mut row, cell| {
        // Writing to a string can't fail.
        let _ = write!(row, " {cell:>8}");
        row
    })
}

/// `3.2 ms` below a second, `1.25 s` from there on, `-` for nothing.
pub(super) fn format_latency(latency: Option<Duration>) -> String {
    match latency.map(|latency| latency.as_secs_f64()) {
        None => "-".to_owned(),
        Some(seconds) if seconds < 0.9995 => format!("{:.1} ms", seconds * 1000.0),
        Some(seconds) => format!("{seconds:.2} s"),
    }
}

fn rate(tally: &Tally, elapsed: Duration) -> f64 {
    tally.requests as f64 / elapsed.as_secs_f64().max(f64::EPSILON)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journey::{Failure, Route, Sample};

    fn stats() -> Stats {
        let mut stats = Stats::default();
        for (route, milliseconds, failure) in [
            (Route::SignUp, 310, None),
            (Route::Profile, 5, None),
            (Route::Profile, 1250, Some(Failure::Status(503))),
        ] {
            let duration = Duration::from_millis(milliseconds);
            stats.add(Sample {
                route,
                duration,
                trace_id: format!("{milliseconds:032}"),
                failure,
            });
        }
        stats
    }

    fn summary() -> Summary {
        let plan = Plan {
            scenario: "normal",
            users: 5,
            spawn_rate: 1.0,
            duration: Duration::from_secs(10),
        };
        let url = |text| Url::parse(text).unwrap();
        let lens = url("http://127.0.0.1:3000");
        Summary::new(
            &url("http://127.0.0.1:8000"),
            &plan,
            Some(&lens),
            Duration::from_secs(10),
            &stats(),
        )
    }

    #[test]
    fn the_text_has_the_table_the_failures_and_the_slowest_traces() {
        let mut text = Vec::new();
        summary().write_text(&mut text).unwrap();
        let expected = "\
http://127.0.0.1:8000/: normal, 5 users, 10 s

route            requests failures    req/s      p50      p95      p99      max
POST /signup/           1        0      0.1 310.0 ms 310.0 ms 310.0 ms 310.0 ms
GET /users/me/          2        1      0.2   5.0 ms   1.25 s   1.25 s   1.25 s
all                     3        1      0.3 310.0 ms   1.25 s   1.25 s   1.25 s

failures
       1  GET /users/me/   answered 503 Service Unavailable

slowest requests, with their traces
  1.25 s  GET /users/me/   http://127.0.0.1:3000/traces/00000000000000000000000000001250
310.0 ms  POST /signup/    http://127.0.0.1:3000/traces/00000000000000000000000000000310
  5.0 ms  GET /users/me/   http://127.0.0.1:3000/traces/00000000000000000000000000000005
";
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }

    #[test]
    fn the_json_has_the_same_numbers() {
        let mut json = Vec::new();
        summary().write_json(&mut json).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(
            (&json["requests"], &json["failures"], &json["rate"]),
            (&3.into(), &1.into(), &0.3.into())
        );
        assert_eq!(json["routes"][1]["route"], "GET /users/me/");
        assert_eq!(json["routes"][1]["requests"], 2);
        assert_eq!(json["errors"][0]["count"], 1);
        assert_eq!(json["slowest"][0]["duration_seconds"], 1.25);
    }
}
