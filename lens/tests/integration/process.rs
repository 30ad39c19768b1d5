//! The program itself: what it prints, how it ends, what stops its start, and what survives `kill -9`.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use prost::Message as _;
use trivium_lens::server::{Lens, StartError};
use trivium_lens::store::StoreError;

use crate::ingest_logs::{log, logs_request};
use crate::ingest_metrics::{series, snappy};
use crate::support::{PROTOBUF, config, count, rows, span, trace_client, trace_request};

/// The real binary; killed when dropped.
struct Program {
    child: Child,
    page: String,
    ingest_http: String,
    ingest_grpc: String,
}

impl Program {
    fn command(folder: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trivium-lens"));
        command
            .env("LENS_LISTEN", "127.0.0.1:0")
            .env("LENS_INGEST_HTTP", "127.0.0.1:0")
            .env("LENS_INGEST_GRPC", "127.0.0.1:0")
            .env("LENS_DATA", folder.join("lens.db"))
            .env("OTEL_SDK_DISABLED", "true")
            .stderr(Stdio::piped());
        command
    }

    fn start(folder: &Path) -> Self {
        let mut child = Self::command(folder).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut address = |prefix: &str| {
            let line = lines.next().unwrap().unwrap();
            line.strip_prefix(prefix)
                .unwrap_or_else(|| panic!("{line:?} does not begin with {prefix:?}"))
                .to_owned()
        };
        let page = address("trivium-lens page http://");
        let ingest_http = address("trivium-lens ingest http://");
        let ingest_grpc = address("trivium-lens ingest grpc http://");
        Self {
            child,
            page,
            ingest_http,
            ingest_grpc,
        }
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Fails when it has ended, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn it_says_where_it_is_and_ends_with_one_file_after_a_signal() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let folder = tempfile::tempdir().unwrap();
        let mut program = Program::start(folder.path());
        for path in ["livez", "readyz"] {
            assert_eq!(
                reqwest::get(format!("http://{}/{path}", program.page))
                    .await
                    .unwrap()
                    .status(),
                200
            );
        }
        let mut client = trace_client(program.ingest_grpc.parse().unwrap()).await;
        client.export(trace_request([span(0)])).await.unwrap();

        program.signal(signal);
        assert!(program.child.wait().unwrap().success());
        assert!(!folder.path().join("lens.db-wal").exists());
        assert_eq!(count(&folder.path().join("lens.db"), "spans").await, 1);
    }
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_it_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = Program::start(folder.path());
    let [spans, logs, samples] = [(); 3].map(|()| Arc::new(AtomicU64::new(0)));

    // Each sender numbers its requests of 50 rows and counts those that were acknowledged, until the connection breaks.
    let mut client = trace_client(program.ingest_grpc.parse().unwrap()).await;
    let acknowledged = Arc::clone(&spans);
    let spans_sender = tokio::spawn(async move {
        for request in 0.. {
            let request = trace_request((50 * request..50 * request + 50).map(span));
            if client.export(request).await.is_err() {
                break;
            }
            acknowledged.fetch_add(50, Ordering::SeqCst);
        }
    });
    let post = |path: &str,
                body: Box<dyn Fn(u64) -> Vec<u8> + Send + Sync>,
                acknowledged: &Arc<AtomicU64>| {
        let url = format!("http://{}{path}", program.ingest_http);
        let acknowledged = Arc::clone(acknowledged);
        tokio::spawn(async move {
            let client = reqwest::Client::new();
            for request in 0.. {
                let sent = client
                    .post(&url)
                    .header("content-type", PROTOBUF)
                    .body(body(request))
                    .send()
                    .await;
                match sent {
                    Ok(answer) => assert_eq!(answer.status(), 204),
                    Err(_) => break,
                }
                acknowledged.fetch_add(50, Ordering::SeqCst);
            }
        })
    };
    let fifty_logs =
        |request: u64| logs_request((50 * request..50 * request + 50).map(log)).encode_to_vec();
    let first_ms = jiff::Timestamp::now().as_millisecond() - 3600 * 1000;
    let fifty_samples = move |request: u64| {
        let numbers = 50 * request..50 * request + 50;
        let samples: Vec<_> = numbers.map(|n| (first_ms + n.cast_signed(), 1.0)).collect();
        snappy(vec![series(&[("__name__", "m")], &samples)])
    };
    let logs_sender = post("/otlp/v1/logs", Box::new(fifty_logs), &logs);
    let samples_sender = post("/api/v1/write", Box::new(fifty_samples), &samples);

    let counters = [&spans, &logs, &samples];
    crate::support::wait_until("500 rows of each signal are acknowledged", || async {
        counters
            .iter()
            .all(|counter| counter.load(Ordering::SeqCst) >= 500)
    })
    .await;
    program.child.kill().unwrap();
    program.child.wait().unwrap();
    let (a, b, c) = tokio::join!(spans_sender, logs_sender, samples_sender);
    [a, b, c].into_iter().for_each(Result::unwrap);

    // Another start makes the database whole again.
    let program = Program::start(folder.path());
    let database = folder.path().join("lens.db");
    let numbered = [
        ("start_ns - 1790000000000000000".to_owned(), "spans", spans),
        ("time_ns - 1790000000000000000".to_owned(), "logs", logs),
        (format!("time_ms - {first_ms}"), "samples", samples),
    ];
    for (number, table, acknowledged) in numbered {
        let acknowledged = acknowledged.load(Ordering::SeqCst).cast_signed();
        let sql = format!(
            "SELECT count(*), count(DISTINCT {number}) FROM {table} WHERE {number} < {acknowledged}"
        );
        let stored: Vec<(i64, i64)> = rows(&database, &sql).await;
        assert_eq!(stored, [(acknowledged, acknowledged)], "{table}");
    }
    drop(program);
}

/// Runs a lens that does not start, and returns what it says.
fn stderr_of_failed_start(command: &mut Command) -> String {
    let mut child = command.spawn().unwrap();
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert!(!child.wait().unwrap().success());
    said
}

#[test]
fn a_wrong_setting_stops_the_start_with_its_name_its_value_and_the_fix() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        (
            "LENS_LISTEN",
            "localhost",
            "--listen",
            "such as 127.0.0.1:3000",
        ),
        (
            "LENS_RETENTION",
            "1 fortnight",
            "--retention",
            "such as 90m, 24h or 7days",
        ),
        (
            "LENS_MAX_BYTES",
            "1GB",
            "--max-bytes",
            "such as 512MiB or 1GiB",
        ),
    ];
    for (name, value, flag, fix) in cases {
        let said = stderr_of_failed_start(Program::command(folder.path()).env(name, value));
        for part in [flag, value, fix] {
            assert!(said.contains(part), "{said:?} does not contain {part:?}");
        }
    }
}

#[tokio::test]
async fn a_database_that_cannot_be_used_stops_the_start_with_its_path_and_the_fix() {
    let folder = tempfile::tempdir().unwrap();
    let first = Lens::start(&config(folder.path())).await.unwrap();
    let path = folder.path().join("lens.db");
    let said = stderr_of_failed_start(&mut Program::command(folder.path()));
    let expected = format!(
        "trivium-lens: the database {} is in use by another lens (process {}); stop that one or set LENS_DATA to another file\n",
        path.display(),
        std::process::id()
    );
    assert_eq!(said, expected);
    first.stop().await;
    Lens::start(&config(folder.path()))
        .await
        .unwrap()
        .stop()
        .await;

    let mut other = config(folder.path());
    other.data = folder.path().join("no/such/folder/lens.db");
    let error = Lens::start(&other).await.unwrap_err();
    assert!(
        matches!(error, StartError::Store(StoreError::Lock { .. })),
        "{error}"
    );
    assert!(
        error.to_string().contains("no/such/folder/lens.db.lock"),
        "{error}"
    );

    other.data = folder.path().join("notes.txt");
    std::fs::write(
        &other.data,
        "these are notes, and long enough to hold the header of a database. ".repeat(20),
    )
    .unwrap();
    let error = Lens::start(&other).await.unwrap_err();
    assert!(
        matches!(error, StartError::Store(StoreError::NotLens { .. })),
        "{error}"
    );

    other.data = folder.path().join("app.db");
    let mut app = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(&other.data)
        .create_if_missing(true);
    app = app.pragma("application_id", "7");
    drop(sqlx::ConnectOptions::connect(&app).await.unwrap());
    let error = Lens::start(&other).await.unwrap_err();
    assert!(
        matches!(error, StartError::Store(StoreError::NotLens { .. })),
        "{error}"
    );
}

#[tokio::test]
async fn a_taken_port_stops_the_start_with_the_setting() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = config(folder.path());
    config.ingest_grpc = taken.local_addr().unwrap();
    let error = Lens::start(&config).await.unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("cannot listen on {}: ", config.ingest_grpc)),
        "{error}"
    );
    assert!(
        error.ends_with("; set LENS_INGEST_GRPC to another address"),
        "{error}"
    );
}
