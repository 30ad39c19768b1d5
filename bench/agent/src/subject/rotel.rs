//! rotel, whose build for Python receives OTLP only and keeps what it has not delivered in memory. It compresses gRPC
//! requests with gzip, also when told not to.

use std::process::Command;

use super::{Input, Task};
use crate::Failure;

pub(super) fn configure(command: &mut Command, task: &Task<'_>) -> Result<(), Failure> {
    let Input::Otlp { grpc, http } = task.input else {
        return Err("rotel reads no files".into());
    };
    command
        .args(["start", "--exporter", "otlp"])
        .args(["--otlp-exporter-protocol", "grpc"])
        .args(["--otlp-exporter-compression", task.compression.name()])
        .args(["--otlp-exporter-retry-max-elapsed-time", "1h"])
        .arg("--otlp-exporter-endpoint")
        .arg(format!("http://{}", task.sink))
        .arg("--otlp-grpc-endpoint")
        .arg(format!("127.0.0.1:{grpc}"))
        .arg("--otlp-http-endpoint")
        .arg(format!("127.0.0.1:{http}"));
    Ok(())
}
