//! Requests of which nothing can be stored: the status and a message that says what was wrong.

use bytes::{Buf as _, BufMut as _, Bytes};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use reqwest::StatusCode;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::support::{PROTOBUF, TestLens, gzip, span, trace_request};

/// Status and message of an answer; OTLP's is a `google.rpc.Status`.
async fn refusal(answer: reqwest::Response) -> (u16, String) {
    let status = answer.status().as_u16();
    let is_protobuf = answer
        .headers()
        .get("content-type")
        .is_some_and(|value| value == PROTOBUF);
    let body = answer.bytes().await.unwrap();
    let message = if is_protobuf {
        tonic_types::pb::Status::decode(body).unwrap().message
    } else {
        String::from_utf8(body.to_vec()).unwrap()
    };
    (status, message)
}

#[tokio::test]
async fn malformed_bodies_are_400_and_say_where() {
    let lens = TestLens::start().await;
    let truncated = {
        let mut body = trace_request([span(0)]).encode_to_vec();
        body.pop();
        body
    };
    let not_utf8 = vec![0x0a, 7, 0x12, 5, 0x12, 3, 0x2a, 1, 0xff];
    let lying_gzip = {
        let mut body = gzip(&[0; 100]);
        let end = body.len() - 4;
        body[end..].copy_from_slice(&50_u32.to_le_bytes());
        body
    };
    let proto = "the body is not a valid";
    let cases = [
        (
            "/v1/traces",
            None,
            truncated,
            format!("{proto} ExportTraceServiceRequest: "),
        ),
        ("/v1/traces", None, not_utf8, "Span.name".to_owned()),
        (
            "/otlp/v1/logs",
            None,
            b"{}".to_vec(),
            format!("{proto} ExportLogsServiceRequest: "),
        ),
        (
            "/otlp/v1/logs",
            Some("gzip"),
            b"not gzip".to_vec(),
            "the body is not valid gzip: ".to_owned(),
        ),
        (
            "/otlp/v1/logs",
            Some("gzip"),
            lying_gzip,
            "the body is not valid gzip: ".to_owned(),
        ),
        (
            "/api/v1/write",
            Some("snappy"),
            vec![0xff; 3],
            "the body is not a valid snappy block: ".to_owned(),
        ),
        (
            "/api/v1/write",
            Some("snappy"),
            vec![5, 0],
            "the body is not a valid snappy block: ".to_owned(),
        ),
        (
            "/api/v1/write",
            Some("snappy"),
            snap::raw::Encoder::new().compress_vec(&[0x0a, 5]).unwrap(),
            format!("{proto} prometheus.WriteRequest: "),
        ),
    ];
    for (path, encoding, body, expected) in cases {
        let (status, message) = refusal(lens.post(path, encoding, body).await).await;
        assert_eq!(status, 400, "{path}: {message}");
        assert!(
            message.contains(&expected),
            "{path}: {message:?} does not contain {expected:?}"
        );
    }
    for table in ["spans", "logs", "samples"] {
        assert_eq!(lens.count(table).await, 0, "{table}");
    }
}

#[tokio::test]
async fn too_large_bodies_are_413_also_when_they_are_small_as_sent() {
    let lens = TestLens::start().await;
    let as_sent = "the body as sent is larger than 16777216 bytes; send smaller batches";
    let decompressed = "the body decompressed is larger than 67108864 bytes; send smaller batches";
    // The length that a snappy block begins with, as a varint: nothing of this size is sent or allocated.
    let snappy_bomb = vec![0xff, 0xff, 0xff, 0xff, 0x0f];
    let cases = [
        ("/v1/traces", None, vec![0; 17 << 20], as_sent),
        (
            "/otlp/v1/logs",
            Some("gzip"),
            gzip(&vec![0; 65 << 20]),
            decompressed,
        ),
        ("/api/v1/write", Some("snappy"), snappy_bomb, decompressed),
    ];
    for (path, encoding, body, expected) in cases {
        let (status, message) = refusal(lens.post(path, encoding, body).await).await;
        assert_eq!((status, message.trim_end()), (413, expected), "{path}");
    }
}

#[tokio::test]
async fn other_formats_are_415_and_other_paths_404() {
    let lens = TestLens::start().await;
    let post = async |path: &str, media_type: &str, encoding: &str| {
        let request = reqwest::Client::new()
            .post(format!("http://{}{path}", lens.lens.ingest_http))
            .header("content-type", media_type)
            .header("content-encoding", encoding);
        refusal(request.send().await.unwrap()).await
    };
    let (status, message) = post("/v1/traces", "application/json", "identity").await;
    assert_eq!(status, 415);
    assert_eq!(
        message,
        "content type \"application/json\" is not supported; send application/x-protobuf (remote write: version 1.0)"
    );
    let (status, message) = post("/otlp/v1/logs", PROTOBUF, "zstd").await;
    assert_eq!(
        (status, &*message),
        (
            415,
            "content encoding \"zstd\" is not supported; send gzip or identity"
        )
    );
    let version_2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request";
    assert_eq!(post("/api/v1/write", version_2, "snappy").await.0, 415);

    let (status, message) = refusal(lens.post("/v1/metrics", None, Vec::new()).await).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(
        message.contains("/api/v1/write, /otlp/v1/logs or /v1/traces"),
        "{message}"
    );
    let get = reqwest::get(format!("http://{}/v1/traces", lens.lens.ingest_http))
        .await
        .unwrap();
    assert_eq!(get.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn grpc_says_the_same_in_its_own_codes() {
    let lens = TestLens::start().await;
    let malformed = send_bytes(&lens, Bytes::from_static(&[0x0a, 0x05])).await;
    assert_eq!(malformed.code(), Code::InvalidArgument);
    assert!(
        malformed
            .message()
            .starts_with("the body is not a valid ExportTraceServiceRequest: "),
        "{malformed}"
    );

    // Without RetryInfo: the Collector would repeat it without end otherwise, as it does after OUT_OF_RANGE.
    let too_large = send_bytes(&lens, Bytes::from(vec![0; 65 << 20])).await;
    assert_eq!(too_large.code(), Code::ResourceExhausted);
    assert!(too_large.get_details_retry_info().is_none());
    let name = "x".repeat(65 << 20);
    let bomb = lens
        .grpc()
        .await
        .export(trace_request([Span { name, ..span(0) }]))
        .await
        .unwrap_err();
    assert_eq!(bomb.code(), Code::ResourceExhausted);
    assert!(bomb.get_details_retry_info().is_none());
}

/// Sends bytes that are no message.
async fn send_bytes(lens: &TestLens, bytes: Bytes) -> Status {
    let channel =
        tonic::transport::Channel::from_shared(format!("http://{}", lens.lens.ingest_grpc))
            .unwrap();
    let mut grpc = tonic::client::Grpc::new(channel.connect().await.unwrap());
    grpc.ready().await.unwrap();
    let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
        .parse()
        .unwrap();
    grpc.unary(tonic::Request::new(bytes), path, BytesCodec)
        .await
        .unwrap_err()
}

struct BytesCodec;

impl Codec for BytesCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
