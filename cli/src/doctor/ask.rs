//! One question to an HTTP API: what came back, how long it took, and how far the other clock is from ours.
//!
//! An answer is read whole, and waited for no longer than [`TIMEOUT`]. A URL may say who asks: a user and a
//! password, or a bearer token as a password without a user. They are used and never shown.

use std::time::{Duration, Instant, SystemTime};

use percent_encoding::percent_decode_str;
use reqwest::{Client, RequestBuilder, StatusCode, Url, header};
use serde_json::Value;

/// Longer than a busy store takes, and far shorter than a person waits.
const TIMEOUT: Duration = Duration::from_secs(5);
/// A header tells whole seconds, and the way takes time: less than this is no difference.
const CLOCK_TOLERANCE_SECONDS: f64 = 5.0;
/// An error page may be long; its beginning says what it is.
const SHOWN_CHARACTERS: usize = 200;

/// Why a question was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoAnswer {
    #[error("nothing listens there: the connection was refused")]
    Refused,
    #[error("no connection: {0}")]
    Connection(String),
    #[error("no answer within {} s", TIMEOUT.as_secs())]
    Timeout,
    #[error("{}{}", StatusCode::from_u16(*.status).map_or_else(|_| .status.to_string(), |status| status.to_string()), quoted(.body))]
    Status { status: u16, body: String },
    #[error("an answer that is not what {expected} answers{}", quoted(.body))]
    Foreign {
        expected: &'static str,
        body: String,
    },
}

fn quoted(body: &str) -> String {
    let start: String = body.trim().chars().take(SHOWN_CHARACTERS).collect();
    if start.is_empty() {
        start
    } else {
        format!(": {start}")
    }
}

impl NoAnswer {
    /// Whether who asked was not allowed to.
    pub(super) fn is_unauthorized(&self) -> bool {
        matches!(
            self,
            Self::Status {
                status: 401 | 403,
                ..
            }
        )
    }
}

/// An answer, whatever its status.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: String,
    pub(super) took: Duration,
    /// How many seconds the other clock is ahead of ours; `None` when it is not by so much that it matters.
    pub(super) clock_ahead_seconds: Option<i64>,
}

impl Answer {
    /// What it says as one that is not a success.
    pub(super) fn refusal(&self) -> NoAnswer {
        NoAnswer::Status {
            status: self.status.as_u16(),
            body: self.body.clone(),
        }
    }

    /// The body of a success; `expected` is who should have answered.
    pub(super) fn json(&self, expected: &'static str) -> Result<Value, NoAnswer> {
        if !self.status.is_success() {
            return Err(self.refusal());
        }
        serde_json::from_str(&self.body).map_err(|_| NoAnswer::Foreign {
            expected,
            body: self.body.clone(),
        })
    }
}

/// Proxies of the environment are not used, and redirections not followed: they lead away from what is asked for.
pub(super) fn client() -> reqwest::Result<Client> {
    Client::builder()
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
}

/// Sends it and reads the whole answer.
pub(super) async fn ask(request: RequestBuilder) -> Result<Answer, NoAnswer> {
    let started = Instant::now();
    let response = request.send().await.map_err(|error| failure(&error))?;
    let status = response.status();
    let date = response.headers().get(header::DATE);
    let date = date.and_then(|date| date.to_str().ok().map(str::to_owned));
    let clock_ahead_seconds = date.and_then(|date| clock_ahead(&date, SystemTime::now()));
    let body = response.text().await.map_err(|error| failure(&error))?;
    Ok(Answer {
        status,
        body,
        took: started.elapsed(),
        clock_ahead_seconds,
    })
}

fn failure(error: &reqwest::Error) -> NoAnswer {
    if error.is_timeout() {
        return NoAnswer::Timeout;
    }
    let mut causes = Vec::new();
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(next) = cause {
        let is_refused = next
            .downcast_ref::<std::io::Error>()
            .is_some_and(|io| io.kind() == std::io::ErrorKind::ConnectionRefused);
        if is_refused {
            return NoAnswer::Refused;
        }
        causes.push(next);
        cause = next.source();
    }
    NoAnswer::Connection(causes.last().map(ToString::to_string).unwrap_or_default())
}

/// By a header `Date: Tue, 24 Nov 2026 18:00:00 GMT`.
fn clock_ahead(date: &str, now: SystemTime) -> Option<i64> {
    let date = httpdate::parse_http_date(date).ok()?;
    let ahead = match date.duration_since(now) {
        Ok(ahead) => ahead.as_secs_f64(),
        Err(behind) => -behind.duration().as_secs_f64(),
    };
    (ahead.abs() > CLOCK_TOLERANCE_SECONDS).then_some(ahead.round() as i64)
}

/// Makes who asks at this address the bearer of a token.
pub(super) fn set_token(url: &mut Url, token: &str) {
    // Only an address without a host has no place for it.
    let _ = url.set_username("");
    let _ = url.set_password(Some(token));
}

/// A question to this address, by the bearer of the token in it if there is one.
pub(super) fn get(client: &Client, mut url: Url) -> RequestBuilder {
    let token = url.password().filter(|_| url.username().is_empty());
    let Some(token) = token.map(|token| percent_decode_str(token).decode_utf8_lossy().into_owned())
    else {
        return client.get(url);
    };
    let _ = url.set_password(None);
    client.get(url).bearer_auth(token)
}

/// The address below `base`, which may have a path of its own.
pub(super) fn below(base: &Url, path: &str, query: &[(&str, &str)]) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    url
}

/// `GET URL` as a person may see it.
pub(super) fn shown(method: &str, url: &Url) -> String {
    format!("{method} {}", without_password(url))
}

/// The address without who asks.
pub(super) fn without_password(url: &Url) -> Url {
    let mut url = url.clone();
    // Only an address without a host has no place for them.
    let _ = url.set_password(None);
    let _ = url.set_username("");
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_ahead_or_behind_by_more_than_a_header_can_be_wrong() {
        let date = "Tue, 24 Nov 2026 18:00:00 GMT";
        let at = |seconds: i64| {
            let there = httpdate::parse_http_date(date).unwrap();
            let away = Duration::from_secs(seconds.unsigned_abs());
            if seconds < 0 {
                there - away
            } else {
                there + away
            }
        };
        assert_eq!(clock_ahead(date, at(-3600)), Some(3600));
        assert_eq!(clock_ahead(date, at(90)), Some(-90));
        assert_eq!(clock_ahead(date, at(4)), None);
        assert_eq!(clock_ahead("yesterday", at(0)), None);
    }

    #[test]
    fn a_token_in_an_address_is_sent_as_it_was_and_not_shown() {
        let mut url = Url::parse("http://127.0.0.1:3000/").unwrap();
        set_token(&mut url, "a/b+c=%:@");
        assert_eq!(shown("GET", &url), "GET http://127.0.0.1:3000/");
        let request = get(&client().unwrap(), below(&url, "/api/traces", &[]));
        let request = request.build().unwrap();
        assert_eq!(request.url().as_str(), "http://127.0.0.1:3000/api/traces");
        assert_eq!(request.headers()[header::AUTHORIZATION], "Bearer a/b+c=%:@");
    }

    #[test]
    fn a_password_is_not_shown_and_a_path_stays() {
        let base = Url::parse("http://admin:secret@127.0.0.1:3000/proxy/uid/prometheus").unwrap();
        let url = below(&base, "/api/v1/query", &[("query", "up")]);
        assert_eq!(
            shown("GET", &url),
            "GET http://127.0.0.1:3000/proxy/uid/prometheus/api/v1/query?query=up"
        );
    }
}
