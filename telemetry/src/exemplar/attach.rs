//! Puts the exemplars into the protobuf on its way out, where the SDK left the field empty.
//!
//! A data point is found by its metric's name and its attributes. Points that the SDK folded into its overflow series
//! have no counterpart, and their exemplars are dropped.

use std::collections::HashMap;

use opentelemetry::KeyValue;
use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    common::v1::KeyValue as ProtoKeyValue,
    metrics::v1::{Exemplar as ProtoExemplar, exemplar, metric::Data},
};
use prost::Message as _;

use super::{Exemplar, Exemplars, Value, instruments};

/// Empties every instrument's reservoirs into the data points of `request`.
pub(crate) fn attach(request: &mut ExportMetricsServiceRequest) {
    let mut by_instrument: HashMap<String, BySeries> = HashMap::new();
    for instrument in instruments().iter() {
        let by_series = by_instrument.entry(instrument.name.clone()).or_default();
        by_series.extend(take_by_series(instrument));
    }
    let metrics = request
        .resource_metrics
        .iter_mut()
        .flat_map(|resource| &mut resource.scope_metrics)
        .flat_map(|scope| &mut scope.metrics);
    for metric in metrics {
        let Some(by_series) = by_instrument.get_mut(&metric.name) else {
            continue;
        };
        match &mut metric.data {
            Some(Data::Histogram(histogram)) => {
                for point in &mut histogram.data_points {
                    point.exemplars = take_for(by_series, &point.attributes);
                }
            }
            Some(Data::Sum(sum)) => {
                for point in &mut sum.data_points {
                    point.exemplars = take_for(by_series, &point.attributes);
                }
            }
            _ => {}
        }
    }
}

/// Keyed by the canonical encoding of the series' attributes.
type BySeries = HashMap<Vec<u8>, Vec<ProtoExemplar>>;

fn take_by_series(instrument: &Exemplars) -> impl Iterator<Item = (Vec<u8>, Vec<ProtoExemplar>)> {
    instrument
        .take()
        .into_iter()
        .map(|(attributes, exemplars)| {
            let attributes: Vec<_> = attributes.iter().map(to_proto).collect();
            let exemplars = exemplars.iter().map(ProtoExemplar::from).collect();
            (series_key(&attributes), exemplars)
        })
}

fn to_proto(attribute: &KeyValue) -> ProtoKeyValue {
    attribute.into()
}

fn take_for(by_series: &mut BySeries, attributes: &[ProtoKeyValue]) -> Vec<ProtoExemplar> {
    by_series
        .remove(&series_key(attributes))
        .unwrap_or_default()
}

fn series_key(attributes: &[ProtoKeyValue]) -> Vec<u8> {
    let mut encoded: Vec<_> = attributes
        .iter()
        .map(ProtoKeyValue::encode_length_delimited_to_vec)
        .collect();
    encoded.sort_unstable();
    encoded.concat()
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
                Value::U64(value) => {
                    exemplar::Value::AsInt(i64::try_from(value).unwrap_or(i64::MAX))
                }
            }),
        }
    }
}
