//! The format of the Kubernetes container runtime interface.
//!
//! ```text
//! 2026-11-24T11:42:48.123456789Z stdout F a line
//! ```
//!
//! `P` in the place of `F` says that the line goes on in the next line of the same stream. More tags may follow after a
//! colon; none is in use.

use memchr::memchr;

use super::frame::Stream;

/// A line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    pub(super) text: &'a [u8],
    pub(super) stream: Stream,
    pub(super) time: &'a [u8],
    pub(super) is_part: bool,
}

/// Reads a line; none when it has not this shape.
#[inline]
pub(super) fn scan(line: &[u8]) -> Option<Entry<'_>> {
    let (time, rest) = line.split_at(memchr(b' ', line)?);
    let (stream, rest) = rest.split_first_chunk::<8>()?;
    let stream = match stream {
        b" stdout " => Stream::Stdout,
        b" stderr " => Stream::Stderr,
        _ => return None,
    };
    let (tags, text) = match memchr(b' ', rest) {
        Some(end) => (&rest[..end], &rest[end + 1..]),
        // An empty line may lack its last space.
        None => (rest, &b""[..]),
    };
    let is_part = match tags {
        [b'P'] | [b'P', b':', ..] => true,
        [b'F'] | [b'F', b':', ..] => false,
        _ => return None,
    };
    // A part ends where the runtime cut it; a line ends before the carriage return of a terminal.
    let text = if is_part {
        text
    } else {
        text.strip_suffix(b"\r").unwrap_or(text)
    };
    Some(Entry {
        text,
        stream,
        time,
        is_part,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_lines_and_parts_are_read() {
        let read = |line: &'static str| {
            let entry = scan(line.as_bytes()).unwrap();
            (
                std::str::from_utf8(entry.text).unwrap(),
                entry.stream,
                entry.time,
                entry.is_part,
            )
        };
        assert_eq!(
            read("T stdout F a  b \r"),
            ("a  b ", Stream::Stdout, &b"T"[..], false)
        );
        assert_eq!(
            read("T stderr P part\r"),
            ("part\r", Stream::Stderr, &b"T"[..], true)
        );
        assert_eq!(
            read("T stdout P:x:y part"),
            ("part", Stream::Stdout, &b"T"[..], true)
        );
        assert_eq!(read("T stdout F "), ("", Stream::Stdout, &b"T"[..], false));
        assert_eq!(read("T stdout F"), ("", Stream::Stdout, &b"T"[..], false));
    }

    #[test]
    fn another_shape_is_none() {
        for other in [
            "",
            "T",
            "T stdout",
            "T stdout ",
            "T stdin F a",
            "T stdout X a",
            "T stdout FP a",
            " stdout",
        ] {
            assert_eq!(scan(other.as_bytes()), None, "{other}");
        }
    }
}
