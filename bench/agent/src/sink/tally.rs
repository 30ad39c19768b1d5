//! Counts records by the numbers in their bodies: which are missing, which came twice, which came out of order.
//!
//! A source is a bitmap with one bit for each sequence number, so ten million lines take 1.2 MiB.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::HeaderMap;

use crate::lines;

/// Beyond this a number is not one of ours; the bitmap would be 256 MiB.
const SEQUENCES: u64 = 1 << 31;

/// A request that was accepted, whole.
#[derive(Debug, Clone)]
pub struct Kept {
    /// `/v1/logs`, or the method of gRPC.
    pub path: String,
    /// As they came.
    pub headers: HeaderMap,
    /// The message, decompressed.
    pub message: Bytes,
}

/// What arrived so far.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Requests for logs that were accepted, with what a partial success rejected.
    pub requests: u64,
    /// Records that were accepted.
    pub records: u64,
    /// Bytes of the accepted requests for logs on the wire, still compressed.
    pub wire_bytes: u64,
    /// Accepted records whose body has no number of ours.
    pub unnumbered: u64,
    /// Accepted records whose number had come before.
    pub duplicates: u64,
    /// Accepted records that had not come before, though a higher number of their source had.
    pub out_of_order: u64,
    /// Records that a partial success rejected.
    pub rejected: u64,
    /// Requests of any signal that were answered with an error or garbage.
    pub refused_requests: u64,
    /// Requests that could not be read: a defect of the sender.
    pub malformed_requests: u64,
    /// Accepted requests for metrics and traces.
    pub other_requests: u64,
    /// Spans of the kind `SERVER` in them.
    pub server_spans: u64,
    /// Accepted requests of any signal, since [`Sink::keep`](super::Sink::keep) was called.
    pub kept: Option<Vec<Kept>>,
    sources: BTreeMap<u32, Source>,
}

#[derive(Debug, Clone, Default)]
struct Source {
    seen: Vec<u64>,
    distinct: u64,
    /// One more than the highest number.
    end: u64,
}

impl Tally {
    /// Counts a record with this body.
    pub fn record(&mut self, body: Option<&[u8]>) {
        self.records += 1;
        match body.and_then(lines::number_in) {
            Some((source, sequence)) if sequence < SEQUENCES => self.number(source, sequence),
            _ => self.unnumbered += 1,
        }
    }

    /// Different numbers of all sources.
    pub fn distinct(&self) -> u64 {
        self.sources.values().map(|source| source.distinct).sum()
    }

    /// How many of the numbers `0..count` of `source` did not come.
    pub fn missing(&self, source: u32, count: u64) -> u64 {
        let Some(source) = self.sources.get(&source) else {
            return count;
        };
        let full_words = (count / 64) as usize;
        let words = source.seen.iter().take(full_words).copied();
        let rest = source.seen.get(full_words).copied().unwrap_or(0) & ((1 << (count % 64)) - 1);
        let seen: u64 = words
            .chain([rest])
            .map(|word| u64::from(word.count_ones()))
            .sum();
        count - seen
    }

    /// The lowest of the numbers `0..count` of `source` that did not come.
    pub fn first_missing(&self, source: u32, count: u64) -> Option<u64> {
        let seen = self
            .sources
            .get(&source)
            .map_or(&[][..], |source| &source.seen);
        (0..count).find(|sequence| {
            let word = seen.get((sequence / 64) as usize).copied().unwrap_or(0);
            word & (1 << (sequence % 64)) == 0
        })
    }

    fn number(&mut self, source: u32, sequence: u64) {
        let source = self.sources.entry(source).or_default();
        let (word, bit) = ((sequence / 64) as usize, 1 << (sequence % 64));
        if word >= source.seen.len() {
            source.seen.resize(word + 1, 0);
        }
        if source.seen[word] & bit != 0 {
            self.duplicates += 1;
            return;
        }
        source.seen[word] |= bit;
        source.distinct += 1;
        if sequence < source.end {
            self.out_of_order += 1;
        } else {
            source.end = sequence + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(numbers: &[u64]) -> Tally {
        let mut tally = Tally::default();
        for number in numbers {
            tally.record(Some(format!("line=7/{number}").as_bytes()));
        }
        tally
    }

    #[test]
    fn missing_duplicate_and_late_numbers_are_told_apart() {
        let tally = tally(&[0, 1, 3, 3, 2, 70, 69]);
        assert_eq!(
            (
                tally.records,
                tally.duplicates,
                tally.out_of_order,
                tally.distinct()
            ),
            (7, 1, 2, 6)
        );
        assert_eq!(tally.missing(7, 4), 0);
        assert_eq!(tally.missing(7, 64), 60);
        assert_eq!(tally.missing(7, 71), 65);
        assert_eq!(tally.missing(7, 200), 194);
        assert_eq!(tally.missing(8, 5), 5);
        assert_eq!(tally.first_missing(7, 4), None);
        assert_eq!(tally.first_missing(7, 5), Some(4));
        assert_eq!(tally.first_missing(8, 5), Some(0));
    }

    #[test]
    fn what_comes_again_after_a_crash_is_a_duplicate_and_not_out_of_order() {
        let tally = tally(&[0, 1, 2, 3, 1, 2, 3, 4]);
        assert_eq!((tally.duplicates, tally.out_of_order), (3, 0));
    }

    #[test]
    fn records_without_a_number_of_ours_are_counted_by_themselves() {
        let mut tally = tally(&[SEQUENCES]);
        tally.record(None);
        tally.record(Some(b"hello"));
        assert_eq!(
            (tally.records, tally.unnumbered, tally.distinct()),
            (3, 3, 0)
        );
    }
}
