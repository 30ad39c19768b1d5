//! A durable queue of OTLP requests on disk, for what the Collector can't take now and nothing else holds.
//!
//! It promises: what was [synced](Spool::sync) is delivered in the order it was appended, at least once, or declared lost
//! with its segment, bytes, reason, and the number of its items where that is known. It starts whatever its files contain,
//! goes on when the disk is full or fails, and its memory does not depend on the backlog: it reads one frame at a time.
//!
//! It does not promise that nothing is delivered twice: after a crash, what was acknowledged since the cursor was last
//! written comes again, as may a frame whose sync had failed.
//!
//! # Files, all in one folder that is locked
//!
//! | name | content |
//! |---|---|
//! | `00001790000000000000.spool` | a [segment]: [frames](frame) one after the other; the number of the first names it |
//! | `00001790000000000000.damaged` | a segment that was done with and had damage; the newest four are kept to look at |
//! | `spool.cursor.0`, `spool.cursor.1` | the cursor: up to which number all is delivered or declared |
//!
//! # Operations
//!
//! - Append writes a frame at the end of the newest segment. Nothing is promised before the sync, which makes all that was
//!   appended durable at once. A sync that fails drops it all: the descriptor is not used any more, a new segment follows.
//! - Front reads the oldest frame that is not acknowledged; only what was synced. Damage is stepped over, see [segment].
//! - A segment is removed when all its frames are acknowledged, after the cursor behind it was synced. The limit in bytes
//!   removes the oldest segment as a whole.
//!
//! # Known limitations
//!
//! - A frame's age is measured by the wall clock: if that jumps forward by more than the age limit, the spool expires.
//! - A torn end that could be a damaged frame is declared lost although its sync may never have been answered.
//! - Where a header is damaged, the next one is searched for in the bytes; one inside of a payload, written there by
//!   intention, would be taken for real.

mod cursor;
pub mod frame;
mod losses;
mod open;
mod queue;
pub mod segment;

#[cfg(test)]
mod tests;

use std::{fmt, io, time::Duration};

pub use self::{
    frame::{Frame, Header},
    losses::SpoolLoss,
    open::Recovery,
    queue::Spool,
};

pub use trivium_otlp::Signal;

use crate::state_dir::StateDir;

/// The number before which all frames in a folder are done with.
pub fn first_waiting<D: StateDir>(dir: &D) -> u64 {
    cursor::load(dir).unwrap_or(0)
}

/// How much the spool may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Of all segments on disk.
    pub max_bytes: u64,
    /// Of a frame since it was appended.
    pub max_age: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 1 << 30,
            max_age: Duration::from_secs(72 * 3600),
        }
    }
}

/// Why the spool could not do something. It can be used further after each of them.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The disk or the folder failed.
    #[error("the spool, {action} {name:?}: {source}; look at the disk that holds state_dir")]
    Io {
        /// What was being done.
        action: Action,
        /// To which file; empty for the folder.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// The request can't be compressed.
    #[error("the spool, compressing a request of {bytes} bytes: {source}")]
    Compress {
        /// Of the request.
        bytes: usize,
        /// Why.
        source: io::Error,
    },
    /// The request is larger than the spool takes.
    #[error(
        "a request of {bytes} bytes, and the spool takes {limit}; send smaller ones or raise spool.max_bytes"
    )]
    TooLarge {
        /// Of the request or its frame.
        bytes: u64,
        /// The largest.
        limit: u64,
    },
    /// What was appended before has to be synced first.
    #[error("the spool takes no more before it is synced")]
    SyncFirst,
}

/// What the spool was doing when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Listing the folder.
    List,
    /// Reading a file.
    Read,
    /// Making or writing a file.
    Write,
    /// Making it durable.
    Sync,
    /// Removing a file, or moving it aside.
    Remove,
}

impl fmt::Display for Action {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::List => "listing",
            Self::Read => "reading",
            Self::Write => "writing",
            Self::Sync => "syncing",
            Self::Remove => "removing",
        })
    }
}

impl Action {
    fn failed(self, name: &str) -> impl FnOnce(io::Error) -> SpoolError {
        let name = name.to_owned();
        move |source| SpoolError::Io {
            action: self,
            name,
            source,
        }
    }
}
