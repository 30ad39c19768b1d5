//! The selector in Loki's query language of a `match` stage: labels, and filters of the line.

use std::collections::BTreeMap;

use regex::Regex;

/// What a selector asks of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Selector {
    /// Label, operator, value.
    matchers: Vec<(String, &'static str, String)>,
    /// Operator, value.
    pub(super) filters: Vec<(&'static str, String)>,
}

/// Whether the labels of a source are those of a selector.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Labels {
    Match,
    Differ,
    /// A label is known only when the line is read.
    Unknown,
}

impl Selector {
    /// Reads `{label="value", other=~"expression"} |= "text"`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut rest = text.trim().strip_prefix('{')?.trim_start();
        let mut matchers = Vec::new();
        while !rest.starts_with('}') {
            let end = rest.find(['=', '!'])?;
            let name = rest[..end].trim().to_owned();
            let (operator, after) = operator(&rest[end..], &["=~", "!~", "!=", "="])?;
            let (value, after) = string(after.trim_start())?;
            matchers.push((name, operator, value));
            rest = after.trim_start();
            rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        }
        rest = rest[1..].trim_start();
        let mut filters = Vec::new();
        while !rest.is_empty() {
            let (operator, after) = operator(rest, &["|=", "|~", "!=", "!~"])?;
            let (value, after) = string(after.trim_start())?;
            filters.push((operator, value));
            rest = after.trim_start();
        }
        Some(Self { matchers, filters })
    }

    /// Whether a source with these labels is meant.
    pub(super) fn labels(&self, labels: &BTreeMap<String, String>) -> Labels {
        let mut outcome = Labels::Match;
        for (name, operator, value) in &self.matchers {
            let Some(label) = labels.get(name) else {
                outcome = Labels::Unknown;
                continue;
            };
            let is_match = match *operator {
                "=" => label == value,
                "!=" => label != value,
                _ => match Regex::new(&format!("^(?:{value})$")) {
                    Ok(regex) => regex.is_match(label) == (*operator == "=~"),
                    Err(_) => return Labels::Unknown,
                },
            };
            if !is_match {
                return Labels::Differ;
            }
        }
        outcome
    }
}

fn operator<'a>(text: &'a str, operators: &[&'static str]) -> Option<(&'static str, &'a str)> {
    operators
        .iter()
        .find_map(|operator| Some((*operator, text.strip_prefix(operator)?)))
}

/// A string in double quotes or backquotes, and what comes after it.
fn string(text: &str) -> Option<(String, &str)> {
    if let Some(rest) = text.strip_prefix('`') {
        let (value, rest) = rest.split_once('`')?;
        return Some((value.to_owned(), rest));
    }
    let inside = text.strip_prefix('"')?;
    let mut value = String::new();
    let mut characters = inside.char_indices();
    while let Some((index, c)) = characters.next() {
        match c {
            '"' => return Some((value, &inside[index + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                't' => value.push('\t'),
                escaped => value.push(escaped),
            },
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_filters_are_read() {
        let selector = Selector::parse(r#"{job="a", app=~"b|c" } |= "x \"y\"" !~ `\d+`"#).unwrap();
        assert_eq!(
            selector.filters,
            [("|=", "x \"y\"".to_owned()), ("!~", r"\d+".to_owned())]
        );
        let labels = |pairs: &[(&str, &str)]| {
            let pairs = pairs
                .iter()
                .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
            selector.labels(&pairs.collect())
        };
        assert_eq!(labels(&[("job", "a"), ("app", "c")]), Labels::Match);
        assert_eq!(labels(&[("job", "a"), ("app", "cc")]), Labels::Differ);
        assert_eq!(labels(&[("job", "a")]), Labels::Unknown);
        assert_eq!(labels(&[("job", "b")]), Labels::Differ);
        for wrong in [
            "",
            "{",
            "{a}",
            "{a=b}",
            "{a=\"b\"",
            "{a=\"b\"} x",
            "{a=\"b\"} | json",
            "{a=\"b}",
        ] {
            assert_eq!(Selector::parse(wrong), None, "{wrong}");
        }
    }
}
