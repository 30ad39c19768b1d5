//! trivium-agent as it comes, redaction included, but for what the peers are not asked to do: metrics, and sources beside the
//! one that is measured.

use std::{fs, process::Command};

use super::{Input, Task};
use crate::Failure;

pub(super) fn configure(command: &mut Command, task: &Task<'_>) -> Result<(), Failure> {
    let input = match &task.input {
        Input::Containers(folder) => {
            format!(
                "logs:\n  containers: {{docker: {}, kubernetes: false}}\n",
                folder.display()
            )
        }
        Input::Files(glob) => format!(
            "logs:\n  containers: false\n  files:\n    - include: [{}]\n      format: plain\n      start_at: beginning\n",
            glob.display()
        ),
        Input::Otlp { grpc, http } => {
            format!(
                "logs: {{containers: false}}\notlp: {{grpc: \"127.0.0.1:{grpc}\", http: \"127.0.0.1:{http}\"}}\n"
            )
        }
    };
    let configuration = format!(
        "endpoint: http://{}\nprotocol: grpc\ncompression: {}\nstate_dir: {}\nmetrics: {{host: false, containers: false}}\n{input}",
        task.sink,
        task.compression.name(),
        task.folder.join("state").display(),
    );
    let file = task.folder.join("agent.yaml");
    fs::write(&file, configuration)?;
    command.args(["run", "--config"]).arg(file);
    Ok(())
}
