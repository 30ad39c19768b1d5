//! How far one file is read, sent and acknowledged, in bytes from its start.
//!
//! Batches may be acknowledged in another order than they were sent (one goes to the Collector, the next into the spool), so
//! the acknowledged offset moves only over batches that lie against each other.

use std::{collections::VecDeque, ops::Range};

use super::identity::Fingerprint;

/// The offsets of one file.
#[derive(Debug)]
pub struct Frontier {
    acknowledged: Position,
    covered: Position,
    /// What was handed over and is not acknowledged contiguously, oldest first.
    sent: VecDeque<Sent>,
}

/// An offset and the fingerprint of the bytes before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// In bytes.
    pub offset: u64,
    /// Of the bytes before it.
    pub guard: Fingerprint,
}

#[derive(Debug)]
struct Sent {
    up_to: Position,
    is_settled: bool,
}

impl Frontier {
    /// All before `start` is safe.
    pub fn new(start: Position) -> Self {
        Self {
            acknowledged: start,
            covered: start,
            sent: VecDeque::new(),
        }
    }

    /// What the checkpoint may say.
    pub fn acknowledged(&self) -> Position {
        self.acknowledged
    }

    /// All before this is in a batch, was in one, or is declared lost.
    pub fn covered(&self) -> u64 {
        self.covered.offset
    }

    /// The batch that is being written covers the file up to here; never less far than before.
    pub fn cover(&mut self, up_to: Position) {
        self.covered = up_to;
    }

    /// The batch that covers it up to here was handed over.
    pub fn hand_over(&mut self) {
        self.sent.push_back(Sent {
            up_to: self.covered,
            is_settled: false,
        });
    }

    /// The batch that covered the file up to `up_to` is acknowledged, or refused for good. Returns the bytes that it had.
    pub fn settle(&mut self, up_to: u64) -> Option<Range<u64>> {
        let index = self
            .sent
            .iter()
            .position(|sent| sent.up_to.offset == up_to)?;
        self.sent[index].is_settled = true;
        let start = match index.checked_sub(1) {
            Some(before) => self.sent[before].up_to.offset,
            None => self.acknowledged.offset,
        };
        while let Some(sent) = self.sent.pop_front_if(|sent| sent.is_settled) {
            self.acknowledged = sent.up_to;
        }
        Some(start..up_to)
    }

    /// Whether batches that were handed over are not settled.
    pub fn is_waiting(&self) -> bool {
        !self.sent.is_empty()
    }

    /// Whether all that was covered is acknowledged.
    pub fn is_settled(&self) -> bool {
        self.acknowledged.offset == self.covered.offset
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(offset: u64) -> Position {
        Position {
            offset,
            guard: Fingerprint {
                length: 1,
                hash: offset,
            },
        }
    }

    #[test]
    fn the_acknowledged_offset_never_jumps_over_a_batch() {
        let mut frontier = Frontier::new(at(10));
        for offset in [20, 30, 40] {
            frontier.cover(at(offset));
            frontier.hand_over();
        }
        assert_eq!(frontier.settle(30), Some(20..30));
        assert_eq!(frontier.acknowledged(), at(10));
        assert_eq!(frontier.settle(20), Some(10..20));
        assert_eq!(frontier.acknowledged(), at(30));
        assert!(!frontier.is_settled());
        assert_eq!(frontier.settle(35), None);
        assert_eq!(frontier.settle(40), Some(30..40));
        assert_eq!(frontier.acknowledged(), at(40));
        assert!(frontier.is_settled() && !frontier.is_waiting());
    }
}
