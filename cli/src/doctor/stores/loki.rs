//! Loki's HTTP API: <https://grafana.com/docs/loki/latest/reference/loki-http-api/>. The trace's id is structured metadata
//! of records that came as OTLP.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use reqwest::Url;

use super::unix_seconds;
use crate::doctor::ask::{Answer, NoAnswer, below};

const NAME: &str = "Loki";

pub(super) fn url(base: &Url, trace_id: &str, since: SystemTime) -> Url {
    let query = format!(r#"{{service_name=~".+"}} | trace_id="{trace_id}""#);
    let start = unix_seconds(since);
    // A record of a clock that is a little ahead is in the future.
    let end = unix_seconds(SystemTime::now() + Duration::from_secs(60));
    let query = [("query", query.as_str()), ("start", &start), ("end", &end)];
    below(base, "/loki/api/v1/query_range", &query)
}

/// `{"data":{"result":[{"stream":{"service_name":"auth",…},"values":[…]}]}}`
pub(super) fn services(answer: &Answer) -> Result<BTreeSet<String>, NoAnswer> {
    let json = answer.json(NAME)?;
    let streams = json["data"]["result"]
        .as_array()
        .ok_or_else(|| NoAnswer::Foreign {
            expected: NAME,
            body: answer.body.clone(),
        })?;
    let names = streams
        .iter()
        .filter_map(|stream| stream["stream"]["service_name"].as_str());
    Ok(names.map(str::to_owned).collect())
}
