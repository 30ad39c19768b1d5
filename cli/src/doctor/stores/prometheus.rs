//! Prometheus's HTTP API: <https://prometheus.io/docs/prometheus/latest/querying/api/>.
//!
//! A counter is asked for as a range vector, which has the samples as they were sent, each with its own time.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use reqwest::Url;
use serde_json::Value;

use super::{Counter, Series, items, unix_seconds};
use crate::doctor::ask::{Answer, NoAnswer, below};

const NAME: &str = "Prometheus";

pub(super) fn series_url(
    base: &Url,
    counter: Counter,
    with: &[(&str, &str)],
    since: SystemTime,
) -> Url {
    let range = SystemTime::now().duration_since(since).unwrap_or_default();
    let suffix = if counter.is_histogram { "_count" } else { "" };
    let query = format!(
        "{}{suffix}{}[{}s]",
        counter.metric,
        selector(with),
        range.as_secs()
    );
    below(base, "/api/v1/query", &[("query", &query)])
}

/// `{"data":{"result":[{"metric":{…},"values":[[1795543200.5,"3"]]}]}}`
pub(super) fn series(answer: &Answer) -> Result<Vec<Series>, NoAnswer> {
    let data = data(answer)?;
    let series = items(&data["result"]).iter().map(|series| Series {
        labels: serde_json::from_value(series["metric"].clone()).unwrap_or_default(),
        samples: items(&series["values"]).iter().filter_map(sample).collect(),
        resolution: Duration::ZERO,
    });
    Ok(series.collect())
}

fn sample(sample: &Value) -> Option<(SystemTime, f64)> {
    let since = Duration::try_from_secs_f64(sample[0].as_f64()?).ok()?;
    let value = sample[1].as_str()?.parse().ok()?;
    Some((SystemTime::UNIX_EPOCH + since, value))
}

pub(super) fn exemplars_url(base: &Url, histogram: &str, service: &str, since: SystemTime) -> Url {
    let query = format!(
        "{histogram}_bucket{}",
        selector(&[("service_name", service)])
    );
    let (start, end) = (unix_seconds(since), unix_seconds(SystemTime::now()));
    let query = [("query", query.as_str()), ("start", &start), ("end", &end)];
    below(base, "/api/v1/query_exemplars", &query)
}

/// `{"data":[{"exemplars":[{"labels":{"trace_id":"…"}}]}]}`; without exemplar storage it is empty as well.
pub(super) fn exemplars(answer: &Answer) -> Result<BTreeSet<String>, NoAnswer> {
    let data = data(answer)?;
    let exemplars = items(&data)
        .iter()
        .flat_map(|series| items(&series["exemplars"]));
    let ids = exemplars.filter_map(|exemplar| exemplar["labels"]["trace_id"].as_str());
    Ok(ids.map(str::to_owned).collect())
}

pub(super) fn flags_url(base: &Url) -> Url {
    below(base, "/api/v1/status/flags", &[])
}

pub(super) fn keeps_exemplars(answer: &Answer) -> Result<bool, NoAnswer> {
    let features = data(answer)?["enable-feature"].take();
    let features = features.as_str().unwrap_or_default();
    Ok(features.contains("exemplar-storage"))
}

/// Its own metrics, as text: <https://prometheus.io/docs/instrumenting/exposition_formats/>.
pub(super) fn own_metrics_url(base: &Url) -> Url {
    below(base, "/metrics", &[])
}

/// `prometheus_tsdb_out_of_order_samples_total{type="float"} 3` and the like, added up.
pub(super) fn samples_refused(answer: &Answer) -> Result<f64, NoAnswer> {
    const REFUSED: [&str; 3] = [
        "prometheus_tsdb_out_of_order_samples_total",
        "prometheus_tsdb_out_of_bound_samples_total",
        "prometheus_tsdb_too_old_samples_total",
    ];
    if !answer.status.is_success() {
        return Err(answer.refusal());
    }
    let refused = answer
        .body
        .lines()
        .filter(|line| REFUSED.iter().any(|name| line.starts_with(name)));
    Ok(refused
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum())
}

/// `{label="value",…}`; values of ours hold neither quotes nor backslashes, those of a user may.
fn selector(with: &[(&str, &str)]) -> String {
    let conditions: Vec<_> = with
        .iter()
        .map(|(label, value)| {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"");
            format!("{label}=\"{value}\"")
        })
        .collect();
    format!("{{{}}}", conditions.join(","))
}

fn data(answer: &Answer) -> Result<Value, NoAnswer> {
    let mut json = answer.json(NAME)?;
    if json["status"] != "success" {
        return Err(NoAnswer::Foreign {
            expected: NAME,
            body: answer.body.clone(),
        });
    }
    Ok(json["data"].take())
}
