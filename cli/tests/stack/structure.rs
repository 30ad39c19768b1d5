//! What every board and panel must have, so that all look and work alike.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    boards::{self, Board, items},
    links,
    variables::used,
};

const NAMES: [&str; 5] = [
    "application",
    "business",
    "infrastructure",
    "pipeline",
    "slo",
];

const SOURCES: [&str; 4] = ["prometheus", "loki", "tempo", "alertmanager"];

/// Panels whose numbers have one unit.
const OF_ONE_UNIT: [&str; 5] = ["bargauge", "gauge", "stat", "table", "timeseries"];

fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.trim().is_empty())
}

fn uid(board: &Board) -> &str {
    board.json["uid"].as_str().unwrap()
}

fn variable_names(board: &Board) -> BTreeSet<String> {
    let names = board.variables().iter();
    names
        .map(|variable| variable["name"].as_str().unwrap().to_owned())
        .collect()
}

/// Each panel with its name for messages.
fn panels(boards: &[Board]) -> impl Iterator<Item = (&Board, &Value, String)> {
    boards.iter().flat_map(|board| {
        let panels = board.panels();
        panels.map(move |panel| (board, panel, board.place(&panel["title"])))
    })
}

/// Every text in a value.
fn texts<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(values) => values.iter().for_each(|value| texts(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| texts(value, found)),
        _ => {}
    }
}

#[test]
fn the_boards_are_those_that_were_agreed_on_and_linked_with_each_other() {
    let boards = boards::all();
    let names: Vec<_> = boards.iter().map(|board| board.name.as_str()).collect();
    assert_eq!(names, NAMES);
    for board in &boards {
        let json = &board.json;
        assert_eq!(uid(board), format!("trivium-{}", board.name));
        assert_eq!(items(&json["tags"]), ["trivium"], "{}", board.name);
        assert!(is_text(&json["title"]) && is_text(&json["description"]));
        let [link] = items(&json["links"]) else {
            panic!("{}: one link to all boards", board.name);
        };
        assert_eq!(link["type"], "dashboards");
        assert_eq!(items(&link["tags"]), ["trivium"]);
        assert_eq!(
            (&link["keepTime"], &link["includeVars"]),
            (&true.into(), &true.into())
        );
        for name in ["namespace", "service"] {
            assert!(
                variable_names(board).contains(name),
                "{}: {name}",
                board.name
            );
        }
    }
}

#[test]
fn every_panel_says_what_it_shows_in_which_unit_and_what_is_bad() {
    for (_, panel, place) in panels(&boards::all()) {
        assert!(is_text(&panel["title"]), "{place}: no title");
        assert!(is_text(&panel["description"]), "{place}: no description");
        let defaults = &panel["fieldConfig"]["defaults"];
        let kind = panel["type"].as_str().unwrap();
        let is_of_traces = panel["datasource"]["uid"] == "tempo";
        if OF_ONE_UNIT.contains(&kind) && !is_of_traces {
            assert!(is_text(&defaults["unit"]), "{place}: no unit");
            let steps = items(&defaults["thresholds"]["steps"]);
            assert!(!steps.is_empty(), "{place}: no thresholds");
        }
        if kind == "heatmap" {
            let options = &panel["options"];
            assert!(is_text(&options["yAxis"]["unit"]), "{place}: no unit");
            // Without it Grafana takes the panel for one of long ago, and the axis is wrong.
            assert!(is_text(&panel["pluginVersion"]), "{place}: no version");
            for target in items(&panel["targets"]) {
                assert_eq!(target["exemplar"], true, "{place}");
                assert_eq!(target["format"], "heatmap", "{place}");
            }
        }
    }
}

#[test]
fn every_panel_asks_one_of_the_agreed_data_sources() {
    for (_, panel, place) in panels(&boards::all()) {
        let targets = items(&panel["targets"]);
        assert!(
            !targets.is_empty() || panel["type"] == "alertlist",
            "{place}: asks nothing"
        );
        for of in targets.iter().chain([panel]) {
            let uid = of["datasource"]["uid"].as_str().unwrap_or_default();
            assert!(SOURCES.contains(&uid), "{place}: data source {uid:?}");
        }
        let references: BTreeSet<_> = targets.iter().map(|of| of["refId"].as_str()).collect();
        assert_eq!(references.len(), targets.len(), "{place}: a refId twice");
    }
}

#[test]
fn panels_have_ids_of_their_own_and_lie_side_by_side() {
    for board in boards::all() {
        let mut ids = BTreeSet::new();
        let mut taken = BTreeMap::new();
        for panel in items(&board.json["panels"]) {
            let place = board.place(&panel["title"]);
            assert!(
                ids.insert(panel["id"].as_u64().unwrap()),
                "{place}: id twice"
            );
            let [x, y, width, height] =
                ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().unwrap());
            assert!(x + width <= 24, "{place}: wider than the board");
            for cell in (x..x + width).flat_map(|x| (y..y + height).map(move |y| (x, y))) {
                if let Some(other) = taken.insert(cell, place.clone()) {
                    panic!("{place} lies on {other}");
                }
            }
        }
    }
}

#[test]
fn every_variable_that_is_used_is_one_of_the_board() {
    for board in boards::all() {
        let names = variable_names(&board);
        let mut found = Vec::new();
        texts(&board.json["panels"], &mut found);
        texts(&board.json["annotations"], &mut found);
        for variable in board.variables() {
            texts(&variable["query"], &mut found);
        }
        for text in found {
            for name in used(text) {
                assert!(names.contains(&name), "{}: {name:?} in {text}", board.name);
            }
        }
    }
}

#[test]
fn every_link_to_a_board_finds_it_and_sets_variables_that_it_has() {
    let boards = boards::all();
    let mut count = 0;
    for (_, panel, place) in panels(&boards) {
        for url in links::of(panel) {
            let Some((to, set)) = links::opened(&url) else {
                assert!(!links::explored(&url).is_empty(), "{place}: {url}");
                continue;
            };
            let target = boards.iter().find(|board| uid(board) == to);
            let target = target.unwrap_or_else(|| panic!("{place}: no board {to}"));
            let names = variable_names(target);
            for name in set {
                assert!(
                    names.contains(&name),
                    "{place}: {to} has no variable {name}"
                );
            }
            count += 1;
        }
    }
    assert!(count > 10, "{count} links");
}
