use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::{AnyValue, KeyValue, any_value::Value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    metrics::v1::{
        Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics,
        ScopeMetrics, metric::Data,
    },
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use proptest::prelude::*;
use prost::Message as _;

use super::*;
use crate::{relay::count_items, spool::Signal};

fn attribute(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue {
            value: Some(Value::StringValue(value.to_owned())),
        }),
        ..KeyValue::default()
    }
}

fn host() -> HostResource {
    [("host.name", "h1"), ("os.type", "linux")]
        .into_iter()
        .collect()
}

fn resource(keys: &[&str]) -> Resource {
    Resource {
        attributes: keys.iter().map(|key| attribute(key, "own")).collect(),
        dropped_attributes_count: keys.len() as u32,
        ..Resource::default()
    }
}

/// What `host()` makes of a resource.
fn expected(resource: Option<Resource>) -> Option<Resource> {
    let mut resource = resource.unwrap_or_default();
    for (key, value) in [("host.name", "h1"), ("os.type", "linux")] {
        if resource.attributes.iter().all(|own| own.key != key) {
            resource.attributes.push(attribute(key, value));
        }
    }
    Some(resource)
}

fn any_resource() -> impl Strategy<Value = Option<Resource>> {
    let key = prop::sample::select(vec!["host.name", "os.type", "service.name", ""]);
    let keys = prop::collection::vec(key, 0..5).prop_map(|keys| resource(&keys));
    prop::option::of(keys)
}

fn any_logs() -> impl Strategy<Value = ExportLogsServiceRequest> {
    let record = (any::<u64>(), ".{0,300}").prop_map(|(time, name)| LogRecord {
        time_unix_nano: time,
        event_name: name,
        ..LogRecord::default()
    });
    let scope = prop::collection::vec(record, 0..4).prop_map(|log_records| ScopeLogs {
        log_records,
        ..ScopeLogs::default()
    });
    let scopes = prop::collection::vec(scope, 0..3);
    let part = (any_resource(), scopes, ".{0,9}").prop_map(|(resource, scope_logs, schema_url)| {
        ResourceLogs {
            resource,
            scope_logs,
            schema_url,
        }
    });
    prop::collection::vec(part, 0..4)
        .prop_map(|resource_logs| ExportLogsServiceRequest { resource_logs })
}

proptest! {
    #[test]
    fn prost_reads_the_host_where_it_was_missing_and_all_else_as_it_was(request in any_logs()) {
        let encoded = Bytes::from(request.encode_to_vec());
        let enriched = host().add_to(encoded.clone()).unwrap();
        let mut wanted = request;
        let mut records = 0;
        for part in &mut wanted.resource_logs {
            part.resource = expected(part.resource.take());
            records += part.scope_logs.iter().map(|scope| scope.log_records.len()).sum::<usize>();
        }
        prop_assert_eq!(&ExportLogsServiceRequest::decode(enriched.clone()).unwrap(), &wanted);
        prop_assert_eq!(count_items(Signal::Logs, &encoded), Ok(records as u64));
        let again = host().add_to(enriched.clone()).unwrap();
        prop_assert_eq!(again, enriched, "and nothing is missing a second time");
    }

    #[test]
    fn arbitrary_bytes_are_refused_or_stay_what_prost_reads(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let enriched = host().add_to(Bytes::from(bytes.clone()));
        let _ = count_items(Signal::Metrics, &bytes);
        if let Ok(mut request) = ExportLogsServiceRequest::decode(bytes.as_slice()) {
            for part in &mut request.resource_logs {
                part.resource = expected(part.resource.take());
            }
            // prost takes groups in fields it does not know.
            if let Ok(enriched) = enriched {
                prop_assert_eq!(ExportLogsServiceRequest::decode(enriched).unwrap(), request);
            }
        }
    }
}

#[test]
fn a_request_that_lacks_nothing_is_not_copied() {
    let request = ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: Some(resource(&["os.type", "host.name"])),
            ..ResourceLogs::default()
        }],
    };
    let encoded = Bytes::from(request.encode_to_vec());
    let enriched = host().add_to(encoded.clone()).unwrap();
    assert_eq!(enriched.as_ptr(), encoded.as_ptr());
}

#[test]
fn fields_that_nobody_knows_yet_stay_where_they_are() {
    let mut encoded = vec![0xf8, 0x01, 7];
    let part = ResourceLogs::default();
    let request = ExportLogsServiceRequest {
        resource_logs: vec![part.clone(), part],
    };
    encoded.extend(request.encode_to_vec());
    encoded.extend([0xf8, 0x01, 8]);
    let enriched = host().add_to(Bytes::from(encoded)).unwrap();
    assert_eq!(enriched[..3], [0xf8, 0x01, 7]);
    assert_eq!(enriched[enriched.len() - 3..], [0xf8, 0x01, 8]);
    let decoded = ExportLogsServiceRequest::decode(enriched).unwrap();
    assert_eq!(decoded.resource_logs.len(), 2);
    assert_eq!(decoded.resource_logs[1].resource, expected(None));
}

#[test]
fn spans_and_data_points_are_enriched_and_counted_too() {
    let spans = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource(&["host.name"])),
            scope_spans: vec![ScopeSpans {
                spans: vec![Span::default(); 3],
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    };
    let enriched = host().add_to(spans.encode_to_vec().into()).unwrap();
    assert_eq!(count_items(Signal::Traces, &enriched), Ok(3));
    let decoded = ExportTraceServiceRequest::decode(enriched).unwrap();
    let wanted = expected(Some(resource(&["host.name"])));
    assert_eq!(decoded.resource_spans[0].resource, wanted);

    let metric = |data| Metric {
        name: "m".to_owned(),
        data: Some(data),
        ..Metric::default()
    };
    let metrics = ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            scope_metrics: vec![ScopeMetrics {
                metrics: vec![
                    metric(Data::Gauge(Gauge {
                        data_points: vec![NumberDataPoint::default(); 2],
                    })),
                    metric(Data::Histogram(Histogram {
                        data_points: vec![HistogramDataPoint::default(); 4],
                        aggregation_temporality: 2,
                    })),
                ],
                ..ScopeMetrics::default()
            }],
            ..ResourceMetrics::default()
        }],
    };
    let enriched = host().add_to(metrics.encode_to_vec().into()).unwrap();
    assert_eq!(count_items(Signal::Metrics, &enriched), Ok(6));
    let decoded = ExportMetricsServiceRequest::decode(enriched).unwrap();
    assert_eq!(decoded.resource_metrics[0].resource, expected(None));
}

#[test]
fn what_is_no_protobuf_is_refused() {
    for garbage in [
        &b"hello"[..],
        &[0x0a, 5, 1],
        &[0x0a, 1, 0x0a],
        &[0],
        &[0x0b],
        &[0xff; 12],
    ] {
        let bytes = Bytes::copy_from_slice(garbage);
        assert_eq!(host().add_to(bytes), Err(Malformed), "{garbage:?}");
    }
}
