//! Series of buckets, count and sum, and the histogram that they are: from one to the other and back, exactly. What is not
//! whole (a bucket without its count, counts that fall from one bucket to the next) stays as series.

use std::collections::BTreeSet;

use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Histogram, HistogramDataPoint, Metric,
};

use super::export_metrics::{BOUND, Series, attributes, flags, metric, nanos, up_to};
use crate::query::series::Labels;

/// A bucket's bound as the Collector's remote write exporter writes it.
pub(super) fn bound_text(bound: f64) -> String {
    if bound == f64::INFINITY {
        "+Inf".to_owned()
    } else {
        bound.to_string()
    }
}

/// Takes what is a histogram out of a group's series: the points that are whole, and the exemplars that lie in the bucket of
/// their series.
pub(super) fn take(name: &str, group: &mut [Series]) -> Option<(Labels, Metric)> {
    let layout = Layout::of(name, group)?;
    let times: BTreeSet<i64> = layout
        .all()
        .flat_map(|index| group[index].samples.keys().copied())
        .collect();
    let mut labels = group[layout.count].labels.clone();
    labels.remove(BOUND);
    let attributes = attributes(&labels);
    let mut data_points: Vec<HistogramDataPoint> = times
        .into_iter()
        .filter_map(|time_ms| {
            let point = layout.point(group, time_ms)?;
            for index in layout.all() {
                group[index].samples.remove(&time_ms);
            }
            Some(HistogramDataPoint {
                attributes: attributes.clone(),
                ..point
            })
        })
        .collect();
    let last_ns = data_points.last()?.time_unix_nano;
    let mut exemplars = layout.take_exemplars(group);
    for point in &mut data_points {
        let ms = |ns: u64| i64::try_from(ns / 1_000_000).unwrap_or(i64::MAX);
        point.exemplars = up_to(ms(point.time_unix_nano), ms(last_ns), &mut exemplars);
    }
    let histogram = Histogram {
        data_points,
        aggregation_temporality: AggregationTemporality::Cumulative as i32,
    };
    Some((labels, metric(name, Data::Histogram(histogram))))
}

/// Which series of a group are what.
struct Layout {
    /// Upper bound and series, by bound; the last is infinite.
    buckets: Vec<(f64, usize)>,
    count: usize,
    sum: usize,
}

impl Layout {
    /// None where a series is missing, or there twice, or a bound is written in another way.
    fn of(name: &str, group: &[Series]) -> Option<Self> {
        let only = |suffix: &str| {
            let mut found = (0..group.len())
                .filter(|index| group[*index].metric.strip_prefix(name) == Some(suffix));
            found.next().filter(|_| found.next().is_none())
        };
        let (count, sum) = (only("_count")?, only("_sum")?);
        let mut buckets = Vec::with_capacity(group.len());
        for (index, series) in group.iter().enumerate() {
            if index == count || index == sum {
                continue;
            }
            let text = series.labels.get(BOUND)?;
            let bound = if text == "+Inf" {
                f64::INFINITY
            } else {
                text.parse().ok()?
            };
            if bound_text(bound) != *text {
                return None;
            }
            buckets.push((bound, index));
        }
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        let is_whole = buckets.last()?.0 == f64::INFINITY;
        is_whole.then_some(Self {
            buckets,
            count,
            sum,
        })
    }

    fn all(&self) -> impl Iterator<Item = usize> {
        let buckets = self.buckets.iter().map(|(_, index)| *index);
        buckets.chain([self.count, self.sum])
    }

    /// The point at a time, when all series have a sample there that fits, or all say that there is none.
    fn point(&self, group: &[Series], time_ms: i64) -> Option<HistogramDataPoint> {
        let at = |index: usize| group[index].samples.get(&time_ms).copied();
        let point = HistogramDataPoint {
            time_unix_nano: nanos(time_ms),
            ..HistogramDataPoint::default()
        };
        if self.all().all(|index| at(index) == Some(None)) {
            // The bounds say of which series.
            return Some(HistogramDataPoint {
                flags: flags(None),
                bucket_counts: vec![0; self.buckets.len()],
                explicit_bounds: self.bounds(),
                ..point
            });
        }
        let count = whole(at(self.count)??)?;
        let sum = at(self.sum)??;
        let mut bucket_counts = Vec::with_capacity(self.buckets.len());
        let mut below = 0;
        for (_, index) in &self.buckets {
            let cumulative = whole(at(*index)??)?;
            bucket_counts.push(cumulative.checked_sub(below)?);
            below = cumulative;
        }
        (below == count && sum.is_finite()).then(|| HistogramDataPoint {
            count,
            sum: Some(sum),
            bucket_counts,
            explicit_bounds: self.bounds(),
            ..point
        })
    }

    fn bounds(&self) -> Vec<f64> {
        let bounds = self.buckets.iter().map(|(bound, _)| *bound);
        bounds.filter(|bound| bound.is_finite()).collect()
    }

    /// Those that lie in the bucket of their series, by time.
    fn take_exemplars(&self, group: &mut [Series]) -> Vec<super::export_metrics::ExemplarRow> {
        let mut taken = Vec::new();
        let mut above = f64::NEG_INFINITY;
        for (bound, index) in &self.buckets {
            let own = &mut group[*index].exemplars;
            taken.extend(own.extract_if(.., |exemplar| {
                exemplar.value > above && exemplar.value <= *bound
            }));
            above = *bound;
        }
        taken.sort_by_key(|exemplar| exemplar.time_ms);
        taken
    }
}

/// A count, when it is a whole number that a `f64` holds exactly.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be a whole number in the range"
)]
fn whole(value: f64) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (value.fract() == 0.0 && (0.0..=EXACT).contains(&value)).then_some(value as u64)
}
