//! Docker's json-file and CRI: lines are read as a second reader, written for clarity alone, reads them, and each stream is
//! joined to what its container wrote.

use std::{collections::HashMap, sync::LazyLock};

use regex::bytes::Regex;
use serde::Deserialize;
use trivium_agent::lines::{
    Format, Settings,
    inspect::{Inspector, Step},
};

type Stream = Option<&'static str>;

/// A line without its frame.
#[derive(Debug, Clone, PartialEq)]
struct Framed {
    text: String,
    stream: Stream,
    is_part: bool,
}

/// What the second reader makes of a line.
enum Expected {
    Framed(Framed),
    Malformed,
    /// The agent takes more than the second reader does: better a line of a container with a wrong byte than none.
    Either,
}

/// Lines of json-file, each as `serde_json` reads it.
pub(crate) fn docker(data: &[u8]) {
    lines(Format::Docker, data, read_docker);
}

/// Lines of CRI, each as a regular expression reads it.
pub(crate) fn cri(data: &[u8]) {
    lines(Format::Cri, data, read_cri);
}

fn read_docker(line: &[u8]) -> Expected {
    #[derive(Deserialize)]
    struct Line {
        log: String,
        #[serde(default)]
        stream: String,
        #[serde(default, rename = "time")]
        _time: String,
        #[serde(rename = "attrs")]
        _attrs: Option<serde_json::Value>,
    }
    let is_object = line.trim_ascii_start().starts_with(b"{");
    let line = match serde_json::from_slice::<Line>(line) {
        Ok(read) if is_object => read,
        // An array is no line, and what starts as dockerd writes it may hold what is no JSON.
        _ if line.starts_with(br#"{"log":""#) => return Expected::Either,
        _ => return Expected::Malformed,
    };
    let whole = line.log.strip_suffix('\n');
    let text = whole.map_or(line.log.as_str(), |text| {
        text.strip_suffix('\r').unwrap_or(text)
    });
    Expected::Framed(Framed {
        text: text.to_owned(),
        stream: stream(line.stream.as_bytes()),
        is_part: whole.is_none(),
    })
}

fn read_cri(line: &[u8]) -> Expected {
    static LINE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?s-u)^[^ ]* (stdout|stderr) ([PF])(?::[^ ]*)?(?: (.*))?$")
            .expect("it compiles")
    });
    let Some(parts) = LINE.captures(line) else {
        return Expected::Malformed;
    };
    let is_part = &parts[2] == b"P";
    let mut text = parts.get(3).map_or(&b""[..], |text| text.as_bytes());
    if !is_part {
        text = text.strip_suffix(b"\r").unwrap_or(text);
    }
    Expected::Framed(Framed {
        text: String::from_utf8_lossy(text).into_owned(),
        stream: stream(&parts[1]),
        is_part,
    })
}

fn stream(name: &[u8]) -> Stream {
    match name {
        b"stdout" => Some("stdout"),
        b"stderr" => Some("stderr"),
        _ => None,
    }
}

fn lines(format: Format, data: &[u8], read: fn(&[u8]) -> Expected) {
    let mut inspector = Inspector::new(Settings {
        format,
        ..Settings::default()
    });
    let mut held: HashMap<Stream, String> = HashMap::new();
    for line in data.split(|byte| *byte == b'\n') {
        let steps = inspector.line(line, 1);
        let framed = framed(&steps);
        let whole = Framed {
            text: String::from_utf8_lossy(line).into_owned(),
            stream: None,
            is_part: false,
        };
        match read(line) {
            Expected::Framed(expected) => assert_eq!(framed, Some(expected)),
            Expected::Malformed => assert_eq!(framed, None, "{whole:?}"),
            Expected::Either => {}
        }
        let framed = framed.unwrap_or(whole);
        let records: Vec<_> = steps.iter().filter_map(body).collect();
        let joined = held.entry(framed.stream).or_default();
        joined.push_str(&framed.text);
        if framed.is_part {
            assert!(records.is_empty(), "a part is no record: {records:?}");
            continue;
        }
        let joined = std::mem::take(joined);
        // Bytes that are no UTF-8 may have been cut in the middle.
        if joined.contains(char::REPLACEMENT_CHARACTER) {
            assert_eq!(records.len(), 1);
        } else {
            assert_eq!(records, [joined]);
        }
    }
}

/// How the agent read the frame; none when it says that there is none.
fn framed(steps: &[Step]) -> Option<Framed> {
    match steps.first() {
        Some(Step::Framed {
            stream,
            is_part,
            text,
            ..
        }) => Some(Framed {
            text: text.clone(),
            stream: *stream,
            is_part: *is_part,
        }),
        Some(Step::Malformed { .. }) => None,
        other => panic!("the first step takes the frame off: {other:?}"),
    }
}

fn body(step: &Step) -> Option<&str> {
    match step {
        Step::Written(written) => Some(&written.body),
        _ => None,
    }
}
