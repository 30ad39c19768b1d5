//! Keeps a share of a log's records, and no more than so many a second.

/// So many records a second on average, and so many at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateLimit {
    /// On average; over 0.
    pub records_per_second: f64,
    /// At once; at least 1.
    pub burst: u32,
}

/// One in so many, evenly, beginning with the first.
#[derive(Debug)]
pub(super) struct Sampler {
    share: u64,
    credit: u64,
}

impl Sampler {
    const WHOLE: u64 = 1 << 32;

    /// Keeps this share, from 0 to 1.
    pub(super) fn new(share: f64) -> Self {
        let share = (share * Self::WHOLE as f64).ceil() as u64;
        Self {
            share,
            credit: Self::WHOLE.saturating_sub(share),
        }
    }

    /// Whether the next record is kept.
    #[inline]
    pub(super) fn is_kept(&mut self) -> bool {
        if self.share == 0 {
            return false;
        }
        self.credit += self.share;
        let is_kept = self.credit >= Self::WHOLE;
        if is_kept {
            // A share over the whole keeps all and saves nothing up.
            self.credit = (self.credit - Self::WHOLE).min(Self::WHOLE);
        }
        is_kept
    }
}

/// The generic cell rate algorithm: the time when all that passed is paid for.
#[derive(Debug)]
pub(super) struct Limiter {
    interval_nanos: u64,
    burst_nanos: u64,
    paid_at: u64,
}

impl Limiter {
    pub(super) fn new(limit: RateLimit) -> Self {
        let interval_nanos = (1e9 / limit.records_per_second).max(1.0) as u64;
        Self {
            interval_nanos,
            burst_nanos: interval_nanos.saturating_mul(u64::from(limit.burst.max(1))),
            paid_at: 0,
        }
    }

    /// Whether a record may pass now.
    #[inline]
    pub(super) fn passes(&mut self, now_unix_nano: u64) -> bool {
        // No debt is larger than the burst, unless the clock was set back.
        if self.paid_at.saturating_sub(now_unix_nano) > self.burst_nanos {
            self.paid_at = now_unix_nano;
        }
        let paid_at = self
            .paid_at
            .max(now_unix_nano)
            .saturating_add(self.interval_nanos);
        let passes = paid_at - now_unix_nano <= self.burst_nanos;
        if passes {
            self.paid_at = paid_at;
        }
        passes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_kept_evenly_and_exactly() {
        for (share, of, kept) in [
            (1.0, 1000, 1000),
            (0.1, 1000, 100),
            (1.0 / 3.0, 999, 333),
            (0.75, 1000, 750),
            (0.0, 1000, 0),
            (2.0, 10, 10),
        ] {
            let mut sampler = Sampler::new(share);
            assert_eq!(
                (0..of).filter(|_| sampler.is_kept()).count(),
                kept,
                "{share}"
            );
        }
        let mut sampler = Sampler::new(0.25);
        assert_eq!(
            [(); 5].map(|()| sampler.is_kept()),
            [true, false, false, false, true]
        );
    }

    #[test]
    fn a_burst_passes_and_then_the_average_rate() {
        const SECOND: u64 = 1_000_000_000;
        let mut limiter = Limiter::new(RateLimit {
            records_per_second: 10.0,
            burst: 5,
        });
        let mut passed = |from: u64, lines: u64, nanos: u64| {
            (0..lines)
                .filter(|line| limiter.passes(from + line * nanos))
                .count()
        };
        assert_eq!(passed(100 * SECOND, 100, 0), 5);
        assert_eq!(passed(100 * SECOND + SECOND / 10, 100, 0), 1);
        assert_eq!(passed(200 * SECOND, 1000, SECOND / 100), 104);
        assert_eq!(passed(50 * SECOND, 100, 0), 5, "the clock was set back");
    }
}
