//! Exports the samples and exemplars of a range. Series that make up a histogram become one, of a name that ends in `_total`
//! a counter, all others gauges; names stay Prometheus's. The labels that the Collector takes from the resource
//! (`otelcol/config.yaml`, `transform/labels`) go back into it, so that all signals of a process have one.

use std::collections::BTreeMap;
use std::time::Duration;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, DataPointFlags, Exemplar, Gauge, Metric, MetricsData, NumberDataPoint,
    ResourceMetrics, ScopeMetrics, Sum, exemplar,
};
use sqlx::SqlitePool;

use super::origin::{Origin, by_origin};
use super::write::{LINE_ROWS, Lines};
use super::{FileError, histogram, values};
use crate::ingest::attributes::json;
use crate::query::names::{Family, Kind};
use crate::query::series::Labels;
use crate::query::time::{Range, nanoseconds};
use crate::query::{from_json, json_ids, metrics};

/// Samples of a group that are held at once: of so long.
const WINDOW: Duration = Duration::from_secs(60 * 60);
/// Labels that come from the resource; its attribute has dots where they have underscores.
pub(super) const RESOURCE_LABELS: [&str; 8] = [
    "service_name",
    "service_namespace",
    "service_instance_id",
    "service_version",
    "deployment_environment_name",
    "host_name",
    "container_id",
    "container_name",
];
const NAME: &str = "__name__";
/// The label of a bucket's upper bound.
pub(super) const BOUND: &str = "le";

/// One series with what it has in a window.
#[derive(Debug, Default)]
pub(super) struct Series {
    pub(super) id: i64,
    pub(super) metric: String,
    /// Without the name.
    pub(super) labels: Labels,
    /// By time in milliseconds; no value is a stale marker.
    pub(super) samples: BTreeMap<i64, Option<f64>>,
    pub(super) exemplars: Vec<ExemplarRow>,
}

#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct ExemplarRow {
    series_id: i64,
    pub(super) time_ms: i64,
    pub(super) value: f64,
    trace_id: Vec<u8>,
    span_id: Vec<u8>,
}

pub(super) async fn export(
    pool: &SqlitePool,
    range: Range,
    lines: &mut Lines,
) -> Result<(), FileError> {
    let mut line = Line::default();
    for family in metrics::families(pool).await? {
        for mut group in groups(pool, &family).await? {
            let (mut from_ms, mut exemplars_from_ms) = (range.since_ms(), range.since_ms());
            while let Some(first_ms) = next_sample(pool, &group, from_ms, range.until_ms()).await? {
                let window_ms = nanoseconds(WINDOW) / 1_000_000;
                let until_ms = first_ms.saturating_add(window_ms).min(range.until_ms());
                read_samples(pool, &mut group, first_ms, until_ms).await?;
                read_exemplars(pool, &mut group, exemplars_from_ms, until_ms).await?;
                from_ms = until_ms + 1;
                exemplars_from_ms = from_ms;
                let whole = match family.kind {
                    Kind::Histogram => histogram::take(&family.name, &mut group),
                    Kind::Counter | Kind::Gauge => None,
                };
                for (labels, metric) in whole.into_iter().chain(group.iter_mut().filter_map(number))
                {
                    line.add(&labels, metric, lines)?;
                }
            }
        }
    }
    line.write(lines)
}

/// The series of a family, those of one histogram together.
async fn groups(pool: &SqlitePool, family: &Family) -> Result<Vec<Vec<Series>>, FileError> {
    let names = match family.kind {
        Kind::Histogram => ["_bucket", "_count", "_sum"]
            .map(|suffix| family.name.clone() + suffix)
            .to_vec(),
        Kind::Counter | Kind::Gauge => vec![family.name.clone()],
    };
    let mut groups: BTreeMap<String, Vec<Series>> = BTreeMap::new();
    for metric in names {
        let found: Vec<(i64, String)> =
            sqlx::query_as("SELECT id, labels FROM series WHERE metric = ?")
                .bind(&metric)
                .fetch_all(pool)
                .await?;
        for (id, text) in found {
            let mut labels: Labels = from_json("series.labels", &text)?;
            labels.remove(NAME);
            let mut shared = labels.clone();
            if family.kind == Kind::Histogram {
                shared.remove(BOUND);
            }
            groups.entry(json(&shared)).or_default().push(Series {
                id,
                metric: metric.clone(),
                labels,
                ..Series::default()
            });
        }
    }
    Ok(groups.into_values().collect())
}

/// When the next sample of a group is, so that a long time without any costs nothing.
async fn next_sample(
    pool: &SqlitePool,
    group: &[Series],
    from_ms: i64,
    until_ms: i64,
) -> Result<Option<i64>, FileError> {
    let next = sqlx::query_scalar(
        "SELECT min((SELECT min(time_ms) FROM samples WHERE series_id = wanted.value AND time_ms BETWEEN ?2 AND ?3))
         FROM json_each(?1) AS wanted",
    )
    .bind(json_ids(group.iter().map(|series| series.id)))
    .bind(from_ms)
    .bind(until_ms)
    .fetch_one(pool)
    .await?;
    Ok(next)
}

async fn read_samples(
    pool: &SqlitePool,
    group: &mut [Series],
    from_ms: i64,
    until_ms: i64,
) -> Result<(), FileError> {
    for series in group {
        let samples: Vec<(i64, Option<f64>)> = sqlx::query_as(
            "SELECT time_ms, value FROM samples WHERE series_id = ? AND time_ms BETWEEN ? AND ?",
        )
        .bind(series.id)
        .bind(from_ms)
        .bind(until_ms)
        .fetch_all(pool)
        .await?;
        series.samples = samples.into_iter().collect();
    }
    Ok(())
}

async fn read_exemplars(
    pool: &SqlitePool,
    group: &mut [Series],
    from_ms: i64,
    until_ms: i64,
) -> Result<(), FileError> {
    let found: Vec<ExemplarRow> = sqlx::query_as(
        "SELECT series_id, time_ms, value, trace_id, span_id FROM exemplars
         WHERE series_id IN (SELECT value FROM json_each(?)) AND time_ms BETWEEN ? AND ?",
    )
    .bind(json_ids(group.iter().map(|series| series.id)))
    .bind(from_ms)
    .bind(until_ms)
    .fetch_all(pool)
    .await?;
    for series in group {
        let own = found.iter().filter(|found| found.series_id == series.id);
        series.exemplars = own.cloned().collect();
    }
    Ok(())
}

/// What a series has, as a counter or a gauge.
fn number(series: &mut Series) -> Option<(Labels, Metric)> {
    let attributes = attributes(&series.labels);
    let mut exemplars = std::mem::take(&mut series.exemplars);
    let last_ms = *series.samples.last_key_value()?.0;
    let samples = std::mem::take(&mut series.samples).into_iter();
    let data_points = samples.filter(|(_, value)| value.is_none_or(f64::is_finite));
    let data_points: Vec<_> = data_points
        .map(|(time_ms, value)| NumberDataPoint {
            attributes: attributes.clone(),
            time_unix_nano: nanos(time_ms),
            exemplars: up_to(time_ms, last_ms, &mut exemplars),
            flags: flags(value),
            value: value.map(number_data_point::Value::AsDouble),
            ..NumberDataPoint::default()
        })
        .collect();
    if data_points.is_empty() {
        return None;
    }
    let data = if series.metric.ends_with("_total") {
        Data::Sum(Sum {
            data_points,
            aggregation_temporality: AggregationTemporality::Cumulative as i32,
            is_monotonic: true,
        })
    } else {
        Data::Gauge(Gauge { data_points })
    };
    Some((series.labels.clone(), metric(&series.metric, data)))
}

pub(super) fn metric(name: &str, data: Data) -> Metric {
    Metric {
        name: name.to_owned(),
        data: Some(data),
        ..Metric::default()
    }
}

/// The exemplars of the data point at `time_ms`: those before it that are left; the last point takes all.
pub(super) fn up_to(time_ms: i64, last_ms: i64, exemplars: &mut Vec<ExemplarRow>) -> Vec<Exemplar> {
    let own = exemplars.extract_if(.., |exemplar| {
        exemplar.time_ms <= time_ms || time_ms == last_ms
    });
    let finite = own.filter(|exemplar| exemplar.value.is_finite());
    finite
        .map(|exemplar| Exemplar {
            time_unix_nano: nanos(exemplar.time_ms),
            trace_id: exemplar.trace_id,
            span_id: exemplar.span_id,
            value: Some(exemplar::Value::AsDouble(exemplar.value)),
            ..Exemplar::default()
        })
        .collect()
}

/// A stale marker is a point that says that there is no value.
pub(super) fn flags(value: Option<f64>) -> u32 {
    match value {
        Some(_) => 0,
        None => DataPointFlags::NoRecordedValueMask as u32,
    }
}

pub(super) fn nanos(time_ms: i64) -> u64 {
    u64::try_from(time_ms)
        .unwrap_or_default()
        .saturating_mul(1_000_000)
}

/// The labels that are the data point's own.
pub(super) fn attributes(labels: &Labels) -> Vec<KeyValue> {
    let own = labels.iter().filter(|(name, _)| !is_of_resource(name));
    own.map(|(name, value)| values::text(name, value)).collect()
}

fn is_of_resource(label: &str) -> bool {
    RESOURCE_LABELS.contains(&label)
}

/// The metrics of the next line.
#[derive(Default)]
struct Line {
    metrics: Vec<(Origin, Metric)>,
    points: usize,
}

impl Line {
    fn add(&mut self, labels: &Labels, metric: Metric, lines: &mut Lines) -> Result<(), FileError> {
        let of_resource = labels.iter().filter(|(name, _)| is_of_resource(name));
        let resource: Labels = of_resource
            .map(|(name, value)| (name.replace('_', "."), value.clone()))
            .collect();
        let (points, exemplars) = counts(&metric);
        self.points += points;
        lines.written.points += points as u64;
        lines.written.exemplars += exemplars as u64;
        let origin = Origin {
            resource: json(&resource),
            scope: String::new(),
        };
        self.metrics.push((origin, metric));
        if self.points < LINE_ROWS {
            return Ok(());
        }
        self.write(lines)
    }

    fn write(&mut self, lines: &mut Lines) -> Result<(), FileError> {
        self.points = 0;
        if self.metrics.is_empty() {
            return Ok(());
        }
        let groups = by_origin(std::mem::take(&mut self.metrics)).into_iter();
        let resource_metrics = groups.map(|(origin, metrics)| {
            Ok(ResourceMetrics {
                resource: origin.resource()?,
                scope_metrics: vec![ScopeMetrics {
                    metrics,
                    ..ScopeMetrics::default()
                }],
                ..ResourceMetrics::default()
            })
        });
        let resource_metrics = resource_metrics.collect::<Result<_, FileError>>()?;
        lines.line(&MetricsData { resource_metrics })
    }
}

/// Data points and exemplars of a metric.
fn counts(metric: &Metric) -> (usize, usize) {
    match &metric.data {
        Some(Data::Histogram(histogram)) => {
            let points = &histogram.data_points;
            (
                points.len(),
                points.iter().map(|point| point.exemplars.len()).sum(),
            )
        }
        Some(Data::Sum(Sum { data_points, .. }) | Data::Gauge(Gauge { data_points })) => (
            data_points.len(),
            data_points.iter().map(|point| point.exemplars.len()).sum(),
        ),
        _ => (0, 0),
    }
}
