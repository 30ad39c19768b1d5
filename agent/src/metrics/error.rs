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
