//! What can go wrong when a kernel file is read, and saying it once.

use std::{io, path::PathBuf};

use tracing::warn;

/// Why a family of metrics is left out.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// The file can't be opened or read.
    #[error(
        "cannot read {path}: {source}; when the agent runs in a container, mount the host's / and name it as the root"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file was read and lacks what this kernel file always has.
    #[error("{path} has no readable {expected}; is a kernel's own /proc mounted there?")]
    Format {
        /// The file, seen from the root.
        path: &'static str,
        /// What was looked for.
        expected: &'static str,
    },
}

impl MetricsError {
    /// Whether the file, or the process or the cgroup it belongs to, is not there (any more).
    pub(super) fn is_gone(&self) -> bool {
        use nix::libc::{ENODEV, ENOENT, ESRCH};
        matches!(
            self,
            Self::Read { source, .. } if matches!(source.raw_os_error(), Some(ENOENT | ESRCH | ENODEV))
        )
    }
}

/// The families that were warned about.
#[derive(Debug, Default)]
pub(super) struct Warned(Vec<&'static str>);

impl Warned {
    /// Warns about a family the first time that it fails.
    pub(super) fn check(&mut self, family: &'static str, result: Result<(), MetricsError>) {
        if let Err(error) = result
            && !self.0.contains(&family)
        {
            warn!(family, %error, "These metrics are left out.");
            self.0.push(family);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_that_fails_again_and_again_is_warned_about_once() {
        let fail = || {
            Err(MetricsError::Format {
                path: "/proc/stat",
                expected: "line",
            })
        };
        let mut warned = Warned::default();
        warned.check("cpu", fail());
        warned.check("cpu", fail());
        warned.check("load", Ok(()));
        warned.check("memory", fail());
        assert_eq!(warned.0, ["cpu", "memory"]);
    }

    #[test]
    fn only_what_is_not_there_is_gone() {
        let read = |errno| MetricsError::Read {
            path: PathBuf::from("/x"),
            source: io::Error::from_raw_os_error(errno),
        };
        use nix::libc::{EACCES, ENODEV, ENOENT, EOPNOTSUPP, ESRCH};
        assert!(
            [ENOENT, ESRCH, ENODEV]
                .map(read)
                .iter()
                .all(MetricsError::is_gone)
        );
        assert!(
            ![EACCES, EOPNOTSUPP]
                .map(read)
                .iter()
                .any(MetricsError::is_gone)
        );
    }
}
