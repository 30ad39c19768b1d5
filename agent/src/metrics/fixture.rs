//! Trees of kernel files for tests, and what a request says, in text.

use std::{collections::BTreeSet, fmt::Write as _, fs, path::Path};

use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    common::v1::{KeyValue, any_value},
    metrics::v1::{Metric, NumberDataPoint, metric::Data, number_data_point::Value},
};
use prost::Message as _;
use tempfile::TempDir;

/// The host's files in a folder of their own.
pub(super) struct Tree(TempDir);

impl Tree {
    pub(super) fn new(files: &[(&str, &str)]) -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        for (path, content) in files {
            tree.write(path, content);
        }
        tree
    }

    pub(super) fn root(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Whether there was such a file.
    pub(super) fn remove(&self, path: &str) -> bool {
        fs::remove_file(self.root().join(path)).is_ok()
    }
}

/// A data point and the metric it belongs to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Point {
    pub(super) resource: String,
    pub(super) name: String,
    pub(super) kind: &'static str,
    pub(super) unit: String,
    pub(super) keys: BTreeSet<String>,
    pub(super) start_unix_nano: u64,
    pub(super) time_unix_nano: u64,
    pub(super) value: f64,
    /// `name{key=value,…} value`
    pub(super) text: String,
}

pub(super) fn points(request: &[u8]) -> Vec<Point> {
    let request = ExportMetricsServiceRequest::decode(request).unwrap();
    let mut points = Vec::new();
    for resource_metrics in request.resource_metrics {
        let resource = attributes(&resource_metrics.resource.unwrap().attributes);
        for scope_metrics in resource_metrics.scope_metrics {
            assert_eq!(scope_metrics.scope.unwrap().name, "trivium-agent");
            for metric in scope_metrics.metrics {
                points.extend(points_of(&resource, metric));
            }
        }
    }
    points
}

/// Each point in text, but for those whose values depend on the machine.
pub(super) fn texts(points: &[Point]) -> Vec<&str> {
    points
        .iter()
        .filter(|point| !point.name.starts_with("system.filesystem"))
        .map(|point| point.text.as_str())
        .collect()
}

fn points_of(resource: &str, metric: Metric) -> Vec<Point> {
    let (kind, data_points) = match metric.data.unwrap() {
        Data::Gauge(gauge) => ("gauge", gauge.data_points),
        Data::Sum(sum) => {
            assert_eq!(sum.aggregation_temporality, 2, "cumulative");
            let kind = if sum.is_monotonic {
                "counter"
            } else {
                "updowncounter"
            };
            (kind, sum.data_points)
        }
        other => panic!("{other:?}"),
    };
    assert!(!data_points.is_empty(), "{} has no points", metric.name);
    let point = |point: NumberDataPoint| {
        let attributes = attributes(&point.attributes);
        let mut text = format!("{}{{{attributes}}} ", metric.name);
        let value = match point.value.unwrap() {
            Value::AsInt(int) => {
                write!(text, "{int}").unwrap();
                int as f64
            }
            Value::AsDouble(double) => {
                write!(text, "{double:?}").unwrap();
                double
            }
        };
        Point {
            resource: resource.to_owned(),
            name: metric.name.clone(),
            kind,
            unit: metric.unit.clone(),
            keys: point.attributes.into_iter().map(|pair| pair.key).collect(),
            start_unix_nano: point.start_time_unix_nano,
            time_unix_nano: point.time_unix_nano,
            value,
            text,
        }
    };
    data_points.into_iter().map(point).collect()
}

fn attributes(attributes: &[KeyValue]) -> String {
    let text = |pair: &KeyValue| match pair.value.clone().unwrap().value.unwrap() {
        any_value::Value::StringValue(text) => format!("{}={text}", pair.key),
        any_value::Value::IntValue(int) => format!("{}={int}", pair.key),
        other => panic!("{other:?}"),
    };
    let texts: Vec<String> = attributes.iter().map(text).collect();
    texts.join(",")
}
