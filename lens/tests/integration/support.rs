//! A lens with free ports on a temporary folder, requests as the Collector sends them, and a look into its database.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, FromRow};
use tonic::codec::CompressionEncoding;
use tonic::transport::Channel;
use trivium_lens::config::Config;
use trivium_lens::server::Lens;

pub(crate) const PROTOBUF: &str = "application/x-protobuf";

/// A lens in this process.
pub(crate) struct TestLens {
    pub(crate) lens: Lens,
    folder: tempfile::TempDir,
}

impl TestLens {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let lens = Lens::start(&config(folder.path())).await.unwrap();
        Self { lens, folder }
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("lens.db")
    }

    pub(crate) async fn grpc(&self) -> TraceServiceClient<Channel> {
        trace_client(self.lens.ingest_grpc).await
    }

    /// Posts protobuf to ingest.
    pub(crate) async fn post(
        &self,
        path: &str,
        encoding: Option<&str>,
        body: Vec<u8>,
    ) -> reqwest::Response {
        let request = reqwest::Client::new()
            .post(format!("http://{}{path}", self.lens.ingest_http))
            .header("content-type", PROTOBUF)
            .body(body);
        let request = encoding.into_iter().fold(request, |request, name| {
            request.header("content-encoding", name)
        });
        request.send().await.unwrap()
    }

    /// The rows of a query, as another program sees them.
    pub(crate) async fn rows<R>(&self, sql: &str) -> Vec<R>
    where
        R: for<'r> FromRow<'r, SqliteRow> + Send + Unpin,
    {
        rows(&self.database(), sql).await
    }

    pub(crate) async fn count(&self, table: &str) -> i64 {
        count(&self.database(), table).await
    }
}

pub(crate) fn config(folder: &Path) -> Config {
    let any: SocketAddr = ([127, 0, 0, 1], 0).into();
    Config {
        listen: any,
        ingest_http: any,
        ingest_grpc: any,
        token_file: None,
        data: folder.join("lens.db"),
        retention: Duration::from_secs(24 * 3600),
        max_bytes: 1 << 30,
    }
}

/// A client that compresses, as the Collector does.
pub(crate) async fn trace_client(address: SocketAddr) -> TraceServiceClient<Channel> {
    let client = TraceServiceClient::connect(format!("http://{address}"))
        .await
        .unwrap();
    client
        .send_compressed(CompressionEncoding::Gzip)
        .max_encoding_message_size(usize::MAX)
}

/// Another connection to the database, which may write.
pub(crate) async fn connect(database: &Path) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(database)
        .busy_timeout(Duration::from_secs(5))
        .connect()
        .await
        .unwrap()
}

pub(crate) async fn rows<R>(database: &Path, sql: &str) -> Vec<R>
where
    R: for<'r> FromRow<'r, SqliteRow> + Send + Unpin,
{
    sqlx::query_as(AssertSqlSafe(sql))
        .fetch_all(&mut connect(database).await)
        .await
        .unwrap()
}

pub(crate) async fn count(database: &Path, table: &str) -> i64 {
    rows::<(i64,)>(database, &format!("SELECT count(*) FROM {table}")).await[0].0
}

/// Polls until `condition` holds; fails after half a minute.
pub(crate) async fn wait_until<F: Future<Output = bool>>(
    what: &str,
    mut condition: impl FnMut() -> F,
) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition().await {
        assert!(Instant::now() < deadline, "not within 30 s: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

pub(crate) fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

pub(crate) fn resource() -> Resource {
    let attributes = vec![
        text("service.name", "auth"),
        text("service.namespace", "trivium"),
        text("service.instance.id", "i-1"),
    ];
    Resource {
        attributes,
        ..Resource::default()
    }
}

pub(crate) fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: "trivium-app".to_owned(),
        ..InstrumentationScope::default()
    }
}

/// A span that is span `n` of trace `n`.
pub(crate) fn span(n: u64) -> Span {
    Span {
        trace_id: u128::from(n + 1).to_be_bytes().to_vec(),
        span_id: (n + 1).to_be_bytes().to_vec(),
        name: format!("span {n}"),
        start_time_unix_nano: 1_790_000_000_000_000_000 + n,
        end_time_unix_nano: 1_790_000_000_000_000_000 + n + 1000,
        ..Span::default()
    }
}

pub(crate) fn trace_request(spans: impl IntoIterator<Item = Span>) -> ExportTraceServiceRequest {
    let scope_spans = ScopeSpans {
        scope: Some(scope()),
        spans: spans.into_iter().collect(),
        ..ScopeSpans::default()
    };
    let resource_spans = ResourceSpans {
        resource: Some(resource()),
        scope_spans: vec![scope_spans],
        ..ResourceSpans::default()
    };
    ExportTraceServiceRequest {
        resource_spans: vec![resource_spans],
    }
}
