//! The boards as they are committed, and every query in them: of panels, annotations, variables and links.

use std::{fs, path::PathBuf};

use serde::Serialize;
use serde_json::Value;

use crate::{here::root, links};

pub(crate) struct Board {
    /// The file's name without `.json`.
    pub(crate) name: String,
    pub(crate) json: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Language {
    Promql,
    Logql,
    Traceql,
}

/// A query as the board writes it, with Grafana's variables in it.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    /// Board and panel, for messages.
    pub(crate) place: String,
    pub(crate) language: Language,
    pub(crate) text: String,
    /// Whether the panel shows exemplars of it.
    pub(crate) with_exemplars: bool,
    /// The label whose values are the choices of a variable.
    pub(crate) values_of: Option<String>,
}

impl Language {
    /// Of the data source that is named so.
    pub(crate) fn of_source(uid: &str) -> Option<Self> {
        match uid {
            "prometheus" => Some(Self::Promql),
            "loki" => Some(Self::Logql),
            "tempo" => Some(Self::Traceql),
            _ => None,
        }
    }
}

pub(crate) fn folder() -> PathBuf {
    root().join("grafana/dashboards")
}

/// All of them, by name.
pub(crate) fn all() -> Vec<Board> {
    let files = fs::read_dir(folder()).unwrap();
    let mut boards: Vec<_> = files
        .map(|entry| {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            Board {
                name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
                json: serde_json::from_str(&text)
                    .unwrap_or_else(|error| panic!("{}: {error}", path.display())),
            }
        })
        .collect();
    boards.sort_by(|one, other| one.name.cmp(&other.name));
    boards
}

/// The elements of an array; none where there is no array.
pub(crate) fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

impl Board {
    /// All but the rows, which only have a title.
    pub(crate) fn panels(&self) -> impl Iterator<Item = &Value> {
        items(&self.json["panels"])
            .iter()
            .filter(|panel| panel["type"] != "row")
    }

    pub(crate) fn variables(&self) -> &[Value] {
        items(&self.json["templating"]["list"])
    }

    pub(crate) fn queries(&self) -> Vec<Query> {
        let mut queries = Vec::new();
        for panel in self.panels() {
            let place = self.place(&panel["title"]);
            for target in items(&panel["targets"]) {
                queries.push(query(&place, target));
            }
            for url in links::of(panel) {
                queries.extend(links::explored(&url).iter().map(|of| query(&place, of)));
            }
        }
        for annotation in items(&self.json["annotations"]["list"]) {
            queries.push(query(&self.place(&annotation["name"]), annotation));
        }
        for variable in self.variables() {
            if variable["type"] == "query" {
                queries.push(choices(&self.place(&variable["name"]), variable));
            }
        }
        queries
    }

    pub(crate) fn place(&self, title: &Value) -> String {
        format!("{}: {}", self.name, title.as_str().unwrap_or_default())
    }
}

/// Of a target, or of what else has a data source and an expression.
fn query(place: &str, target: &Value) -> Query {
    let uid = target["datasource"]["uid"].as_str().unwrap_or_default();
    let language = Language::of_source(uid)
        .unwrap_or_else(|| panic!("{place}: no data source {uid:?} can be asked"));
    let key = if language == Language::Traceql {
        "query"
    } else {
        "expr"
    };
    let text = target[key].as_str();
    Query {
        place: place.to_owned(),
        language,
        text: text
            .unwrap_or_else(|| panic!("{place}: no {key}"))
            .to_owned(),
        with_exemplars: target["exemplar"] == true,
        values_of: None,
    }
}

/// `label_values(SELECTOR, LABEL)` as the query that has those values.
fn choices(place: &str, variable: &Value) -> Query {
    let text = variable["query"]["query"].as_str().unwrap();
    let inner = text
        .strip_prefix("label_values(")
        .and_then(|text| text.strip_suffix(')'));
    let (selector, label) = inner
        .and_then(|text| text.rsplit_once(", "))
        .unwrap_or_else(|| panic!("{place}: not label_values(SELECTOR, LABEL): {text}"));
    Query {
        place: place.to_owned(),
        language: Language::Promql,
        text: format!("count by ({label}) ({selector})"),
        with_exemplars: false,
        values_of: Some(label.to_owned()),
    }
}
