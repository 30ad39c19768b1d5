//! Environment variables in values, written as the Collector writes them.
//!
//! | written | becomes |
//! |---|---|
//! | `${env:NAME}`, `${NAME}` | the variable; an error where it is not set |
//! | `${env:NAME:-text}`, `${NAME:-text}` | the variable; `text` where it is not set, or empty |
//! | `$${` | `${` |
//!
//! Anything else stays: a lone `$` ends a regular expression, and `${1}` is a group of one. Keys and comments are not touched,
//! and a variable's value is never read as YAML.

/// Why a value could not be expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpandError {
    /// A variable is not in the environment.
    #[error("the environment has no variable {0}; set it, or write ${{{0}:-default}}")]
    Unset(String),
    /// A `${` without a `}`.
    #[error("`${{` has no `}}`; add it, or write `$${{` for the characters themselves")]
    Unclosed,
}

/// Looks up a variable.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Replaces the variables in `text`.
pub(crate) fn expand(text: &str, env: Lookup<'_>) -> Result<String, ExpandError> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        expanded.push_str(&rest[..dollar]);
        rest = &rest[dollar..];
        if let Some(after) = rest.strip_prefix("$${") {
            expanded.push_str("${");
            rest = after;
        } else if let Some(reference) = Reference::read(rest)? {
            let Reference { name, default, .. } = reference;
            let value = env(name).filter(|value| !(value.is_empty() && default.is_some()));
            match value.as_deref().or(default) {
                Some(value) => expanded.push_str(value),
                None => return Err(ExpandError::Unset(name.to_owned())),
            }
            rest = reference.rest;
        } else {
            expanded.push('$');
            rest = &rest[1..];
        }
    }
    expanded.push_str(rest);
    Ok(expanded)
}

/// A variable in a text.
struct Reference<'a> {
    name: &'a str,
    default: Option<&'a str>,
    /// What comes after it.
    rest: &'a str,
}

impl<'a> Reference<'a> {
    /// The one that `text` starts with.
    fn read(text: &'a str) -> Result<Option<Self>, ExpandError> {
        let Some(inside) = text.strip_prefix("${") else {
            return Ok(None);
        };
        let inside = inside.strip_prefix("env:").unwrap_or(inside);
        let end = inside
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(inside.len());
        let (name, rest) = inside.split_at(end);
        if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            return Ok(None);
        }
        let (default, rest) = match rest.strip_prefix(":-") {
            Some(rest) => {
                let (default, rest) = rest.split_once('}').ok_or(ExpandError::Unclosed)?;
                (Some(default), rest)
            }
            None => (None, rest.strip_prefix('}').ok_or(ExpandError::Unclosed)?),
        };
        Ok(Some(Self {
            name,
            default,
            rest,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(name: &str) -> Option<String> {
        match name {
            "HOST" => Some("collector".to_owned()),
            "EMPTY" => Some(String::new()),
            "TRICKY" => Some("a: ${HOST}\n# b".to_owned()),
            _ => None,
        }
    }

    #[test]
    fn variables_are_replaced_in_both_spellings() {
        for (text, expected) in [
            ("http://${HOST}:4317", "http://collector:4317"),
            ("${env:HOST}${HOST}", "collectorcollector"),
            ("${NONE:-a b}", "a b"),
            ("${env:NONE:-}", ""),
            ("${EMPTY}", ""),
            ("${EMPTY:-x}", "x"),
            ("${HOST:-x}", "collector"),
        ] {
            assert_eq!(expand(text, &env).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_variable_stays() {
        for text in ["", "^foo$", "a$b", "${1}x$2", "$", "ü${}", "${-}"] {
            assert_eq!(expand(text, &env).as_deref(), Ok(text));
        }
        assert_eq!(expand("$${HOST}", &env).as_deref(), Ok("${HOST}"));
    }

    #[test]
    fn a_variable_is_a_value_and_never_expanded_again() {
        assert_eq!(expand("${TRICKY}", &env).unwrap(), "a: ${HOST}\n# b");
    }

    #[test]
    fn a_missing_variable_is_named_with_the_fix() {
        let error = expand("${NONE}", &env).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the environment has no variable NONE; set it, or write ${NONE:-default}"
        );
        assert_eq!(expand("${HOST", &env), Err(ExpandError::Unclosed));
        assert_eq!(expand("${HOST:-x", &env), Err(ExpandError::Unclosed));
    }
}
