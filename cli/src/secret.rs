//! Tokens and passwords in files.

use std::{fs, io, path::Path};

/// What the file holds, without the line's end that an editor adds.
pub(crate) fn read(path: &Path) -> io::Result<String> {
    Ok(fs::read_to_string(path)?.trim_end().to_owned())
}
