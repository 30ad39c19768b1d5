//! The agent's metrics of itself.
//!
//! | metric | kind, unit | attributes |
//! |---|---|---|
//! | `trivium.agent.lines` | counter, `{line}` | `source` |
//! | `trivium.agent.records` | counter, `{record}` | `source` |
//! | `trivium.agent.records.left_out` | counter, `{record}` | `source`, `reason`: `dropped`, `sampled`, `limited` |
//! | `trivium.agent.lines.flawed` | counter, `{line}` | `source`, `flaw`: `malformed`, `invalid_utf8`, `bad_time`, `split` |
//! | `trivium.agent.redacted` | counter, `{match}` | `source`, `pattern` |
//! | `trivium.agent.sent`, `….acknowledged`, `….rejected` | counter, `{item}` | `signal` |
//! | `trivium.agent.losses`, `trivium.agent.lost` | counter, `{loss}` and `By` | `reason` |
//! | `trivium.agent.lag` | gauge, `By` | `source` |
//! | `trivium.agent.lag.time` | gauge, `s` | `source` |
//! | `trivium.agent.files` | gauge, `{file}` | `source` |
//! | `trivium.agent.files.unreadable` | gauge, `{file}` | `source` |
//! | `trivium.agent.spool.size` | gauge, `By` | – |
//! | `trivium.agent.spool.age` | gauge, `s` | – |
//! | `process.cpu.time` | counter, `s` | `cpu.mode` |
//! | `process.memory.usage` | up-down counter, `By` | – |
//!
//! The lag of a source is what its files hold and the Collector has not acknowledged; its time is how long ago the file that
//! is farthest behind was last acknowledged.

use std::{
    collections::BTreeMap,
    fs,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::SystemTime,
};

use nix::unistd::{SysconfVar, sysconf};
use trivium_otlp::Signal;

use super::sources::Sources;
use crate::{
    clock::unix_nano,
    files::FileStatus,
    send::Kept,
    stats::Stats,
    wire::metrics::{Metric, Metrics, Times, Value::Text, agent_scope, resource_metrics},
};

const LINES: Metric = Metric::counter("trivium.agent.lines", "{line}");
const RECORDS: Metric = Metric::counter("trivium.agent.records", "{record}");
const LEFT_OUT: Metric = Metric::counter("trivium.agent.records.left_out", "{record}");
const FLAWED: Metric = Metric::counter("trivium.agent.lines.flawed", "{line}");
const REDACTED: Metric = Metric::counter("trivium.agent.redacted", "{match}");
const SENT: Metric = Metric::counter("trivium.agent.sent", "{item}");
const ACKNOWLEDGED: Metric = Metric::counter("trivium.agent.acknowledged", "{item}");
const REJECTED: Metric = Metric::counter("trivium.agent.rejected", "{item}");
const LOSSES: Metric = Metric::counter("trivium.agent.losses", "{loss}");
const LOST: Metric = Metric::counter("trivium.agent.lost", "By");
const LAG: Metric = Metric::gauge("trivium.agent.lag", "By");
const LAG_TIME: Metric = Metric::gauge("trivium.agent.lag.time", "s");
const FILES: Metric = Metric::gauge("trivium.agent.files", "{file}");
const UNREADABLE: Metric = Metric::gauge("trivium.agent.files.unreadable", "{file}");
const SPOOL_SIZE: Metric = Metric::gauge("trivium.agent.spool.size", "By");
const SPOOL_AGE: Metric = Metric::gauge("trivium.agent.spool.age", "s");
const CPU_TIME: Metric = Metric::counter("process.cpu.time", "s");
const MEMORY: Metric = Metric::up_down_counter("process.memory.usage", "By");

/// What is measured.
pub(super) struct OwnMetrics {
    pub(super) resource: Arc<[u8]>,
    pub(super) sources: Arc<Sources>,
    pub(super) stats: Arc<Stats>,
    pub(super) kept: Kept,
    pub(super) started_unix_nano: u64,
}

impl OwnMetrics {
    /// Appends the agent's `ResourceMetrics` to an `ExportMetricsServiceRequest`.
    pub(super) fn sample(&self, files: &[FileStatus], out: &mut Vec<u8>) {
        let times = Times {
            start_unix_nano: self.started_unix_nano,
            now_unix_nano: unix_nano(),
        };
        resource_metrics(out, &self.resource, &agent_scope(), times, |metrics| {
            self.lines(metrics);
            self.files(metrics, files);
            self.sending(metrics);
            process(metrics);
        });
    }

    fn lines(&self, metrics: &mut Metrics<'_>) {
        let mut each = |metric: &Metric, counters: &[(&str, &str, Counter)]| {
            metrics.metric(metric, |points| {
                for (source, counts) in self.sources.counts() {
                    for (key, value, counter) in counters {
                        let count = counter(counts).load(Relaxed);
                        let of_source = [("source", Text(source)), (*key, Text(value))];
                        let attributes = if key.is_empty() {
                            &of_source[..1]
                        } else {
                            &of_source
                        };
                        points.int(count, attributes);
                    }
                }
            });
        };
        each(&LINES, &[("", "", |counts| &counts.lines)]);
        each(&RECORDS, &[("", "", |counts| &counts.records)]);
        each(
            &LEFT_OUT,
            &[
                ("reason", "dropped", |counts| &counts.dropped),
                ("reason", "sampled", |counts| &counts.sampled_out),
                ("reason", "limited", |counts| &counts.limited),
            ],
        );
        each(
            &FLAWED,
            &[
                ("flaw", "malformed", |counts| &counts.malformed),
                ("flaw", "invalid_utf8", |counts| &counts.invalid_utf8),
                ("flaw", "bad_time", |counts| &counts.bad_time),
                ("flaw", "split", |counts| &counts.split),
            ],
        );
        metrics.metric(&REDACTED, |points| {
            for (source, redactor) in self.sources.redactors() {
                for (pattern, count) in redactor.counts().filter(|(_, count)| *count > 0) {
                    points.int(
                        count,
                        &[("source", Text(source)), ("pattern", Text(pattern))],
                    );
                }
            }
        });
    }

    fn files(&self, metrics: &mut Metrics<'_>, files: &[FileStatus]) {
        #[derive(Default)]
        struct OfSource {
            files: u64,
            unreadable: u64,
            lag_bytes: u64,
            behind_since: Option<SystemTime>,
        }
        let mut by_source = BTreeMap::<usize, OfSource>::new();
        for file in files {
            let source = by_source.entry(file.source).or_default();
            source.files += 1;
            source.unreadable += u64::from(file.read_error.is_some());
            source.lag_bytes += file.lag_bytes();
            if file.lag_bytes() > 0 {
                let last = file.last_acknowledged;
                source.behind_since = source.behind_since.into_iter().chain(last).min();
            }
        }
        let mut each = |metric: &Metric, value: &dyn Fn(&OfSource) -> Option<u64>| {
            metrics.metric(metric, |points| {
                for (index, source) in &by_source {
                    if let Some(value) = value(source) {
                        points.int(value, &[("source", Text(self.sources.name(*index)))]);
                    }
                }
            });
        };
        each(&FILES, &|source| Some(source.files));
        each(&UNREADABLE, &|source| Some(source.unreadable));
        each(&LAG, &|source| Some(source.lag_bytes));
        each(&LAG_TIME, &|source| {
            Some(source.behind_since.map_or(0, seconds_since))
        });
    }

    fn sending(&self, metrics: &mut Metrics<'_>) {
        for (metric, counters) in [
            (&SENT, &self.stats.sent),
            (&ACKNOWLEDGED, &self.stats.acknowledged),
            (&REJECTED, &self.stats.rejected),
        ] {
            metrics.metric(metric, |points| {
                for signal in Signal::ALL {
                    points.int(counters.of(signal), &[("signal", Text(signal.name()))]);
                }
            });
        }
        let losses = self.stats.losses();
        metrics.metric(&LOSSES, |points| {
            for (reason, count) in &losses {
                points.int(count.losses, &[("reason", Text(reason.as_str()))]);
            }
        });
        metrics.metric(&LOST, |points| {
            for (reason, count) in &losses {
                points.int(count.bytes, &[("reason", Text(reason.as_str()))]);
            }
        });
        let kept = self.kept.stats();
        metrics.int(&SPOOL_SIZE, Some(kept.bytes));
        metrics.int(&SPOOL_AGE, Some(kept.oldest.map_or(0, seconds_since)));
    }
}

type Counter = fn(&crate::lines::Counts) -> &std::sync::atomic::AtomicU64;

fn seconds_since(time: SystemTime) -> u64 {
    time.elapsed().unwrap_or_default().as_secs()
}

/// From /proc/self/stat and statm; nothing where they can't be read.
fn process(metrics: &mut Metrics<'_>) {
    let number = |name| {
        sysconf(name)
            .ok()
            .flatten()
            .and_then(|value| u64::try_from(value).ok())
    };
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field, in parentheses, may hold anything; the fields after it are counted from the third.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks = |field: usize| {
        fields
            .split_whitespace()
            .nth(field - 3)?
            .parse::<f64>()
            .ok()
    };
    if let Some(per_second) = number(SysconfVar::CLK_TCK) {
        metrics.metric(&CPU_TIME, |points| {
            for (mode, field) in [("user", 14), ("system", 15)] {
                if let Some(ticks) = ticks(field) {
                    points.double(ticks / per_second as f64, &[("cpu.mode", Text(mode))]);
                }
            }
        });
    }
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm
        .split_whitespace()
        .nth(1)
        .and_then(|pages| pages.parse::<u64>().ok());
    let bytes = pages
        .zip(number(SysconfVar::PAGE_SIZE))
        .map(|(pages, size)| pages * size);
    metrics.int(&MEMORY, bytes);
}
