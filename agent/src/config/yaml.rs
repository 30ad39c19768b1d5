//! YAML text as a tree of nodes that know their line, so that whatever turns out to be wrong later can be pointed at.
//!
//! A scalar is kept as it is written (`0755`, `1e3`, `yes`): what it means is decided by the setting it is for.
//! Anchors, aliases and merge keys are resolved. Nesting and expansion are bounded, so no text can exhaust the process.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::Spanned;

/// Deeper than any configuration, and shallow enough for a small stack.
const MAX_DEPTH: usize = 48;

/// A value and where it is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// Counted from 1.
    pub(crate) line: u64,
    pub(crate) value: Value,
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// Nothing after the colon, `~` or `null`.
    Null,
    Scalar(String),
    Sequence(Vec<Node>),
    Mapping(Vec<(Key, Node)>),
}

/// A key of a mapping and where it is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Key {
    /// Counted from 1.
    pub(crate) line: u64,
    pub(crate) text: String,
}

/// Why a text is no YAML, and where.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub(crate) struct SyntaxError {
    pub(crate) line: u64,
    pub(crate) source: Box<serde_saphyr::Error>,
}

impl SyntaxError {
    /// What the parser says, without the picture it draws.
    pub(crate) fn one_line(&self) -> String {
        let text = self.source.to_string();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

impl Node {
    /// Reads one document. A text without any (empty, or only comments) is [`Value::Null`].
    pub(crate) fn parse(text: &str) -> Result<Self, SyntaxError> {
        let options = serde_saphyr::options! {
            budget: serde_saphyr::budget! {
                max_depth: MAX_DEPTH,
                max_nodes: 100_000,
            },
            with_snippet: false,
        };
        match serde_saphyr::from_str_with_options::<Option<Spanned<Raw>>>(text, options) {
            Ok(Some(raw)) => Ok(Self::from_raw(raw, text)),
            Ok(None) => Ok(Self {
                line: 1,
                value: Value::Null,
            }),
            Err(error) => Err(SyntaxError {
                line: error.location().map_or(1, |location| location.line()),
                source: Box::new(error),
            }),
        }
    }

    /// The value of `key`, where this is a mapping that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entries()
            .iter()
            .find_map(|(name, node)| (name.text == key).then_some(node))
    }

    /// The entries of a mapping; none of anything else.
    pub(crate) fn entries(&self) -> &[(Key, Self)] {
        match &self.value {
            Value::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a sequence; none of anything else.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.value {
            Value::Sequence(items) => items,
            _ => &[],
        }
    }

    /// The text of a scalar.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text) => Some(text),
            _ => None,
        }
    }

    fn from_raw(raw: Spanned<Raw>, source: &str) -> Self {
        let span = raw.defined.span();
        let written = || {
            let start = usize::try_from(span.byte_offset()?).ok()?;
            let length = usize::try_from(span.byte_len()?).ok()?;
            let text = source.get(start..start.checked_add(length)?)?.trim();
            (!text.is_empty()).then(|| text.to_owned())
        };
        let value = match raw.value {
            Raw::Null => Value::Null,
            Raw::Text(text) => Value::Scalar(text),
            Raw::Plain(meaning) => Value::Scalar(written().unwrap_or(meaning)),
            Raw::Sequence(items) => Value::Sequence(
                items
                    .into_iter()
                    .map(|item| Self::from_raw(item, source))
                    .collect(),
            ),
            Raw::Mapping(entries) => Value::Mapping(
                entries
                    .into_iter()
                    .map(|(key, value)| {
                        let line = key.referenced.line();
                        let text = key.value;
                        (Key { line, text }, Self::from_raw(value, source))
                    })
                    .collect(),
            ),
        };
        Self {
            line: raw.referenced.line(),
            value,
        }
    }
}

/// What the YAML library makes of a node that it knows no type for.
enum Raw {
    Null,
    Text(String),
    /// A number or a boolean, as the library understood it.
    Plain(String),
    Sequence(Vec<Spanned<Raw>>),
    Mapping(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_i128<E: Error>(self, value: i128) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_u128<E: Error>(self, value: u128) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element()? {
            all.push(item);
        }
        Ok(Raw::Sequence(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut all = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            all.push(entry);
        }
        Ok(Raw::Mapping(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar<'a>(node: &'a Node, keys: &[&str]) -> (u64, &'a str) {
        let node = keys.iter().fold(node, |node, key| node.get(key).unwrap());
        (node.line, node.text().unwrap())
    }

    #[test]
    fn scalars_are_kept_as_they_are_written_with_their_line() {
        let text = "# a comment\noctal: 0755\nfloat: 1.50 # why\nflag: yes\nquoted: \"12\"\nword: hello\nin:\n  side: -7\nbig: 123456789012345678901234567890\nflow: {a: 1e3, b: true}\n";
        let node = Node::parse(text).unwrap();
        for (keys, expected) in [
            (&["octal"][..], (2, "0755")),
            (&["float"], (3, "1.50")),
            (&["flag"], (4, "yes")),
            (&["quoted"], (5, "12")),
            (&["word"], (6, "hello")),
            (&["in", "side"], (8, "-7")),
            (&["big"], (9, "123456789012345678901234567890")),
            (&["flow", "a"], (10, "1e3")),
            (&["flow", "b"], (10, "true")),
        ] {
            assert_eq!(scalar(&node, keys), expected, "{keys:?}");
        }
        assert_eq!(node.entries()[5].0.line, 7, "keys have a line too");
    }

    #[test]
    fn nothing_and_empty_values_are_null() {
        for text in ["", "\n\n", "# only a comment\n", "---\n", "~"] {
            assert_eq!(Node::parse(text).unwrap().value, Value::Null, "{text:?}");
        }
        let node = Node::parse("a:\nb: ~\nc: null\nd: ''\n").unwrap();
        for key in ["a", "b", "c"] {
            assert_eq!(node.get(key).unwrap().value, Value::Null, "{key}");
        }
        assert_eq!(node.get("d").unwrap().text(), Some(""));
    }

    #[test]
    fn merge_keys_and_aliases_are_resolved() {
        let node = Node::parse("base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\n").unwrap();
        assert_eq!(scalar(&node, &["use", "x"]).1, "1");
        assert_eq!(scalar(&node, &["use", "y"]), (4, "3"));
    }

    #[test]
    fn what_is_no_yaml_says_where() {
        assert_eq!(Node::parse("a: 1\nb: [1, 2\nc: 3\n").unwrap_err().line, 3);
        assert_eq!(Node::parse("a: 1\na: 2\n").unwrap_err().line, 2);
        assert!(Node::parse(&"[".repeat(100_000)).is_err());
        assert!(Node::parse(&format!("{}1", "a: &x [*x]\n- ".repeat(500))).is_err());
    }
}
