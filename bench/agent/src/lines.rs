//! Log lines that carry the number of their source and their own, and how a number is found again in a record's body.
//!
//! | kind   | bytes with newline | line |
//! |--------|--------------------|------|
//! | Docker | 217                | `{"log":"{\"level\":\"info\",\"line\":\"SSSS/NNNNNNNNNN\",…}\n","stream":"stdout","time":"…Z"}` |
//! | plain  | 200                | `2026-11-24T12:00:00.NNNNNNNNNZ INFO … line=SSSS/NNNNNNNNNN …` |
//!
//! Each line has 32 hexadecimal digits that look random, as a request's id is, so that it compresses no better than real ones.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use memchr::memmem;

const SOURCE: &str = "SSSS";
const SEQUENCE: &str = "NNNNNNNNNN";
const NANOSECONDS: &str = "nnnnnnnnn";
const REQUEST_ID: &str = "hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh";
/// Replaced by so many characters that the line has its length.
const FILL: &str = "FILL";

const DOCKER: &str = r#"{"log":"{\"level\":\"info\",\"line\":\"SSSS/NNNNNNNNNN\",\"request_id\":\"hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh\",\"message\":\"FILL\"}\n","stream":"stdout","time":"2026-11-24T12:00:00.nnnnnnnnnZ"}"#;
const PLAIN: &str = "2026-11-24T12:00:00.nnnnnnnnnZ INFO request finished line=SSSS/NNNNNNNNNN request_id=hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh FILL";

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Of Docker's json-file driver; the message inside is JSON.
    Docker,
    /// Text.
    Plain,
}

impl Kind {
    /// The length of each line in bytes, with its newline.
    pub const fn line_length(self) -> usize {
        match self {
            Self::Docker => 217,
            Self::Plain => 200,
        }
    }
}

/// Writes the lines of one source.
#[derive(Debug, Clone)]
pub struct Lines {
    line: Vec<u8>,
    sequence_at: usize,
    nanoseconds_at: usize,
    request_id_at: usize,
}

impl Lines {
    /// Lines of source number `source`, which is below 10,000.
    pub fn new(kind: Kind, source: u32) -> Self {
        let template = match kind {
            Kind::Docker => DOCKER,
            Kind::Plain => PLAIN,
        };
        let fill = kind.line_length() - 1 - (template.len() - FILL.len());
        let line = template
            .replace(SOURCE, &format!("{source:04}"))
            .replace(FILL, &"lorem ipsum ".repeat(fill)[..fill]);
        let at = |text| line.find(text).unwrap_or_default();
        Self {
            sequence_at: at(SEQUENCE),
            nanoseconds_at: at(NANOSECONDS),
            request_id_at: at(REQUEST_ID),
            line: format!("{line}\n").into_bytes(),
        }
    }

    /// The line numbered `sequence`, which is below 10,000,000,000, with its newline.
    pub fn line(&mut self, sequence: u64) -> &[u8] {
        for (at, length) in [
            (self.sequence_at, SEQUENCE.len()),
            (self.nanoseconds_at, NANOSECONDS.len()),
        ] {
            write_digits(&mut self.line[at..at + length], sequence);
        }
        let request_id = &mut self.line[self.request_id_at..][..REQUEST_ID.len()];
        for (half, digits) in request_id.chunks_exact_mut(16).enumerate() {
            write_hexadecimal(digits, scramble(2 * sequence + half as u64));
        }
        &self.line
    }
}

/// The text of a line as an application wrote it, for records that come by OTLP.
pub fn message(source: u32, sequence: u64) -> String {
    let mut lines = Lines::new(Kind::Plain, source);
    String::from_utf8_lossy(lines.line(sequence))
        .trim_end()
        .to_owned()
}

/// Writes a file with the lines `0..count` of `source`, as fast as possible.
pub fn prepare(path: &Path, kind: Kind, source: u32, count: u64) -> io::Result<()> {
    let mut lines = Lines::new(kind, source);
    let mut file = io::BufWriter::with_capacity(1 << 20, File::create(path)?);
    for sequence in 0..count {
        file.write_all(lines.line(sequence))?;
    }
    file.into_inner()?.sync_all()
}

/// Appends the lines `first..first + count` of `source` at `rate` lines a second, each by a write of its own as Docker
/// does it, in bursts of ten milliseconds.
pub fn append(
    path: &Path,
    kind: Kind,
    source: u32,
    first: u64,
    count: u64,
    rate: u64,
) -> io::Result<()> {
    const BURST: Duration = Duration::from_millis(10);
    let mut lines = Lines::new(kind, source);
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    let started = Instant::now();
    let mut written = 0;
    while written < count {
        let elapsed = started.elapsed() + BURST;
        let due = (elapsed.as_micros() as u64 * rate / 1_000_000).min(count);
        while written < due {
            file.write_all(lines.line(first + written))?;
            written += 1;
        }
        thread::sleep((started + elapsed).saturating_duration_since(Instant::now()));
    }
    Ok(())
}

/// The source and the sequence number in the text of a line, wherever they stand in it.
pub fn number_in(text: &[u8]) -> Option<(u32, u64)> {
    /// What may stand between the name and the value: `=`, or `":"` with escapes.
    const BETWEEN: usize = 7;
    let mut rest = text;
    while let Some(name) = memmem::find(rest, b"line") {
        rest = &rest[name + 4..];
        let start = rest
            .iter()
            .take(BETWEEN)
            .position(u8::is_ascii_digit)
            .unwrap_or(0);
        let (source, after) = digits(&rest[start..]);
        if let (Some(source), Some(after)) = (source, after.strip_prefix(b"/")) {
            let (sequence, _) = digits(after);
            return Some((u32::try_from(source).ok()?, sequence?));
        }
    }
    None
}

fn write_digits(place: &mut [u8], mut value: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

fn write_hexadecimal(place: &mut [u8], mut value: u64) {
    for digit in place {
        *digit = b"0123456789abcdef"[(value % 16) as usize];
        value /= 16;
    }
}

/// `SplitMix64`: <https://prng.di.unimi.it/splitmix64.c>
fn scramble(value: u64) -> u64 {
    let mut mixed = value.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn digits(text: &[u8]) -> (Option<u64>, &[u8]) {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(length);
    let value = digits
        .iter()
        .try_fold(0_u64, |value, digit| {
            value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
        })
        .filter(|_| length > 0);
    (value, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_the_promised_length_and_carry_their_number() {
        for kind in [Kind::Docker, Kind::Plain] {
            let mut lines = Lines::new(kind, 17);
            for sequence in [0, 7, 4_999_999_999] {
                let line = lines.line(sequence).to_vec();
                assert_eq!(line.len(), kind.line_length());
                assert_eq!(line.last(), Some(&b'\n'));
                assert_eq!(number_in(&line), Some((17, sequence)));
            }
        }
    }

    #[test]
    fn a_docker_line_is_json_whose_message_is_json_with_the_same_number() {
        let line = Lines::new(Kind::Docker, 3).line(42).to_vec();
        let outer: serde_json::Value = serde_json::from_slice(&line).unwrap();
        let log = outer["log"].as_str().unwrap();
        assert!(log.ends_with('\n'));
        assert_eq!(number_in(log.as_bytes()), Some((3, 42)));
        let inner: serde_json::Value = serde_json::from_str(log).unwrap();
        assert_eq!(inner["line"], "0003/0000000042");
    }

    #[test]
    fn lines_are_not_alike_beyond_their_number() {
        let mut lines = Lines::new(Kind::Plain, 1);
        let mut request_id = |sequence| {
            let line = String::from_utf8(lines.line(sequence).to_vec()).unwrap();
            let (_, rest) = line.split_once("request_id=").unwrap();
            rest[..32].to_owned()
        };
        let first = request_id(0);
        assert!(first.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let second = request_id(1);
        let same = first.bytes().zip(second.bytes()).filter(|(a, b)| a == b);
        assert!(same.count() < 12);
    }

    #[test]
    fn text_without_a_number_has_none() {
        for text in [
            "",
            "line",
            "line=",
            "line=12",
            "line=12/",
            "a line 3 of",
            "line=99999999999/1",
        ] {
            assert_eq!(number_in(text.as_bytes()), None, "{text}");
        }
        assert_eq!(number_in(b"a line, line=1/2"), Some((1, 2)));
    }

    #[test]
    fn appended_lines_follow_each_other_at_the_rate() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let started = Instant::now();
        append(&path, Kind::Plain, 1, 5, 300, 1000).unwrap();
        assert!(started.elapsed() >= Duration::from_millis(290));
        let text = std::fs::read(&path).unwrap();
        let numbers: Vec<_> = text
            .split(|byte| *byte == b'\n')
            .filter_map(number_in)
            .collect();
        assert_eq!(
            numbers,
            (5..305).map(|sequence| (1, sequence)).collect::<Vec<_>>()
        );
    }
}
