//! The journey of one user, after the Locust file of the seed document: sign up, log in, then look at the own profile
//! again and again with a pause between.
//!
//! Unlike there, a user whose sign-up or login fails tries again after a pause, and logs in anew before the token expires.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Client, Failure, Route, Sample};

/// The pause after a request, drawn evenly: Locust's `between(1, 3)`, in seconds.
const THINK_TIME_SECONDS: (f64, f64) = (1.0, 3.0);
/// A token is renewed when this share of its life is over.
const RENEW_AT: f64 = 0.8;
/// For an answer that doesn't say how long its token lives.
const DEFAULT_TOKEN_LIFE_SECONDS: f64 = 300.0;

/// One user with an e-mail address that nobody had before.
#[derive(Debug)]
pub(crate) struct User {
    client: Client,
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
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            email: format!("load-{:016x}@example.com", fastrand::u64(..)),
            password: format!("{:032x}", fastrand::u128(..)),
            signed_up: false,
            session: None,
        }
    }

    /// Lives the journey and sends a sample of each request, until `stop` is cancelled or nobody takes the samples.
    /// A request under way is finished, so what the target counted and what was reported agree.
    pub(crate) async fn run(mut self, samples: mpsc::Sender<Sample>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let sample = self.step().await;
            let thinks = sample.route == Route::Profile || sample.failure.is_some();
            if samples.send(sample).await.is_err() {
                return;
            }
            if thinks {
                let pause = between(THINK_TIME_SECONDS.0, THINK_TIME_SECONDS.1);
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = stop.cancelled() => {}
                }
            }
        }
    }

    /// The next request of the journey.
    async fn step(&mut self) -> Sample {
        if !self.signed_up {
            return self.sign_up().await;
        }
        match &self.session {
            Some(session) if Instant::now() < session.renew_at => self.profile().await,
            _ => self.log_in().await,
        }
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
                duration: answer.duration,
                trace_id: answer.trace_id,
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
