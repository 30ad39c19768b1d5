//! `LENS_TOKEN_FILE`: the file with the token of lens, which lens, the Collector and `trivium status` read.
//!
//! It is checked before anything starts: the parts have another working folder, and the Collector, other than lens, sends
//! every byte of the file, so that with a line end nothing would ever arrive. Whether the token is a good one lens says.

use std::{ffi::OsString, fs, io, path::PathBuf};

/// A file that would not let the Collector in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("LENS_TOKEN_FILE: cannot read {}: {source}; name the file with the token of lens, or unset it", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error(
        "LENS_TOKEN_FILE: {} ends in a line end or a space, which the Collector would send as well; write the token alone, as \
         `printf %s TOKEN` does",
        path.display()
    )]
    Ending { path: PathBuf },
}

/// As an absolute path; `value` is the variable's.
pub(super) fn file(value: Option<OsString>) -> Result<Option<PathBuf>, TokenError> {
    let Some(path) = value.map(PathBuf::from) else {
        return Ok(None);
    };
    let token = match fs::read(&path) {
        Ok(token) => token,
        Err(source) => return Err(TokenError::Read { path, source }),
    };
    if token.last().is_some_and(u8::is_ascii_whitespace) {
        return Err(TokenError::Ending { path });
    }
    std::path::absolute(&path)
        .map(Some)
        .map_err(|source| TokenError::Read { path, source })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn of(path: &Path) -> Result<Option<PathBuf>, TokenError> {
        file(Some(path.into()))
    }

    #[test]
    fn a_file_that_is_not_there_or_has_more_than_the_token_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let error = of(&path).unwrap_err().to_string();
        let start = format!("LENS_TOKEN_FILE: cannot read {}: ", path.display());
        assert!(error.starts_with(&start), "{error}");
        for ending in ["\n", "\r\n", " "] {
            fs::write(&path, format!("0123456789abcdef{ending}")).unwrap();
            let error = of(&path).unwrap_err().to_string();
            assert!(error.contains(" ends in a line end or a space"), "{error}");
        }
        fs::write(&path, "0123456789abcdef").unwrap();
        assert_eq!(of(&path).unwrap(), Some(path));
        assert_eq!(file(None).unwrap(), None);
    }
}
