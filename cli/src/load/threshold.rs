//! The conditions of `--fail-if`.
//!
//! ```text
//! condition = measure [ "(" route ")" ] comparison limit
//! measure   = "p" number        the latency that so many percent of the requests did not exceed: p50, p99.9
//!           | "mean" | "max"    of the latencies
//!           | "error_rate"      the share of requests that failed
//!           | "failures"        their number
//!           | "rate"            requests per second
//!           | "unsent"          requests of the open model that were due, but not sent before the end
//! route     = "POST /signup/" | "POST /login/" | "GET /users/me/" | "GET /"
//! comparison = ">" | ">=" | "<" | "<="
//! limit     = number and unit: us, ms, s or m for a latency, % for a share, none for a number
//! ```
//!
//! Spaces may stand between the parts. A latency is the one corrected for coordinated omission. A condition on something
//! that nobody asked for in the run is met: a run that measured nothing must not pass.

use std::{str::FromStr, time::Duration};

use super::stats::{Stats, Tally};
use crate::journey::Route;

/// One condition, as it was written and as it is understood.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Threshold {
    text: String,
    measure: Measure,
    route: Option<Route>,
    comparison: Comparison,
    /// Seconds, a share from 0 to 1, or a number.
    limit: f64,
}

/// Why a text is no condition.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum ThresholdError {
    #[error("no comparison; write a measure, one of > >= < <=, and a limit, like p95>200ms")]
    Comparison,
    #[error(
        "unknown measure {0:?}; known are p50, p95, p99.9 and the like, mean, max, error_rate, failures, rate and unsent"
    )]
    Measure(String),
    #[error("unknown route {name:?}; known are {}", Route::ALL.map(|route| route.to_string()).join(", "))]
    Route { name: String },
    #[error("`unsent` is of the whole run; leave the route out")]
    RouteOfUnsent,
    #[error("{0:?} is no latency; write a number and us, ms, s or m, like 200ms")]
    Latency(String),
    #[error("{0:?} is no share; write a number and %, like 1% or 0.5%")]
    Share(String),
    #[error("{0:?} is no number; write one from 0 on, like 100 or 0.5")]
    Number(String),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Measure {
    /// The share of requests, from 0 to 1.
    Quantile(f64),
    Mean,
    ErrorRate,
    Failures,
    Rate,
    Unsent,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Comparison {
    Above,
    AtLeast,
    Below,
    AtMost,
}

/// What a condition found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) condition: String,
    /// As a person reads it, with its unit.
    pub(crate) measured: String,
    pub(crate) is_met: bool,
}

impl Threshold {
    pub(super) fn judge(&self, stats: &Stats, elapsed: Duration) -> Verdict {
        let tally = match self.route {
            None => Some(&stats.all),
            Some(route) => stats.routes.get(&route),
        };
        let value = match self.measure {
            Measure::Unsent => Some(stats.unsent as f64),
            measure => tally.and_then(|tally| measure.of(tally, elapsed)),
        };
        Verdict {
            condition: self.text.clone(),
            measured: value.map_or_else(
                || "no such request".to_owned(),
                |value| self.measure.format(value),
            ),
            is_met: value.is_none_or(|value| self.comparison.holds(value, self.limit)),
        }
    }
}

impl Measure {
    /// `None` where there was no request.
    fn of(self, tally: &Tally, elapsed: Duration) -> Option<f64> {
        match self {
            Self::Quantile(share) => tally.latency(share).map(|latency| latency.as_secs_f64()),
            Self::Mean => tally.mean_latency().map(|latency| latency.as_secs_f64()),
            Self::ErrorRate => {
                (tally.requests > 0).then(|| tally.failures as f64 / tally.requests as f64)
            }
            Self::Failures => Some(tally.failures as f64),
            Self::Rate => Some(tally.rate(elapsed)),
            Self::Unsent => None,
        }
    }

    fn format(self, value: f64) -> String {
        match self {
            Self::Quantile(_) | Self::Mean => super::text::format_latency(Some(value)),
            Self::ErrorRate => format!("{:.2}%", value * 100.0),
            Self::Failures | Self::Unsent => format!("{value:.0}"),
            Self::Rate => format!("{value:.1}/s"),
        }
    }

    fn limit(self, text: &str) -> Result<f64, ThresholdError> {
        match self {
            Self::Quantile(_) | Self::Mean => {
                let units = [("us", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0)];
                let of_unit = |(unit, seconds): (&str, f64)| {
                    Some(number(text.strip_suffix(unit)?)? * seconds)
                };
                let latency = units.into_iter().find_map(of_unit);
                latency.ok_or_else(|| ThresholdError::Latency(text.to_owned()))
            }
            Self::ErrorRate => {
                let percent = text.strip_suffix('%').and_then(number);
                let share = percent.map(|percent| percent / 100.0);
                share.ok_or_else(|| ThresholdError::Share(text.to_owned()))
            }
            Self::Failures | Self::Rate | Self::Unsent => {
                number(text).ok_or_else(|| ThresholdError::Number(text.to_owned()))
            }
        }
    }
}

impl FromStr for Measure {
    type Err = ThresholdError;

    fn from_str(text: &str) -> Result<Self, ThresholdError> {
        Ok(match text {
            "mean" => Self::Mean,
            "max" => Self::Quantile(1.0),
            "error_rate" => Self::ErrorRate,
            "failures" => Self::Failures,
            "rate" => Self::Rate,
            "unsent" => Self::Unsent,
            _ => {
                let percent = text.strip_prefix('p').and_then(number);
                let percent = percent.filter(|percent| *percent > 0.0 && *percent <= 100.0);
                let unknown = || ThresholdError::Measure(text.to_owned());
                Self::Quantile(percent.ok_or_else(unknown)? / 100.0)
            }
        })
    }
}

impl Comparison {
    fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Self::Above => value > limit,
            Self::AtLeast => value >= limit,
            Self::Below => value < limit,
            Self::AtMost => value <= limit,
        }
    }
}

impl FromStr for Threshold {
    type Err = ThresholdError;

    fn from_str(text: &str) -> Result<Self, ThresholdError> {
        let at = text.find(['<', '>']).ok_or(ThresholdError::Comparison)?;
        let (subject, rest) = text.split_at(at);
        let (comparison, limit) = [
            (">=", Comparison::AtLeast),
            ("<=", Comparison::AtMost),
            (">", Comparison::Above),
            ("<", Comparison::Below),
        ]
        .into_iter()
        .find_map(|(sign, comparison)| Some((comparison, rest.strip_prefix(sign)?)))
        .ok_or(ThresholdError::Comparison)?;
        let (measure, route) = match subject.split_once('(') {
            None => (subject, None),
            Some((measure, rest)) => {
                let name = rest.trim_end().trim_end_matches(')').trim();
                let route = Route::ALL
                    .into_iter()
                    .find(|route| route.to_string() == name);
                let unknown = || ThresholdError::Route {
                    name: name.to_owned(),
                };
                (measure, Some(route.ok_or_else(unknown)?))
            }
        };
        let measure: Measure = measure.trim().parse()?;
        if measure == Measure::Unsent && route.is_some() {
            return Err(ThresholdError::RouteOfUnsent);
        }
        Ok(Self {
            text: text.to_owned(),
            measure,
            route,
            comparison,
            limit: measure.limit(limit.trim())?,
        })
    }
}

fn number(text: &str) -> Option<f64> {
    let number: f64 = text.trim().parse().ok()?;
    (number.is_finite() && number >= 0.0).then_some(number)
}

#[cfg(test)]
mod tests;
