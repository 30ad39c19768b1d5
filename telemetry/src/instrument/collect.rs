//! The instruments' data points into the protobuf on its way out, beside those of the SDK.

use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    common::v1::{InstrumentationScope as ProtoScope, KeyValue as ProtoKeyValue},
    metrics::v1::{
        AggregationTemporality, Exemplar as ProtoExemplar, Histogram, HistogramDataPoint, Metric,
        NumberDataPoint, ScopeMetrics, Sum, exemplar, metric::Data, number_data_point,
    },
};

use super::{
    Instrument, Kind, instruments,
    series::{Exemplar, Series, Value, now},
};

/// Appends a metric for each instrument that has measured something, and empties all reservoirs of exemplars.
pub(crate) fn collect(request: &mut ExportMetricsServiceRequest) {
    let Some(of_resource) = request.resource_metrics.first_mut() else {
        return;
    };
    for instrument in instruments().iter() {
        let Some(metric) = metric(instrument) else {
            continue;
        };
        let scope = ProtoScope::from((&instrument.identity.scope, None));
        let scopes = &mut of_resource.scope_metrics;
        match scopes
            .iter_mut()
            .find(|known| known.scope.as_ref() == Some(&scope))
        {
            Some(known) => known.metrics.push(metric),
            None => scopes.push(ScopeMetrics {
                schema_url: instrument
                    .identity
                    .scope
                    .schema_url()
                    .unwrap_or_default()
                    .to_owned(),
                scope: Some(scope),
                metrics: vec![metric],
            }),
        }
    }
}

/// None when nothing was measured.
pub(super) fn metric(instrument: &Instrument) -> Option<Metric> {
    let series = instrument.series();
    if series.is_empty() {
        return None;
    }
    let cumulative = AggregationTemporality::Cumulative as i32;
    let time = now();
    let identity = &instrument.identity;
    let data = match &identity.kind {
        Kind::Histogram { boundaries } => Data::Histogram(Histogram {
            data_points: series
                .iter()
                .map(|series| histogram_point(series, instrument.start_unix_nano, time, boundaries))
                .collect(),
            aggregation_temporality: cumulative,
        }),
        Kind::Counter | Kind::UpDownCounter => Data::Sum(Sum {
            data_points: series
                .iter()
                .map(|series| number_point(series, instrument.start_unix_nano, time))
                .collect(),
            aggregation_temporality: cumulative,
            is_monotonic: identity.kind == Kind::Counter,
        }),
    };
    Some(Metric {
        name: identity.name.to_string(),
        description: identity.description.to_string(),
        unit: identity.unit.to_string(),
        metadata: Vec::new(),
        data: Some(data),
    })
}

fn histogram_point(
    series: &Arc<Series>,
    start: u64,
    time: u64,
    boundaries: &[f64],
) -> HistogramDataPoint {
    let mut totals = series.totals();
    let bucket_counts: Vec<_> = totals.buckets.iter().map(|bucket| bucket.count).collect();
    HistogramDataPoint {
        attributes: to_proto(&series.attributes),
        start_time_unix_nano: start,
        time_unix_nano: time,
        count: bucket_counts.iter().sum(),
        sum: Some(totals.sum),
        // One bucket says no more than the count.
        bucket_counts: if boundaries.is_empty() {
            Vec::new()
        } else {
            bucket_counts
        },
        explicit_bounds: boundaries.to_vec(),
        exemplars: exemplars(&totals.take_exemplars()),
        flags: 0,
        min: Some(totals.min),
        max: Some(totals.max),
    }
}

fn number_point(series: &Arc<Series>, start: u64, time: u64) -> NumberDataPoint {
    let mut totals = series.totals();
    NumberDataPoint {
        attributes: to_proto(&series.attributes),
        start_time_unix_nano: start,
        time_unix_nano: time,
        exemplars: exemplars(&totals.take_exemplars()),
        flags: 0,
        value: Some(number_data_point::Value::AsInt(totals.total)),
    }
}

fn to_proto(attributes: &[KeyValue]) -> Vec<ProtoKeyValue> {
    attributes.iter().map(ProtoKeyValue::from).collect()
}

fn exemplars(kept: &[Exemplar]) -> Vec<ProtoExemplar> {
    kept.iter().map(ProtoExemplar::from).collect()
}

impl From<&Exemplar> for ProtoExemplar {
    fn from(kept: &Exemplar) -> Self {
        Self {
            filtered_attributes: Vec::new(),
            time_unix_nano: kept.time_unix_nano,
            span_id: kept
                .span
                .map_or(Vec::new(), |(_, id)| id.to_bytes().to_vec()),
            trace_id: kept
                .span
                .map_or(Vec::new(), |(id, _)| id.to_bytes().to_vec()),
            value: Some(match kept.value {
                Value::F64(value) => exemplar::Value::AsDouble(value),
                Value::I64(value) => exemplar::Value::AsInt(value),
            }),
        }
    }
}
