//! Grafana's variables in a text: `$name`, `${name}`, `${name:format}`.

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// What Grafana knows by itself, with a value as of a board over half an hour.
const BUILT_IN: &[(&str, &str)] = &[
    // Four times the data source's interval of 10 s.
    ("__rate_interval", "40s"),
    ("__range", "30m"),
    ("__auto", "1m"),
    ("__from", "0"),
    ("__to", "0"),
    ("__url_time_range", "from=0&to=0"),
    ("__field.labels.http_route", "/login/"),
    ("__field.labels.container_id", crate::host::ID),
    ("__value.text", "text"),
];

static VARIABLE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\$\{([A-Za-z_][\w.]*)(?::\w+)?\}|\$([A-Za-z_]\w*)").unwrap());

fn name<'a>(found: &'a Captures<'_>) -> &'a str {
    found.get(1).or_else(|| found.get(2)).unwrap().as_str()
}

/// The text with a value for each variable.
///
/// # Panics
/// When there is a variable that is neither Grafana's own nor has a value here.
pub(crate) fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let filled = VARIABLE.replace_all(text, |found: &Captures<'_>| {
        let name = name(found);
        let mut known = values.iter().chain(BUILT_IN);
        let (_, value) = known
            .find(|(known, _)| *known == name)
            .unwrap_or_else(|| panic!("an unknown variable, {name:?}, in {text}"));
        (*value).to_owned()
    });
    filled.into_owned()
}

/// The variables of a board that a text uses.
pub(crate) fn used(text: &str) -> Vec<String> {
    let names = VARIABLE
        .captures_iter(text)
        .map(|found| name(&found).to_owned());
    names
        .filter(|name| !BUILT_IN.iter().any(|(known, _)| known == name))
        .collect()
}
