//! Finds the process that listens on a TCP port: from `/proc/net/tcp` the socket's inode, from `/proc/*/fd` its holder.

use std::{fmt, net::SocketAddr};

use procfs::{
    net::{TcpNetEntry, TcpState, tcp, tcp6},
    process::{FDTarget, Process, all_processes},
};

/// Who holds a port.
#[derive(Debug, PartialEq)]
pub(crate) enum Holder {
    Process {
        pid: i32,
        command: String,
    },
    /// The open files of other users' processes can't be read.
    Unknown,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process { pid, command } => write!(f, "process {pid} ({command})"),
            Self::Unknown => write!(f, "a process of another user"),
        }
    }
}

/// The first process found that listens where binding `address` conflicts.
pub(super) fn of(address: SocketAddr) -> Holder {
    let inodes: Vec<u64> = [tcp(), tcp6()]
        .into_iter()
        .flatten()
        .flatten()
        .filter(|socket| socket.state == TcpState::Listen && conflicts(socket, address))
        .map(|socket| socket.inode)
        .collect();
    let processes = all_processes().into_iter().flatten().flatten();
    let holder = processes
        .into_iter()
        .find(|process| holds(process, &inodes));
    holder.map_or(Holder::Unknown, |process| Holder::Process {
        pid: process.pid,
        command: command(&process),
    })
}

fn conflicts(socket: &TcpNetEntry, address: SocketAddr) -> bool {
    let local = socket.local_address;
    local.port() == address.port()
        && (local.ip() == address.ip()
            || local.ip().is_unspecified()
            || address.ip().is_unspecified())
}

fn holds(process: &Process, inodes: &[u64]) -> bool {
    let mut files = process.fd().into_iter().flatten().flatten();
    files.any(|file| matches!(file.target, FDTarget::Socket(inode) if inodes.contains(&inode)))
}

fn command(process: &Process) -> String {
    process.cmdline().unwrap_or_default().join(" ")
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn the_holder_of_a_port_is_found() {
        for bound in ["127.0.0.1:0", "0.0.0.0:0"] {
            let listener = TcpListener::bind(bound).unwrap();
            let port = listener.local_addr().unwrap().port();
            let Holder::Process { pid, command } = of(SocketAddr::from(([127, 0, 0, 1], port)))
            else {
                panic!("{bound}: not found");
            };
            assert_eq!(pid, std::process::id().cast_signed());
            assert!(command.contains("trivium"), "{command}");
        }
    }

    #[test]
    fn a_free_port_has_no_holder() {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        assert_eq!(
            of(SocketAddr::from(([127, 0, 0, 1], port))),
            Holder::Unknown
        );
    }
}
