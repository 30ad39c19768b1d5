//! What is held of one stream until it is complete: parts of a line, or lines of a record.

use super::frame::{Stream, Time};
use crate::batch::FileKey;

/// More memory than this is given back after use.
const KEPT_BYTES: usize = 64 * 1024;

/// When a line was written and read, and to which stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stamp {
    pub(super) stream: Stream,
    pub(super) time: Time,
    pub(super) observed_unix_nano: u64,
}

/// Where a line starts, in the order of the log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    pub(super) file: FileKey,
    pub(super) offset: u64,
}

/// Joined text that is not yet complete, or nothing.
#[derive(Debug, Default)]
pub(super) struct Held {
    text: Vec<u8>,
    lines: u32,
    /// Of the first line.
    stamp: Option<Stamp>,
    /// Its number among all lines that were offered.
    ordinal: u64,
    last_observed_unix_nano: u64,
    /// Of the first line in each file, because a rotation may lie between two of them.
    starts: Vec<Start>,
}

impl Held {
    pub(super) fn is_empty(&self) -> bool {
        self.stamp.is_none()
    }

    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    pub(super) fn lines(&self) -> u32 {
        self.lines
    }

    pub(super) fn stamp(&self) -> Option<Stamp> {
        self.stamp
    }

    pub(super) fn ordinal(&self) -> u64 {
        self.ordinal
    }

    pub(super) fn starts(&self) -> &[Start] {
        &self.starts
    }

    pub(super) fn last_observed_unix_nano(&self) -> u64 {
        self.last_observed_unix_nano
    }

    /// Adds a line; `separator` stands between it and what is there.
    pub(super) fn add(
        &mut self,
        separator: &[u8],
        text: &[u8],
        stamp: Stamp,
        starts: &[Start],
        ordinal: u64,
    ) {
        if self.is_empty() {
            self.stamp = Some(stamp);
            self.ordinal = ordinal;
        } else {
            self.text.extend_from_slice(separator);
        }
        self.text.extend_from_slice(text);
        self.lines = self.lines.saturating_add(1);
        self.last_observed_unix_nano = stamp.observed_unix_nano;
        for start in starts {
            if self.starts.iter().all(|known| known.file != start.file) {
                self.starts.push(*start);
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.text.shrink_to(KEPT_BYTES);
        self.starts.clear();
        self.lines = 0;
        self.stamp = None;
    }
}
