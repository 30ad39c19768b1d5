//! Writes lines to a new file, and counts what is in them. A file that was not finished is removed.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use super::FileError;

/// Rows of one line: some hundred kilobytes, which a reader takes at once.
pub(super) const LINE_ROWS: usize = 1000;

/// What a file holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exported {
    /// Spans.
    pub spans: u64,
    /// Log records.
    pub logs: u64,
    /// Data points of metrics; a histogram's is one.
    pub points: u64,
    /// Exemplars.
    pub exemplars: u64,
}

/// The file while it is written.
pub(super) struct Lines {
    path: PathBuf,
    file: Option<BufWriter<File>>,
    pub(super) written: Exported,
}

impl Lines {
    /// Makes the file, which must not exist.
    pub(super) fn create(path: &Path) -> Result<Self, FileError> {
        let file = File::create_new(path).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => FileError::Exists {
                path: path.to_owned(),
            },
            _ => FileError::Output {
                path: path.to_owned(),
                source,
            },
        })?;
        Ok(Self {
            path: path.to_owned(),
            file: Some(BufWriter::new(file)),
            written: Exported::default(),
        })
    }

    /// Writes one line.
    pub(super) fn line(&mut self, request: &impl Serialize) -> Result<(), FileError> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        let mut encode = || {
            let mut request = serde_json::to_value(request)?;
            leave_out_absent(&mut request);
            serde_json::to_writer(&mut *file, &request)
        };
        let encoded = encode();
        encoded.map_err(|source| match source.io_error_kind() {
            Some(_) => FileError::Output {
                path: self.path.clone(),
                source: source.into(),
            },
            None => FileError::Encode {
                path: self.path.clone(),
                source,
            },
        })?;
        file.write_all(b"\n").map_err(|source| FileError::Output {
            path: self.path.clone(),
            source,
        })
    }

    /// The file is whole.
    pub(super) fn finish(mut self) -> Result<Exported, FileError> {
        if let Some(file) = &mut self.file {
            file.flush().map_err(|source| FileError::Output {
                path: self.path.clone(),
                source,
            })?;
        }
        self.file = None;
        Ok(self.written)
    }
}

/// The Collector refuses `"min": null` and the like, as which the encoder writes what is absent.
fn leave_out_absent(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(leave_out_absent);
        }
        Value::Array(items) => items.iter_mut().for_each(leave_out_absent),
        _ => {}
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // What made the file incomplete is reported; that it also stays is no more to tell.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
