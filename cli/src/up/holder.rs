//! Finds the process that listens on a TCP port: from `/proc/net/tcp` the socket's inode, from `/proc/*/fd` its holder.

use std::{fmt, net::SocketAddr};

use procfs::{
    net::{TcpState, tcp, tcp6},
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
        .filter(|socket| {
            socket.state == TcpState::Listen && conflicts(socket.local_address, address)
        })
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

fn conflicts(local: SocketAddr, address: SocketAddr) -> bool {
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
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let Holder::Process { pid, command } = of(listener.local_addr().unwrap()) else {
            panic!("no process found");
        };
        assert_eq!(pid, std::process::id().cast_signed());
        assert!(command.contains("trivium"), "{command}");
    }

    #[test]
    fn a_free_port_has_no_holder() {
        // An address of its own, so that no other test can take the port meanwhile.
        let free = TcpListener::bind("127.0.0.77:0")
            .unwrap()
            .local_addr()
            .unwrap();
        assert_eq!(of(free), Holder::Unknown);
    }

    #[test]
    fn all_interfaces_conflict_with_each_address_of_the_port() {
        let conflict = |local: &str, address: &str| {
            conflicts(local.parse().unwrap(), address.parse().unwrap())
        };
        assert!(conflict("0.0.0.0:80", "127.0.0.1:80"));
        assert!(conflict("127.0.0.1:80", "0.0.0.0:80"));
        assert!(!conflict("127.0.0.2:80", "127.0.0.1:80"));
        assert!(!conflict("127.0.0.1:81", "127.0.0.1:80"));
    }
}
