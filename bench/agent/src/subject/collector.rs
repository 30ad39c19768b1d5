//! The Collector, configured as its documentation advises for not losing lines: offsets in `file_storage`, retries without
//! end, a queue that blocks the reader when it is full, and batches made in that queue.

use std::{fs, process::Command};

use super::{Input, Task};
use crate::Failure;

pub(super) fn configure(
    command: &mut Command,
    task: &Task<'_>,
    is_queue_on_disk: bool,
) -> Result<(), Failure> {
    let state = task.folder.join("state");
    let state = state.display();
    let (receiver, name) = match &task.input {
        Input::Containers(folder) => (
            file_log(
                &format!("{}/*/*-json.log", folder.display()),
                "[{type: container, format: docker, add_metadata_from_filepath: false}]",
            ),
            "filelog",
        ),
        Input::Files(glob) => (file_log(&glob.display().to_string(), "[]"), "filelog"),
        Input::Otlp { grpc, http } => (
            format!(
                "  otlp:\n    protocols:\n      grpc: {{endpoint: 127.0.0.1:{grpc}}}\n      http: {{endpoint: 127.0.0.1:{http}}}\n"
            ),
            "otlp",
        ),
    };
    let storage = if is_queue_on_disk {
        "\n      storage: file_storage"
    } else {
        ""
    };
    let configuration = format!(
        "receivers:
{receiver}
exporters:
  otlp:
    endpoint: {sink}
    compression: {compression}
    tls: {{insecure: true}}
    retry_on_failure: {{max_elapsed_time: 0}}
    sending_queue:
      sizer: items
      queue_size: 100000
      block_on_overflow: true{storage}
      batch: {{flush_timeout: 200ms, min_size: 2000, max_size: 8192, sizer: items}}
extensions:
  file_storage: {{directory: {state}}}
service:
  telemetry:
    metrics: {{level: none}}
  extensions: [file_storage]
  pipelines:
    logs: {{receivers: [{name}], exporters: [otlp]}}
",
        sink = task.sink,
        compression = task.compression.name(),
    );
    let file = task.folder.join("collector.yaml");
    fs::write(&file, configuration)?;
    command.arg("--config").arg(file);
    Ok(())
}

fn file_log(include: &str, operators: &str) -> String {
    format!(
        "  filelog:
    include: [{include}]
    start_at: beginning
    storage: file_storage
    retry_on_failure: {{enabled: true, max_elapsed_time: 0}}
    operators: {operators}
"
    )
}
