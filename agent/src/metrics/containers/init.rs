//! The first process of a container, which tells when it was started and leads to its network.

use std::{fs, os::unix::fs::MetadataExt as _};

use super::{
    super::{
        text::{fields, number},
        view::HostView,
    },
    discover::has_folders,
};

/// How deep below a container's own cgroup its first process may be: systemd in a container puts it in `init.scope`.
const MAX_DEPTH: usize = 3;

/// The process that is listed first in a cgroup, or in the first one below it that has any. `None` also if the processes are
/// of a namespace that the agent can't see.
pub(super) fn first_process(view: &mut HostView, cgroup: &[&str]) -> Option<u64> {
    if !view.sees_process_numbers() {
        return None;
    }
    first_below(view, &cgroup.join("/"), 0)
}

fn first_below(view: &mut HostView, cgroup: &str, depth: usize) -> Option<u64> {
    let mut pid = None;
    view.lines(&[cgroup, "cgroup.procs"], |line| {
        pid = pid.or_else(|| number(line).filter(|pid| *pid > 0));
    })
    .ok()?;
    if pid.is_some() || depth == MAX_DEPTH {
        return pid;
    }
    let folder = view.resolve(&[cgroup]);
    if !has_folders(folder) {
        return None;
    }
    let entries = fs::read_dir(folder).ok()?;
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir())
            && let Some(name) = entry.file_name().to_str()
            && let Some(pid) = first_below(view, &format!("{cgroup}/{name}"), depth + 1)
        {
            return Some(pid);
        }
    }
    None
}

/// When a process was started, in clock ticks after boot: field 22 of its `stat`, which is the 20th after the name.
pub(super) fn start_ticks(view: &mut HostView, pid: &str) -> Option<u64> {
    let mut start = None;
    let read = view.lines(&["proc", pid, "stat"], |line| {
        start = start_of(line).or(start);
    });
    read.ok().and(start)
}

fn start_of(line: &[u8]) -> Option<u64> {
    let name_end = memchr::memrchr(b')', line)?;
    number(fields(&line[name_end + 1..]).nth(19)?)
}

/// What names the network namespace of a process: the inode of its `net/dev`, which is made anew for each. The link in
/// /proc/PID/ns would say it too, but may be read only with the right to trace the process.
pub(super) fn network(view: &mut HostView, process: &str) -> Option<u64> {
    let path = view.resolve(&[process, "net/dev"]);
    Some(fs::metadata(path).ok()?.ino())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_start_of_a_process_is_found_after_a_name_with_parentheses() {
        let line = b"1 (a) (b) S 0 0 0 0 -1 4194560 230981 432686026 0 167737 732 4734 1414048 240730 10 -10 14 0 24 53334016";
        assert_eq!(start_of(line), Some(24));
        assert_eq!(start_of(b"1 (a) S 0"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(line in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = start_of(&line);
        }
    }
}
