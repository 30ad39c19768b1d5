//! Promtail's `replace` replaces the groups of an expression, ours the whole match: what is around the only group of an
//! expression is kept by two new groups.
//!
//! Where that would need a parser of expressions, there is no answer, never a wrong one.

use crate::config::Pattern;

/// A pattern whose match is replaced.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WholeMatch {
    pub(super) pattern: String,
    /// `${1}` are groups of the pattern.
    pub(super) replacement: String,
    /// Without a group Promtail replaces nothing.
    pub(super) had_group: bool,
}

impl WholeMatch {
    /// For an expression and what Promtail replaces its group by.
    pub(super) fn of(expression: &str, replacement: &str) -> Option<Self> {
        let pattern = Pattern::new(expression).ok()?;
        if expression.is_empty()
            || replacement.contains("{{")
            || replacement.contains(char::is_control)
        {
            return None;
        }
        let replacement = replacement.replace('$', "$$");
        match pattern.regex().captures_len() {
            1 => Some(Self {
                pattern: expression.to_owned(),
                replacement,
                had_group: false,
            }),
            2 => Self::of_group(only_group(expression)?, &replacement),
            _ => None,
        }
    }

    fn of_group((before, group, after): (&str, &str, &str), replacement: &str) -> Option<Self> {
        let (pattern, replacement) = if before.is_empty() && after.is_empty() {
            (group.to_owned(), replacement.to_owned())
        } else {
            (
                format!("({before})(?:{group})({after})"),
                format!("${{1}}{replacement}${{2}}"),
            )
        };
        Pattern::new(&pattern).is_ok().then_some(Self {
            pattern,
            replacement,
            had_group: true,
        })
    }
}

/// What is before, in and after the only group, where that is at the top level and unconditional.
fn only_group(expression: &str) -> Option<(&str, &str, &str)> {
    let start = expression.find('(')?;
    let end = start + expression[start..].find(')')?;
    let (before, after) = (&expression[..start], &expression[end + 1..]);
    let inside = &expression[start + 1..end];
    // An alternative beside the group, a class that may hold the parenthesis, an escaped one, flags and names.
    let is_simple = !before.contains(['|', '['])
        && !before.ends_with('\\')
        && !inside.starts_with('?')
        && inside.matches('[').count() == inside.matches(']').count()
        && !inside.ends_with('\\')
        && !after.starts_with(['*', '+', '?', '{'])
        && !after.contains(['(', ')', '|']);
    is_simple.then_some((before, inside, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacing_a_group_becomes_replacing_the_match() {
        for (expression, replacement, line, expected) in [
            (
                r"password (\S+)",
                "****",
                "my password xyz!",
                "my password ****",
            ),
            (r"token=(\w+);", "x", "a token=abc; b", "a token=x; b"),
            ("([0-9]{3}-[0-9]{2})", "*SSN*", "a 123-45 b", "a *SSN* b"),
            (r"\d+", "$1", "a 12 b", "a $1 b"),
            (r"11\.11 - (\S+\s)", "", "11.11 - frank [25", "11.11 - [25"),
        ] {
            let whole = WholeMatch::of(expression, replacement).unwrap();
            assert_eq!(whole.had_group, expression.contains('('));
            let regex = regex::Regex::new(&whole.pattern).unwrap();
            assert_eq!(
                regex.replace_all(line, whole.replacement.as_str()),
                expected,
                "{expression}"
            );
        }
        for (expression, replacement) in [
            ("(a)(b)", "x"),
            ("(a)", "{{ .Value | Hash \"salt\" }}"),
            ("x|(a)", "x"),
            ("(a)|x", "x"),
            ("(a)+", "x"),
            (r"\((a)\)", "x"),
            ("(?i)(a)", "x"),
            ("[(](a)", "x"),
            ("(a", "x"),
            ("", "x"),
        ] {
            assert_eq!(
                WholeMatch::of(expression, replacement),
                None,
                "{expression}"
            );
        }
    }
}
