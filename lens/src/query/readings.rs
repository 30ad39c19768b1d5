//! What hosts and containers measure, read for charts: lines over time from metrics that OpenTelemetry's conventions name.
//! A metric that nobody has sent has no lines; that is no error, because agents differ in what they can read.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use sqlx::SqlitePool;

use super::QueryError;
use super::metrics;
use super::names::{self, Family, Kind};
use super::selection::Selection;
use super::series::{Filter, Labels};
use super::time::{Range, rfc3339_ms};

/// Label that names the host.
pub const HOST_NAME: &str = "host_name";

/// A value at the end of a step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// End of the step, milliseconds since the Unix epoch.
    #[serde(rename = "time", serialize_with = "as_time")]
    pub end_ms: i64,
    /// In the chart's unit.
    pub value: f64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
fn as_time<S: Serializer>(time_ms: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339_ms(*time_ms))
}

/// What a chart's values mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A share, 0 to 1.
    Ratio,
    /// Bytes.
    Bytes,
    /// Bytes per second.
    BytesPerSecond,
    /// Times per second.
    PerSecond,
    /// CPUs, or as many as there are tasks for.
    Cpus,
    /// Seconds.
    Seconds,
    /// Of no unit that is known.
    Number,
}

/// One line of a chart.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// `user`, `receive`, `1m`.
    pub name: String,
    /// In order of time.
    pub points: Vec<Point>,
}

impl Line {
    /// The value in the step in which `at_ms` lies, or the newest before it.
    pub fn at(&self, at_ms: i64) -> Option<f64> {
        value_at(&self.points, at_ms)
    }
}

/// The value in the step in which `at_ms` lies, or the newest before it.
fn value_at(points: &[Point], at_ms: i64) -> Option<f64> {
    let within = points.iter().find(|point| point.end_ms >= at_ms);
    within.or(points.last()).map(|point| point.value)
}

/// Lines that belong together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Chart {
    /// `cpu`, `memory`.
    pub name: &'static str,
    /// Of all values.
    pub unit: Unit,
    /// Whether the lines are parts of one whole, to be drawn on top of each other.
    pub is_stacked: bool,
    /// What the values cannot exceed, where that is known.
    pub limit: Option<f64>,
    /// Length of a step.
    #[serde(skip)]
    pub step_ms: i64,
    /// In the order in which they are drawn.
    pub lines: Vec<Line>,
}

/// The groups of one metric.
#[derive(Debug, Default)]
pub struct Tracks {
    /// Length of a step; 0 when there is no group.
    pub step_ms: i64,
    at_ms: i64,
    groups: Vec<(Labels, Vec<Point>)>,
}

impl Tracks {
    /// The groups whose label `label` is `value`.
    pub fn only(&self, label: &str, value: &str) -> Self {
        let is_wanted = |labels: &Labels| labels.get(label).is_some_and(|stored| stored == value);
        let groups = self.groups.iter().filter(|(labels, _)| is_wanted(labels));
        Self {
            groups: groups.cloned().collect(),
            ..*self
        }
    }

    /// The groups that `is_wanted` lets through, added up to those that the labels `by` make.
    pub fn summed(&self, by: &[&str], is_wanted: impl Fn(&Labels) -> bool) -> Self {
        let mut sums: BTreeMap<Labels, BTreeMap<i64, f64>> = BTreeMap::new();
        for (labels, points) in self.groups.iter().filter(|(labels, _)| is_wanted(labels)) {
            let mut labels = labels.clone();
            labels.retain(|label, _| by.contains(&label.as_str()));
            let sum = sums.entry(labels).or_default();
            for point in points {
                *sum.entry(point.end_ms).or_default() += point.value;
            }
        }
        let points = |sum: BTreeMap<i64, f64>| -> Vec<Point> {
            sum.into_iter()
                .map(|(end_ms, value)| Point { end_ms, value })
                .collect()
        };
        Self {
            groups: sums
                .into_iter()
                .map(|(labels, sum)| (labels, points(sum)))
                .collect(),
            ..*self
        }
    }

    /// Each group's labels and points.
    pub fn groups(&self) -> impl Iterator<Item = (&Labels, &[Point])> {
        self.groups
            .iter()
            .map(|(labels, points)| (labels, points.as_slice()))
    }

    /// The points of the group with exactly these labels.
    pub fn points(&self, labels: &Labels) -> &[Point] {
        let group = self.groups.iter().find(|(group, _)| group == labels);
        group.map_or(&[], |(_, points)| points)
    }

    /// The value of the group with exactly these labels, at the moment that [`Readings`] are about.
    pub fn value(&self, labels: &Labels) -> Option<f64> {
        self.value_of(self.points(labels))
    }

    /// The value of these points at that moment.
    pub fn value_of(&self, points: &[Point]) -> Option<f64> {
        value_at(points, self.at_ms)
    }

    /// The values of all groups together at that moment.
    pub fn sum(&self) -> Option<f64> {
        let values = self.groups.iter();
        values
            .filter_map(|(_, points)| self.value_of(points))
            .reduce(|sum, value| sum + value)
    }

    /// The groups as lines named by `label`, those of `order` first and in that order, the others by name. Groups without
    /// the label are one line called `all`.
    pub fn lines(&self, label: &str, order: &[&str]) -> Vec<Line> {
        let mut lines: Vec<Line> = self
            .groups
            .iter()
            .map(|(labels, points)| Line {
                name: labels.get(label).map_or("all", String::as_str).to_owned(),
                points: points.clone(),
            })
            .collect();
        let place = |line: &Line| order.iter().position(|name| *name == line.name);
        lines.sort_by_key(|line| (place(line).unwrap_or(usize::MAX), line.name.clone()));
        lines
    }
}

/// The stored metrics in one range.
#[derive(Debug)]
pub struct Readings<'a> {
    pool: &'a SqlitePool,
    families: Vec<Family>,
    range: Range,
    at_ms: i64,
}

impl<'a> Readings<'a> {
    /// Reads which metrics there are. Single values are those of the moment `at_ns`, or the last ones in the range.
    pub async fn open(
        pool: &'a SqlitePool,
        range: Range,
        at_ns: Option<i64>,
    ) -> Result<Self, QueryError> {
        let families = metrics::families(pool).await?;
        Ok(Self {
            pool,
            families,
            range,
            at_ms: at_ns.map_or(i64::MAX, |at_ns| at_ns / 1_000_000),
        })
    }

    /// How fast the counter `name` grew, per second, in the groups that the labels `by` make.
    pub async fn rates(
        &self,
        name: &str,
        filter: &Filter,
        by: &[&str],
    ) -> Result<Tracks, QueryError> {
        self.tracks(name, Kind::Counter, filter, by).await
    }

    /// The sums of the gauge `name` in the groups that the labels `by` make.
    pub async fn gauges(
        &self,
        name: &str,
        filter: &Filter,
        by: &[&str],
    ) -> Result<Tracks, QueryError> {
        self.tracks(name, Kind::Gauge, filter, by).await
    }

    async fn tracks(
        &self,
        name: &str,
        kind: Kind,
        filter: &Filter,
        by: &[&str],
    ) -> Result<Tracks, QueryError> {
        let Some(found) = names::find(&self.families, name) else {
            return Ok(Tracks::default());
        };
        // The conventions decide, not the stored name: they call `container.memory.usage` a counter, and it falls.
        let family = Family {
            kind,
            ..found.clone()
        };
        let selection = Selection::read(self.pool, &family, filter, self.range, None)
            .await?
            .of_a_kernel();
        let by: Vec<String> = by.iter().map(|&label| label.to_owned()).collect();
        let groups = selection.values(&by).into_iter().map(|(labels, values)| {
            let points = values.into_iter().filter_map(|value| {
                let number = if kind == Kind::Gauge {
                    Some(value.value)
                } else {
                    value.rate
                };
                Some(Point {
                    end_ms: value.step_end_ms,
                    value: number?,
                })
            });
            (labels, points.collect())
        });
        Ok(Tracks {
            step_ms: selection.steps.step_ms,
            at_ms: self.at_ms,
            groups: groups.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_at_a_moment_is_that_of_its_step() {
        let points =
            [(10, 1.0), (20, 2.0), (30, 3.0)].map(|(end_ms, value)| Point { end_ms, value });
        let at = |at_ms| value_at(&points, at_ms);
        assert_eq!(
            [5, 15, 20, 31].map(at),
            [Some(1.0), Some(2.0), Some(2.0), Some(3.0)]
        );
        assert_eq!(value_at(&[], 10), None);
    }

    #[test]
    fn groups_are_added_up_to_the_labels_that_remain() {
        let labels = |name: &str| {
            Labels::from([
                ("name".to_owned(), name.to_owned()),
                ("way".to_owned(), "in".to_owned()),
            ])
        };
        let points = |values: &[(i64, f64)]| {
            let points = values
                .iter()
                .map(|&(end_ms, value)| Point { end_ms, value });
            points.collect::<Vec<_>>()
        };
        let tracks = Tracks {
            step_ms: 10,
            at_ms: 10,
            groups: vec![
                (labels("eth0"), points(&[(10, 1.0), (20, 2.0)])),
                (labels("eth1"), points(&[(10, 10.0)])),
                (labels("lo"), points(&[(10, 100.0)])),
            ],
        };
        let sums = tracks.summed(&["way"], |labels| {
            labels.get("name").is_some_and(|name| name != "lo")
        });
        let way = Labels::from([("way".to_owned(), "in".to_owned())]);
        assert_eq!(sums.points(&way), points(&[(10, 11.0), (20, 2.0)]));
        assert_eq!((sums.value(&way), tracks.sum()), (Some(11.0), Some(111.0)));
    }
}
