//! Fluent Bit, with its chunks in memory and its offsets in SQLite.

use std::{fs, process::Command};

use super::{Compression, Input, Task};
use crate::Failure;

pub(super) fn configure(command: &mut Command, task: &Task<'_>) -> Result<(), Failure> {
    let state = task.folder.join("state");
    let (path, parser) = match &task.input {
        Input::Containers(folder) => (
            format!("{}/*/*-json.log", folder.display()),
            "      parser: docker-json\n",
        ),
        Input::Files(glob) => (glob.display().to_string(), ""),
        Input::Otlp { .. } => return Err("Fluent Bit is measured with files only".into()),
    };
    let configuration = format!(
        "service:
  flush: 1
  log_level: warn
  scheduler.base: 1
  scheduler.cap: 10
parsers:
  - name: docker-json
    format: json
    time_key: time
    time_format: '%Y-%m-%dT%H:%M:%S.%L%z'
pipeline:
  inputs:
    - name: tail
      path: {path}
{parser}      db: {db}
      read_from_head: true
      refresh_interval: 1
      mem_buf_limit: 20MB
  outputs:
    - name: opentelemetry
      match: '*'
      host: {host}
      port: {port}
      logs_uri: /v1/logs
      logs_body_key: $log
      retry_limit: no_limits
{compress}",
        db = state.join("offsets.db").display(),
        host = task.sink.ip(),
        port = task.sink.port(),
        compress = match task.compression {
            Compression::None => "",
            Compression::Zstd => "      compress: zstd\n",
        },
    );
    let file = task.folder.join("fluent-bit.yaml");
    fs::write(&file, configuration)?;
    command.arg("--config").arg(file);
    Ok(())
}
