//! An `ExportMetricsServiceRequest`, written point by point: sums and gauges of numbers.
//!
//! Each call of [`resource_metrics`] appends one `ResourceMetrics` with one `ScopeMetrics`, so several can make one request.
//! A metric without a point, and a resource without a metric, leave no bytes. Sums are cumulative.
//!
//! | message | fields written |
//! |---|---|
//! | `ExportMetricsServiceRequest` | 1 `resource_metrics` |
//! | `ResourceMetrics` | 1 `resource`, 2 `scope_metrics` |
//! | `ScopeMetrics` | 1 `scope`, 2 `metrics` |
//! | `Metric` | 1 `name`, 3 `unit`, 5 `gauge` or 7 `sum` |
//! | `Gauge`, `Sum` | 1 `data_points`; a sum 2 `aggregation_temporality` and 3 `is_monotonic` too |
//! | `NumberDataPoint` | 2 `start_time_unix_nano` (not of a gauge), 3 `time_unix_nano`, 4 `as_double` or 6 `as_int`, 7 `attributes` |
//!
//! <https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/metrics/v1/metrics.proto>

use super::{
    attributes::{self, OF_NUMBER_DATA_POINT},
    protobuf::{bytes, close, double, fixed64, open, sfixed64, uint},
};

/// `AGGREGATION_TEMPORALITY_CUMULATIVE`.
const CUMULATIVE: u64 = 2;

/// What a number means over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A sum that only grows.
    Counter,
    /// A sum that grows and falls.
    UpDownCounter,
    /// The last value; adding two of them says nothing.
    Gauge,
}

/// The constant part of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    name: &'static str,
    unit: &'static str,
    kind: Kind,
}

impl Metric {
    /// A [`Kind::Counter`]; the unit is in UCUM.
    pub const fn counter(name: &'static str, unit: &'static str) -> Self {
        Self {
            name,
            unit,
            kind: Kind::Counter,
        }
    }

    /// A [`Kind::UpDownCounter`]; the unit is in UCUM.
    pub const fn up_down_counter(name: &'static str, unit: &'static str) -> Self {
        Self {
            name,
            unit,
            kind: Kind::UpDownCounter,
        }
    }

    /// A [`Kind::Gauge`]; the unit is in UCUM.
    pub const fn gauge(name: &'static str, unit: &'static str) -> Self {
        Self {
            name,
            unit,
            kind: Kind::Gauge,
        }
    }
}

/// When the sums started and when they were read, both in nanoseconds of the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// When the sums were zero.
    pub start_unix_nano: u64,
    /// When the values were read.
    pub now_unix_nano: u64,
}

/// The value of an attribute of a data point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// A string.
    Text(&'a str),
    /// An int.
    Int(i64),
}

/// The encoded `InstrumentationScope` of all that the agent measures itself.
pub fn agent_scope() -> Vec<u8> {
    let mut scope = Vec::new();
    bytes(&mut scope, 1, env!("CARGO_PKG_NAME").as_bytes());
    bytes(&mut scope, 2, env!("CARGO_PKG_VERSION").as_bytes());
    scope
}

/// Appends the metrics of one resource to a request. `resource` are the encoded fields of its `Resource`, `scope` those of
/// the `InstrumentationScope`.
pub fn resource_metrics(
    out: &mut Vec<u8>,
    resource: &[u8],
    scope: &[u8],
    times: Times,
    write: impl FnOnce(&mut Metrics<'_>),
) {
    let start = out.len();
    let resource_metrics = open(out, 1);
    bytes(out, 1, resource);
    let scope_metrics = open(out, 2);
    bytes(out, 1, scope);
    let without_metrics = out.len();
    write(&mut Metrics { out, times });
    if out.len() == without_metrics {
        out.truncate(start);
        return;
    }
    close(out, scope_metrics);
    close(out, resource_metrics);
}

/// The `ScopeMetrics` that is being written.
#[derive(Debug)]
pub struct Metrics<'a> {
    out: &'a mut Vec<u8>,
    times: Times,
}

impl Metrics<'_> {
    /// When the values were read, in nanoseconds of the Unix epoch.
    pub fn now_unix_nano(&self) -> u64 {
        self.times.now_unix_nano
    }

    /// Writes a metric with the points that `write` adds.
    pub fn metric(&mut self, metric: &Metric, write: impl FnOnce(&mut Points<'_>)) {
        let start = self.out.len();
        let message = open(self.out, 2);
        bytes(self.out, 1, metric.name.as_bytes());
        bytes(self.out, 3, metric.unit.as_bytes());
        let data = open(self.out, if metric.kind == Kind::Gauge { 5 } else { 7 });
        if metric.kind != Kind::Gauge {
            uint(self.out, 2, CUMULATIVE);
            uint(self.out, 3, u64::from(metric.kind == Kind::Counter));
        }
        let without_points = self.out.len();
        write(&mut Points {
            out: self.out,
            times: self.times,
            is_gauge: metric.kind == Kind::Gauge,
        });
        if self.out.len() == without_points {
            self.out.truncate(start);
            return;
        }
        close(self.out, data);
        close(self.out, message);
    }

    /// Writes a metric of one point without attributes, or nothing.
    pub fn int(&mut self, metric: &Metric, value: Option<u64>) {
        if let Some(value) = value {
            self.metric(metric, |points| points.int(value, &[]));
        }
    }

    /// Writes a metric of one point without attributes, or nothing.
    pub fn double(&mut self, metric: &Metric, value: Option<f64>) {
        if let Some(value) = value {
            self.metric(metric, |points| points.double(value, &[]));
        }
    }
}

/// The data points of the metric that is being written.
#[derive(Debug)]
pub struct Points<'a> {
    out: &'a mut Vec<u8>,
    times: Times,
    is_gauge: bool,
}

impl Points<'_> {
    /// A point with an integer; what an `int64` can't hold becomes its greatest.
    pub fn int(&mut self, value: u64, attributes: &[(&str, Value<'_>)]) {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        self.point(attributes, |out| sfixed64(out, 6, value));
    }

    /// A point with a double.
    pub fn double(&mut self, value: f64, attributes: &[(&str, Value<'_>)]) {
        self.point(attributes, |out| double(out, 4, value));
    }

    fn point(&mut self, attributes: &[(&str, Value<'_>)], value: impl FnOnce(&mut Vec<u8>)) {
        let point = open(self.out, 1);
        if !self.is_gauge {
            fixed64(self.out, 2, self.times.start_unix_nano);
        }
        fixed64(self.out, 3, self.times.now_unix_nano);
        value(self.out);
        for (key, value) in attributes {
            match value {
                Value::Text(text) => attributes::string(self.out, OF_NUMBER_DATA_POINT, key, text),
                Value::Int(int) => attributes::int(self.out, OF_NUMBER_DATA_POINT, key, *int),
            }
        }
        close(self.out, point);
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::{
        collector::metrics::v1::ExportMetricsServiceRequest,
        common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value},
        metrics::v1::{
            AggregationTemporality, Gauge, Metric as Decoded, NumberDataPoint, ResourceMetrics,
            ScopeMetrics, Sum, metric::Data, number_data_point,
        },
        resource::v1::Resource,
    };
    use prost::Message as _;

    use super::{Value::*, *};

    const TIMES: Times = Times {
        start_unix_nano: 5,
        now_unix_nano: 9,
    };

    fn attribute(key: &str, value: any_value::Value) -> KeyValue {
        KeyValue {
            key: key.to_owned(),
            value: Some(AnyValue { value: Some(value) }),
            ..KeyValue::default()
        }
    }

    #[test]
    fn a_counter_an_up_down_counter_and_a_gauge_are_read_by_prost() {
        let mut resource = Vec::new();
        attributes::string(&mut resource, attributes::OF_RESOURCE, "host.name", "h");
        let mut out = Vec::new();
        resource_metrics(&mut out, &resource, &agent_scope(), TIMES, |metrics| {
            metrics.metric(&Metric::counter("lines", "{line}"), |points| {
                points.int(7, &[("kind", Text("read")), ("n", Int(-1))]);
                points.int(u64::MAX, &[]);
            });
            metrics.int(&Metric::up_down_counter("size", "By"), Some(3));
            metrics.double(&Metric::gauge("lag", "s"), Some(0.5));
        });

        let point = |start_time_unix_nano, attributes, value| NumberDataPoint {
            attributes,
            start_time_unix_nano,
            time_unix_nano: 9,
            value: Some(value),
            ..NumberDataPoint::default()
        };
        let int = number_data_point::Value::AsInt;
        let sum = |is_monotonic, data_points| {
            Data::Sum(Sum {
                data_points,
                aggregation_temporality: AggregationTemporality::Cumulative.into(),
                is_monotonic,
            })
        };
        let metric = |name: &str, unit: &str, data| Decoded {
            name: name.to_owned(),
            unit: unit.to_owned(),
            data: Some(data),
            ..Decoded::default()
        };
        let attributes = vec![
            attribute("kind", any_value::Value::StringValue("read".to_owned())),
            attribute("n", any_value::Value::IntValue(-1)),
        ];
        let expected = ExportMetricsServiceRequest {
            resource_metrics: vec![ResourceMetrics {
                resource: Some(Resource {
                    attributes: vec![attribute(
                        "host.name",
                        any_value::Value::StringValue("h".to_owned()),
                    )],
                    ..Resource::default()
                }),
                scope_metrics: vec![ScopeMetrics {
                    scope: Some(InstrumentationScope {
                        name: "trivium-agent".to_owned(),
                        version: env!("CARGO_PKG_VERSION").to_owned(),
                        ..InstrumentationScope::default()
                    }),
                    metrics: vec![
                        metric(
                            "lines",
                            "{line}",
                            sum(
                                true,
                                vec![
                                    point(5, attributes, int(7)),
                                    point(5, vec![], int(i64::MAX)),
                                ],
                            ),
                        ),
                        metric("size", "By", sum(false, vec![point(5, vec![], int(3))])),
                        metric(
                            "lag",
                            "s",
                            Data::Gauge(Gauge {
                                data_points: vec![point(
                                    0,
                                    vec![],
                                    number_data_point::Value::AsDouble(0.5),
                                )],
                            }),
                        ),
                    ],
                    ..ScopeMetrics::default()
                }],
                ..ResourceMetrics::default()
            }],
        };
        assert_eq!(
            ExportMetricsServiceRequest::decode(out.as_slice()).unwrap(),
            expected
        );
    }

    #[test]
    fn a_metric_without_points_and_a_resource_without_metrics_leave_no_bytes() {
        let mut out = b"before".to_vec();
        resource_metrics(&mut out, b"", b"", TIMES, |metrics| {
            metrics.metric(&Metric::counter("lines", "{line}"), |_| {});
            metrics.int(&Metric::gauge("size", "By"), None);
        });
        assert_eq!(out, b"before");
    }
}
