use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use opentelemetry_proto::tonic::{
    collector::logs::v1::{
        ExportLogsServiceRequest, ExportLogsServiceResponse, logs_service_client::LogsServiceClient,
    },
    common::v1::{AnyValue, any_value::Value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
};
use prost::Message as _;
use tonic::{Code, Status, codec::CompressionEncoding, transport::Channel};
use tonic_types::StatusExt as _;

use super::{Answer, Sink, Tally};
use crate::lines;

const SECOND: Duration = Duration::from_secs(1);

fn request(source: u32, numbers: &[u64]) -> ExportLogsServiceRequest {
    let records = numbers.iter().map(|number| LogRecord {
        body: Some(AnyValue {
            value: Some(Value::StringValue(lines::message(source, *number))),
        }),
        ..LogRecord::default()
    });
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            scope_logs: vec![ScopeLogs {
                log_records: records.collect(),
                ..ScopeLogs::default()
            }],
            ..ResourceLogs::default()
        }],
    }
}

async fn client(sink: &Sink) -> LogsServiceClient<Channel> {
    LogsServiceClient::connect(format!("http://{}", sink.address()))
        .await
        .unwrap()
}

async fn send(sink: &Sink, numbers: &[u64]) -> Result<ExportLogsServiceResponse, Status> {
    let answer = client(sink).await.export(request(1, numbers)).await?;
    Ok(answer.into_inner())
}

/// The whole answer to a POST of HTTP/1.1.
fn post(sink: &Sink, path: &str, encoding: &str, body: &[u8]) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(sink.address()).unwrap();
    let length = body.len();
    write!(stream, "POST {path} HTTP/1.1\r\nhost: sink\r\nconnection: close\r\ncontent-type: application/x-protobuf\r\n{encoding}content-length: {length}\r\n\r\n").unwrap();
    stream.write_all(body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let head = answer
        .windows(4)
        .position(|end| end == b"\r\n\r\n")
        .unwrap();
    let body = answer.split_off(head + 4);
    (String::from_utf8(answer).unwrap(), body)
}

#[tokio::test]
async fn requests_by_grpc_are_counted_plain_and_compressed() {
    let sink = Sink::start().unwrap();
    assert_eq!(
        send(&sink, &[0, 1, 2]).await.unwrap(),
        ExportLogsServiceResponse::default()
    );
    let mut gzip = client(&sink)
        .await
        .send_compressed(CompressionEncoding::Gzip);
    gzip.export(request(1, &[2, 4])).await.unwrap();
    sink.with_tally(|tally| {
        assert_eq!((tally.requests, tally.records, tally.duplicates), (2, 5, 1));
        assert_eq!(
            (tally.missing(1, 5), tally.first_missing(1, 5)),
            (1, Some(3))
        );
    });
}

#[test]
fn requests_by_http_are_counted_plain_gzip_and_zstd() {
    let sink = Sink::start().unwrap();
    let plain = request(2, &[0]).encode_to_vec();
    let zstd = zstd::bulk::compress(&request(2, &[1]).encode_to_vec(), 1).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&request(2, &[2]).encode_to_vec()).unwrap();
    for (encoding, body) in [
        ("", plain),
        ("content-encoding: zstd\r\n", zstd),
        ("content-encoding: gzip\r\n", gzip.finish().unwrap()),
    ] {
        let (head, body) = post(&sink, "/v1/logs", encoding, &body);
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        assert_eq!(body, b"");
    }
    sink.with_tally(|tally| assert_eq!((tally.records, tally.missing(2, 3)), (3, 0)));
}

#[tokio::test]
async fn what_is_refused_is_not_counted_and_says_when_to_retry() {
    let sink = Sink::start().unwrap();
    sink.set_answer(Answer::Unavailable);
    assert_eq!(
        send(&sink, &[0]).await.unwrap_err().code(),
        Code::Unavailable
    );
    sink.set_answer(Answer::ResourceExhausted(Duration::from_millis(1500)));
    let busy = send(&sink, &[0]).await.unwrap_err();
    assert_eq!(busy.code(), Code::ResourceExhausted);
    let retry = busy.get_details_retry_info().unwrap();
    assert_eq!(retry.retry_delay, Some(Duration::from_millis(1500)));
    let (head, _) = post(&sink, "/v1/logs", "", b"");
    assert!(head.starts_with("HTTP/1.1 429 "), "{head}");
    assert!(head.contains("retry-after: 2\r\n"), "{head}");
    sink.with_tally(|tally| assert_eq!((tally.records, tally.refused_requests), (0, 3)));
}

#[tokio::test]
async fn a_partial_success_rejects_records_and_counts_the_rest() {
    let sink = Sink::start().unwrap();
    sink.set_answer(Answer::PartialSuccess(2));
    let answer = send(&sink, &[0, 1, 2])
        .await
        .unwrap()
        .partial_success
        .unwrap();
    assert_eq!(answer.rejected_log_records, 2);
    sink.with_tally(|tally| {
        assert_eq!(
            (tally.records, tally.rejected, tally.missing(1, 3)),
            (1, 2, 2)
        );
    });
}

#[tokio::test]
async fn garbage_is_no_success_to_a_client() {
    let sink = Sink::start().unwrap();
    sink.set_answer(Answer::Garbage);
    assert!(send(&sink, &[0]).await.is_err());
    let (head, body) = post(&sink, "/v1/logs", "", &request(1, &[0]).encode_to_vec());
    assert!(head.contains("content-type: text/html\r\n"), "{head}");
    assert!(body.starts_with(b"<html>"));
    assert_eq!(sink.with_tally(|tally| tally.records), 0);
}

#[test]
fn a_request_that_is_no_otlp_is_refused_and_counts_nothing() {
    let sink = Sink::start().unwrap();
    let mut cut = request(1, &[0, 1]).encode_to_vec();
    cut.pop();
    for (path, encoding, status) in [
        ("/v1/logs", "", "400"),
        ("/v1/logs", "content-encoding: zstd\r\n", "400"),
        ("/v1/logs", "content-encoding: br\r\n", "400"),
        ("/v1/profiles", "", "404"),
    ] {
        let (head, _) = post(&sink, path, encoding, &cut);
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
    }
    sink.with_tally(|tally| assert_eq!((tally.records, tally.malformed_requests), (0, 3)));
}

#[tokio::test]
async fn away_it_refuses_connections_and_closes_those_it_had_and_comes_back_on_its_port() {
    let sink = Sink::start().unwrap();
    let mut before = client(&sink).await;
    before.export(request(1, &[0])).await.unwrap();
    sink.leave().unwrap();
    assert!(before.export(request(1, &[1])).await.is_err());
    let refused = TcpStream::connect(sink.address()).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    sink.come_back().unwrap();
    send(&sink, &[1]).await.unwrap();
    sink.with_tally(|tally| assert_eq!((tally.records, tally.missing(1, 2)), (2, 0)));
}

#[tokio::test]
async fn waiting_ends_when_all_have_come_and_gives_up_when_no_more_come() {
    let sink = Sink::start().unwrap();
    send(&sink, &[0, 1]).await.unwrap();
    assert!(sink.wait_for_all(1, 2, SECOND).is_some());
    assert_eq!(sink.wait_for_all(1, 3, SECOND / 10), None);
    assert_eq!(sink.wait(SECOND / 10, |tally| tally.requests > 1), None);
    assert_eq!(sink.with_tally(Tally::distinct), 2);
}
