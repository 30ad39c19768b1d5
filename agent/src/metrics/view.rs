//! The files of a host, seen from where its root is mounted, read line by line through one buffer.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io,
    os::unix::ffi::OsStrExt as _,
    path::Path,
};

use memchr::memchr_iter;

use super::MetricsError;

/// A line longer than this is cut: only the one of /proc/stat that counts interrupts can be, which nobody reads here.
const BUFFER_BYTES: usize = 16 * 1024;

/// A host's files. Paths are given in parts, without a leading slash, and joined by slashes.
#[derive(Debug)]
pub(super) struct HostView {
    /// The root, then the last path that was asked for.
    path: Vec<u8>,
    root_length: usize,
    host_process: &'static str,
    sees_process_numbers: bool,
    buffer: Box<[u8]>,
}

impl HostView {
    /// The host whose `/` is at `root`.
    pub(super) fn new(root: &Path) -> Self {
        let path = root.as_os_str().as_bytes();
        let path = path.strip_suffix(b"/").unwrap_or(path).to_vec();
        let mut view = Self {
            root_length: path.len(),
            path,
            host_process: "proc/1",
            sees_process_numbers: true,
            buffer: vec![0; BUFFER_BYTES].into(),
        };
        // What this process is called by who mounted /proc.
        if let Ok(own) = fs::read_link(view.resolve(&["proc/self"])) {
            view.sees_process_numbers = own == Path::new(&std::process::id().to_string());
        }
        if view.root_length == 0 && !view.resolve(&["proc/1"]).exists() {
            view.host_process = "proc/self";
        }
        view
    }

    /// The folder of the process whose network and mounts are the host's: the first one, for the agent may have been given
    /// a network and mounts of its own. Where /proc hides it, the agent itself.
    pub(super) fn host_process(&self) -> &'static str {
        self.host_process
    }

    /// Whether a process number that the kernel gives, as in `cgroup.procs`, is the one by which /proc knows the process: not in
    /// a container that has numbers of its own and the host's /proc.
    pub(super) fn sees_process_numbers(&self) -> bool {
        self.sees_process_numbers
    }

    /// Where a file of the host is for this process.
    pub(super) fn resolve(&mut self, parts: &[&str]) -> &Path {
        self.path.truncate(self.root_length);
        for part in parts {
            self.path.push(b'/');
            self.path.extend_from_slice(part.as_bytes());
        }
        Path::new(OsStr::from_bytes(&self.path))
    }

    /// Gives every line of a file, without its newline, to `line`.
    pub(super) fn lines(
        &mut self,
        parts: &[&str],
        line: impl FnMut(&[u8]),
    ) -> Result<(), MetricsError> {
        let result = File::open(self.resolve(parts))
            .and_then(|file| each_line(file, &mut self.buffer, line));
        result.map_err(|source| MetricsError::Read {
            path: self.resolve(parts).to_owned(),
            source,
        })
    }
}

fn each_line(
    mut file: impl io::Read,
    buffer: &mut [u8],
    mut line: impl FnMut(&[u8]),
) -> io::Result<()> {
    let mut held = 0;
    // Whether the rest of a line that was cut is being passed over.
    let mut is_rest = false;
    loop {
        let read = match file.read(&mut buffer[held..]) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let end = held + read;
        let mut start = 0;
        for newline in memchr_iter(b'\n', &buffer[held..end]) {
            let newline = held + newline;
            if !is_rest {
                line(&buffer[start..newline]);
            }
            is_rest = false;
            start = newline + 1;
        }
        if is_rest {
            held = 0;
        } else if start == 0 && end == buffer.len() {
            line(buffer);
            is_rest = true;
            held = 0;
        } else {
            buffer.copy_within(start..end, 0);
            held = end - start;
        }
    }
    if held > 0 {
        line(&buffer[..held]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gives at most `step` bytes with each read, as /proc does.
    struct Slow<'a>(&'a [u8], usize);

    impl io::Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = buffer.len().min(self.1).min(self.0.len());
            buffer[..length].copy_from_slice(&self.0[..length]);
            self.0 = &self.0[length..];
            Ok(length)
        }
    }

    fn lines_of(content: &[u8], step: usize, buffer: usize) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        each_line(Slow(content, step), &mut vec![0; buffer], |line| {
            lines.push(line.to_vec());
        })
        .unwrap();
        lines
    }

    #[test]
    fn a_line_longer_than_the_buffer_is_cut_and_the_next_one_is_whole() {
        assert_eq!(
            lines_of(b"ab\n0123456789\ncd\nef", 3, 4),
            [&b"ab"[..], b"0123", b"cd", b"ef"]
        );
    }

    #[test]
    fn the_root_of_a_host_comes_before_every_path() {
        let mut view = HostView::new(Path::new("/host/"));
        assert_eq!(
            view.resolve(&["proc", "1/stat"]),
            Path::new("/host/proc/1/stat")
        );
        assert_eq!(view.host_process(), "proc/1");
        let mut view = HostView::new(Path::new("/"));
        assert_eq!(view.resolve(&["proc/stat"]), Path::new("/proc/stat"));
        assert_eq!(view.host_process(), "proc/1");
    }

    #[test]
    fn a_file_that_is_not_there_is_named_by_the_error() {
        let root = tempfile::tempdir().unwrap();
        let error = HostView::new(root.path())
            .lines(&["proc/stat"], |_| {})
            .unwrap_err();
        assert!(error.is_gone());
        let path = root.path().join("proc/stat");
        assert!(
            error.to_string().contains(&path.display().to_string()),
            "{error}"
        );
    }

    proptest! {
        #[test]
        fn lines_are_those_of_the_content_however_it_is_read(
            content in prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..200),
            step in 1usize..50,
            buffer in 1usize..40,
        ) {
            let mut expected: Vec<Vec<u8>> = content
                .split(|byte| *byte == b'\n')
                .map(|line| line[..line.len().min(buffer)].to_vec())
                .collect();
            if expected.last().is_some_and(Vec::is_empty) {
                expected.pop();
            }
            prop_assert_eq!(lines_of(&content, step, buffer), expected);
        }
    }
}
