//! The files of what the parts print: each begins anew with its part, and is kept from growing without end.
//!
//! A part writes straight to its file, so that it lives on when `trivium up` is killed. A file above 16 MiB is therefore
//! copied to `NAME.log.1`, in the place of what stood there, and emptied.
//! **Known limitation**: what is printed between the end of the copy and the emptying, which is microseconds, is lost.

use std::{
    convert::Infallible,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

const LIMIT_BYTES: u64 = 16 * 1024 * 1024;
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// An empty file for new output; what the last start left there stays as `NAME.log.1`.
pub(super) fn begin(log: &Path) -> io::Result<File> {
    match fs::rename(log, before(log)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // What is emptied later is written on from its new end only when it is appended to.
    File::options().create(true).append(true).open(log)
}

/// Where the older output goes.
pub(crate) fn before(log: &Path) -> PathBuf {
    log.with_added_extension("1")
}

/// Keeps the files bounded until it is dropped. What fails, as on a full disk, is said once and tried again.
pub(super) async fn keep_bounded(logs: Vec<PathBuf>) -> Infallible {
    let mut has_failed = false;
    loop {
        tokio::time::sleep(CHECK_INTERVAL).await;
        for log in &logs {
            if let Err(error) = bound(log, LIMIT_BYTES)
                && !has_failed
            {
                has_failed = true;
                eprintln!("warning: {} keeps growing: {error}", log.display());
            }
        }
    }
}

fn bound(log: &Path, limit_bytes: u64) -> io::Result<()> {
    if fs::metadata(log)?.len() <= limit_bytes {
        return Ok(());
    }
    let mut full = File::options().read(true).write(true).open(log)?;
    io::copy(&mut full, &mut File::create(before(log))?)?;
    full.set_len(0)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_full_file_is_emptied_under_its_writer_and_no_line_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("app.log");
        let mut part = begin(&log).unwrap();
        let text = || fs::read_to_string(&log).unwrap();
        let older = || fs::read_to_string(folder.path().join("app.log.1")).unwrap();

        part.write_all(b"one\ntwo\n").unwrap();
        bound(&log, 8).unwrap();
        assert_eq!(text(), "one\ntwo\n");
        part.write_all(b"three\n").unwrap();
        bound(&log, 8).unwrap();
        part.write_all(b"four\n").unwrap();
        assert_eq!(
            (older(), text()),
            ("one\ntwo\nthree\n".into(), "four\n".into())
        );

        begin(&log).unwrap();
        assert_eq!((older(), text()), ("four\n".into(), String::new()));
    }
}
