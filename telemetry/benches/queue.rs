//! What a span and a log record cost the thread that makes them, up to the queue they wait in: made, ended, queued.
//! `cargo bench -p trivium-telemetry --bench queue`
//!
//! A receiver in this process takes all in. Items are made in rounds smaller than the queue; between rounds, outside of
//! the measured time, the bench waits until the round has arrived, so that nothing is dropped and the exporting thread
//! sleeps while is measured.

use std::{
    hint::black_box,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use criterion::{Criterion, criterion_group, criterion_main};
use opentelemetry_proto::tonic::collector::{
    logs::v1::ExportLogsServiceRequest, trace::v1::ExportTraceServiceRequest,
};
use prost::Message as _;
use trivium_telemetry::Telemetry;

/// Half of the queue.
const ROUND: u64 = 4096;

/// Counts the items that arrive by OTLP/HTTP.
#[derive(Debug, Clone, Default)]
struct Receiver(Arc<AtomicU64>);

impl Receiver {
    /// On a free port, which it returns, for the life of the process.
    fn start(&self) -> std::io::Result<u16> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let receiver = self.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let receiver = receiver.clone();
                thread::spawn(move || receiver.serve(stream));
            }
        });
        Ok(port)
    }

    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut writer = stream;
        loop {
            let (mut path, mut length, mut line) = (String::new(), 0, String::new());
            while reader.read_line(&mut line)? > 2 {
                let lower = line.to_ascii_lowercase();
                if path.is_empty() {
                    path = lower;
                } else if let Some(value) = lower.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap_or(0);
                }
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body)?;
            self.0.fetch_add(items(&path, &body), Ordering::SeqCst);
            writer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?;
        }
    }

    fn wait_for(&self, items: u64) {
        while self.0.load(Ordering::SeqCst) < items {
            thread::sleep(Duration::from_millis(1));
        }
        self.0.store(0, Ordering::SeqCst);
    }
}

fn items(path: &str, body: &[u8]) -> u64 {
    let items: usize = if path.contains("/v1/traces") {
        let request = ExportTraceServiceRequest::decode(body).unwrap_or_default();
        let resources = request.resource_spans.iter();
        resources
            .flat_map(|resource| &resource.scope_spans)
            .map(|scope| scope.spans.len())
            .sum()
    } else if path.contains("/v1/logs") {
        let request = ExportLogsServiceRequest::decode(body).unwrap_or_default();
        let resources = request.resource_logs.iter();
        resources
            .flat_map(|resource| &resource.scope_logs)
            .map(|scope| scope.log_records.len())
            .sum()
    } else {
        0
    };
    items as u64
}

/// Makes `iterations` items in rounds and adds up the time of making them alone.
fn rounds(iterations: u64, receiver: &Receiver, mut make: impl FnMut()) -> Duration {
    let mut measured = Duration::ZERO;
    let mut left = iterations;
    while left > 0 {
        let round = left.min(ROUND);
        let started = Instant::now();
        for _ in 0..round {
            make();
        }
        measured += started.elapsed();
        receiver.wait_for(round);
        left -= round;
    }
    measured
}

fn queue(criterion: &mut Criterion) {
    let receiver = Receiver::default();
    let port = receiver.start().expect("a free port");
    let _telemetry = Telemetry::builder("bench")
        .init_from(|variable| {
            Some(match variable {
                "OTEL_EXPORTER_OTLP_ENDPOINT" => format!("http://127.0.0.1:{port}"),
                "OTEL_EXPORTER_OTLP_PROTOCOL" => "http/protobuf".to_owned(),
                "OTEL_EXPORTER_OTLP_COMPRESSION" => "none".to_owned(),
                "OTEL_BSP_MAX_EXPORT_BATCH_SIZE" | "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE" => {
                    ROUND.to_string()
                }
                "OTEL_BSP_SCHEDULE_DELAY" | "OTEL_BLRP_SCHEDULE_DELAY" => "20".to_owned(),
                _ => return None,
            })
        })
        .expect("nothing else sets up telemetry here");

    let mut group = criterion.benchmark_group("queue");
    group
        .sample_size(20)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_millis(500));
    group.bench_function("a span of five attributes", |bencher| {
        bencher.iter_custom(|iterations| {
            rounds(iterations, &receiver, || {
                tracing::info_span!(
                    "GET /users/me/",
                    otel.kind = "server",
                    http.request.method = "GET",
                    http.route = black_box("/users/me/"),
                    url.scheme = "http",
                    network.protocol.version = "1.1",
                    http.response.status_code = black_box(200),
                )
                .in_scope(|| {});
            })
        });
    });
    group.bench_function("a log record of two attributes", |bencher| {
        bencher.iter_custom(|iterations| {
            rounds(iterations, &receiver, || {
                tracing::info!(name: "user.read", route = "/users/me/", user = black_box(7), "read");
            })
        });
    });
    group.finish();
}

criterion_group!(benches, queue);
criterion_main!(benches);
