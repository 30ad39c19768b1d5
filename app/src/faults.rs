//! Faults on purpose, for walk-throughs and tests of alerts: added latency, errors and slow queries, each on a route, at a
//! rate. There are none unless `APP_FAULTS` asks for them:
//!
//! ```text
//! fault  = kind ":" route ":" rate ":" value      several with "," between; each is drawn for itself
//! kind   = "latency"                              the request waits for value (800ms) before it is handled
//!        / "error"                                it is answered with status value (500 to 599) instead
//!        / "slow_query"                           its first query takes value (300ms) longer, inside its span
//! route  = a route as /openapi.json lists it, such as /users/me/
//! rate   = a share of the requests, above 0 and at most 1
//! ```
//!
//! Faults are told at the start on standard error and as the log event `faults.enabled`, in the answer of `GET /`, and with
//! each request that has one as `fault.injected`.

use std::{
    cell::Cell,
    fmt,
    str::FromStr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use http::{Response, StatusCode};
use tokio::time::sleep;

use crate::{error::ApiError, route::Route, stack::Body};

tokio::task_local! {
    /// What the first query of this request is to be late by.
    static QUERY_DELAY: Cell<Duration>;
}

/// One fault, on one route.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fault {
    effect: Effect,
    route: Route,
    rate: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Effect {
    Latency(Duration),
    Error(StatusCode),
    SlowQuery(Duration),
}

/// Why a text is no fault.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// Not four parts.
    #[error("write kind:route:rate:value like latency:/users/me/:0.1:800ms")]
    Form,
    /// An unknown kind.
    #[error("{0:?} is no kind of fault; there are latency, error and slow_query")]
    Kind(String),
    /// Not a path of the service.
    #[error("{0:?} is no route; there are {templates}", templates = Route::ALL.map(Route::template).join(", "))]
    Route(String),
    /// Not a share.
    #[error("{0:?} is no rate; give a number above 0 and at most 1, like 0.1")]
    Rate(String),
    /// Not a time.
    #[error("{0:?} is no time; write it like 800ms or 2s")]
    Time(String),
    /// Not a status of a server error.
    #[error("{0:?} is no server error; give a status from 500 to 599")]
    Status(String),
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let parts: Vec<_> = text.trim().split(':').collect();
        let [kind, route, rate, value] = parts[..] else {
            return Err(FaultError::Form);
        };
        let time = || {
            humantime::parse_duration(value)
                .ok()
                .filter(|time| !time.is_zero())
                .ok_or_else(|| FaultError::Time(value.to_owned()))
        };
        let effect = match kind {
            "latency" => Effect::Latency(time()?),
            "slow_query" => Effect::SlowQuery(time()?),
            "error" => StatusCode::from_bytes(value.as_bytes())
                .ok()
                .filter(StatusCode::is_server_error)
                .map(Effect::Error)
                .ok_or_else(|| FaultError::Status(value.to_owned()))?,
            unknown => return Err(FaultError::Kind(unknown.to_owned())),
        };
        Ok(Self {
            effect,
            route: Route::of(route).ok_or_else(|| FaultError::Route(route.to_owned()))?,
            rate: rate
                .parse()
                .ok()
                .filter(|rate| (f64::MIN_POSITIVE..=1.0).contains(rate))
                .ok_or_else(|| FaultError::Rate(rate.to_owned()))?,
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (route, rate) = (self.route.template(), self.rate);
        match self.effect {
            Effect::Latency(time) => write!(f, "latency:{route}:{rate}:{time:?}"),
            Effect::SlowQuery(time) => write!(f, "slow_query:{route}:{rate}:{time:?}"),
            Effect::Error(status) => write!(f, "error:{route}:{rate}:{}", status.as_u16()),
        }
    }
}

/// The faults of this run, and the dice.
pub(crate) struct Faults {
    faults: Vec<Fault>,
    dice: Mutex<fastrand::Rng>,
}

impl Faults {
    /// `seed` makes the dice fall the same way in each run.
    pub(crate) fn new(faults: Vec<Fault>, seed: Option<u64>) -> Self {
        let dice = seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
        Self {
            faults,
            dice: Mutex::new(dice),
        }
    }

    /// Each fault, as it can be written in `APP_FAULTS`.
    pub(crate) fn list(&self) -> Vec<String> {
        self.faults.iter().map(ToString::to_string).collect()
    }

    /// Handles a request of this route, with the faults that the dice give it.
    ///
    /// # Errors
    /// Those of `handling`, and [`ApiError::Injected`].
    pub(crate) async fn around(
        &self,
        route: Route,
        handling: impl Future<Output = Result<Response<Body>, ApiError>>,
    ) -> Result<Response<Body>, ApiError> {
        let mut query_delay = Duration::ZERO;
        for fault in self.draw(route) {
            tracing::warn!(name: "fault.injected", fault = %fault, "APP_FAULTS asks for this fault");
            match fault.effect {
                Effect::Latency(time) => sleep(time).await,
                Effect::Error(status) => return Err(ApiError::Injected(status)),
                Effect::SlowQuery(time) => query_delay += time,
            }
        }
        QUERY_DELAY.scope(Cell::new(query_delay), handling).await
    }

    fn draw(&self, route: Route) -> Vec<Fault> {
        let mut here = self
            .faults
            .iter()
            .filter(|fault| fault.route == route)
            .peekable();
        if here.peek().is_none() {
            return Vec::new();
        }
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        here.filter(|fault| dice.f64() < fault.rate)
            .copied()
            .collect()
    }
}

/// Makes a query late when a fault asks for it; to be awaited inside the query's span.
pub(crate) async fn delayed<T>(query: impl Future<Output = T>) -> T {
    // Outside of a request there is nothing to be late for.
    let delay = QUERY_DELAY.try_with(Cell::take).unwrap_or_default();
    if !delay.is_zero() {
        sleep(delay).await;
    }
    query.await
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn faults(text: &str, seed: u64) -> Faults {
        let faults = text.split(',').map(|fault| fault.parse().unwrap());
        Faults::new(faults.collect(), Some(seed))
    }

    #[test]
    fn a_fault_is_written_and_read_the_same() {
        for text in [
            "latency:/users/me/:0.1:800ms",
            "error:/login/:0.05:503",
            "slow_query:/users/me/:1:2s",
        ] {
            assert_eq!(text.parse::<Fault>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_wrong_with_a_fault_is_said() {
        for (text, part) in [
            ("", "write kind:route:rate:value"),
            ("latency:/users/me/:0.1", "write kind:route:rate:value"),
            (
                "slow:/users/me/:0.1:1s",
                "there are latency, error and slow_query",
            ),
            (
                "latency:/user/:0.1:1s",
                "\"/user/\" is no route; there are /, /livez, ",
            ),
            ("latency:/users/me/:0:1s", "above 0 and at most 1"),
            ("latency:/users/me/:1.1:1s", "above 0 and at most 1"),
            ("latency:/users/me/:NaN:1s", "above 0 and at most 1"),
            ("latency:/users/me/:0.1:800", "write it like 800ms"),
            ("latency:/users/me/:0.1:0s", "write it like 800ms"),
            ("error:/login/:0.1:404", "a status from 500 to 599"),
        ] {
            let error = text.parse::<Fault>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn the_rate_and_the_route_are_kept_and_a_seed_repeats() {
        let drawn = |seed| {
            let faults = faults("latency:/users/me/:0.1:1ms,latency:/login/:1:1ms", seed);
            let draws = (0..10_000).map(|_| faults.draw(Route::Me).len());
            draws.collect::<Vec<_>>()
        };
        let count: usize = drawn(7).iter().sum();
        assert!((900..1100).contains(&count), "{count}");
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
        assert_eq!(
            faults("latency:/login/:1:1ms", 7).draw(Route::Login).len(),
            1
        );
        assert_eq!(
            faults("latency:/login/:1:1ms", 7).draw(Route::Index).len(),
            0
        );
    }

    #[tokio::test]
    async fn only_the_first_query_of_a_request_is_late() {
        let faults = faults("slow_query:/users/me/:1:50ms", 7);
        let is_late = async || {
            let start = Instant::now();
            delayed(std::future::ready(())).await;
            start.elapsed() >= Duration::from_millis(50)
        };
        let handling = async {
            assert!(is_late().await);
            assert_eq!(QUERY_DELAY.with(Cell::take), Duration::ZERO);
            Err(ApiError::NotFound)
        };
        let result = faults.around(Route::Me, handling).await;
        assert!(matches!(result, Err(ApiError::NotFound)));
        assert!(QUERY_DELAY.try_with(Cell::take).is_err());
        delayed(std::future::ready(())).await;
    }
}
