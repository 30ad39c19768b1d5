//! Starts programs of Java so that they are ready soon: they live for seconds.

use std::process::Command;

pub(crate) fn java() -> Command {
    let mut command = Command::new("java");
    command.args(["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]);
    command
}
