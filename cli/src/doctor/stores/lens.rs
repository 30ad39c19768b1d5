//! lens's JSON API. What it does not know yet it answers with 404 and a code that says so, which here is an empty answer.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use reqwest::{StatusCode, Url};
use serde_json::Value;

use super::{Counter, Labels, Series};
use crate::doctor::ask::{Answer, NoAnswer, below};

const NAME: &str = "lens";
/// Finer than any interval of export.
const LEAST_STEP_MS: u128 = 250;
/// lens answers no more than 1,000 at once.
const MOST_STEPS: u128 = 900;
/// By which series are told apart; lens answers groups.
const LABELS: &str = "job,instance,service_name,service_namespace,service_instance_id,host_name,http_route,\
                      http_request_method,http_response_status_code,exporter,data_type,error_type";

pub(super) fn series_url(
    base: &Url,
    counter: Counter,
    with: &[(&str, &str)],
    since: SystemTime,
) -> Url {
    let conditions: Vec<_> = with
        .iter()
        .map(|(label, value)| format!("{label}={value}"))
        .collect();
    let conditions = conditions.join(",");
    let range = SystemTime::now().duration_since(since).unwrap_or_default();
    let step_ms = (range.as_millis() / MOST_STEPS).max(LEAST_STEP_MS);
    let (since, step) = (rfc3339(since), format!("{step_ms}ms"));
    let query = [
        ("since", since.as_str()),
        ("step", &step),
        ("by", LABELS),
        ("where", &conditions),
    ];
    below(base, &format!("/api/metrics/{}", counter.metric), &query)
}

/// Ascending points of all groups: `{"points":[{"time","labels","value"}]}`. A point's time is the end of its step.
pub(super) fn series(answer: &Answer) -> Result<Vec<Series>, NoAnswer> {
    let points = list(answer, "points")?;
    let step_seconds = answer
        .json(NAME)
        .ok()
        .and_then(|json| json["step_seconds"].as_f64());
    let resolution =
        Duration::try_from_secs_f64(step_seconds.unwrap_or_default()).unwrap_or_default();
    let mut all: Vec<Series> = Vec::new();
    for point in points {
        let labels: Labels = serde_json::from_value(point["labels"].clone()).unwrap_or_default();
        let time = point["time"].as_str();
        let time = time.and_then(|time| humantime::parse_rfc3339(time).ok());
        let (Some(time), Some(value)) = (time, point["value"].as_f64()) else {
            continue;
        };
        match all.iter_mut().find(|series| series.labels == labels) {
            Some(series) => series.samples.push((time, value)),
            None => all.push(Series {
                labels,
                samples: vec![(time, value)],
                resolution,
            }),
        }
    }
    Ok(all)
}

pub(super) fn exemplars_url(base: &Url, histogram: &str, service: &str, since: SystemTime) -> Url {
    let since = rfc3339(since);
    let query = [
        ("metric", histogram),
        ("service", service),
        ("since", since.as_str()),
    ];
    below(base, "/api/exemplars", &query)
}

pub(super) fn exemplars(answer: &Answer) -> Result<BTreeSet<String>, NoAnswer> {
    Ok(texts(&list(answer, "exemplars")?, "trace_id"))
}

pub(super) fn trace_url(base: &Url, trace_id: &str) -> Url {
    below(base, &format!("/api/traces/{trace_id}"), &[])
}

pub(super) fn trace_services(answer: &Answer) -> Result<BTreeSet<String>, NoAnswer> {
    Ok(texts(&list(answer, "spans")?, "service"))
}

pub(super) fn logs_url(base: &Url, trace_id: &str) -> Url {
    below(base, "/api/logs", &[("trace_id", trace_id)])
}

pub(super) fn log_services(answer: &Answer) -> Result<BTreeSet<String>, NoAnswer> {
    Ok(texts(&list(answer, "logs")?, "service"))
}

fn list(answer: &Answer, noun: &str) -> Result<Vec<Value>, NoAnswer> {
    if answer.status == StatusCode::NOT_FOUND {
        let error: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        if matches!(
            error["error"]["code"].as_str(),
            Some("unknown_metric" | "unknown_trace")
        ) {
            return Ok(Vec::new());
        }
    }
    match answer.json(NAME)?[noun].take() {
        Value::Array(items) => Ok(items),
        _ => Err(NoAnswer::Foreign {
            expected: NAME,
            body: answer.body.clone(),
        }),
    }
}

fn texts(items: &[Value], key: &str) -> BTreeSet<String> {
    let texts = items.iter().filter_map(|item| item[key].as_str());
    texts.map(str::to_owned).collect()
}

fn rfc3339(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            body: body.to_owned(),
            took: Duration::ZERO,
            clock_ahead_seconds: None,
        }
    }

    #[test]
    fn points_are_series_by_their_labels() {
        let body = r#"{"step_seconds":0.25,"points":[
            {"time":"2026-11-24T18:00:00.250Z","labels":{"job":"a"},"value":1.0},
            {"time":"2026-11-24T18:00:00.500Z","labels":{"job":"a"},"value":2.0},
            {"time":"2026-11-24T18:00:00.250Z","labels":{"job":"b"},"value":7.0}]}"#;
        let series = series(&answer(200, body)).unwrap();
        let values: Vec<Vec<f64>> = series
            .iter()
            .map(|series| series.samples.iter().map(|(_, value)| *value).collect())
            .collect();
        assert_eq!(values, [vec![1.0, 2.0], vec![7.0]]);
        assert_eq!(series[0].resolution, Duration::from_millis(250));
    }

    #[test]
    fn only_lens_itself_can_say_that_it_does_not_know_a_trace() {
        let unknown = r#"{"error":{"code":"unknown_trace","message":"no span"}}"#;
        assert_eq!(trace_services(&answer(404, unknown)), Ok(BTreeSet::new()));
        let foreign = trace_services(&answer(404, "not found")).unwrap_err();
        assert_eq!(foreign.to_string(), "404 Not Found: not found");
        let page = trace_services(&answer(200, "<html>")).unwrap_err();
        assert_eq!(
            page.to_string(),
            "an answer that is not what lens answers: <html>"
        );
    }
}
