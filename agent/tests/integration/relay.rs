//! OTLP of local programs: taken, enriched, and kept while the Collector is away.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
};

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::{ExportLogsServiceRequest, logs_service_client::LogsServiceClient},
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::{AnyValue, KeyValue, any_value::Value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message as _;
use tonic::{Code, Status};
use trivium_bench_agent::lines;

use crate::support::{Agent, Bed, attribute, of_resource, resource_spans};

pub(crate) const OPEN: &str = "otlp: {grpc: '127.0.0.1:0', http: '127.0.0.1:0'}";

/// Where the agent receives.
pub(crate) fn address(agent: &Agent, protocol: &str) -> SocketAddr {
    let start = format!("receiving OTLP/{protocol} at ");
    let said = agent.says(&start);
    let (_, rest) = said.split_once(&start).unwrap();
    rest.lines().next().unwrap().trim().parse().unwrap()
}

fn resource(host: Option<&str>) -> Resource {
    let pairs = [("service.name", Some("shop")), ("host.name", host)];
    let attributes = pairs.into_iter().filter_map(|(key, value)| {
        Some(KeyValue {
            key: key.to_owned(),
            value: Some(AnyValue {
                value: Some(Value::StringValue(value?.to_owned())),
            }),
            ..KeyValue::default()
        })
    });
    Resource {
        attributes: attributes.collect(),
        ..Resource::default()
    }
}

fn request(
    source: u32,
    numbers: std::ops::Range<u64>,
    host: Option<&str>,
) -> ExportLogsServiceRequest {
    let records = numbers.map(|number| LogRecord {
        body: Some(AnyValue {
            value: Some(Value::StringValue(lines::message(source, number))),
        }),
        ..LogRecord::default()
    });
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: Some(resource(host)),
            scope_logs: vec![ScopeLogs {
                log_records: records.collect(),
                ..ScopeLogs::default()
            }],
            ..ResourceLogs::default()
        }],
    }
}

/// Sends the records of these numbers by gRPC.
pub(crate) fn send(
    to: SocketAddr,
    source: u32,
    numbers: std::ops::Range<u64>,
) -> Result<(), Status> {
    send_request(to, request(source, numbers, None))
}

fn send_request(to: SocketAddr, request: ExportLogsServiceRequest) -> Result<(), Status> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let client = LogsServiceClient::connect(format!("http://{to}")).await;
        let mut client = client.map_err(|error| Status::unavailable(error.to_string()))?;
        client.export(request).await.map(drop)
    })
}

/// The status of the answer to a POST.
fn post(to: SocketAddr, path: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(to).unwrap();
    let length = body.len();
    write!(stream, "POST {path} HTTP/1.1\r\nhost: agent\r\nconnection: close\r\ncontent-type: application/x-protobuf\r\ncontent-length: {length}\r\n\r\n").unwrap();
    stream.write_all(body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer);
    answer.split(' ').nth(1).unwrap().to_owned()
}

#[test]
fn what_was_taken_while_the_collector_was_away_survives_a_kill_and_is_delivered() {
    let bed = Bed::new();
    bed.configure(OPEN);
    bed.sink.leave().unwrap();
    let agent = bed.start();
    let grpc = address(&agent, "grpc");
    for part in 0..20 {
        send(grpc, 1, part * 50..(part + 1) * 50).unwrap();
    }
    let http = address(&agent, "http");
    let body = request(1, 1_000..1_100, None).encode_to_vec();
    assert_eq!(post(http, "/v1/logs", &body), "200");
    agent.kill();

    let agent = bed.start();
    agent.says("the spool holds 21 requests");
    // What comes now does not overtake it.
    send(address(&agent, "grpc"), 1, 1_100..1_110).unwrap();
    bed.sink.come_back().unwrap();
    bed.arrived(&agent, 1, 1_110);
    agent.stop();
    bed.sink.with_tally(|tally| {
        assert_eq!(
            (tally.records, tally.duplicates, tally.out_of_order),
            (1_110, 0, 0)
        );
    });
}

#[test]
fn the_hosts_attributes_are_added_where_they_are_missing_and_nothing_is_replaced() {
    let bed = Bed::new();
    bed.sink.keep();
    bed.configure(&format!(
        "{OPEN}\nresource: {{deployment.environment.name: test, host.name: this}}"
    ));
    let agent = bed.start();
    let grpc = address(&agent, "grpc");
    send_request(grpc, request(1, 0..1, None)).unwrap();
    send_request(grpc, request(1, 1..2, Some("other"))).unwrap();
    let found = bed.resource_logs();
    let of = |index: usize, key| of_resource(&found[index], key);
    assert_eq!(of(0, "service.name").as_deref(), Some("shop"));
    assert_eq!(of(0, "host.name").as_deref(), Some("this"));
    assert_eq!(of(0, "os.type").as_deref(), Some("linux"));
    assert_eq!(
        of(0, "deployment.environment.name").as_deref(),
        Some("test")
    );
    assert_eq!(of(1, "host.name").as_deref(), Some("other"));
    let names = found[1].resource.as_ref().unwrap().attributes.iter();
    assert_eq!(
        names
            .filter(|attribute| attribute.key == "host.name")
            .count(),
        1
    );

    let spans = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource(None)),
            scope_spans: vec![ScopeSpans {
                spans: vec![Span {
                    name: "buy".to_owned(),
                    ..Span::default()
                }],
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    };
    assert_eq!(
        post(
            address(&agent, "http"),
            "/v1/traces",
            &spans.encode_to_vec()
        ),
        "200"
    );
    agent.stop();
    let spans = bed.sink.with_tally(resource_spans);
    assert_eq!(spans.len(), 1);
    let attributes = &spans[0].resource.as_ref().unwrap().attributes;
    assert_eq!(attribute(attributes, "host.name").as_deref(), Some("this"));
    assert_eq!(spans[0].scope_spans[0].spans[0].name, "buy");
}

#[test]
fn what_the_collector_refuses_for_good_is_refused_to_who_sent_it() {
    let bed = Bed::new();
    bed.configure(OPEN);
    bed.sink
        .set_answer(trivium_bench_agent::sink::Answer::Refused);
    let agent = bed.start();
    let refused = send(address(&agent, "grpc"), 1, 0..1).unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("refused, as told"), "{refused}");
    let body = request(1, 0..1, None).encode_to_vec();
    assert_eq!(post(address(&agent, "http"), "/v1/logs", &body), "400");
    assert_eq!(
        post(address(&agent, "http"), "/v1/logs", b"\xff\xff"),
        "400"
    );
    agent.stop();
    assert_eq!(bed.answer(&["spool", "ls"]), "0 frames, 0 items, 0 bytes\n");
}

#[test]
fn a_program_and_a_file_are_delivered_side_by_side_through_outages() {
    let bed = Bed::new();
    bed.configure(OPEN);
    let mut writer = crate::support::Writer::new(&bed.log("app.log"), 2);
    let agent = bed.start();
    let grpc = address(&agent, "grpc");
    for part in 0..6 {
        if part % 2 == 0 {
            bed.sink.leave().unwrap();
        }
        send(grpc, 1, part * 100..(part + 1) * 100).unwrap();
        writer.write(100);
        if part % 2 == 0 {
            bed.sink.come_back().unwrap();
        }
    }
    bed.arrived(&agent, 1, 600);
    bed.arrived(&agent, 2, 600);
    agent.stop();
    bed.sink.with_tally(|tally| {
        assert_eq!((tally.records, tally.out_of_order), (1_200, 0));
    });
}
