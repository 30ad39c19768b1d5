//! Docker's json-file format: one JSON object for each line that a container wrote.
//!
//! ```text
//! {"log":"a line\n","stream":"stdout","attrs":{"tag":"web"},"time":"2026-11-24T11:42:48.123456789Z"}
//! ```
//!
//! `attrs` is there with the options `labels`, `env` and `tag` of the log driver. A line over 16 KiB comes in parts; all but
//! the last lack the `\n` at the end of `log`. [`scan`] reads this shape to the letter, as moby's `jsonlog` package writes
//! it; [`parse`] reads any other by `serde_json`.

use std::borrow::Cow;

use memchr::{memchr, memmem};
use serde::Deserialize;

use super::{frame::Stream, json_string::unescape};

/// A line; its text is where it was unescaped to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    pub(super) stream: Stream,
    pub(super) time: &'a [u8],
    pub(super) is_part: bool,
    /// A JSON object, or nothing.
    pub(super) attrs: &'a [u8],
}

/// Reads a line of exactly the shape that dockerd writes, and its text into `out`, without the newline.
#[inline]
pub(super) fn scan<'a>(line: &'a [u8], out: &mut Vec<u8>) -> Option<Entry<'a>> {
    let rest = line.strip_prefix(br#"{"log":""#)?;
    let length = unescape(rest, out)?;
    let rest = rest[length..].strip_prefix(br#"","stream":""#)?;
    let (name, rest) = rest.split_first_chunk::<6>()?;
    let stream = match name {
        b"stdout" => Stream::Stdout,
        b"stderr" => Stream::Stderr,
        _ => return None,
    };
    let rest = rest.strip_prefix(b"\"")?;
    let (attrs, rest) = match rest.strip_prefix(br#","attrs":"#) {
        Some(rest) => rest.split_at(memmem::rfind(rest, br#","time":""#)?),
        None => (&b""[..], rest),
    };
    let time = rest.strip_prefix(br#","time":""#)?.strip_suffix(br#""}"#)?;
    if memchr(b'"', time).is_some() {
        return None;
    }
    let is_part = strip_newline(out);
    Some(Entry {
        stream,
        time,
        is_part,
        attrs,
    })
}

/// Takes the newline off, and the carriage return of a terminal before it. Whether there was none: then more follows.
#[inline]
pub(super) fn strip_newline(text: &mut Vec<u8>) -> bool {
    if text.pop_if(|last| *last == b'\n').is_none() {
        return true;
    }
    text.pop_if(|last| *last == b'\r');
    false
}

pub(super) fn stream(name: &[u8]) -> Stream {
    match name {
        b"stdout" => Stream::Stdout,
        b"stderr" => Stream::Stderr,
        _ => Stream::None,
    }
}

/// A line of any shape that JSON allows.
pub(super) struct Parsed<'a> {
    pub(super) log: Cow<'a, str>,
    pub(super) stream: Cow<'a, str>,
    pub(super) time: Cow<'a, str>,
    pub(super) attrs: String,
}

/// Reads a line that [`scan`] does not know; none when it has no `log`.
pub(super) fn parse(line: &[u8]) -> Option<Parsed<'_>> {
    #[derive(Deserialize)]
    struct Line<'a> {
        #[serde(borrow)]
        log: Cow<'a, str>,
        #[serde(borrow, default)]
        stream: Cow<'a, str>,
        #[serde(borrow, default)]
        time: Cow<'a, str>,
        attrs: Option<serde_json::Value>,
    }
    // To serde, a list of the fields' values is a struct as well.
    if !line.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    let line: Line<'_> = serde_json::from_slice(line).ok()?;
    Some(Parsed {
        log: line.log,
        stream: line.stream,
        time: line.time,
        attrs: line
            .attrs
            .map(|attrs| attrs.to_string())
            .unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scanned(line: &str) -> Option<(String, Entry<'_>)> {
        let mut text = Vec::new();
        scan(line.as_bytes(), &mut text).map(|entry| (String::from_utf8(text).unwrap(), entry))
    }

    #[test]
    fn the_shape_that_dockerd_writes_is_scanned() {
        let (text, entry) =
            scanned(r#"{"log":"{\"a\":\"\u003cb\u003e\"}\r\n","stream":"stderr","time":"2026-11-24T11:42:48.1Z"}"#).unwrap();
        assert_eq!(text, r#"{"a":"<b>"}"#);
        assert_eq!(
            entry,
            Entry {
                stream: Stream::Stderr,
                time: b"2026-11-24T11:42:48.1Z",
                is_part: false,
                attrs: b""
            }
        );
    }

    #[test]
    fn a_part_lacks_the_newline_and_keeps_its_carriage_return() {
        let (text, entry) = scanned(r#"{"log":"part\r","stream":"stdout","time":"t"}"#).unwrap();
        assert_eq!((text.as_str(), entry.is_part), ("part\r", true));
    }

    #[test]
    fn attributes_stand_before_the_time_whatever_they_hold() {
        let attrs = r#"{"a":",\"time\":\"x","b":"}\\"}"#;
        let line = format!(r#"{{"log":"x\n","stream":"stdout","attrs":{attrs},"time":"t"}}"#);
        assert_eq!(scanned(&line).unwrap().1.attrs, attrs.as_bytes());
    }

    #[test]
    fn other_shapes_are_not_guessed_at() {
        for other in [
            r#"{"log":"x\n","stream":"stdout","time":"t","more":"x"}"#,
            r#"{"log":"x\n","stream":"syslog","time":"t"}"#,
            r#"{"log":"x\n", "stream":"stdout","time":"t"}"#,
            r#"{"stream":"stdout","time":"t"}"#,
            r#"{"log":"x\n","stream":"stdout","time":"t""#,
        ] {
            assert_eq!(scanned(other), None, "{other}");
        }
    }

    #[test]
    fn a_list_of_the_values_is_no_line() {
        assert!(parse(br#"["x\n","stdout","2026-11-24T11:42:48Z",null]"#).is_none());
    }

    proptest! {
        #[test]
        fn the_scanner_reads_what_serde_json_reads(text in "(.|\n|\r)*", is_error: bool, attribute: Option<String>) {
            let stream = if is_error { "stderr" } else { "stdout" };
            let attrs = attribute.map(|value| serde_json::json!({ "a": value }).to_string());
            let line = format!(
                r#"{{"log":{},"stream":"{stream}"{}{},"time":"2026-11-24T11:42:48.1Z"}}"#,
                serde_json::to_string(&text).unwrap(),
                if attrs.is_some() { r#","attrs":"# } else { "" },
                attrs.as_deref().unwrap_or_default(),
            );
            let (scanned, entry) = scanned(&line).unwrap();
            let parsed = parse(line.as_bytes()).unwrap();
            let mut expected = parsed.log.clone().into_owned().into_bytes();
            prop_assert_eq!(entry.is_part, strip_newline(&mut expected));
            prop_assert_eq!(scanned.as_bytes(), expected);
            prop_assert_eq!(parsed.log, text);
            prop_assert_eq!(entry.stream, super::stream(parsed.stream.as_bytes()));
            prop_assert_eq!(entry.time, parsed.time.as_bytes());
            prop_assert_eq!(entry.attrs, parsed.attrs.as_bytes());
        }
    }
}
