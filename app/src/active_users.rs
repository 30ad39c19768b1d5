//! The gauge `auth.users.active`: users that signed up, logged in, refreshed or showed a good token on this instance within
//! the last five minutes.
//!
//! It counts up to [`MAX_USERS`], in at most 4 MiB, and beyond says [`MAX_USERS`]. Each instance counts its own: a user of
//! two is in both.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use opentelemetry::global;
use uuid::Uuid;

const WINDOW: Duration = Duration::from_secs(300);
/// More than one instance can serve in five minutes, each user once, at the cost of a hash.
const MAX_USERS: usize = 65_536;

/// Who was here, and when last.
#[derive(Clone, Default)]
pub(crate) struct ActiveUsers(Arc<Mutex<HashMap<Uuid, Instant>>>);

impl ActiveUsers {
    /// With its gauge, which is registered for the life of the process.
    pub(crate) fn observed() -> Self {
        let users = Self::default();
        let observed = users.clone();
        global::meter("trivium-app")
            .u64_observable_gauge("auth.users.active")
            .with_unit("{user}")
            .with_description("Users seen in the last five minutes.")
            .with_callback(move |observer| observer.observe(observed.count(Instant::now()), &[]))
            .build();
        users
    }

    /// Notes a user by id.
    pub(crate) fn saw(&self, user_id: &str, now: Instant) {
        // All ids are UUIDs, which makes the entries small.
        let Ok(user_id) = Uuid::parse_str(user_id) else {
            return;
        };
        let mut users = self.lock();
        if users.len() < MAX_USERS || users.contains_key(&user_id) {
            users.insert(user_id, now);
        }
    }

    /// How many there are; forgets the others.
    fn count(&self, now: Instant) -> u64 {
        let mut users = self.lock();
        users.retain(|_, seen| now.saturating_duration_since(*seen) < WINDOW);
        users.len() as u64
    }

    /// No code panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_counts_once_and_for_five_minutes() {
        let users = ActiveUsers::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let (ada, bob) = (Uuid::new_v4().to_string(), Uuid::new_v4().to_string());
        users.saw(&ada, at(0));
        users.saw(&ada, at(1));
        users.saw(&bob, at(200));
        users.saw("no id", at(200));
        assert_eq!(users.count(at(300)), 2);
        assert_eq!(users.count(at(301)), 1);
        users.saw(&ada, at(400));
        assert_eq!(users.count(at(499)), 2);
        assert_eq!(users.count(at(700)), 0);
    }

    #[test]
    fn beyond_its_bound_it_counts_no_more_until_some_are_gone() {
        let users = ActiveUsers::default();
        let start = Instant::now();
        for number in 0..=MAX_USERS {
            users.saw(&Uuid::from_u128(number as u128).to_string(), start);
        }
        assert_eq!(users.count(start), MAX_USERS as u64);
        let later = start + WINDOW;
        assert_eq!(users.count(later), 0);
        users.saw(&Uuid::from_u128(MAX_USERS as u128).to_string(), later);
        assert_eq!(users.count(later), 1);
    }
}
