//! Metrics of OTLP as series, as the Collector makes them with `otelcol/config.yaml` and its remote write exporter: names with
//! unit and `_total`, labels of the data point and the short list of the resource's. Summaries, exponential histograms and
//! deltas are left out, as lens has none of them.

use std::collections::{BTreeMap, HashMap};

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, DataPointFlags, Exemplar as ProtoExemplar, HistogramDataPoint, Metric,
    NumberDataPoint, ResourceMetrics, exemplar, number_data_point,
};

use super::export_metrics::{BOUND, RESOURCE_LABELS};
use super::histogram::bound_text;
use crate::ingest::AHEAD_MS;
use crate::ingest::attributes::{Json, json};
use crate::model::{Exemplar, Sample, Series, SeriesRows};
use crate::query::names::sanitize;
use crate::query::series::Labels;

/// What the Collector appends for a unit (`BuildCompliantName` of its Prometheus translator); the commonest.
const UNITS: [(&str, &str); 12] = [
    ("s", "seconds"),
    ("ms", "milliseconds"),
    ("us", "microseconds"),
    ("ns", "nanoseconds"),
    ("min", "minutes"),
    ("h", "hours"),
    ("d", "days"),
    ("By", "bytes"),
    ("KiBy", "kibibytes"),
    ("MiBy", "mebibytes"),
    ("%", "percent"),
    ("Cel", "celsius"),
];

/// The series of one line.
#[derive(Default)]
pub(super) struct Rows {
    by_labels: HashMap<String, SeriesRows>,
    latest_ms: i64,
    /// Data points that are left out.
    pub(super) left_out: u64,
}

/// Reads the metrics of a line.
pub(super) fn rows(resource_metrics: Vec<ResourceMetrics>) -> Rows {
    let mut rows = Rows {
        latest_ms: jiff::Timestamp::now().as_millisecond() + AHEAD_MS,
        ..Rows::default()
    };
    for of_resource in resource_metrics {
        let resource = of_resource.resource.unwrap_or_default();
        let resource = labels(&resource.attributes).into_iter();
        let resource: Labels = resource
            .filter(|(name, _)| RESOURCE_LABELS.contains(&name.as_str()))
            .collect();
        for metric in of_resource
            .scope_metrics
            .into_iter()
            .flat_map(|scope| scope.metrics)
        {
            rows.metric(&resource, metric);
        }
    }
    rows
}

impl Rows {
    pub(super) fn into_series(self) -> Vec<SeriesRows> {
        self.by_labels.into_values().collect()
    }

    fn metric(&mut self, resource: &Labels, metric: Metric) {
        const CUMULATIVE: i32 = AggregationTemporality::Cumulative as i32;
        let name = stored_name(&metric);
        match metric.data {
            Some(Data::Gauge(gauge)) => self.numbers(&name, resource, &gauge.data_points),
            Some(Data::Sum(sum)) if sum.aggregation_temporality == CUMULATIVE => {
                self.numbers(&name, resource, &sum.data_points);
            }
            Some(Data::Histogram(histogram)) if histogram.aggregation_temporality == CUMULATIVE => {
                for point in &histogram.data_points {
                    self.histogram(&name, resource, point);
                }
            }
            Some(Data::Sum(sum)) => self.left_out += sum.data_points.len() as u64,
            Some(Data::Histogram(histogram)) => self.left_out += histogram.data_points.len() as u64,
            Some(Data::ExponentialHistogram(histogram)) => {
                self.left_out += histogram.data_points.len() as u64;
            }
            Some(Data::Summary(summary)) => self.left_out += summary.data_points.len() as u64,
            None => {}
        }
    }

    fn numbers(&mut self, name: &str, resource: &Labels, points: &[NumberDataPoint]) {
        for point in points {
            let value = point.value.map(|value| match value {
                number_data_point::Value::AsDouble(value) => value,
                number_data_point::Value::AsInt(value) => as_f64(value),
            });
            let Some(sample) = self.sample(point.time_unix_nano, point.flags, value) else {
                continue;
            };
            let series = self.series(name, resource, &point.attributes, None);
            series.samples.push(sample);
            series
                .exemplars
                .extend(point.exemplars.iter().filter_map(exemplar));
        }
    }

    fn histogram(&mut self, name: &str, resource: &Labels, point: &HistogramDataPoint) {
        let total = point
            .bucket_counts
            .iter()
            .try_fold(0_u64, |sum, count| sum.checked_add(*count));
        if point.bucket_counts.len() != point.explicit_bounds.len() + 1 || total.is_none() {
            self.left_out += 1;
            return;
        }
        let mut cumulative = 0;
        let mut above = f64::NEG_INFINITY;
        let bounds = point.explicit_bounds.iter().copied().chain([f64::INFINITY]);
        let exemplars: Vec<Exemplar> = point.exemplars.iter().filter_map(exemplar).collect();
        for (bound, count) in bounds.zip(&point.bucket_counts) {
            cumulative += count;
            let value = Some(count_f64(cumulative));
            let Some(sample) = self.sample(point.time_unix_nano, point.flags, value) else {
                return;
            };
            let bucket = format!("{name}_bucket");
            let series = self.series(&bucket, resource, &point.attributes, Some(bound));
            series.samples.push(sample);
            let own = exemplars
                .iter()
                .filter(|exemplar| exemplar.value > above && exemplar.value <= bound);
            series.exemplars.extend(own);
            above = bound;
        }
        let totals = [
            ("_count", Some(count_f64(point.count))),
            ("_sum", point.sum),
        ];
        for (suffix, value) in totals {
            // A histogram of values that may be negative has no sum; its series has no sample then.
            let is_absent = value.is_none() && !is_stale(point.flags);
            if !is_absent
                && let Some(sample) = self.sample(point.time_unix_nano, point.flags, value)
            {
                let name = format!("{name}{suffix}");
                self.series(&name, resource, &point.attributes, None)
                    .samples
                    .push(sample);
            }
        }
    }

    /// The sample of a point; none of one that is far ahead of this machine's clock, where retention would not reach it.
    fn sample(&mut self, time_ns: u64, flags: u32, value: Option<f64>) -> Option<Sample> {
        let time_ms = i64::try_from(time_ns / 1_000_000).ok();
        let sample = time_ms
            .filter(|time_ms| *time_ms <= self.latest_ms)
            .map(|time_ms| Sample {
                time_ms,
                value: value.filter(|value| !is_stale(flags) && !value.is_nan()),
            });
        self.left_out += u64::from(sample.is_none());
        sample
    }

    fn series(
        &mut self,
        name: &str,
        resource: &Labels,
        attributes: &[KeyValue],
        bound: Option<f64>,
    ) -> &mut SeriesRows {
        let mut all = resource.clone();
        all.extend(labels(attributes));
        all.insert("__name__".to_owned(), name.to_owned());
        all.extend(bound.map(|bound| (BOUND.to_owned(), bound_text(bound))));
        let labels = json(&all);
        self.by_labels
            .entry(labels.clone())
            .or_insert_with(|| SeriesRows {
                series: Series {
                    metric: name.to_owned(),
                    labels,
                },
                samples: Vec::new(),
                exemplars: Vec::new(),
            })
    }
}

/// To Prometheus an empty label is an absent one.
fn labels(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let labels = attributes.iter().map(|attribute| {
        let any = attribute.value.as_ref();
        let value = match any.and_then(|any| any.value.as_ref()) {
            Some(Value::StringValue(text)) => text.clone(),
            Some(_) => json(&Json(any)),
            None => String::new(),
        };
        (sanitize(&attribute.key), value)
    });
    labels.filter(|(_, value)| !value.is_empty()).collect()
}

/// The name that remote write gives a metric.
fn stored_name(metric: &Metric) -> String {
    let mut name = sanitize(&metric.name);
    let is_counter = matches!(&metric.data, Some(Data::Sum(sum)) if sum.is_monotonic);
    if is_counter && let Some(stem) = name.strip_suffix("_total") {
        name = stem.to_owned();
    }
    let mut append = |suffix: &str| {
        if !name.ends_with(&format!("_{suffix}")) {
            name.push('_');
            name.push_str(suffix);
        }
    };
    if let Some((_, unit)) = UNITS.iter().find(|(unit, _)| *unit == metric.unit) {
        append(unit);
    }
    if metric.unit == "1" && matches!(metric.data, Some(Data::Gauge(_))) {
        append("ratio");
    }
    if is_counter {
        append("total");
    }
    name
}

fn exemplar(exemplar: &ProtoExemplar) -> Option<Exemplar> {
    Some(Exemplar {
        time_ms: i64::try_from(exemplar.time_unix_nano / 1_000_000).ok()?,
        value: match exemplar.value? {
            exemplar::Value::AsDouble(value) => value,
            exemplar::Value::AsInt(value) => as_f64(value),
        },
        trace_id: exemplar.trace_id.as_slice().try_into().ok()?,
        span_id: exemplar.span_id.as_slice().try_into().ok()?,
    })
}

fn is_stale(flags: u32) -> bool {
    flags & DataPointFlags::NoRecordedValueMask as u32 != 0
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus has no other number")]
fn as_f64(value: i64) -> f64 {
    value as f64
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus has no other number")]
fn count_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::metrics::v1::{Histogram, ScopeMetrics};

    use super::*;

    #[test]
    fn a_histogram_whose_counts_no_number_holds_is_left_out() {
        let point = HistogramDataPoint {
            bucket_counts: vec![u64::MAX, 1],
            explicit_bounds: vec![1.0],
            ..HistogramDataPoint::default()
        };
        let histogram = Histogram {
            data_points: vec![point],
            aggregation_temporality: AggregationTemporality::Cumulative as i32,
        };
        let metric = Metric {
            data: Some(Data::Histogram(histogram)),
            ..Metric::default()
        };
        let read = rows(vec![ResourceMetrics {
            scope_metrics: vec![ScopeMetrics {
                metrics: vec![metric],
                ..ScopeMetrics::default()
            }],
            ..ResourceMetrics::default()
        }]);
        assert_eq!(read.left_out, 1);
        assert!(read.into_series().is_empty());
    }
}
