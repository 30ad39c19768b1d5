//! How often something may be tried per key: a burst at once, then one after the other at the same average rate. Whoever
//! is over it is delayed until the next one is due, never locked out.
//!
//! This is the generic cell rate algorithm (ITU-T I.371) with one time per key: when its debt will be paid. An attempt that
//! turns out not to count is taken back, which is why the algorithm is here: the known libraries can't.
//!
//! Memory is bounded: [`MAX_KEYS`] keys. Without room, the keys without debt are forgotten, and if those are few, the half
//! that owes least. Nothing outlives the process, and several processes don't know of each other.

use std::{
    collections::HashMap,
    hash::Hash,
    str::FromStr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// About 6 MB with the largest key, and more accounts or clients than one process serves logins for.
const MAX_KEYS: usize = 65_536;

/// So many in so much time, written like `30/1m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    burst: u32,
    per: Duration,
}

/// Why a text is no rate.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("write a number from 1 and a time like 30/1m, 10/10m or 1000/1s")]
pub struct RateError;

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let (burst, per) = text.split_once('/').ok_or(RateError)?;
        let burst = burst.parse().map_err(|_| RateError)?;
        let per = humantime::parse_duration(per).map_err(|_| RateError)?;
        // A day bounds the arithmetic; a limit over longer than that would not be a delay any more.
        if burst == 0 || per.is_zero() || per > Duration::from_secs(86_400) {
            return Err(RateError);
        }
        Ok(Self { burst, per })
    }
}

/// One rate for each of many keys.
pub(crate) struct Limiter<K> {
    interval: Duration,
    per: Duration,
    paid_at: Mutex<HashMap<K, Instant>>,
}

impl<K: Hash + Eq + Clone> Limiter<K> {
    /// Nobody owes anything yet.
    pub(crate) fn new(rate: Rate) -> Self {
        Self {
            interval: rate.per / rate.burst,
            per: rate.per,
            paid_at: Mutex::default(),
        }
    }

    /// Counts an attempt of this key.
    ///
    /// # Errors
    /// How long the key has to wait for its next attempt; this one is not counted.
    pub(crate) fn attempt(&self, key: K, now: Instant) -> Result<(), Duration> {
        let mut paid_at = self.lock();
        let debt = paid_at.get(&key).map_or(Duration::ZERO, |paid_at| {
            paid_at.saturating_duration_since(now)
        });
        let debt = debt + self.interval;
        if debt > self.per {
            return Err(debt - self.per);
        }
        if paid_at.len() >= MAX_KEYS {
            make_room(&mut paid_at, now);
        }
        paid_at.insert(key, now + debt);
        Ok(())
    }

    /// Takes one counted attempt of this key back.
    pub(crate) fn take_back(&self, key: &K) {
        if let Some(paid_at) = self.lock().get_mut(key) {
            *paid_at = paid_at.checked_sub(self.interval).unwrap_or(*paid_at);
        }
    }

    /// No code panics while it holds the lock, and a half-made change would only be a wrong delay.
    fn lock(&self) -> MutexGuard<'_, HashMap<K, Instant>> {
        self.paid_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Frees at least half of the room, so that it is rarely done.
fn make_room<K: Hash + Eq>(paid_at: &mut HashMap<K, Instant>, now: Instant) {
    paid_at.retain(|_, time| *time > now);
    if paid_at.len() > MAX_KEYS / 2 {
        let mut times: Vec<_> = paid_at.values().copied().collect();
        let middle = times.len() / 2;
        let median = *times.select_nth_unstable(middle).1;
        paid_at.retain(|_, time| *time > median);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(rate: &str) -> Limiter<u32> {
        Limiter::new(rate.parse().unwrap())
    }

    #[test]
    fn a_burst_passes_and_then_one_per_interval() {
        let limiter = limiter("3/3s");
        let start = Instant::now();
        let at = |millis| limiter.attempt(7, start + Duration::from_millis(millis));
        assert_eq!([at(0), at(0), at(0)], [Ok(()); 3]);
        assert_eq!(at(0), Err(Duration::from_secs(1)));
        assert_eq!(
            at(400),
            Err(Duration::from_millis(600)),
            "refusals cost nothing"
        );
        assert_eq!(at(1000), Ok(()));
        assert_eq!(at(1000), Err(Duration::from_secs(1)));
        assert_eq!([at(60_000), at(60_000), at(60_000)], [Ok(()); 3]);
        assert_eq!(
            limiter.attempt(8, start),
            Ok(()),
            "another key owes nothing"
        );
    }

    #[test]
    fn what_is_taken_back_was_never_counted() {
        let limiter = limiter("2/2s");
        let now = Instant::now();
        for _ in 0..10 {
            assert_eq!(limiter.attempt(7, now), Ok(()));
            limiter.take_back(&7);
        }
        assert_eq!(limiter.attempt(7, now), Ok(()));
        assert_eq!(limiter.attempt(7, now), Ok(()));
        assert!(limiter.attempt(7, now).is_err());
    }

    #[test]
    fn memory_is_bounded_and_who_owes_most_is_remembered() {
        let limiter = limiter("2/1h");
        let now = Instant::now();
        assert_eq!(
            [limiter.attempt(0, now), limiter.attempt(0, now)],
            [Ok(()); 2]
        );
        for key in 1..200_000 {
            assert_eq!(limiter.attempt(key, now), Ok(()));
            assert!(limiter.lock().len() <= MAX_KEYS);
        }
        assert!(limiter.attempt(0, now).is_err());
    }

    #[test]
    fn a_rate_is_a_number_and_a_time() {
        assert_eq!(
            "30/1m".parse(),
            Ok(Rate {
                burst: 30,
                per: Duration::from_secs(60)
            })
        );
        for wrong in [
            "", "30", "30/", "/1m", "0/1m", "-1/1m", "30/0s", "30/1", "1/2days", "30/1m/1m",
        ] {
            assert_eq!(wrong.parse::<Rate>(), Err(RateError), "{wrong}");
        }
    }
}
