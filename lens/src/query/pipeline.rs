//! What each hop on the way of telemetry took in, handed on and lost in a range, from the metrics that the hops send of
//! themselves: the programs' SDKs (`otel.sdk.*`), the agent (`trivium.agent.*`), the Collector (`otelcol_*`), lens
//! (`lens.ingest.*`). A hop that sends none is not listed: nothing is known of it, not even that it is there.
//!
//! Counts are those of the range, as whole items, restarts included; a number that a hop does not count is absent.

use std::collections::BTreeMap;

use serde::Serialize;
use sqlx::SqlitePool;

use super::QueryError;
use super::metrics;
use super::names::Family;
use super::pipeline_sources::{Counts, Field, SOURCES, Source};
use super::selection::Selection;
use super::series::{Filter, Labels};
use super::time::{Range, rfc3339};

/// A gauge that nobody sent for longer than this before the range's end says nothing of it.
const STANDS_MS: i64 = 90_000;
const INSTANCE: &str = "service_instance_id";

/// Where on the way a hop is, in the order of the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HopKind {
    /// A program's OpenTelemetry SDK.
    Sdk,
    /// A host agent.
    Agent,
    /// A receiver of a Collector.
    CollectorReceiver,
    /// A processor of a Collector.
    CollectorProcessor,
    /// An exporter of a Collector.
    CollectorExporter,
    /// The ingest of a lens.
    Lens,
}

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// Data points; of lens, samples and exemplars.
    Metrics,
    /// Log records.
    Logs,
    /// Spans.
    Traces,
}

impl Signal {
    /// `metrics`, `logs`, `traces`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Metrics => "metrics",
            Self::Logs => "logs",
            Self::Traces => "traces",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Metrics, Self::Logs, Self::Traces]
            .into_iter()
            .find(|signal| signal.name() == name)
    }
}

/// One hop and signal.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hop {
    /// The service, the host of an agent, or the component of a Collector as its configuration names it.
    pub hop: String,
    /// Where on the way.
    pub kind: HopKind,
    /// `service.instance.id` of the process.
    pub instance: String,
    /// Absent of what is not of one signal: an agent's spool.
    pub signal: Option<Signal>,
    /// The numbers.
    #[serde(flatten)]
    pub counts: Counts,
    /// Start of the counting, RFC 3339.
    pub since: String,
}

impl Hop {
    /// Items that this hop gave up, and nobody will send again.
    pub fn lost(&self) -> f64 {
        let Counts {
            dropped, failed, ..
        } = self.counts;
        match self.kind {
            // A receiver told its sender, and what a processor leaves out it was told to.
            HopKind::CollectorReceiver | HopKind::CollectorProcessor => 0.0,
            // What failed are requests, which are sent again.
            HopKind::Lens => self.counts.refused.unwrap_or(0.0),
            HopKind::Sdk | HopKind::Agent | HopKind::CollectorExporter => {
                dropped.unwrap_or(0.0) + failed.unwrap_or(0.0)
            }
        }
    }

    /// How full its queue is, 0 to 1.
    pub fn queue_share(&self) -> Option<f64> {
        let capacity = self
            .counts
            .queue_capacity
            .filter(|capacity| *capacity > 0.0)?;
        Some((self.counts.queue_size? / capacity).clamp(0.0, 1.0))
    }
}

type Key = (HopKind, String, String, Option<Signal>);

/// The hops that were heard of in the range, in the order of the way.
pub async fn hops(pool: &SqlitePool, range: Range) -> Result<Vec<Hop>, QueryError> {
    let families = metrics::families(pool).await?;
    let mut hops: BTreeMap<Key, Counts> = BTreeMap::new();
    for source in &SOURCES {
        let Ok(index) = families.binary_search_by(|family| family.name.as_str().cmp(source.metric))
        else {
            continue;
        };
        for (labels, value) in values(pool, &families[index], source, range).await? {
            let signal = source.signal.or_else(|| {
                labels
                    .get(source.signal_label)
                    .and_then(|name| Signal::named(name))
            });
            let text = |label: &str| labels.get(label).cloned().unwrap_or_default();
            let key = (source.kind, text(source.hop_label), text(INSTANCE), signal);
            hops.entry(key).or_default().add(source.field, value);
        }
    }
    for ((kind, ..), counts) in &mut hops {
        if *kind == HopKind::CollectorProcessor {
            counts.left_out();
        }
    }
    let since = rfc3339(range.since_ns);
    let hops = hops
        .into_iter()
        .map(|((kind, hop, instance, signal), counts)| Hop {
            hop,
            kind,
            instance,
            signal,
            counts,
            since: since.clone(),
        });
    Ok(hops.collect())
}

/// The value of each group of one metric: of a counter what it counted in the range, of a gauge its last value.
async fn values(
    pool: &SqlitePool,
    family: &Family,
    source: &Source,
    range: Range,
) -> Result<Vec<(Labels, f64)>, QueryError> {
    let selection = Selection::read(pool, family, &Filter::default(), range, None).await?;
    // Lags of an agent's sources are not added up.
    let apart = match source.field {
        Field::LagSeconds => "source",
        _ => "",
    };
    let by: Vec<String> = [
        source.hop_label,
        INSTANCE,
        source.signal_label,
        source.only_label,
        apart,
    ]
    .into_iter()
    .filter(|label| !label.is_empty())
    .map(str::to_owned)
    .collect();
    let is_wanted = |labels: &Labels| {
        source.only_label.is_empty()
            || labels.contains_key(source.only_label) == source.only_present
    };
    if source.field.is_counted() {
        // Who counted nothing is there all the same; who was not heard of in the range is not.
        let heard: Vec<Labels> = selection
            .values(&by)
            .into_iter()
            .map(|(labels, _)| labels)
            .collect();
        let mut totals = selection.totals(&by);
        totals.retain(|labels, _| heard.contains(labels) && is_wanted(labels));
        let counted = totals
            .into_iter()
            .map(|(labels, total)| (labels, total.count.round()));
        return Ok(counted.collect());
    }
    let until_ms = selection.steps.until_ms;
    let stands_ms = STANDS_MS.max(selection.steps.step_ms * 2);
    let last = selection
        .values(&by)
        .into_iter()
        .filter_map(|(labels, values)| {
            let last = values
                .last()
                .filter(|last| until_ms - last.step_end_ms < stands_ms)?;
            Some((labels, last.value))
        });
    Ok(last.filter(|(labels, _)| is_wanted(labels)).collect())
}

impl Counts {
    fn add(&mut self, field: Field, value: f64) {
        let number = match field {
            Field::Accepted => &mut self.accepted,
            Field::Refused => &mut self.refused,
            Field::Dropped => &mut self.dropped,
            Field::Sent => &mut self.sent,
            Field::Failed => &mut self.failed,
            Field::QueueSize => &mut self.queue_size,
            Field::QueueCapacity => &mut self.queue_capacity,
            Field::LagBytes => &mut self.lag_bytes,
            // Of several sources the one that is farthest behind tells.
            Field::LagSeconds => {
                self.lag_seconds = Some(self.lag_seconds.unwrap_or(0.0).max(value));
                return;
            }
        };
        *number = Some(number.unwrap_or(0.0) + value);
    }

    /// What a processor took and neither refused nor handed on.
    fn left_out(&mut self) {
        if let (Some(accepted), Some(sent)) = (self.accepted, self.sent) {
            self.dropped = Some((accepted - sent - self.refused.unwrap_or(0.0)).max(0.0));
        }
    }
}
