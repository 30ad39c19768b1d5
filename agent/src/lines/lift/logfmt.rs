//! Reads the fields of a logfmt line: `level=info msg="a \"quoted\" text" is_bare`.
//!
//! A quoted value has the escapes of JSON. A bare key is a field without a value. What stands in no pair at all makes the
//! line no logfmt, as does a quote that doesn't end.

use std::str;

use memchr::memchr2;

use super::{
    super::json_string::unescape,
    fields::{Fields, Value},
};

/// Whether a line starts like logfmt: a key of the usual characters, an equals sign, and another pair after it.
pub(super) fn is_likely(line: &str) -> bool {
    let starts_with_pair = |text: &str| {
        text.split_once('=').is_some_and(|(key, _)| {
            !key.is_empty()
                && key.bytes().all(|byte| {
                    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'@')
                })
        })
    };
    starts_with_pair(line)
        && line
            .split_once(' ')
            .is_some_and(|(_, rest)| rest.contains('='))
}

/// Reads a line; whether it is logfmt. If not, the fields hold a part of it.
pub(super) fn read(line: &str, fields: &mut Fields) -> bool {
    pairs(line, fields).is_some_and(|pairs| pairs > 0)
}

/// The number of fields that have a value.
fn pairs(line: &str, fields: &mut Fields) -> Option<usize> {
    let mut pairs = 0;
    let mut rest = line.trim_ascii_start();
    while !rest.is_empty() {
        let end = rest.find(['=', ' ', '\t', '"']).unwrap_or(rest.len());
        let key = fields.push_text(&rest[..end]);
        if key.is_empty() {
            return None;
        }
        rest = &rest[end..];
        let value = match rest.strip_prefix('=') {
            Some(after) => {
                pairs += 1;
                let value;
                (value, rest) = read_value(after, fields)?;
                value
            }
            None if rest.starts_with('"') => return None,
            None => {
                let end = fields.text().len();
                Value::String(end..end)
            }
        };
        fields.push(key, value);
        rest = rest.trim_ascii_start();
    }
    Some(pairs)
}

fn read_value<'a>(text: &'a str, fields: &mut Fields) -> Option<(Value, &'a str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([' ', '\t']).unwrap_or(text.len());
        return Some((Value::String(fields.push_text(&text[..end])), &text[end..]));
    };
    let end = memchr2(b'"', b'\\', quoted.as_bytes())?;
    if quoted.as_bytes()[end] == b'"' {
        return Some((
            Value::String(fields.push_text(&quoted[..end])),
            &quoted[end + 1..],
        ));
    }
    let mut unescaped = Vec::new();
    let length = unescape(quoted.as_bytes(), &mut unescaped)?;
    let value = fields.push_text(str::from_utf8(&unescaped).ok()?);
    Some((Value::String(value), &quoted[length + 1..]))
}
