//! The samples as Prometheus remote write 1.0 (`prometheus.WriteRequest`), compressed with snappy.

use std::ops::Range;

use prost::Message;

use crate::Failure;
use crate::shape::Shape;

#[derive(Clone, PartialEq, Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
}

#[derive(Clone, PartialEq, Message)]
struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

/// Of a series that grows by `growth`, or swings when that is 0.
pub(crate) fn value(growth: f64, point: u64) -> f64 {
    let point = point as f64;
    if growth > 0.0 {
        growth * point
    } else {
        1_000_000.0 + 1_000.0 * (point / 20.0).sin().round()
    }
}

pub(crate) fn write(
    shape: &Shape,
    series: &[(Vec<(&'static str, String)>, f64)],
    point: u64,
    rows: Range<u64>,
) -> Result<Vec<u8>, Failure> {
    let timestamp = shape.point_ms(point);
    let timeseries =
        series[rows.start as usize..rows.end as usize]
            .iter()
            .map(|(labels, growth)| {
                let mut labels: Vec<Label> = labels
                    .iter()
                    .map(|(name, value)| Label {
                        name: (*name).to_owned(),
                        value: value.clone(),
                    })
                    .collect();
                labels.sort_by(|a, b| a.name.cmp(&b.name));
                TimeSeries {
                    labels,
                    samples: vec![Sample {
                        value: value(*growth, point),
                        timestamp,
                    }],
                }
            });
    let request = WriteRequest {
        timeseries: timeseries.collect(),
    };
    Ok(snap::raw::Encoder::new().compress_vec(&request.encode_to_vec())?)
}
