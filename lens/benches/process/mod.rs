//! The process of the lens that is measured.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::Failure;

/// Starts it on free ports with its database in `folder`, and returns where it listens, as URLs: its page, ingest over HTTP,
/// ingest over gRPC.
pub(crate) fn start(
    program: &Path,
    folder: &Path,
    max_bytes: &str,
) -> Result<(Child, [String; 3]), Failure> {
    let mut child = Command::new(program)
        .env("LENS_LISTEN", "127.0.0.1:0")
        .env("LENS_INGEST_HTTP", "127.0.0.1:0")
        .env("LENS_INGEST_GRPC", "127.0.0.1:0")
        .env("LENS_DATA", folder.join("lens.db"))
        .env("LENS_MAX_BYTES", max_bytes)
        .env("OTEL_SDK_DISABLED", "true")
        .stderr(Stdio::piped())
        .spawn()?;
    let stderr = child.stderr.take().ok_or("lens has no stderr")?;
    let mut lines = BufReader::new(stderr).lines();
    let mut address = || {
        let line = lines.next().ok_or("lens did not start")??;
        let address = line
            .rsplit_once(' ')
            .ok_or("lens did not print an address")?;
        Ok::<_, Failure>(address.1.to_owned())
    };
    let addresses = [address()?, address()?, address()?];
    Ok((child, addresses))
}
