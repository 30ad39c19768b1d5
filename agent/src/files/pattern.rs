//! Path patterns, matched part by part, so that only folders that can hold a match are walked and watched.
//!
//! The syntax is that of the crate `globset`: `*`, `?`, `[a-z]`, `{a,b}` within one part of a path, and `**` as a whole part
//! for any number of folders. A `{…}` can't contain a `/`.

use std::{
    ffi::{OsStr, OsString},
    path::{Component, Path},
};

use globset::{Candidate, GlobBuilder, GlobMatcher};

/// Why a pattern is no pattern.
#[derive(Debug, thiserror::Error)]
pub enum PatternError {
    /// It depends on the working folder, or leads upwards.
    #[error(
        "the pattern {0:?} does not name an absolute path; write one like /var/log/app/*.log, without .."
    )]
    NotAbsolute(String),
    /// It names no file.
    #[error("the pattern {0:?} ends without a file's name; write one like /var/log/app/*.log")]
    NoName(String),
    /// A part of it is not a glob.
    #[error(
        "a part of the pattern {pattern:?} is not a glob; write a literal [, {{ or * as [[], [{{] or [*]"
    )]
    Glob {
        /// The whole pattern.
        pattern: String,
        /// What is wrong with the part.
        source: globset::Error,
    },
}

/// A pattern for absolute paths.
#[derive(Debug)]
pub struct Pattern {
    parts: Vec<Part>,
}

/// Matches one part of a path.
#[derive(Debug)]
pub enum Part {
    /// Itself only.
    Literal(OsString),
    /// One part of any path.
    Glob(GlobMatcher),
    /// `**`: any number of folders, also none.
    Folders,
}

impl Part {
    /// Whether one name matches; never for [`Part::Folders`].
    pub fn matches(&self, name: &OsStr) -> bool {
        match self {
            Self::Literal(literal) => literal == name,
            Self::Glob(glob) => glob.is_match_candidate(&Candidate::new(name)),
            Self::Folders => false,
        }
    }
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When it is not absolute, names no file, or has a part that is not a glob.
    pub fn new(pattern: &str) -> Result<Self, PatternError> {
        let not_absolute = || PatternError::NotAbsolute(pattern.to_owned());
        let mut components = Path::new(pattern).components();
        if components.next() != Some(Component::RootDir) {
            return Err(not_absolute());
        }
        let mut parts = Vec::new();
        for component in components {
            let Component::Normal(name) = component else {
                return Err(not_absolute());
            };
            parts.push(part(name).map_err(|source| PatternError::Glob {
                pattern: pattern.to_owned(),
                source,
            })?);
        }
        if pattern.ends_with('/') || matches!(parts.last(), None | Some(Part::Folders)) {
            return Err(PatternError::NoName(pattern.to_owned()));
        }
        Ok(Self { parts })
    }

    /// The parts after the root.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Whether a whole path matches.
    pub fn matches(&self, path: &Path) -> bool {
        let names: Vec<&OsStr> = path.iter().skip(1).collect();
        matches_names(&self.parts, &names)
    }
}

fn part(name: &OsStr) -> Result<Part, globset::Error> {
    let text = name.to_string_lossy();
    if text == "**" {
        return Ok(Part::Folders);
    }
    if !text.contains(['*', '?', '[', ']', '{', '}', '\\']) {
        return Ok(Part::Literal(name.to_owned()));
    }
    let glob = GlobBuilder::new(&text).literal_separator(true).build()?;
    Ok(Part::Glob(glob.compile_matcher()))
}

fn matches_names(parts: &[Part], names: &[&OsStr]) -> bool {
    match (parts.split_first(), names.split_first()) {
        (None, None) => true,
        (Some((Part::Folders, rest)), _) => {
            (0..=names.len()).any(|skipped| matches_names(rest, &names[skipped..]))
        }
        (Some((part, parts)), Some((name, names))) => {
            part.matches(name) && matches_names(parts, names)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        Pattern::new(pattern).unwrap().matches(Path::new(path))
    }

    #[test]
    fn a_star_stays_within_a_folder_and_two_cross_them() {
        assert!(matches("/var/log/*.log", "/var/log/a.log"));
        assert!(!matches("/var/log/*.log", "/var/log/app/a.log"));
        assert!(!matches("/var/log/*.log", "/var/log/a.log.1"));
        assert!(matches("/var/**/*.log", "/var/a.log"));
        assert!(matches("/var/**/*.log", "/var/log/app/a.log"));
        assert!(matches("/v/*/[0-9].{log,txt}", "/v/x/3.txt"));
        assert!(!matches("/v/*/[0-9].{log,txt}", "/v/x/33.txt"));
        assert!(matches("/a/b", "/a/b"));
        assert!(!matches("/a/b", "/a/b/c"));
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_the_fix() {
        assert!(matches!(
            Pattern::new("logs/*.log"),
            Err(PatternError::NotAbsolute(_))
        ));
        assert!(matches!(
            Pattern::new("/a/../b"),
            Err(PatternError::NotAbsolute(_))
        ));
        for nameless in ["/", "/var/log/", "/var/**"] {
            assert!(
                matches!(Pattern::new(nameless), Err(PatternError::NoName(_))),
                "{nameless}"
            );
        }
        let error = Pattern::new("/var/[a").unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"a part of the pattern "/var/[a" is not a glob; write a literal [, { or * as [[], [{] or [*]"#
        );
    }
}
