//! Tempo's HTTP API: <https://grafana.com/docs/tempo/latest/api_docs/>. A trace that it does not have is
//! `{"trace":{}}` (3.x), or a 404.

use std::collections::BTreeSet;

use reqwest::{StatusCode, Url};

use super::items;
use crate::doctor::ask::{Answer, NoAnswer, below};

pub(super) fn url(base: &Url, trace_id: &str) -> Url {
    below(base, &format!("/api/v2/traces/{trace_id}"), &[])
}

/// `{"trace":{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"auth"}}]}}]}}`
pub(super) fn services(answer: &Answer) -> Result<BTreeSet<String>, NoAnswer> {
    if answer.status == StatusCode::NOT_FOUND {
        return Ok(BTreeSet::new());
    }
    let json = answer.json("Tempo")?;
    let resources = items(&json["trace"]["resourceSpans"]).iter();
    let attributes = resources.flat_map(|spans| items(&spans["resource"]["attributes"]));
    let names = attributes.filter(|attribute| attribute["key"] == "service.name");
    let names = names.filter_map(|name| name["value"]["stringValue"].as_str());
    Ok(names.map(str::to_owned).collect())
}
