//! The links of a panel: of the panel itself, its fields and its overrides.

use serde_json::Value;
use url::form_urlencoded;

use crate::boards::items;

/// Their addresses.
pub(crate) fn of(panel: &Value) -> Vec<String> {
    let fields = &panel["fieldConfig"];
    let of_overrides = items(&fields["overrides"])
        .iter()
        .flat_map(|of| items(&of["properties"]))
        .filter(|property| property["id"] == "links")
        .flat_map(|property| items(&property["value"]));
    items(&fields["defaults"]["links"])
        .iter()
        .chain(items(&panel["links"]))
        .chain(of_overrides)
        .map(|link| link["url"].as_str().unwrap().to_owned())
        .collect()
}

/// The queries that a link to Explore opens; none where it leads elsewhere.
pub(crate) fn explored(url: &str) -> Vec<Value> {
    let Some(query) = url.strip_prefix("/explore?") else {
        return Vec::new();
    };
    let panes = parameters(query)
        .into_iter()
        .find(|(name, _)| name == "panes");
    let (_, panes) = panes.unwrap_or_else(|| panic!("no panes in {url}"));
    let panes: Value =
        serde_json::from_str(&panes).unwrap_or_else(|error| panic!("{error}: {panes}"));
    let panes = panes.as_object().unwrap().values();
    panes
        .flat_map(|pane| items(&pane["queries"]))
        .cloned()
        .collect()
}

/// The board that a link opens and the variables that it sets there; `None` where it leads elsewhere.
pub(crate) fn opened(url: &str) -> Option<(String, Vec<String>)> {
    let (uid, query) = url.strip_prefix("/d/")?.split_once('?')?;
    let set = parameters(query)
        .into_iter()
        .filter_map(|(name, _)| {
            let passed = name
                .strip_prefix("${")
                .and_then(|name| name.strip_suffix(":queryparam}"));
            passed
                .or_else(|| name.strip_prefix("var-"))
                .map(str::to_owned)
        })
        .collect();
    Some((uid.to_owned(), set))
}

fn parameters(query: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}
