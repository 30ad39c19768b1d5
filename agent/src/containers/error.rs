//! Why nothing is known about a container.

use std::{io, path::PathBuf};

/// Why a container could not be described.
#[derive(Debug, thiserror::Error)]
pub enum ContainerError {
    /// Its description could not be read.
    #[error("cannot read {}: {source}; the agent needs CAP_DAC_READ_SEARCH, or a group that may read it", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Its description is not as Docker writes it.
    #[error("{} is no description of a container: {source}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where it is wrong.
        source: serde_json::Error,
    },
}
