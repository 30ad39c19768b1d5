//! The last lines of a log file: indented, to be shown under an error, or as the place to go on from.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

/// How many lines an error shows.
const LINES: usize = 20;
/// Enough for twenty long lines; the rest of a large log isn't read.
const BYTES: u64 = 32 * 1024;

/// The last twenty lines of the file at `path`, each indented by four spaces; says so when there are none.
pub(crate) fn last_lines(path: &Path) -> String {
    let text = match last_bytes(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => return format!("    ({} cannot be read: {error})", path.display()),
    };
    let lines: Vec<&str> = text.lines().collect();
    if lines.is_empty() {
        return "    (it wrote nothing)".to_owned();
    }
    let shown = &lines[lines.len().saturating_sub(LINES)..];
    shown
        .iter()
        .map(|line| format!("    {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn last_bytes(path: &Path) -> io::Result<Vec<u8>> {
    read_last_bytes(&mut File::open(path)?)
}

fn read_last_bytes(file: &mut File) -> io::Result<Vec<u8>> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(BYTES)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Moves the position of `file` to the start of the last twenty lines.
pub(crate) fn seek_last_lines(file: &mut File) -> io::Result<()> {
    let bytes = read_last_bytes(file)?;
    let text = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let mut ends = text.iter().rev().enumerate();
    let before = ends
        .by_ref()
        .filter(|(_, byte)| **byte == b'\n')
        .nth(LINES - 1);
    let shown = match before {
        Some((from_end, _)) => from_end + bytes.len() - text.len(),
        None => bytes.len(),
    };
    let end = file.stream_position()?;
    file.seek(SeekFrom::Start(end - shown as u64)).map(drop)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn only_the_last_twenty_lines_are_shown() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("part.log");
        let text: String = (1..=5000).map(|n| format!("line number {n}\n")).collect();
        std::fs::write(&log, text).unwrap();
        let lines = last_lines(&log);
        assert_eq!(lines.lines().count(), 20);
        assert_eq!(lines.lines().next(), Some("    line number 4981"));
        assert_eq!(lines.lines().last(), Some("    line number 5000"));
    }

    #[test]
    fn going_on_starts_at_the_twentieth_line_from_the_end() {
        let mut log = tempfile::tempfile().unwrap();
        for (lines, first) in [(100, 81), (20, 1), (3, 1)] {
            log.set_len(0).unwrap();
            log.rewind().unwrap();
            (1..=lines).for_each(|n| writeln!(log, "line number {n}").unwrap());
            seek_last_lines(&mut log).unwrap();
            let mut rest = String::new();
            log.read_to_string(&mut rest).unwrap();
            let expected: String = (first..=lines)
                .map(|n| format!("line number {n}\n"))
                .collect();
            assert_eq!(rest, expected);
        }
    }

    #[test]
    fn an_empty_log_is_said_to_be_empty() {
        let log = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(last_lines(log.path()), "    (it wrote nothing)");
    }
}
