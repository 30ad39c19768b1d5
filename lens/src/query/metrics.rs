//! The list of metrics, and one metric over a range as the API answers it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;
use sqlx::SqlitePool;

use super::QueryError;
use super::exemplars::{self, Exemplar};
use super::names::{self, Family, Kind};
use super::selection::Selection;
use super::series::{Filter, Labels};
use super::time::{Range, rfc3339_ms};

/// The quantiles that are computed everywhere.
pub const QUANTILES: [f64; 3] = [0.5, 0.95, 0.99];

/// One metric over a range.
#[derive(Debug, Serialize)]
pub struct Metric {
    /// As Prometheus has it.
    pub name: String,
    /// What its values mean.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// `seconds`, `bytes`; null when the name has none.
    pub unit: Option<&'static str>,
    /// Length of a step: each point and cell stands for the step that ends at its time.
    pub step_seconds: f64,
    /// Of each group.
    pub points: Vec<Point>,
    /// Of each group of a histogram, in the steps that counted something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantiles: Option<Vec<Quantiles>>,
    /// Of a histogram: cells that counted something, over all groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heatmap: Option<Vec<Cell>>,
}

/// A group's value at the end of a step.
#[derive(Debug, Serialize)]
pub struct Point {
    /// End of the step.
    pub time: String,
    /// The labels grouped by.
    pub labels: Labels,
    /// Gauges: the sum. Counters and histograms: how much was counted in all.
    pub value: f64,
    /// Per second in the step.
    pub rate: Option<f64>,
}

/// Quantiles of what a group counted in a step.
#[derive(Debug, Serialize)]
pub struct Quantiles {
    /// End of the step.
    pub time: String,
    /// The labels grouped by.
    pub labels: Labels,
    /// Median.
    pub p50: f64,
    /// 95th percentile.
    pub p95: f64,
    /// 99th percentile.
    pub p99: f64,
}

/// How many values of a step lie in one bucket.
#[derive(Debug, Serialize)]
pub struct Cell {
    /// End of the step.
    pub time: String,
    /// Upper bound of the bucket.
    pub le: String,
    /// Values in this bucket and not in a lower one.
    pub count: f64,
}

/// All stored families, by name.
pub async fn families(pool: &SqlitePool) -> Result<Vec<Family>, QueryError> {
    let stored: Vec<(String, i64)> =
        sqlx::query_as("SELECT metric, count(*) FROM series GROUP BY metric ORDER BY metric")
            .fetch_all(pool)
            .await?;
    Ok(names::fold(&stored))
}

/// The stored family that `name` means in either spelling.
pub async fn family(pool: &SqlitePool, name: &str) -> Result<Option<Family>, QueryError> {
    Ok(names::find(&families(pool).await?, name).cloned())
}

/// Reads one metric, grouped by the labels `by` (Prometheus's spelling).
pub async fn metric(
    pool: &SqlitePool,
    family: Family,
    filter: &Filter,
    by: &[String],
    range: Range,
    step: Option<Duration>,
) -> Result<Metric, QueryError> {
    let selection = Selection::read(pool, &family, filter, range, step).await?;
    let is_histogram = family.kind == Kind::Histogram;
    Ok(Metric {
        step_seconds: super::time::seconds(selection.steps.step_ms * 1_000_000),
        points: points(&selection, by),
        quantiles: is_histogram.then(|| quantiles(&selection, by)),
        heatmap: is_histogram.then(|| heatmap(&selection)),
        name: family.name,
        kind: family.kind,
        unit: family.unit,
    })
}

/// The metric's exemplars whose series `filter` lets through, among the newest `limit`; newest first.
pub async fn exemplars(
    pool: &SqlitePool,
    family: &Family,
    filter: &Filter,
    range: Range,
    limit: i64,
) -> Result<Vec<Exemplar>, QueryError> {
    let wanted = exemplars::Wanted {
        metric: Some(family),
        service: None,
        route: None,
        range,
        limit,
    };
    let mut exemplars = exemplars::exemplars(pool, wanted).await?;
    exemplars.retain(|exemplar| filter.matches(&exemplar.labels));
    Ok(exemplars)
}

/// Of each label the values that it has and how many label sets have each. A histogram's buckets count as one.
pub fn label_values(selection: &Selection) -> BTreeMap<&str, BTreeMap<&str, usize>> {
    let mut values: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for labels in selection.labels().collect::<BTreeSet<&Labels>>() {
        for (label, value) in labels {
            *values.entry(label).or_default().entry(value).or_default() += 1;
        }
    }
    values
}

fn points(selection: &Selection, by: &[String]) -> Vec<Point> {
    let mut points = Vec::new();
    for (labels, values) in selection.values(by) {
        points.extend(values.into_iter().map(|value| Point {
            time: rfc3339_ms(value.step_end_ms),
            labels: labels.clone(),
            value: value.value,
            rate: value.rate,
        }));
    }
    points
}

fn quantiles(selection: &Selection, by: &[String]) -> Vec<Quantiles> {
    let mut quantiles = Vec::new();
    for (labels, steps) in selection.buckets(by) {
        for (step_end_ms, buckets) in steps {
            if let [Some(p50), Some(p95), Some(p99)] = QUANTILES.map(|q| buckets.quantile(q)) {
                quantiles.push(Quantiles {
                    time: rfc3339_ms(step_end_ms),
                    labels: labels.clone(),
                    p50,
                    p95,
                    p99,
                });
            }
        }
    }
    quantiles
}

fn heatmap(selection: &Selection) -> Vec<Cell> {
    let steps = selection
        .buckets(&[])
        .into_iter()
        .flat_map(|(_, steps)| steps);
    let cells = steps.flat_map(|(step_end_ms, buckets)| {
        let counts: Vec<_> = buckets.counts().filter(|(_, count)| *count > 0.0).collect();
        counts.into_iter().map(move |(bound, count)| {
            let le = if bound.is_infinite() {
                "+Inf".to_owned()
            } else {
                bound.to_string()
            };
            Cell {
                time: rfc3339_ms(step_end_ms),
                le,
                count,
            }
        })
    });
    cells.collect()
}
