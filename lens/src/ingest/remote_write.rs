//! Decodes Prometheus remote write 1.0 (`prometheus.WriteRequest`). The messages are written out here: five short ones.
//!
//! A bad series is refused by name and the others are kept, as Prometheus does. Native histograms are counted and left out;
//! so are exemplars without a trace and span id, which open nothing. Metadata is not read: type and unit show in the name.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message;

use super::error::RowError;
use super::{Decoded, IngestError, attributes};
use crate::model::{Exemplar, Sample, Series, SeriesRows};

/// How far ahead a sample may be; Prometheus has the same bound. Beyond it retention by age could not reach it.
pub(crate) const AHEAD_MS: i64 = 10 * 60 * 1000;

/// `prometheus.WriteRequest`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    pub(super) timeseries: Vec<TimeSeries>,
}

/// `prometheus.TimeSeries`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    pub(super) labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    pub(super) samples: Vec<ProtoSample>,
    #[prost(message, repeated, tag = "3")]
    pub(super) exemplars: Vec<ProtoExemplar>,
    /// Native histograms, not decoded.
    #[prost(bytes = "bytes", repeated, tag = "4")]
    pub(super) histograms: Vec<Bytes>,
}

/// `prometheus.Label`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Label {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) value: String,
}

/// `prometheus.Sample`.
#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct ProtoSample {
    #[prost(double, tag = "1")]
    pub(super) value: f64,
    /// Milliseconds since the Unix epoch.
    #[prost(int64, tag = "2")]
    pub(super) timestamp: i64,
}

/// `prometheus.Exemplar`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ProtoExemplar {
    #[prost(message, repeated, tag = "1")]
    pub(super) labels: Vec<Label>,
    #[prost(double, tag = "2")]
    pub(super) value: f64,
    /// Milliseconds since the Unix epoch.
    #[prost(int64, tag = "3")]
    pub(super) timestamp: i64,
}

pub(super) fn decode(body: Bytes) -> Result<Decoded, IngestError> {
    let request = WriteRequest::decode(body).map_err(|source| IngestError::Protobuf {
        message: "prometheus.WriteRequest",
        source,
    })?;
    let latest_ms = jiff::Timestamp::now().as_millisecond() + AHEAD_MS;
    let mut decoded = Decoded::default();
    for (index, of_series) in request.timeseries.into_iter().enumerate() {
        decoded.native_histograms += of_series.histograms.len() as u64;
        match rows(index, &of_series, latest_ms) {
            Ok(rows) if rows.samples.is_empty() && rows.exemplars.is_empty() => {}
            Ok(rows) => decoded.batch.series.push(rows),
            Err(error) => decoded.refused.add(error),
        }
    }
    Ok(decoded)
}

fn rows(index: usize, of_series: &TimeSeries, latest_ms: i64) -> Result<SeriesRows, RowError> {
    let mut labels = BTreeMap::new();
    for Label { name, value } in &of_series.labels {
        // To Prometheus an empty label is an absent one.
        if !value.is_empty() && labels.insert(&**name, &**value).is_some() {
            return Err(RowError::LabelTwice {
                index,
                labels: attributes::json(&labels),
                label: name.clone(),
            });
        }
    }
    let Some(metric) = labels.get("__name__") else {
        return Err(RowError::NoMetricName {
            index,
            labels: attributes::json(&labels),
        });
    };
    if let Some(ahead) = of_series
        .samples
        .iter()
        .find(|sample| sample.timestamp > latest_ms)
    {
        let labels = attributes::json(&labels);
        return Err(RowError::FutureSample {
            index,
            labels,
            time_ms: ahead.timestamp,
        });
    }
    Ok(SeriesRows {
        series: Series {
            metric: (*metric).to_owned(),
            labels: attributes::json(&labels),
        },
        samples: of_series.samples.iter().map(sample).collect(),
        exemplars: of_series.exemplars.iter().filter_map(exemplar).collect(),
    })
}

fn sample(sample: &ProtoSample) -> Sample {
    // SQLite has no NaN, so every NaN becomes what the marker becomes.
    Sample {
        time_ms: sample.timestamp,
        value: Some(sample.value).filter(|value| !value.is_nan()),
    }
}

fn exemplar(exemplar: &ProtoExemplar) -> Option<Exemplar> {
    let label = |name| {
        exemplar
            .labels
            .iter()
            .find(|label| label.name == name)
            .map(|label| &*label.value)
    };
    Some(Exemplar {
        time_ms: exemplar.timestamp,
        value: exemplar.value,
        trace_id: id(label("trace_id")?)?,
        span_id: id(label("span_id")?)?,
    })
}

/// An id from its hexadecimal text.
fn id<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut id = [0; N];
    if text.len() != 2 * N || !text.is_ascii() {
        return None;
    }
    for (n, byte) in id.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * n..2 * n + 2], 16).ok()?;
    }
    Some(id)
}
