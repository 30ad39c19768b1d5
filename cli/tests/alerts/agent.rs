//! The agent on a host that is made up, with a disk of its own that is full.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
};

use crate::{
    here::{is_there, program},
    host::Host,
    part::Part,
    start,
};

/// Mounts a disk of 1 MiB at `$1/disk`, fills it but for 8 KiB, puts the mount on the host's list, and goes on as the agent. All
/// of it is in namespaces of its own: the mount ends with the agent.
const WITH_FULL_DISK: &str = r#"
set -e
host=$1
shift
mount -t tmpfs -o size=1m tmpfs "$host/disk"
head -c 1040384 /dev/zero > "$host/disk/file"
sed -n "s| $host/disk | /disk |p" /proc/self/mountinfo > "$host/proc/1/mountinfo"
exec "$@"
"#;

/// The longest line that it takes, in bytes.
pub(crate) const MAX_LINE: usize = 1024;

fn in_namespaces() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount"]);
    command
}

/// Whether this machine lets programs have namespaces; a word on it where it does not, and a failure in CI.
pub(crate) fn can_have_a_disk() -> bool {
    let status = in_namespaces().arg("true").stderr(Stdio::null()).status();
    is_there(
        "a user namespace",
        status.is_ok_and(|status| status.success()),
    )
}

/// Reads `FOLDER/logs/*.log` and measures `host` each second.
pub(crate) async fn start(folder: &Path, host: &Host, otlp: SocketAddr) -> Part {
    fs::create_dir(folder.join("logs")).unwrap();
    let config = folder.join("agent.yaml");
    let text = format!(
        "endpoint: http://{otlp}\n\
         state_dir: {folder}/agent\n\
         root: {host}\n\
         logs:\n\
         \x20 containers: {{kubernetes: false, max_line: {MAX_LINE}}}\n\
         \x20 files: [{{include: [{folder}/logs/*.log], max_line: {MAX_LINE}}}]\n\
         metrics: {{host: {{interval: 1s}}, containers: {{interval: 1s}}}}\n",
        folder = folder.display(),
        host = host.0.display(),
    );
    fs::write(&config, text).unwrap();
    let mut command = in_namespaces();
    command
        .args(["sh", "-c", WITH_FULL_DISK, "sh"])
        .arg(&host.0)
        .arg(program("trivium-agent"))
        .args(["run", "--config"])
        .arg(config);
    start::agent(&mut command, folder).await
}
