//! Counters of what users attempt, each with exemplars: `auth.signups` and `auth.logins`, by `outcome` (`success`,
//! `failure`) and, for failures, `reason` (a word of [`ApiError::reason`]). An attempt that its deadline or its client
//! cut short is not among them, but in `http.server.request.duration` with status 504 or 499.

use opentelemetry::KeyValue;
use trivium_telemetry::metrics::{Counter, meter};

use crate::error::ApiError;

/// The counters; to be made after telemetry is set up.
pub(crate) struct Metrics {
    /// `auth.signups`: attempts to make an account.
    pub signups: Counter,
    /// `auth.logins`: attempts to log in.
    pub logins: Counter,
}

impl Metrics {
    /// Makes the counters.
    pub(crate) fn new() -> Self {
        let meter = meter("trivium-app");
        Self {
            signups: meter
                .u64_counter("auth.signups")
                .with_unit("{signup}")
                .with_description("Attempts to make an account.")
                .build(),
            logins: meter
                .u64_counter("auth.logins")
                .with_unit("{login}")
                .with_description("Attempts to log in.")
                .build(),
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
