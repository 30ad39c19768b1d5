//! How often logins may be tried: from one client, and for one account.
//!
//! A client's attempts all count, since each costs a hash. An account's count only when they fail, so nobody is delayed by
//! being right; while an attempt runs it counts, so that many at once can't slip through. An account's limit is kept for
//! addresses without an account too, so it does not tell which exist. A client is an IPv4 address or the /64 network of an
//! IPv6 one: whoever has one address there has them all.
//!
//! Accounts are known by the HMAC of their address under a key of this run: no address stays in memory.

use std::{
    net::{IpAddr, Ipv6Addr},
    time::{Duration, Instant},
};

use aws_lc_rs::hmac;
use uuid::Uuid;

use crate::{
    email::Email,
    error::{ApiError, LimitedBy},
    rate::{Limiter, Rate},
};

type AccountKey = [u8; 32];

/// The two limits.
pub(crate) struct LoginLimits {
    clients: Limiter<IpAddr>,
    accounts: Limiter<AccountKey>,
    key: hmac::Key,
}

/// One login that may be tried; unless it [failed](Attempt::failed), its account is not charged.
pub(crate) struct Attempt<'a> {
    limits: &'a LoginLimits,
    account: AccountKey,
    has_failed: bool,
}

impl LoginLimits {
    /// With nothing counted yet.
    pub(crate) fn new(client: Rate, account: Rate) -> Self {
        // Two UUIDs v4 are 244 bits from the operating system's generator.
        let secret = [(); 2].map(|()| Uuid::new_v4().into_bytes()).concat();
        Self {
            clients: Limiter::new(client),
            accounts: Limiter::new(account),
            key: hmac::Key::new(hmac::HMAC_SHA256, &secret),
        }
    }

    /// Counts one attempt.
    ///
    /// # Errors
    /// [`ApiError::TooManyLogins`] with the time to wait.
    pub(crate) fn attempt(&self, client: IpAddr, email: &Email) -> Result<Attempt<'_>, ApiError> {
        let now = Instant::now();
        let refused = |by| move |wait: Duration| ApiError::TooManyLogins { wait, by };
        self.clients
            .attempt(network(client), now)
            .map_err(refused(LimitedBy::Client))?;
        let account = self.account_key(email);
        self.accounts
            .attempt(account, now)
            .map_err(refused(LimitedBy::Account))?;
        Ok(Attempt {
            limits: self,
            account,
            has_failed: false,
        })
    }

    fn account_key(&self, email: &Email) -> AccountKey {
        let tag = hmac::sign(&self.key, email.as_str().as_bytes());
        tag.as_ref()
            .try_into()
            .expect("an HMAC-SHA-256 has 32 bytes")
    }
}

impl Attempt<'_> {
    /// The credentials were wrong.
    pub(crate) fn failed(mut self) {
        self.has_failed = true;
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if !self.has_failed {
            self.limits.accounts.take_back(&self.account);
        }
    }
}

fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(client: &str, account: &str) -> LoginLimits {
        LoginLimits::new(client.parse().unwrap(), account.parse().unwrap())
    }

    fn email(name: &str) -> Email {
        Email::parse(&format!("{name}@example.com")).unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn refusal(result: Result<Attempt<'_>, ApiError>) -> Option<LimitedBy> {
        match result.err()? {
            ApiError::TooManyLogins { by, .. } => Some(by),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_account_is_charged_for_failures_and_for_what_still_runs() {
        let limits = limits("1000/1h", "2/1h");
        let attempt = || limits.attempt(ip("192.0.2.7"), &email("ada"));
        for _ in 0..20 {
            attempt().unwrap();
        }
        let (one, other) = (attempt().unwrap(), attempt().unwrap());
        assert_eq!(refusal(attempt()), Some(LimitedBy::Account), "two run");
        drop(one);
        other.failed();
        attempt().unwrap().failed();
        assert_eq!(refusal(attempt()), Some(LimitedBy::Account), "two failed");
        let another = limits.attempt(ip("192.0.2.7"), &email("bob"));
        assert_eq!(refusal(another), None);
    }

    #[test]
    fn a_client_is_charged_for_each_attempt() {
        let limits = limits("2/1h", "1000/1h");
        for name in ["ada", "bob"] {
            limits.attempt(ip("192.0.2.7"), &email(name)).unwrap();
        }
        let third = limits.attempt(ip("::ffff:192.0.2.7"), &email("eve"));
        assert_eq!(refusal(third), Some(LimitedBy::Client));
        assert!(limits.attempt(ip("192.0.2.8"), &email("eve")).is_ok());
    }

    #[test]
    fn an_ipv6_client_is_its_network() {
        assert_eq!(network(ip("2001:db8:1:2:3:4:5:6")), ip("2001:db8:1:2::"));
        assert_ne!(network(ip("2001:db8:1:3::")), ip("2001:db8:1:2::"));
    }
}
