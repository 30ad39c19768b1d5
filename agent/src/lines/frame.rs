//! Takes the text, the time and the stream of a line out of its frame: what the writer of the file put around it.

use super::{Format, cri, docker, time};

/// Which stream of its container a line was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Stdout,
    Stderr,
    /// The line has none, or its frame could not be read.
    None,
}

impl Stream {
    pub(super) const COUNT: usize = 3;

    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            Self::Stdout => Some("stdout"),
            Self::Stderr => Some("stderr"),
            Self::None => None,
        }
    }
}

/// A line without its frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Framed<'a> {
    /// What the program wrote, without a newline; perhaps not UTF-8.
    pub(super) text: &'a [u8],
    pub(super) stream: Stream,
    pub(super) time: Time,
    /// Whether the next line of this stream goes on where this one ends.
    pub(super) is_part: bool,
    /// What Docker was told to add to each line, as a JSON object.
    pub(super) attrs: &'a [u8],
    /// Whether the line is of its format; if not, `text` is all of it.
    pub(super) is_well_formed: bool,
}

/// The time that the frame names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Time {
    /// The format has none.
    Absent,
    /// It can't be read.
    Wrong,
    UnixNano(u64),
}

impl Time {
    fn read(text: &[u8]) -> Self {
        time::rfc3339(text).map_or(Self::Wrong, Self::UnixNano)
    }

    pub(super) fn unix_nano(self) -> Option<u64> {
        match self {
            Self::UnixNano(time) => Some(time),
            Self::Absent | Self::Wrong => None,
        }
    }
}

/// Takes the frame off a line. `scratch` is where a text goes that is not in the line as it is.
#[inline]
pub(super) fn unframe<'a>(format: Format, line: &'a [u8], scratch: &'a mut Vec<u8>) -> Framed<'a> {
    match format {
        Format::Docker => {
            scratch.clear();
            let Some(entry) = docker::scan(line, scratch) else {
                return by_serde(line, scratch);
            };
            Framed {
                text: scratch,
                stream: entry.stream,
                time: Time::read(entry.time),
                is_part: entry.is_part,
                attrs: entry.attrs,
                is_well_formed: true,
            }
        }
        Format::Cri => cri::scan(line).map_or_else(
            || malformed(line),
            |entry| Framed {
                text: entry.text,
                stream: entry.stream,
                time: Time::read(entry.time),
                is_part: entry.is_part,
                attrs: b"",
                is_well_formed: true,
            },
        ),
        Format::Plain | Format::Json | Format::Logfmt => Framed {
            is_well_formed: true,
            ..malformed(line.strip_suffix(b"\r").unwrap_or(line))
        },
    }
}

/// A Docker line of another shape than dockerd writes it today.
#[cold]
fn by_serde<'a>(line: &'a [u8], scratch: &'a mut Vec<u8>) -> Framed<'a> {
    let Some(entry) = docker::parse(line) else {
        return malformed(line);
    };
    scratch.clear();
    scratch.extend_from_slice(entry.log.as_bytes());
    let is_part = docker::strip_newline(scratch);
    let text_length = scratch.len();
    scratch.extend_from_slice(entry.attrs.as_bytes());
    let (text, attrs) = scratch.split_at(text_length);
    Framed {
        text,
        stream: docker::stream(entry.stream.as_bytes()),
        time: Time::read(entry.time.as_bytes()),
        is_part,
        attrs,
        is_well_formed: true,
    }
}

fn malformed(line: &[u8]) -> Framed<'_> {
    Framed {
        text: line,
        stream: Stream::None,
        time: Time::Absent,
        is_part: false,
        attrs: b"",
        is_well_formed: false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_plain_line_loses_its_carriage_return_only() {
        let mut scratch = Vec::new();
        let text =
            |line: &'static [u8]| unframe(Format::Plain, line, &mut Vec::new()).text.to_vec();
        assert_eq!(text(b"a b\r"), b"a b");
        assert_eq!(text(b" a\rb "), b" a\rb ");
        assert_eq!(text(b"\r\r"), b"\r");
        assert!(!unframe(Format::Cri, b"no frame", &mut scratch).is_well_formed);
    }

    #[test]
    fn a_docker_line_of_another_shape_is_read_all_the_same() {
        let line = br#" {"time":"2026-11-24T11:42:48Z", "attrs":{"tag":"web"}, "stream":"stderr", "log":"a\tb\r\n"}"#;
        let mut scratch = Vec::new();
        assert_eq!(
            unframe(Format::Docker, line, &mut scratch),
            Framed {
                text: b"a\tb",
                stream: Stream::Stderr,
                time: Time::UnixNano(1_795_520_568_000_000_000),
                is_part: false,
                attrs: br#"{"tag":"web"}"#,
                is_well_formed: true,
            }
        );
    }

    #[test]
    fn a_docker_line_that_is_torn_is_kept_whole() {
        for torn in [
            &br#"{"log":"abc\n","str"#[..],
            b"\0\0\0\0",
            b"",
            br#"{"stream":"stdout"}"#,
            b"[1]",
        ] {
            let mut scratch = Vec::new();
            let framed = unframe(Format::Docker, torn, &mut scratch);
            assert_eq!(
                (framed.text, framed.is_well_formed, framed.is_part),
                (torn, false, false)
            );
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, end: Vec<u8>) {
            for start in ["", r#"{"log":""#, r#"{"log":"a","stream":"stdout","#, "2026-11-24T11:42:48Z stdout "] {
                let line = [start.as_bytes(), &bytes, br#"","stream":"stdout","attrs":{""#, &end].concat();
                for format in [Format::Docker, Format::Cri, Format::Plain] {
                    unframe(format, &line, &mut Vec::new());
                }
            }
        }
    }
}
