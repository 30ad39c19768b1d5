//! Counters of what users attempt, each with exemplars: `auth.signups`, `auth.logins`, `auth.refreshes` and
//! `auth.tokens.verified`, by `outcome` (`success`, `failure`) and, for failures, `reason` (a word of [`ApiError::reason`]). An attempt that its deadline or its client
//! cut short is not among them, but in `http.server.request.duration` with status 504 or 499.

use opentelemetry::KeyValue;
use trivium_telemetry::metrics::{Counter, meter};

use crate::{active_users::ActiveUsers, error::ApiError};

/// The counters; to be made after telemetry is set up.
pub(crate) struct Metrics {
    /// `auth.signups`: attempts to make an account.
    pub signups: Counter,
    /// `auth.logins`: attempts to log in.
    pub logins: Counter,
    /// `auth.refreshes`: attempts to refresh.
    pub refreshes: Counter,
    /// `auth.tokens.verified`: access tokens that were sent and looked at.
    pub tokens_verified: Counter,
    /// `auth.users.active`.
    pub active_users: ActiveUsers,
}

impl Metrics {
    /// Makes the counters.
    pub(crate) fn new() -> Self {
        let counter = |name: &'static str, unit: &'static str, description: &'static str| {
            meter("trivium-app")
                .u64_counter(name)
                .with_unit(unit)
                .with_description(description)
                .build()
        };
        Self {
            signups: counter("auth.signups", "{signup}", "Attempts to make an account."),
            logins: counter("auth.logins", "{login}", "Attempts to log in."),
            refreshes: counter("auth.refreshes", "{refresh}", "Attempts to refresh."),
            tokens_verified: counter(
                "auth.tokens.verified",
                "{token}",
                "Access tokens that were verified.",
            ),
            active_users: ActiveUsers::observed(),
        }
    }
}

/// The attributes of an attempt.
pub(crate) fn outcome<T>(result: &Result<T, ApiError>) -> Vec<KeyValue> {
    match result {
        Ok(_) => vec![KeyValue::new("outcome", "success")],
        Err(error) => vec![
            KeyValue::new("outcome", "failure"),
            KeyValue::new("reason", error.reason()),
        ],
    }
}
