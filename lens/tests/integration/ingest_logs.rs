//! OTLP logs at Loki's path.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValueList};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use prost::Message as _;

use crate::support::{TestLens, attribute, gzip, resource, scope, text};

const TIME_NS: u64 = 1_790_000_000_000_000_000;

pub(crate) fn log(n: u64) -> LogRecord {
    LogRecord {
        time_unix_nano: TIME_NS + n,
        severity_number: 9,
        severity_text: "INFO".to_owned(),
        body: Some(AnyValue {
            value: Some(Value::StringValue(format!("log {n}"))),
        }),
        ..LogRecord::default()
    }
}

pub(crate) fn logs_request(
    log_records: impl IntoIterator<Item = LogRecord>,
) -> ExportLogsServiceRequest {
    let log_records = log_records.into_iter().collect();
    let scope_logs = ScopeLogs {
        scope: Some(scope()),
        log_records,
        ..ScopeLogs::default()
    };
    let resource_logs = ResourceLogs {
        resource: Some(resource()),
        scope_logs: vec![scope_logs],
        ..ResourceLogs::default()
    };
    ExportLogsServiceRequest {
        resource_logs: vec![resource_logs],
    }
}

#[tokio::test]
async fn a_thousand_records_are_a_thousand_rows_however_often_the_request_is_sent() {
    let lens = TestLens::start().await;
    let request = logs_request((0..1000).map(log)).encode_to_vec();

    for _ in 0..2 {
        assert_eq!(
            lens.post("/otlp/v1/logs", None, request.clone())
                .await
                .status(),
            204
        );
        // The same request however it is compressed.
        assert_eq!(
            lens.post("/otlp/v1/logs", Some("gzip"), gzip(&request))
                .await
                .status(),
            204
        );
    }
    assert_eq!(lens.count("logs").await, 1000);

    // Other bytes are another request, also when they say the same.
    let [a, b] = [log(0), log(1)];
    let other = logs_request([b, a]).encode_to_vec();
    assert_eq!(lens.post("/otlp/v1/logs", None, other).await.status(), 204);
    assert_eq!(lens.count("logs").await, 1002);
}

type Row = (
    i64,
    Option<Vec<u8>>,
    Option<Vec<u8>>,
    String,
    i64,
    String,
    String,
    String,
    String,
);

#[tokio::test]
async fn each_field_of_a_record_is_stored() {
    let lens = TestLens::start().await;
    let full = LogRecord {
        trace_id: vec![0xab; 16],
        span_id: vec![0xcd; 8],
        event_name: "auth.login.failed".to_owned(),
        attributes: vec![
            text("reason", "bad_password"),
            attribute("attempt", Value::IntValue(3)),
        ],
        ..log(0)
    };
    let structured = KeyValueList {
        values: vec![attribute("n", Value::IntValue(1))],
    };
    let observed = LogRecord {
        time_unix_nano: 0,
        observed_time_unix_nano: TIME_NS + 1,
        body: Some(AnyValue {
            value: Some(Value::KvlistValue(structured)),
        }),
        // Neither belongs to a trace: OTLP has receivers treat such ids as absent.
        trace_id: vec![0; 16],
        span_id: vec![1; 7],
        ..log(1)
    };
    let request = logs_request([full, observed]).encode_to_vec();
    assert_eq!(
        lens.post("/otlp/v1/logs", None, request).await.status(),
        204
    );

    let rows: Vec<Row> = lens
        .rows(
            "SELECT time_ns, trace_id, span_id, scope, severity, severity_text, event_name, body, attributes
             FROM logs ORDER BY time_ns",
        )
        .await;
    let scope = || "trivium-app".to_owned();
    let start = TIME_NS.cast_signed();
    assert_eq!(
        rows,
        [
            (
                start,
                Some(vec![0xab; 16]),
                Some(vec![0xcd; 8]),
                scope(),
                9,
                "INFO".to_owned(),
                "auth.login.failed".to_owned(),
                "log 0".to_owned(),
                r#"{"reason":"bad_password","attempt":3}"#.to_owned(),
            ),
            (
                start + 1,
                None,
                None,
                scope(),
                9,
                "INFO".to_owned(),
                String::new(),
                r#"{"n":1}"#.to_owned(),
                "{}".to_owned(),
            ),
        ]
    );
}
