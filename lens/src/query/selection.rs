//! One metric over a range, read once and looked at in several ways: points, quantiles, heat map, totals.
//!
//! Counters and histograms are cumulative, so what happened in a step is the increase since the series' last sample. A
//! value that falls is a restart: counting goes on from zero. A series without a sample before its first one began at
//! zero, unless that first one lies in the first step: there the older samples may have gone with their age. Counters of
//! a kernel count since it started, whoever reads them: their series begin at what the first sample says.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sqlx::SqlitePool;

use super::QueryError;
use super::histogram::Buckets;
use super::names::{Family, Kind};
use super::series::{self, Filter, Labels, Series, StepSample, Steps};
use super::time::{Range, seconds};

/// Steps at whose end buckets are read when only their totals are wanted.
const STEPS_OF_TOTALS: usize = 10;
/// How long the last value of a gauge stands when no further one comes, as in Prometheus.
const GAUGE_STANDS_MS: i64 = 5 * 60 * 1_000;

/// Where the counting of a series began that has no sample before the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beginning {
    /// At zero, unless its first sample lies in the first step.
    ZeroAfterFirstStep,
    /// At zero.
    Zero,
    /// Before it was first sent.
    Earlier,
}

/// The samples of one metric in a range.
#[derive(Debug)]
pub struct Selection {
    kind: Kind,
    /// What is known of a series that begins in the range.
    beginning: Beginning,
    /// How the range is cut.
    pub steps: Steps,
    series: Vec<(Series, Vec<StepSample>)>,
}

/// The value of a group of series at the end of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Value {
    /// End of the step, milliseconds since the Unix epoch.
    pub step_end_ms: i64,
    /// Gauges: the sum. Counters and histograms: how much was counted in all, restarts and ended series included.
    pub value: f64,
    /// Counted per second in the step; absent for gauges, and where the step before is not known.
    pub rate: Option<f64>,
}

/// What a group of series counted over the whole range.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Total {
    /// How much.
    pub count: f64,
    /// The seconds in which that was: from the range's start, or from the group's first sample when it began later.
    pub seconds: f64,
    /// Of a histogram, in which buckets.
    pub buckets: Buckets,
}

impl Total {
    /// Adds another group's.
    pub fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.seconds = self.seconds.max(other.seconds);
        for (bound, count) in other.buckets.cumulative() {
            self.buckets.add(bound, count);
        }
    }
}

/// What one series counted in one step.
struct Increase {
    step_end_ms: i64,
    /// Absent where the step before is not known.
    amount: Option<f64>,
    seconds: f64,
    /// Since the series began, restarts included.
    cumulative: f64,
}

impl Selection {
    /// Reads the series of `family` that `filter` lets through.
    pub async fn read(
        pool: &SqlitePool,
        family: &Family,
        filter: &Filter,
        range: Range,
        step: Option<Duration>,
    ) -> Result<Self, QueryError> {
        let series = series::matching(pool, family, filter).await?;
        let steps = Steps::cut(pool, &series, range, step).await?;
        Self::of(pool, family, series, steps, 1).await
    }

    /// Reads the series of `family` that `filter` lets through for [`Self::totals`] and [`Self::values`] alone: a histogram's
    /// buckets, which are most of its series, at every tenth step. Of a series that restarts, its buckets lack what they counted
    /// between the last of these steps and the restart.
    pub async fn read_totals(
        pool: &SqlitePool,
        family: &Family,
        filter: &Filter,
        range: Range,
    ) -> Result<Self, QueryError> {
        let series = series::matching(pool, family, filter).await?;
        let steps = Steps::cut(pool, &series, range, None).await?;
        Self::of(pool, family, series, steps, STEPS_OF_TOTALS).await
    }

    /// The same by steps that count back from the range's end.
    pub async fn read_from_the_end(
        pool: &SqlitePool,
        family: &Family,
        filter: &Filter,
        range: Range,
        step: Duration,
    ) -> Result<Self, QueryError> {
        let series = series::matching(pool, family, filter).await?;
        Self::of(
            pool,
            family,
            series,
            Steps::from_the_end(range, step),
            STEPS_OF_TOTALS,
        )
        .await
    }

    async fn of(
        pool: &SqlitePool,
        family: &Family,
        series: Vec<Series>,
        steps: Steps,
        every_of_buckets: usize,
    ) -> Result<Self, QueryError> {
        let ends = family.kind == Kind::Gauge;
        let (buckets, others): (Vec<Series>, Vec<Series>) = series
            .into_iter()
            .partition(|series| series.bound.is_some());
        let (of_others, of_buckets) = tokio::try_join!(
            series::read(pool, &others, steps, 1, ends),
            series::read(pool, &buckets, steps, every_of_buckets, ends),
        )?;
        let others = others.into_iter().zip(of_others);
        Ok(Self {
            kind: family.kind,
            beginning: Beginning::ZeroAfterFirstStep,
            steps,
            series: others.chain(buckets.into_iter().zip(of_buckets)).collect(),
        })
    }

    /// The same with series that were counting before they were first sent.
    pub fn of_a_kernel(self) -> Self {
        Self {
            beginning: Beginning::Earlier,
            ..self
        }
    }

    /// The same where older samples are stored, so that a series without one did begin in the range.
    pub fn with_all_before(self) -> Self {
        Self {
            beginning: Beginning::Zero,
            ..self
        }
    }

    /// The part of it that `filter` lets through.
    pub fn narrowed(&self, filter: &Filter) -> Self {
        let series = self
            .series
            .iter()
            .filter(|(series, _)| filter.matches(&series.labels));
        Self {
            kind: self.kind,
            beginning: self.beginning,
            steps: self.steps,
            series: series.cloned().collect(),
        }
    }

    /// The labels of each series, without `le`.
    pub fn labels(&self) -> impl Iterator<Item = &Labels> {
        self.series.iter().map(|(series, _)| &series.labels)
    }

    /// Label sets of the groups that `by` makes; a label that a series lacks is left out of its group's set.
    fn groups(
        &self,
        by: &[String],
        of_buckets: bool,
    ) -> BTreeMap<Labels, Vec<&(Series, Vec<StepSample>)>> {
        let mut groups: BTreeMap<Labels, Vec<_>> = BTreeMap::new();
        for entry in self
            .series
            .iter()
            .filter(|(series, _)| series.bound.is_some() == of_buckets)
        {
            let labels = by
                .iter()
                .filter_map(|label| Some((label.clone(), entry.0.labels.get(label)?.clone())));
            groups.entry(labels.collect()).or_default().push(entry);
        }
        groups
    }

    /// The values of each group at the end of each step that brought a sample; of a histogram, of its count.
    pub fn values(&self, by: &[String]) -> Vec<(Labels, Vec<Value>)> {
        let groups = self.groups(by, false).into_iter();
        groups
            .map(|(labels, members)| {
                let tracks: Vec<Vec<Value>> = members
                    .iter()
                    .map(|(_, samples)| self.track(samples))
                    .collect();
                (labels, self.sum(&tracks))
            })
            .filter(|(_, values)| !values.is_empty())
            .collect()
    }

    /// One series by itself, at the steps in which it has a value; a gauge that ended has none.
    fn track(&self, samples: &[StepSample]) -> Vec<Value> {
        if self.kind == Kind::Gauge {
            let within = samples
                .iter()
                .filter(|sample| sample.step_end_ms >= self.steps.since_ms);
            let value = |sample: &StepSample| sample.value.unwrap_or(f64::NAN);
            return within
                .map(|s| Value {
                    step_end_ms: s.step_end_ms,
                    value: value(s),
                    rate: None,
                })
                .collect();
        }
        self.increases(samples)
            .map(|increase| Value {
                step_end_ms: increase.step_end_ms,
                value: increase.cumulative,
                rate: increase.amount.map(|amount| amount / increase.seconds),
            })
            .collect()
    }

    fn sum(&self, tracks: &[Vec<Value>]) -> Vec<Value> {
        let ends: BTreeSet<i64> = tracks
            .iter()
            .flatten()
            .map(|value| value.step_end_ms)
            .collect();
        ends.into_iter()
            .filter_map(|step_end_ms| {
                let standing = tracks
                    .iter()
                    .filter_map(|track| self.standing(track, step_end_ms));
                let values: Vec<&Value> = standing.collect();
                let rates = values
                    .iter()
                    .filter(|value| value.step_end_ms == step_end_ms);
                let rate = rates
                    .filter_map(|value| value.rate)
                    .reduce(|sum, rate| sum + rate);
                let value = values
                    .iter()
                    .map(|value| value.value)
                    .reduce(|sum, value| sum + value)?;
                Some(Value {
                    step_end_ms,
                    value,
                    rate,
                })
            })
            .collect()
    }

    /// The value of a series that holds at a step's end: its last one, which for a gauge must not be old.
    fn standing<'a>(&self, track: &'a [Value], step_end_ms: i64) -> Option<&'a Value> {
        let upto = track.partition_point(|value| value.step_end_ms <= step_end_ms);
        let last = track[..upto].last()?;
        let stands = self.kind != Kind::Gauge
            || (!last.value.is_nan()
                && step_end_ms - last.step_end_ms < GAUGE_STANDS_MS.max(self.steps.step_ms));
        stands.then_some(last)
    }

    fn increases<'a>(&self, samples: &'a [StepSample]) -> impl Iterator<Item = Increase> + 'a {
        let Steps {
            since_ms, step_ms, ..
        } = self.steps;
        let (first_end_ms, beginning) = (self.steps.first_end_ms(), self.beginning);
        let mut before: Option<(i64, f64)> = None;
        let mut cumulative = 0.0;
        let of = move |sample: &StepSample| {
            let value = sample.value?;
            let (amount, from_ms) = match before {
                Some((time_ms, last)) if value >= last => (Some(value - last), time_ms),
                Some((time_ms, _)) => (Some(value), time_ms),
                None if beginning == Beginning::Earlier => (None, since_ms),
                None if beginning == Beginning::ZeroAfterFirstStep
                    && sample.step_end_ms <= first_end_ms =>
                {
                    (None, since_ms)
                }
                None => (Some(value), sample.time_ms - step_ms),
            };
            before = Some((sample.time_ms, value));
            cumulative += amount.unwrap_or(value);
            let seconds = seconds((sample.time_ms - from_ms).max(1) * 1_000_000);
            Some(Increase {
                step_end_ms: sample.step_end_ms,
                amount,
                seconds,
                cumulative,
            })
        };
        samples
            .iter()
            .filter_map(of)
            .filter(move |increase| increase.step_end_ms >= since_ms)
    }

    /// Of a histogram: what each group's buckets got in each step, empty steps left out.
    pub fn buckets(&self, by: &[String]) -> Vec<(Labels, BTreeMap<i64, Buckets>)> {
        let groups = self.groups(by, true).into_iter();
        groups
            .map(|(labels, members)| {
                let mut steps: BTreeMap<i64, Buckets> = BTreeMap::new();
                for (series, samples) in members {
                    for increase in self.increases(samples) {
                        if let (Some(bound), Some(amount)) = (series.bound, increase.amount) {
                            steps
                                .entry(increase.step_end_ms)
                                .or_default()
                                .add(bound, amount);
                        }
                    }
                }
                steps.retain(|_, buckets| buckets.counts().any(|(_, count)| count > 0.0));
                (labels, steps)
            })
            .collect()
    }

    /// What each group counted over the whole range.
    pub fn totals(&self, by: &[String]) -> BTreeMap<Labels, Total> {
        let mut totals: BTreeMap<Labels, Total> = BTreeMap::new();
        for (labels, members) in self.groups(by, false) {
            let total = totals.entry(labels).or_default();
            let firsts = members.iter().filter_map(|(_, samples)| samples.first());
            let began_ms = firsts
                .map(|sample| sample.time_ms - self.steps.step_ms)
                .min();
            let from_ms = began_ms.unwrap_or(i64::MIN).max(self.steps.since_ms);
            total.seconds = seconds((self.steps.until_ms - from_ms).max(1) * 1_000_000);
            let increases = members
                .iter()
                .flat_map(|(_, samples)| self.increases(samples));
            total.count = increases.filter_map(|increase| increase.amount).sum();
        }
        for (labels, members) in self.groups(by, true) {
            let total = totals.entry(labels).or_default();
            for (series, samples) in members {
                let counted = self
                    .increases(samples)
                    .filter_map(|increase| increase.amount)
                    .sum();
                if let Some(bound) = series.bound {
                    total.buckets.add(bound, counted);
                }
            }
        }
        totals
    }
}
