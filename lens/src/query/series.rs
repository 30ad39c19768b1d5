//! Series of one metric, read at the end of each step of a range: for each series and step the last sample in it. Reading
//! costs two seeks per series and step, however many samples lie between. What happens twice inside one step (a counter
//! that restarts and overtakes its old value) is not seen.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::try_join_all;
use sqlx::SqlitePool;

use super::names::{Family, Kind, sanitize};
use super::time::Range;
use super::{QueryError, from_json, json_ids};

/// Labels by Prometheus's spelling.
pub type Labels = BTreeMap<String, String>;

const MAX_SERIES: usize = 5_000;
const MAX_STEPS: i64 = 1_000;
/// As many as the store has connections to read with.
const PARTS: usize = 4;
/// Fewer series are not worth another connection.
const SMALLEST_PART: usize = 100;
/// Steps of a range when none is asked for: what a chart of 1,000 pixels can show without becoming noise.
const USUAL_STEPS: i64 = 60;
/// The same when the series are many: reading them costs by series and step.
const STEPS_OF_MANY: i64 = 30;
/// More series than this are many.
const MANY_SERIES: usize = 500;
/// Lengths that people read off an axis without counting, in milliseconds.
const ROUND_STEPS_MS: [i64; 15] = [
    1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000,
    1_800_000, 3_600_000, 7_200_000, 14_400_000,
];

/// Labels that a series must have, each with its value; either spelling of a label.
#[derive(Debug, Clone, Default)]
pub struct Filter(Vec<(String, String)>);

impl Filter {
    /// Adds a condition.
    pub fn and(mut self, label: &str, value: &str) -> Self {
        self.0.push((sanitize(label), value.to_owned()));
        self
    }

    pub(super) fn matches(&self, labels: &Labels) -> bool {
        self.0
            .iter()
            .all(|(label, value)| labels.get(label).is_some_and(|stored| stored == value))
    }
}

/// One stored series.
#[derive(Debug, Clone)]
pub struct Series {
    /// Row id.
    pub id: i64,
    /// The sample's own name.
    pub metric: String,
    /// Without `__name__` and `le`.
    pub labels: Labels,
    /// `le` of a bucket.
    pub bound: Option<f64>,
}

/// The last sample of one series in one step.
#[derive(Debug, Clone, Copy)]
pub struct StepSample {
    /// End of the step, milliseconds since the Unix epoch; before the range's start for what came before the range.
    pub step_end_ms: i64,
    /// When it was taken.
    pub time_ms: i64,
    /// Absent when the series ended there.
    pub value: Option<f64>,
}

/// A range cut into steps that all end at the same place of the step's length; the first and the last may be shorter.
#[derive(Debug, Clone, Copy)]
pub struct Steps {
    /// Milliseconds since the Unix epoch.
    pub since_ms: i64,
    /// Milliseconds since the Unix epoch.
    pub until_ms: i64,
    /// Length of a step.
    pub step_ms: i64,
    /// Where steps end: at multiples of `step_ms` after this, which is less than a step.
    offset_ms: i64,
}

impl Steps {
    /// End of the first step.
    pub fn first_end_ms(&self) -> i64 {
        let steps_before = (self.since_ms - 1 - self.offset_ms) / self.step_ms;
        ((steps_before + 1) * self.step_ms + self.offset_ms).min(self.until_ms)
    }

    /// Where steps begin and end, after and up to: first all that was before the range, then its first step, then `every`
    /// steps at once. The first one stays short because what a new series counted in it is not known.
    fn bounds(&self, every: usize) -> Vec<(i64, i64)> {
        let mut ends = vec![self.since_ms - 1, self.first_end_ms()];
        let mut end_ms = self.first_end_ms();
        while end_ms < self.until_ms {
            let steps = self
                .step_ms
                .saturating_mul(i64::try_from(every).unwrap_or(i64::MAX));
            end_ms = end_ms.saturating_add(steps).min(self.until_ms);
            ends.push(end_ms);
        }
        let afters = std::iter::once(-1).chain(ends.iter().copied());
        afters.zip(ends.iter().copied()).collect()
    }

    /// Cuts `range` from its end backwards, so that what is found depends on the range alone and not on the clock.
    pub fn from_the_end(range: Range, step: Duration) -> Self {
        let step_ms = step_ms(step);
        Self {
            since_ms: range.since_ms(),
            until_ms: range.until_ms(),
            step_ms,
            offset_ms: range.until_ms().rem_euclid(step_ms),
        }
    }

    /// Cuts `range` at multiples of the step, so that a chart that moves on keeps its points: by `step`, or by the round
    /// length that gives about 60 steps, of many series 30, none shorter than the series' own interval.
    pub async fn cut(
        pool: &SqlitePool,
        series: &[Series],
        range: Range,
        step: Option<Duration>,
    ) -> Result<Self, QueryError> {
        let (since_ms, until_ms) = (range.since_ms(), range.until_ms());
        let step_ms = match step {
            Some(step) => step_ms(step),
            // Two steps for three samples, so that a late sample leaves no step empty.
            None => {
                let are_many = series.len() > MANY_SERIES;
                let steps = if are_many { STEPS_OF_MANY } else { USUAL_STEPS };
                let interval_ms = interval_ms(pool, series, since_ms, until_ms).await?;
                round_step_ms((until_ms - since_ms) / steps).max(round_step_ms(interval_ms * 3 / 2))
            }
        };
        if (until_ms - since_ms) / step_ms > MAX_STEPS {
            let step_seconds = super::time::seconds(step_ms * 1_000_000);
            return Err(QueryError::TooManySteps {
                step_seconds,
                limit: MAX_STEPS,
            });
        }
        Ok(Self {
            since_ms,
            until_ms,
            step_ms,
            offset_ms: 0,
        })
    }
}

fn step_ms(step: Duration) -> i64 {
    i64::try_from(step.as_millis()).unwrap_or(i64::MAX).max(1)
}

fn round_step_ms(at_least_ms: i64) -> i64 {
    const DAY_MS: i64 = 86_400_000;
    let round = ROUND_STEPS_MS.into_iter().find(|&step| step >= at_least_ms);
    round.unwrap_or_else(|| (at_least_ms / DAY_MS + 1) * DAY_MS)
}

/// The usual time between two samples: the median over some of the series of the distance of their last two.
async fn interval_ms(
    pool: &SqlitePool,
    series: &[Series],
    since_ms: i64,
    until_ms: i64,
) -> Result<i64, QueryError> {
    const SOME: usize = 31;
    let step_by = series.len().div_ceil(SOME).max(1);
    let mut intervals: Vec<i64> = sqlx::query_scalar(
        "WITH last (id, newest) AS MATERIALIZED (
           SELECT wanted.value, (SELECT max(time_ms) FROM samples
                                 WHERE series_id = wanted.value AND time_ms BETWEEN ?2 AND ?3)
           FROM json_each(?1) AS wanted)
         SELECT newest - (SELECT max(time_ms) FROM samples
                          WHERE series_id = last.id AND time_ms >= ?2 AND time_ms < last.newest) AS interval_ms
         FROM last WHERE interval_ms IS NOT NULL ORDER BY interval_ms",
    )
    .bind(json_ids(series.iter().step_by(step_by).map(|series| series.id)))
    .bind(since_ms)
    .bind(until_ms)
    .fetch_all(pool)
    .await?;
    let middle = intervals.len() / 2;
    Ok(intervals.drain(..).nth(middle).unwrap_or(0))
}

/// The series of a family that `filter` lets through: of a histogram its buckets and counts.
pub async fn matching(
    pool: &SqlitePool,
    family: &Family,
    filter: &Filter,
) -> Result<Vec<Series>, QueryError> {
    let name = &family.name;
    let metrics = match family.kind {
        Kind::Histogram => [format!("{name}_bucket"), format!("{name}_count")],
        Kind::Counter | Kind::Gauge => [name.clone(), String::new()],
    };
    let stored: Vec<(i64, String, String)> = sqlx::query_as(
        "SELECT id, metric, labels FROM series WHERE metric IN (?1, ?2) ORDER BY id",
    )
    .bind(&metrics[0])
    .bind(&metrics[1])
    .fetch_all(pool)
    .await?;
    let mut series = Vec::new();
    for (id, metric, labels) in stored {
        let mut labels: Labels = from_json("series.labels", &labels)?;
        if filter.matches(&labels) {
            labels.remove("__name__");
            let bound = labels.remove("le").and_then(|le| le.parse().ok());
            series.push(Series {
                id,
                metric,
                labels,
                bound,
            });
        }
    }
    if series.len() > MAX_SERIES {
        let (family, found) = (name.clone(), series.len());
        return Err(QueryError::TooManySeries {
            family,
            found,
            limit: MAX_SERIES,
        });
    }
    Ok(series)
}

/// The samples of each of `series`, in the same order, ascending in time: the last one in each step, or in `every` steps. The
/// first may be one from before the range. With `ends` the marker of a series that ended is a sample too, without it the
/// last value stands. Many series are read in parts at once, each on a connection of its own.
pub async fn read(
    pool: &SqlitePool,
    series: &[Series],
    steps: Steps,
    every: usize,
    ends: bool,
) -> Result<Vec<Vec<StepSample>>, QueryError> {
    let bounds = serde_json::Value::from_iter(
        steps
            .bounds(every)
            .into_iter()
            .map(|(after, upto)| vec![after, upto]),
    )
    .to_string();
    let part = series.len().div_ceil(PARTS).max(SMALLEST_PART);
    let parts = series
        .chunks(part)
        .map(|series| read_part(pool, series, &bounds, ends));
    Ok(try_join_all(parts).await?.concat())
}

async fn read_part(
    pool: &SqlitePool,
    series: &[Series],
    bounds: &str,
    ends: bool,
) -> Result<Vec<Vec<StepSample>>, QueryError> {
    let rows: Vec<(i64, i64, i64, Option<f64>)> = sqlx::query_as(
        "WITH step (after, upto) AS MATERIALIZED (SELECT value ->> 0, value ->> 1 FROM json_each(?2))
         SELECT wanted.key, step.upto, samples.time_ms, samples.value
         FROM json_each(?1) AS wanted CROSS JOIN step CROSS JOIN samples
         WHERE samples.series_id = wanted.value
           AND samples.time_ms = (SELECT max(time_ms) FROM samples
                                  WHERE series_id = wanted.value AND time_ms > step.after AND time_ms <= step.upto
                                    AND (?3 OR value IS NOT NULL))",
    )
    .bind(json_ids(series.iter().map(|series| series.id)))
    .bind(bounds)
    .bind(ends)
    .fetch_all(pool)
    .await?;
    let mut tracks = vec![Vec::new(); series.len()];
    for (index, step_end_ms, time_ms, value) in rows {
        if let Some(track) = usize::try_from(index)
            .ok()
            .and_then(|index| tracks.get_mut(index))
        {
            track.push(StepSample {
                step_end_ms,
                time_ms,
                value,
            });
        }
    }
    Ok(tracks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_end_where_the_range_does_and_the_first_stays_short_when_several_are_read_at_once() {
        let steps = Steps {
            since_ms: 105,
            until_ms: 147,
            step_ms: 10,
            offset_ms: 0,
        };
        let single = [
            (-1, 104),
            (104, 110),
            (110, 120),
            (120, 130),
            (130, 140),
            (140, 147),
        ];
        assert_eq!(steps.bounds(1), single);
        assert_eq!(
            steps.bounds(3),
            [(-1, 104), (104, 110), (110, 140), (140, 147)]
        );
        let within_one = Steps {
            since_ms: 111,
            until_ms: 115,
            ..steps
        };
        assert_eq!(within_one.bounds(1), [(-1, 110), (110, 115)]);
    }
}
