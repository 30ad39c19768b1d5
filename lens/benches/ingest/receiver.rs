//! The lens that is measured: its process, what it uses, and what is in its database at the end.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use procfs::process::Process;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;

use crate::Failure;

pub(crate) struct Receiver {
    child: Child,
    folder: tempfile::TempDir,
    pub(crate) ingest_http: String,
    pub(crate) ingest_grpc: String,
}

pub(crate) struct Usage {
    pub(crate) peak_resident_bytes: u64,
    pub(crate) cpu_seconds: f64,
}

pub(crate) struct Stored {
    pub(crate) spans: u64,
    pub(crate) logs: u64,
    pub(crate) file_bytes: u64,
}

impl Receiver {
    pub(crate) fn start(max_bytes: &str) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let mut child = Command::new(env!("CARGO_BIN_EXE_trivium-lens"))
            .env("LENS_LISTEN", "127.0.0.1:0")
            .env("LENS_INGEST_HTTP", "127.0.0.1:0")
            .env("LENS_INGEST_GRPC", "127.0.0.1:0")
            .env("LENS_DATA", folder.path().join("lens.db"))
            .env("LENS_MAX_BYTES", max_bytes)
            .env("OTEL_SDK_DISABLED", "true")
            .stderr(Stdio::piped())
            .spawn()?;
        let stderr = child.stderr.take().ok_or("lens has no stderr")?;
        let mut lines = BufReader::new(stderr).lines();
        let mut address = || {
            let line = lines.next().ok_or("lens did not start")??;
            let address = line
                .rsplit_once("http://")
                .ok_or("lens did not print an address")?
                .1
                .to_owned();
            Ok::<_, Failure>(address)
        };
        let (_page, ingest_http, ingest_grpc) = (address()?, address()?, address()?);
        Ok(Self {
            child,
            folder,
            ingest_http,
            ingest_grpc,
        })
    }

    pub(crate) fn usage(&self) -> Result<Usage, Failure> {
        let process = Process::new(self.child.id().cast_signed())?;
        let stat = process.stat()?;
        let peak_kib = process
            .status()?
            .vmhwm
            .ok_or("the kernel does not tell the peak of the resident memory")?;
        Ok(Usage {
            peak_resident_bytes: peak_kib * 1024,
            cpu_seconds: (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64,
        })
    }

    pub(crate) async fn stop_and_count(&mut self) -> Result<Stored, Failure> {
        kill(
            Pid::from_raw(self.child.id().cast_signed()),
            Signal::SIGTERM,
        )?;
        self.child.wait()?;
        let path = self.folder.path().join("lens.db");
        let mut database = SqliteConnectOptions::new()
            .filename(&path)
            .connect()
            .await?;
        let (spans, logs): (i64, i64) =
            sqlx::query_as("SELECT (SELECT count(*) FROM spans), (SELECT count(*) FROM logs)")
                .fetch_one(&mut database)
                .await?;
        let file_bytes = std::fs::metadata(&path)?.len();
        Ok(Stored {
            spans: spans.unsigned_abs(),
            logs: logs.unsigned_abs(),
            file_bytes,
        })
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // It has ended when all went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
