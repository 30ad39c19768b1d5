//! The lens that is measured: its process, what it uses, and what is in its database at the end.

use std::path::Path;
use std::process::Child;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use procfs::process::Process;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;

use crate::{Failure, process};

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
        let program = Path::new(env!("CARGO_BIN_EXE_trivium-lens"));
        let (child, addresses) = process::start(program, folder.path(), max_bytes)?;
        let [_page, ingest_http, ingest_grpc] =
            addresses.map(|url| url.trim_start_matches("http://").to_owned());
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
