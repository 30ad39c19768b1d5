//! Why a configuration cannot be used: the file, the line, the key, the value and the fix.

use std::{fmt, io, path::PathBuf};

use super::expand::ExpandError;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {source}; name a file with --config, or make it readable", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The text is no YAML.
    #[error("{name}:{line}: this is no YAML: {problem}")]
    Syntax {
        /// The name of the text.
        name: String,
        /// Counted from 1.
        line: u64,
        /// What the YAML parser says.
        problem: String,
    },
    /// A setting cannot be used.
    #[error("{name}:{}: {}", .invalid.line, .invalid)]
    Setting {
        /// The name of the text.
        name: String,
        /// Which, and why.
        invalid: Invalid,
    },
}

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// Counted from 1; 0 until it is known.
    pub line: u64,
    /// Where the setting is, like `logs.files[0].format`; empty for the whole file.
    pub key: String,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// There is no such key here.
    UnknownKey {
        /// The key as it is written.
        written: String,
        /// The keys there are.
        known: &'static [&'static str],
    },
    /// The value is none of the words there are.
    UnknownWord {
        /// The value as it is written.
        written: String,
        /// The words there are.
        known: &'static [&'static str],
    },
    /// The key has to be there.
    Missing {
        /// The key.
        key: &'static str,
    },
    /// The value is of another kind, like a list in place of a text.
    Kind {
        /// What is written.
        written: &'static str,
        /// What should be there.
        expected: String,
    },
    /// The value cannot be used.
    Value {
        /// As it is written, unless it is the whole of a section.
        written: Option<String>,
        /// Why not, and what to write instead.
        problem: String,
    },
    /// An environment variable in the value cannot be used.
    Variable(ExpandError),
}

impl Problem {
    /// For values that are secret.
    pub(super) fn without_value(self) -> Self {
        match self {
            Self::Value { problem, .. } => Self::Value {
                written: None,
                problem,
            },
            other => other,
        }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = if self.key.is_empty() {
            self.problem.to_string()
        } else {
            format!("{}: {}", self.key, self.problem)
        };
        // Keys and values may hold anything; a message is one line.
        formatter.write_str(&text.replace(char::is_control, " "))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey { written, known } => {
                write!(formatter, "unknown key `{}`; ", shown(written))?;
                choices(formatter, written, known)
            }
            Self::UnknownWord { written, known } => {
                write!(formatter, "`{}` cannot be used; ", shown(written))?;
                choices(formatter, written, known)
            }
            Self::Missing { key } => write!(formatter, "`{key}` is missing; add it"),
            Self::Kind { written, expected } => {
                write!(formatter, "{written} cannot be used; write {expected}")
            }
            Self::Value {
                written: Some(written),
                problem,
            } => write!(formatter, "`{}` cannot be used: {problem}", shown(written)),
            Self::Value {
                written: None,
                problem,
            } => formatter.write_str(problem),
            Self::Variable(error) => error.fmt(formatter),
        }
    }
}

/// A value that fits into a line.
fn shown(written: &str) -> String {
    const LONGEST: usize = 80;
    let mut characters = written.chars();
    let mut shown: String = characters.by_ref().take(LONGEST).collect();
    if characters.next().is_some() {
        shown.push('…');
    }
    shown
}

/// The likely one and the others.
fn choices(
    formatter: &mut fmt::Formatter<'_>,
    written: &str,
    known: &[&'static str],
) -> fmt::Result {
    if let Some(suggestion) = suggestion(written, known) {
        write!(formatter, "did you mean `{suggestion}`? ")?;
    }
    write!(formatter, "known here: {}", known.join(", "))
}

/// The known word that `written` was probably meant to be.
fn suggestion(written: &str, known: &[&'static str]) -> Option<&'static str> {
    let written = written.to_lowercase().replace('-', "_");
    known
        .iter()
        .map(|word| (strsim::jaro_winkler(&written, word), *word))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, word)| word)
}
