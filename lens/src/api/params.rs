//! Parameters of an address: each known by name, given at most once, and read with an error that names the parameter, the
//! value and what was expected. Shared by the API and the page.

use std::time::Duration;

use axum::extract::{FromRequestParts, Query};
use http::request::Parts;
use opentelemetry::{SpanId, TraceId};

use crate::query::logs::severity_of;
use crate::query::series::Filter;
use crate::query::time::{self, DEFAULT_SINCE, Range};
use crate::query::trace_attributes::Condition;
use crate::query::traces::Outcome;
use crate::query::{ids, names};

/// Most rows that one answer lists.
const MAX_LIMIT: i64 = 10_000;

/// What is wrong with a parameter.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// The address has no such parameter.
    #[error("`{name}` is not a parameter here; {known}")]
    Unknown {
        /// As given.
        name: String,
        /// Those that are known, in words.
        known: String,
    },
    /// The parameter was given more than once.
    #[error("{name}: given more than once; give it once")]
    Repeated {
        /// Which.
        name: String,
    },
    /// The value cannot be read.
    #[error("{name}: `{value}` is not {expected}")]
    Invalid {
        /// Which.
        name: &'static str,
        /// As given.
        value: String,
        /// What would be right, with an example.
        expected: &'static str,
    },
    /// The query string is not percent-encoded UTF-8 text.
    #[error("the query string cannot be read: {0}")]
    Unreadable(String),
}

/// The parameters as given.
#[derive(Debug, Clone, Default)]
pub struct Params(Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = super::ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let Query(pairs) = Query::try_from_uri(&parts.uri)
            .map_err(|error| ParameterError::Unreadable(error.body_text()))?;
        Ok(Self(pairs))
    }
}

impl Params {
    /// Fails on a parameter that is not one of `known`, and on one that is given twice.
    pub fn only(self, known: &[&str]) -> Result<Self, ParameterError> {
        for (index, (name, _)) in self.0.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                let known = match known {
                    [] => "there are none".to_owned(),
                    known => format!("known are {}", known.join(", ")),
                };
                return Err(ParameterError::Unknown {
                    name: name.clone(),
                    known,
                });
            }
            if self.0[..index].iter().any(|(earlier, _)| earlier == name) {
                return Err(ParameterError::Repeated { name: name.clone() });
            }
        }
        Ok(self)
    }

    /// Those with a value, in order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self
            .0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        pairs.filter(|(_, value)| !value.is_empty())
    }

    /// The value; an empty one, as a form sends an empty field, counts as absent.
    pub fn text(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    fn read<T>(
        &self,
        name: &'static str,
        expected: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ParameterError> {
        let Some(value) = self.text(name) else {
            return Ok(None);
        };
        let invalid = || ParameterError::Invalid {
            name,
            value: value.to_owned(),
            expected,
        };
        read(value).map(Some).ok_or_else(invalid)
    }

    /// A moment.
    pub fn moment(&self, name: &'static str) -> Result<Option<i64>, ParameterError> {
        const EXPECTED: &str =
            "a duration such as `15m` nor an RFC 3339 time such as `2026-11-24T08:00:00Z`";
        let now_ns = time::now_ns();
        self.read(name, EXPECTED, |text| time::parse_moment(text, now_ns))
    }

    /// `since` and `until`; the last 15 minutes when neither is given.
    pub fn range(&self) -> Result<Range, ParameterError> {
        let until_ns = self.moment("until")?.unwrap_or_else(time::now_ns);
        let since_ns = self
            .moment("since")?
            .unwrap_or(until_ns - time::nanoseconds(DEFAULT_SINCE));
        if since_ns > until_ns {
            let (name, value) = match self.text("since") {
                Some(since) => ("since", since),
                None => ("until", self.text("until").unwrap_or_default()),
            };
            let expected = "a time before `until`, which is now when it is not given";
            return Err(ParameterError::Invalid {
                name,
                value: value.to_owned(),
                expected,
            });
        }
        Ok(Range { since_ns, until_ns })
    }

    /// A duration.
    pub fn duration(&self, name: &'static str) -> Result<Option<Duration>, ParameterError> {
        self.read(name, "a duration such as `100ms` or `15m`", |text| {
            humantime::parse_duration(text).ok()
        })
    }

    /// `limit`.
    pub fn limit(&self, usual: i64) -> Result<i64, ParameterError> {
        let read = |text: &str| {
            text.parse()
                .ok()
                .filter(|limit| (1..=MAX_LIMIT).contains(limit))
        };
        Ok(self
            .read("limit", "a whole number from 1 to 10000", read)?
            .unwrap_or(usual))
    }

    /// `trace_id`.
    pub fn trace_id(&self) -> Result<Option<TraceId>, ParameterError> {
        self.trace("trace_id")
    }

    /// A trace id.
    pub fn trace(&self, name: &'static str) -> Result<Option<TraceId>, ParameterError> {
        self.read(name, TRACE_ID, ids::parse_trace_id)
    }

    /// A span id.
    pub fn span_id(&self, name: &'static str) -> Result<Option<SpanId>, ParameterError> {
        self.read(name, "16 hex digits", ids::parse_span_id)
    }

    /// Span ids, separated by commas.
    pub fn span_ids(&self, name: &'static str) -> Result<Vec<SpanId>, ParameterError> {
        let read = |text: &str| text.split(',').map(ids::parse_span_id).collect();
        let expected = "a list of 16 hex digits each, separated by commas";
        Ok(self.read(name, expected, read)?.unwrap_or_default())
    }

    /// `attribute`: `key=value`, separated by spaces.
    pub fn attributes(&self) -> Result<Vec<Condition>, ParameterError> {
        let expected = "a list such as `db.system.name=sqlite user.name=\"Ada L.\"`";
        let read = self.read("attribute", expected, Condition::parse_all)?;
        Ok(read.unwrap_or_default())
    }

    /// `status`.
    pub fn outcome(&self) -> Result<Option<Outcome>, ParameterError> {
        self.read(
            "status",
            "`error`, `ok`, a class such as `5xx` or an HTTP status such as `404`",
            Outcome::parse,
        )
    }

    /// `severity`, as the lowest severity number.
    pub fn min_severity(&self) -> Result<i64, ParameterError> {
        let expected = "one of TRACE, DEBUG, INFO, WARN, ERROR, FATAL";
        Ok(self.read("severity", expected, severity_of)?.unwrap_or(0))
    }

    /// `by`: label names, separated by commas, in either spelling.
    pub fn by(&self) -> Vec<String> {
        let names = self.text("by").into_iter().flat_map(|list| list.split(','));
        names
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(names::sanitize)
            .collect()
    }

    /// `where`: `label=value`, separated by commas.
    pub fn filter(&self) -> Result<Filter, ParameterError> {
        let read = |text: &str| {
            text.split(',')
                .try_fold(Filter::default(), |filter, condition| {
                    let (label, value) = condition.split_once('=')?;
                    Some(filter.and(label.trim(), value))
                })
        };
        let expected = "a list such as `http.route=/login/,http.request.method=POST`";
        Ok(self.read("where", expected, read)?.unwrap_or_default())
    }
}

const TRACE_ID: &str = "32 hex digits";

/// A trace id that stands in the path.
pub(crate) fn trace_id_of_path(text: &str) -> Result<TraceId, ParameterError> {
    let invalid = || ParameterError::Invalid {
        name: "trace_id",
        value: text.to_owned(),
        expected: TRACE_ID,
    };
    ids::parse_trace_id(text).ok_or_else(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(pairs: &[(&str, &str)]) -> Params {
        Params(
            pairs
                .iter()
                .map(|&(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        )
    }

    #[test]
    fn names_an_unknown_parameter_and_the_known_ones() {
        let error = params(&[("sinse", "1h")])
            .only(&["since", "until"])
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "`sinse` is not a parameter here; known are since, until"
        );
        let error = params(&[("since", "1h"), ("since", "2h")])
            .only(&["since"])
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "since: given more than once; give it once"
        );
    }

    #[test]
    fn says_what_is_wrong_with_a_value() {
        let message = |error: ParameterError| error.to_string();
        assert_eq!(
            message(params(&[("since", "15x")]).range().unwrap_err()),
            "since: `15x` is not a duration such as `15m` nor an RFC 3339 time such as `2026-11-24T08:00:00Z`"
        );
        assert_eq!(
            message(
                params(&[("since", "1m"), ("until", "5m")])
                    .range()
                    .unwrap_err()
            ),
            "since: `1m` is not a time before `until`, which is now when it is not given"
        );
        assert_eq!(
            message(params(&[("limit", "0")]).limit(10).unwrap_err()),
            "limit: `0` is not a whole number from 1 to 10000"
        );
        assert_eq!(
            message(trace_id_of_path("xyz").unwrap_err()),
            "trace_id: `xyz` is not 32 hex digits"
        );
        assert_eq!(
            message(params(&[("where", "http.route")]).filter().unwrap_err()),
            "where: `http.route` is not a list such as `http.route=/login/,http.request.method=POST`"
        );
    }

    #[test]
    fn an_empty_field_of_a_form_counts_as_absent() {
        assert_eq!(params(&[("trace_id", "")]).trace_id(), Ok(None));
    }

    #[test]
    fn label_names_are_read_in_either_spelling() {
        assert_eq!(
            params(&[("by", "http.route, service_name")]).by(),
            ["http_route", "service_name"]
        );
    }
}
