//! Promtail's positions file: `positions: {PATH: "OFFSET"}`, beside cursors of journals and containers' times.

use std::path::PathBuf;

use super::{ImportError, Note, Outcome};
use crate::config::yaml::Node;

/// How far another agent has read a file. Whose file that is, is known only by looking at it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedPosition {
    /// Absolute.
    pub path: PathBuf,
    /// In bytes.
    pub offset: u64,
}

/// The offsets in a positions file, and what in it is none.
///
/// # Errors
/// When the text is no YAML, or has no positions.
pub fn positions(
    text: &str,
    name: &str,
) -> Result<(Vec<ImportedPosition>, Vec<Note>), ImportError> {
    let node = Node::parse(text).map_err(|error| ImportError::Syntax {
        name: name.to_owned(),
        line: error.line,
        problem: error.one_line(),
    })?;
    let positions = node.get("positions").ok_or_else(|| ImportError::Foreign {
        name: name.to_owned(),
        key: "positions",
    })?;
    let (mut found, mut notes) = (Vec::new(), Vec::new());
    for (key, value) in positions.entries() {
        let path = PathBuf::from(&key.text);
        match value.text().and_then(|offset| offset.parse().ok()) {
            Some(offset) if path.is_absolute() => found.push(ImportedPosition { path, offset }),
            Some(_) | None => notes.push(Note {
                line: key.line,
                what: format!("`{}`", key.text),
                outcome: Outcome::Lost(
                    "this is no offset in a file with an absolute path; what it stands for is read from its beginning, if it is read".to_owned(),
                ),
            }),
        }
    }
    Ok((found, notes))
}
