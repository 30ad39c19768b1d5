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

/// Where a line starts, and its number among all lines of the log that were offered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    pub(super) file: FileKey,
    pub(super) offset: u64,
    pub(super) ordinal: u64,
}

/// A whole line of a stream, or a part of one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) text: &'a [u8],
    pub(super) stamp: Stamp,
    pub(super) start: Start,
}

/// Joined text that is not yet complete, or nothing. It takes memory with its first line: most logs never hold any.
#[derive(Debug, Default)]
pub(super) struct Held(Option<Box<Joined>>);

#[derive(Debug, Default)]
struct Joined {
    text: Vec<u8>,
    lines: u32,
    /// Of the first line.
    first: Option<(Stamp, Start)>,
    last_observed_unix_nano: u64,
}

impl Held {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.start().is_none()
    }

    /// What was joined so far, with the stamp and the start of its first line; none when nothing is held.
    pub(super) fn line(&self) -> Option<Line<'_>> {
        let joined = self.0.as_ref()?;
        joined.first.map(|(stamp, start)| Line {
            text: &joined.text,
            stamp,
            start,
        })
    }

    pub(super) fn text(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |joined| &joined.text)
    }

    pub(super) fn lines(&self) -> u32 {
        self.0.as_ref().map_or(0, |joined| joined.lines)
    }

    #[inline]
    pub(super) fn start(&self) -> Option<Start> {
        self.0.as_ref()?.first.map(|(_, start)| start)
    }

    pub(super) fn last_observed_unix_nano(&self) -> u64 {
        self.0
            .as_ref()
            .map_or(0, |joined| joined.last_observed_unix_nano)
    }

    /// Adds a line; `separator` stands between it and what is there.
    pub(super) fn add(&mut self, separator: &[u8], line: &Line<'_>) {
        let joined = self.0.get_or_insert_default();
        if joined.first.is_none() {
            joined.first = Some((line.stamp, line.start));
        } else {
            joined.text.extend_from_slice(separator);
        }
        joined.text.extend_from_slice(line.text);
        joined.lines = joined.lines.saturating_add(1);
        joined.last_observed_unix_nano = line.stamp.observed_unix_nano;
    }

    pub(super) fn clear(&mut self) {
        if let Some(joined) = &mut self.0 {
            joined.text.clear();
            joined.text.shrink_to(KEPT_BYTES);
            joined.lines = 0;
            joined.first = None;
        }
    }
}
