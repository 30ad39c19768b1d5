//! What the spool lost and nobody was told yet.

use crate::ledger::{Loss, LossReason};

use super::Signal;

/// Frames that will not be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolLoss {
    /// The segment, the bytes from the first lost one to the last, and why. Other frames may lie between them.
    pub loss: Loss,
    /// What it was; none where that can't be known any more.
    pub signal: Option<Signal>,
    /// Spans, data points or log records; none where that can't be known any more.
    pub items: Option<u64>,
}

/// Losses, those of the same kind in the same segment as one, so that their number does not depend on the backlog.
#[derive(Debug, Default)]
pub(super) struct Losses(Vec<SpoolLoss>);

impl Losses {
    pub(super) fn add(
        &mut self,
        segment: &str,
        bytes: std::ops::Range<u64>,
        reason: LossReason,
        known: Option<(Signal, u64)>,
    ) {
        let (signal, items) = known.unzip();
        let same = self.0.iter_mut().rev().find(|other| {
            other.signal == signal && other.loss.reason == reason && other.loss.path == segment
        });
        match same {
            Some(other) => {
                other.loss.bytes.start = other.loss.bytes.start.min(bytes.start);
                other.loss.bytes.end = other.loss.bytes.end.max(bytes.end);
                other.items = other.items.zip(items).map(|(one, two)| one + two);
            }
            None => self.0.push(SpoolLoss {
                loss: Loss {
                    path: segment.to_owned(),
                    bytes,
                    reason,
                },
                signal,
                items,
            }),
        }
    }

    pub(super) fn take(&mut self) -> Vec<SpoolLoss> {
        std::mem::take(&mut self.0)
    }
}
