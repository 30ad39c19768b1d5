use std::{
    io::Write as _,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use ::http::{Request, Response, StatusCode};
use flate2::write::GzEncoder;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::{
            ExportLogsServiceRequest, ExportLogsServiceResponse,
            logs_service_client::LogsServiceClient,
        },
        metrics::v1::{ExportMetricsServiceRequest, metrics_service_client::MetricsServiceClient},
        trace::v1::{ExportTraceServiceRequest, trace_service_client::TraceServiceClient},
    },
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    metrics::v1::ResourceMetrics,
    trace::v1::ResourceSpans,
};
use prost::Message as _;
use tokio::{
    net::TcpStream,
    sync::{Notify, oneshot},
    task::JoinHandle,
};
use tonic::{Code, codec::CompressionEncoding, transport::Channel};

use super::*;

type Outcome = Result<Option<PartialSuccess>, Refusal>;

/// Keeps what it gets, and answers as it is told to.
#[derive(Debug, Clone)]
struct Sink {
    received: Arc<Mutex<Vec<(Signal, Bytes)>>>,
    outcome: Arc<Mutex<Outcome>>,
    /// Deliveries wait for it when there is one.
    gate: Option<Arc<Notify>>,
    arrived: Arc<Notify>,
}

impl Deliver for Sink {
    async fn deliver(&self, signal: Signal, body: Bytes) -> Outcome {
        self.received.lock().unwrap().push((signal, body));
        self.arrived.notify_one();
        if let Some(gate) = &self.gate {
            gate.notified().await;
        }
        self.outcome.lock().unwrap().clone()
    }
}

struct Running {
    sink: Sink,
    grpc: SocketAddr,
    http: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

async fn start(outcome: Outcome, gate: Option<Arc<Notify>>) -> Running {
    let sink = Sink {
        received: Arc::default(),
        outcome: Arc::new(Mutex::new(outcome)),
        gate,
        arrived: Arc::default(),
    };
    let any_port = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    let relay = Relay::bind(Settings {
        grpc: any_port,
        http: any_port,
    })
    .await
    .unwrap();
    let (grpc, http) = (relay.grpc_address().unwrap(), relay.http_address().unwrap());
    let (stop, stopped) = oneshot::channel();
    let host = [("host.name", "h1")].into_iter().collect();
    let serving = relay.serve(sink.clone(), host, async {
        let _ = stopped.await;
    });
    Running {
        sink,
        grpc,
        http,
        stop,
        task: tokio::spawn(serving),
    }
}

impl Running {
    async fn channel(&self) -> Channel {
        let endpoint = Channel::from_shared(format!("http://{}", self.grpc)).unwrap();
        endpoint.connect().await.unwrap()
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
        let mut request = Request::post(format!("http://{}{path}", self.http));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).unwrap();
        Answer::of(client().request(request).await.unwrap()).await
    }

    /// A call with this body as it is.
    async fn call(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
        let mut request = Request::post(format!("http://{}{path}", self.grpc));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).unwrap();
        let client = Client::builder(TokioExecutor::new())
            .http2_only(true)
            .build_http();
        Answer::of(client.request(request).await.unwrap()).await
    }

    fn received(&self) -> Vec<(Signal, Bytes)> {
        self.sink.received.lock().unwrap().clone()
    }

    async fn end(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap();
    }
}

struct Answer {
    status: StatusCode,
    headers: ::http::HeaderMap,
    body: Bytes,
}

impl Answer {
    async fn of(response: Response<Incoming>) -> Self {
        let (head, body) = response.into_parts();
        Self {
            status: head.status,
            headers: head.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }

    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

fn client() -> Client<HttpConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new()).build_http()
}

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const GRPC: (&str, &str) = ("content-type", "application/grpc");

fn logs(text: &str) -> ExportLogsServiceRequest {
    let record = LogRecord {
        event_name: text.to_owned(),
        ..LogRecord::default()
    };
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            scope_logs: vec![ScopeLogs {
                log_records: vec![record],
                ..ScopeLogs::default()
            }],
            ..ResourceLogs::default()
        }],
    }
}

/// What was sent comes out with the host's name and nothing else changed.
fn assert_enriched(received: &Bytes, sent: &ExportLogsServiceRequest) {
    let mut received = ExportLogsServiceRequest::decode(received.clone()).unwrap();
    let resource = received.resource_logs[0].resource.take().unwrap();
    assert_eq!(resource.attributes.len(), 1);
    assert_eq!(resource.attributes[0].key, "host.name");
    assert_eq!(&received, sent);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// `google.rpc.Status` and what is in it.
#[derive(Clone, PartialEq, prost::Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(message, optional, tag = "2")]
    value: Option<RetryInfo>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<Delay>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

#[tokio::test]
async fn a_grpc_client_of_each_signal_is_answered_when_its_request_is_delivered() {
    let running = start(Ok(None), None).await;
    let channel = running.channel().await;
    for compression in [None, Some(CompressionEncoding::Gzip)] {
        let mut traces = TraceServiceClient::new(channel.clone());
        let mut metrics = MetricsServiceClient::new(channel.clone());
        let mut log_records = LogsServiceClient::new(channel.clone());
        if let Some(compression) = compression {
            traces = traces.send_compressed(compression);
            metrics = metrics.send_compressed(compression);
            log_records = log_records.send_compressed(compression);
        }
        let spans = ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans::default()],
        };
        let answer = traces.export(spans).await.unwrap().into_inner();
        assert_eq!(answer.partial_success, None);
        let points = ExportMetricsServiceRequest {
            resource_metrics: vec![ResourceMetrics::default()],
        };
        metrics.export(points).await.unwrap();
        let sent = logs(&"long ".repeat(100_000));
        log_records.export(sent.clone()).await.unwrap();
        let received = std::mem::take(&mut *running.sink.received.lock().unwrap());
        let signals: Vec<_> = received.iter().map(|(signal, _)| *signal).collect();
        assert_eq!(signals, [Signal::Traces, Signal::Metrics, Signal::Logs]);
        assert_enriched(&received[2].1, &sent);
    }
    drop(channel);
    running.end().await;
}

#[tokio::test]
async fn an_http_client_is_answered_with_the_response_of_its_service_whatever_it_compresses_with() {
    let running = start(Ok(None), None).await;
    let sent = logs("one");
    let encoded = sent.encode_to_vec();
    let zstd = zstd::bulk::compress(&encoded, 1).unwrap();
    for (encoding, body) in [
        ("identity", encoded.clone()),
        ("gzip", gzip(&encoded)),
        ("zstd", zstd),
    ] {
        let headers = [PROTOBUF, ("content-encoding", encoding)];
        let answer = running.post("/v1/logs", &headers, body).await;
        assert_eq!(answer.status, StatusCode::OK, "{encoding}");
        assert_eq!(answer.header("content-type"), "application/x-protobuf");
        assert_eq!(answer.body.len(), 0);
        let received = running.received();
        assert_eq!(received.last().unwrap().0, Signal::Logs);
        assert_enriched(&received.last().unwrap().1, &sent);
    }
    for (path, signal) in [
        ("/v1/traces", Signal::Traces),
        ("/v1/metrics", Signal::Metrics),
    ] {
        assert_eq!(
            running.post(path, &[PROTOBUF], "").await.status,
            StatusCode::OK
        );
        assert_eq!(running.received().last().unwrap().0, signal);
    }
    running.end().await;
}

#[tokio::test]
async fn a_grpc_call_may_be_compressed_with_zstd() {
    let running = start(Ok(None), None).await;
    let sent = logs("one");
    let compressed = zstd::bulk::compress(&sent.encode_to_vec(), 1).unwrap();
    let mut framed = vec![1];
    framed.extend((compressed.len() as u32).to_be_bytes());
    framed.extend(compressed);
    let headers = [GRPC, ("grpc-encoding", "zstd")];
    let answer = running
        .call(Signal::Logs.grpc_method(), &headers, framed)
        .await;
    assert_eq!(answer.body, [0; 5].as_slice(), "an empty message");
    assert_enriched(&running.received()[0].1, &sent);
    running.end().await;
}

#[tokio::test]
async fn a_partial_success_reaches_the_client() {
    let partial_success = PartialSuccess {
        rejected: 3,
        message: "too old".to_owned(),
    };
    let running = start(Ok(Some(partial_success)), None).await;
    let answer = running
        .post("/v1/logs", &[PROTOBUF], logs("").encode_to_vec())
        .await;
    let by_http = ExportLogsServiceResponse::decode(answer.body).unwrap();
    let mut client = LogsServiceClient::new(running.channel().await);
    let by_grpc = client.export(logs("")).await.unwrap().into_inner();
    for answer in [by_http, by_grpc] {
        let partial_success = answer.partial_success.unwrap();
        assert_eq!(partial_success.rejected_log_records, 3);
        assert_eq!(partial_success.error_message, "too old");
    }
    drop(client);
    running.end().await;
}

#[tokio::test]
async fn each_refusal_is_told_in_the_words_of_both_protocols() {
    let full = Refusal::Full {
        retry_after: Duration::from_millis(2500),
    };
    let away = Refusal::Unavailable { retry_after: None };
    let invalid = Refusal::Invalid {
        reason: "100 % wrong, é".to_owned(),
    };
    let running = start(Ok(None), None).await;
    let mut grpc = LogsServiceClient::new(running.channel().await);
    for (refusal, code, status, retry_after, delay) in [
        (
            full,
            Code::ResourceExhausted,
            429,
            "3",
            Some((2, 500_000_000)),
        ),
        (away, Code::Unavailable, 503, "", None),
        (invalid, Code::InvalidArgument, 400, "", None),
    ] {
        *running.sink.outcome.lock().unwrap() = Err(refusal.clone());
        let by_http = running.post("/v1/logs", &[PROTOBUF], "").await;
        assert_eq!(by_http.status, status);
        assert_eq!(by_http.header("retry-after"), retry_after);
        let by_grpc = grpc.export(logs("")).await.unwrap_err();
        assert_eq!(
            (by_grpc.code(), by_grpc.message()),
            (code, refusal.to_string().as_str())
        );
        for details in [&by_http.body[..], by_grpc.details()] {
            let details = Status::decode(details).unwrap();
            assert_eq!(
                (details.code, &details.message),
                (code as i32, &refusal.to_string())
            );
            let told = details.details.first().map(|any| {
                assert_eq!(any.type_url, "type.googleapis.com/google.rpc.RetryInfo");
                let delay = any.value.as_ref().unwrap().retry_delay.as_ref().unwrap();
                (delay.seconds, delay.nanos)
            });
            assert_eq!(told, delay);
        }
    }
    drop(grpc);
    running.end().await;
}

#[tokio::test]
async fn what_is_not_otlp_over_http_is_told_what_to_send_instead() {
    let running = start(Ok(None), None).await;
    let json = ("content-type", "application/json");
    let answer = running.post("/v1/logs", &[json], "{}").await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(
        text.contains("application/x-protobuf") && text.contains("JSON"),
        "{text}"
    );

    let unknown = [PROTOBUF, ("content-encoding", "br")];
    let answer = running.post("/v1/logs", &unknown, "x").await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let garbage = running.post("/v1/logs", &[PROTOBUF], "hello").await;
    assert_eq!(garbage.status, StatusCode::BAD_REQUEST);
    let torn = [PROTOBUF, ("content-encoding", "gzip")];
    assert_eq!(
        running.post("/v1/logs", &torn, "hello").await.status,
        StatusCode::BAD_REQUEST
    );
    let elsewhere = running.post("/v1/profiles", &[PROTOBUF], "").await;
    assert_eq!(elsewhere.status, StatusCode::NOT_FOUND);
    let get = Request::get(format!("http://{}/v1/logs", running.http));
    let get = get.body(Full::default()).unwrap();
    let answer = Answer::of(client().request(get).await.unwrap()).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.header("allow"), "POST");
    assert_eq!(running.received(), []);
    running.end().await;
}

#[tokio::test]
async fn a_call_that_is_not_framed_as_grpc_says_is_invalid() {
    let running = start(Ok(None), None).await;
    let export = Signal::Logs.grpc_method();
    for (case, body) in [
        ("nothing", &b""[..]),
        ("half a prefix", &[0, 0, 0]),
        ("less than it says", &[0, 0, 0, 0, 5, 1]),
        ("more than it says", &[0, 0, 0, 0, 0, 1]),
        ("an unknown flag", &[2, 0, 0, 0, 0]),
        ("no protobuf", &[0, 0, 0, 0, 1, 0xff]),
        ("compressed by nothing", &[1, 0, 0, 0, 1, 0xff]),
    ] {
        let answer = running.call(export, &[GRPC], body).await;
        assert_eq!(
            (answer.status, answer.header("grpc-status")),
            (StatusCode::OK, "3"),
            "{case}"
        );
    }
    let snappy = [GRPC, ("grpc-encoding", "snappy")];
    let answer = running.call(export, &snappy, &[1, 0, 0, 0, 0][..]).await;
    assert_eq!(answer.header("grpc-status"), "12");
    assert_eq!(answer.header("grpc-accept-encoding"), "gzip,zstd");
    let answer = running.call("/a.Service/Export", &[GRPC], "").await;
    assert_eq!(answer.header("grpc-status"), "12");
    let answer = running.call(export, &[PROTOBUF], "").await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(running.received(), []);
    running.end().await;
}

#[tokio::test]
async fn a_request_over_the_limit_is_refused_before_and_after_decompression() {
    let running = start(Ok(None), None).await;
    let large = vec![0; MAX_REQUEST_BYTES + 1];
    let compressed = gzip(&large);
    let bomb = [PROTOBUF, ("content-encoding", "gzip")];
    let answer = running.post("/v1/logs", &bomb, compressed.clone()).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    let zstd = [PROTOBUF, ("content-encoding", "zstd")];
    let bomb = zstd::bulk::compress(&large, 1).unwrap();
    let answer = running.post("/v1/logs", &zstd, bomb).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    let mut framed = vec![1];
    framed.extend((compressed.len() as u32).to_be_bytes());
    framed.extend(compressed);
    let headers = [GRPC, ("grpc-encoding", "gzip")];
    let answer = running
        .call(Signal::Logs.grpc_method(), &headers, framed)
        .await;
    assert_eq!(answer.header("grpc-status"), "3");
    assert_eq!(running.received(), []);
    running.end().await;
}

#[tokio::test]
async fn more_than_may_be_in_flight_is_refused_with_a_time_and_taken_when_there_is_room_again() {
    let gate = Arc::new(Notify::new());
    let running = Arc::new(start(Ok(None), Some(Arc::clone(&gate))).await);
    let large = Bytes::from(logs(&"x".repeat(MAX_REQUEST_BYTES - 1000)).encode_to_vec());
    let mut waiting = Vec::new();
    for _ in 0..2 {
        let (running, large) = (Arc::clone(&running), large.clone());
        let arrived = Arc::clone(&running.sink.arrived);
        waiting.push(tokio::spawn(async move {
            running.post("/v1/logs", &[PROTOBUF], large).await.status
        }));
        arrived.notified().await;
    }
    let refused = running
        .post("/v1/logs", &[PROTOBUF], large[..3000].to_vec())
        .await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.header("retry-after"), "1");
    gate.notify_waiters();
    for waiting in waiting {
        assert_eq!(waiting.await.unwrap(), StatusCode::OK);
    }
    gate.notify_one();
    let small = logs("now").encode_to_vec();
    assert_eq!(
        running.post("/v1/logs", &[PROTOBUF], small).await.status,
        StatusCode::OK
    );
    Arc::into_inner(running).unwrap().end().await;
}

#[tokio::test]
async fn a_running_request_is_answered_after_it_was_told_to_end_and_no_new_one_is_taken() {
    let gate = Arc::new(Notify::new());
    let running = start(Ok(None), Some(Arc::clone(&gate))).await;
    let mut grpc = LogsServiceClient::new(running.channel().await);
    let by_grpc = tokio::spawn(async move { grpc.export(logs("g")).await });
    running.sink.arrived.notified().await;
    let request = Request::post(format!("http://{}/v1/logs", running.http))
        .header(PROTOBUF.0, PROTOBUF.1)
        .body(Full::new(logs("h").encode_to_vec().into()))
        .unwrap();
    let by_http = tokio::spawn(async move { client().request(request).await });
    running.sink.arrived.notified().await;
    running.stop.send(()).unwrap();
    let refused = async {
        while TcpStream::connect(running.http).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), refused)
        .await
        .unwrap();
    assert!(!running.task.is_finished(), "two requests are running");
    gate.notify_waiters();
    by_grpc.await.unwrap().unwrap();
    assert_eq!(by_http.await.unwrap().unwrap().status(), StatusCode::OK);
    tokio::time::timeout(Duration::from_secs(10), running.task)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn an_address_in_use_is_named_with_the_setting_to_change() {
    let running = start(Ok(None), None).await;
    let settings = Settings {
        http: Some(running.grpc),
        ..Settings::default()
    };
    let error = Relay::bind(settings).await.unwrap_err().to_string();
    assert!(
        error.contains(&running.grpc.to_string()) && error.contains("otlp.http"),
        "{error}"
    );
    running.end().await;
}
