//! The journeys of one user: sign up, log in, then request after request with a pause between.
//!
//! [`Journey::Account`] is that of the seed document's Locust file. Unlike there, a user whose sign-up or login fails tries
//! again after a pause, and logs in anew before the token expires.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Client, Failure, Route, Sample};

/// A token is renewed when this share of its life is over.
const RENEW_AT: f64 = 0.8;
/// For an answer that doesn't say how long its token lives.
const DEFAULT_TOKEN_LIFE_SECONDS: f64 = 300.0;
/// How often a user may fail before it is given up, where it has to be logged in before the load begins.
const PREPARATION_ATTEMPTS: u32 = 5;
/// Of a user that browses: requests of the profile among all.
const PROFILE_SHARE: f64 = 0.8;

/// What a user does once logged in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Journey {
    /// Looks at the own profile.
    Account,
    /// Looks at the profile, now and then at the index page, with short pauses.
    Browse,
}

impl Journey {
    /// The bounds of the pause after a request, drawn evenly: Locust's `between(1, 3)` for the seed's journey.
    fn pause_seconds(self) -> (f64, f64) {
        match self {
            Self::Account => (1.0, 3.0),
            Self::Browse => (0.2, 0.8),
        }
    }

    pub(crate) fn mean_pause(self) -> Duration {
        let (least, most) = self.pause_seconds();
        Duration::from_secs_f64((least + most) / 2.0)
    }
}

/// One user with an e-mail address that nobody had before.
#[derive(Debug)]
pub(crate) struct User {
    client: Client,
    journey: Journey,
    email: String,
    password: String,
    signed_up: bool,
    session: Option<Session>,
}

#[derive(Debug)]
struct Session {
    token: String,
    renew_at: Instant,
}

impl User {
    /// A user who hasn't signed up yet.
    pub(crate) fn new(client: Client, journey: Journey) -> Self {
        Self {
            client,
            journey,
            email: format!("load-{:016x}@example.com", fastrand::u64(..)),
            password: format!("{:032x}", fastrand::u128(..)),
            signed_up: false,
            session: None,
        }
    }

    /// Lives the journey and sends a sample of each request, until `stop` is cancelled or nobody takes the samples.
    /// A request under way is finished, so what the target counted and what was reported agree.
    pub(crate) async fn run(mut self, samples: mpsc::Sender<Sample>, stop: CancellationToken) {
        let mut due = Instant::now();
        while !stop.is_cancelled() {
            let sample = self.step(due).await;
            let thinks =
                !matches!(sample.route, Route::SignUp | Route::LogIn) || sample.failure.is_some();
            if samples.send(sample).await.is_err() {
                return;
            }
            due = Instant::now();
            if thinks {
                due += self.pause();
                tokio::select! {
                    () = tokio::time::sleep_until(due.into()) => {}
                    () = stop.cancelled() => {}
                }
            }
        }
    }

    /// Signs up and logs in, with a pause after each failure; gives up after the fifth.
    pub(crate) async fn prepare(&mut self) -> Result<(), Failure> {
        let mut failures = 0;
        while self.session.is_none() {
            let Some(failure) = self.step(Instant::now()).await.failure else {
                continue;
            };
            failures += 1;
            if failures == PREPARATION_ATTEMPTS {
                return Err(failure);
            }
            tokio::time::sleep(self.pause()).await;
        }
        Ok(())
    }

    /// The next request of the journey, which should have been sent at `due`.
    pub(crate) async fn step(&mut self, due: Instant) -> Sample {
        let mut sample = if self.signed_up {
            match &self.session {
                Some(session) if Instant::now() < session.renew_at => self.browse().await,
                _ => self.log_in().await,
            }
        } else {
            self.sign_up().await
        };
        sample.latency = due.elapsed();
        sample
    }

    async fn browse(&mut self) -> Sample {
        match self.journey {
            Journey::Browse if fastrand::f64() >= PROFILE_SHARE => {
                self.call(Route::Index, None, None).await.0
            }
            _ => self.profile().await,
        }
    }

    fn pause(&self) -> Duration {
        let (least, most) = self.journey.pause_seconds();
        between(least, most)
    }

    /// 409 is a failure, but it says that an earlier attempt without an answer did create the account.
    pub(super) async fn sign_up(&mut self) -> Sample {
        let (sample, _) = self
            .call(Route::SignUp, Some(self.credentials()), None)
            .await;
        self.signed_up = matches!(sample.failure, None | Some(Failure::Status(409)));
        sample
    }

    pub(super) async fn log_in(&mut self) -> Sample {
        let (mut sample, answer) = self
            .call(Route::LogIn, Some(self.credentials()), None)
            .await;
        if sample.failure.is_none() {
            self.session = session(&answer);
            if self.session.is_none() {
                sample.failure = Some(Failure::NoToken);
            }
        }
        sample
    }

    pub(super) async fn profile(&mut self) -> Sample {
        let token = self.session.as_ref().map(|session| session.token.as_str());
        let (sample, _) = self.call(Route::Profile, None, token).await;
        if sample.failure == Some(Failure::Status(401)) {
            self.session = None;
        }
        sample
    }

    pub(super) fn credentials(&self) -> Value {
        json!({ "email": self.email, "password": self.password })
    }

    async fn call(
        &self,
        route: Route,
        body: Option<Value>,
        token: Option<&str>,
    ) -> (Sample, Value) {
        let answer = self
            .client
            .send(route.method(), route.path(), body.as_ref(), token)
            .await;
        let (failure, body) = match answer.result {
            Ok((status, body)) => (unexpected(status, route), body),
            Err(failure) => (Some(failure), Value::Null),
        };
        (
            Sample {
                route,
                latency: answer.duration,
                duration: answer.duration,
                parent: answer.parent,
                failure,
            },
            body,
        )
    }
}

fn unexpected(status: StatusCode, route: Route) -> Option<Failure> {
    (status != route.expected()).then(|| Failure::Status(status.as_u16()))
}

fn session(answer: &Value) -> Option<Session> {
    let token = answer.get("access_token")?.as_str()?.to_owned();
    let life = answer
        .get("expires_in")
        .and_then(Value::as_f64)
        .unwrap_or(DEFAULT_TOKEN_LIFE_SECONDS);
    let renew_after = Duration::try_from_secs_f64(life * RENEW_AT).unwrap_or_default();
    Some(Session {
        token,
        renew_at: Instant::now() + renew_after,
    })
}

/// A duration drawn evenly between two numbers of seconds.
pub(super) fn between(least_seconds: f64, most_seconds: f64) -> Duration {
    Duration::from_secs_f64(least_seconds + fastrand::f64() * (most_seconds - least_seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_renewed_before_it_expires() {
        let session = session(&json!({ "access_token": "t", "expires_in": 900 })).unwrap();
        let left = session.renew_at - Instant::now();
        assert!(
            left > Duration::from_secs(718) && left <= Duration::from_secs(720),
            "{left:?}"
        );
    }

    #[test]
    fn an_answer_without_a_token_is_no_session() {
        assert!(session(&json!({ "expires_in": 900 })).is_none());
        assert!(session(&Value::Null).is_none());
    }

    #[test]
    fn pauses_stay_between_their_bounds() {
        for _ in 0..1000 {
            let pause = between(1.0, 3.0).as_secs_f64();
            assert!((1.0..=3.0).contains(&pause), "{pause}");
        }
    }
}
