//! The passwords that attackers try first: `common.txt`, with its source and licence. They are looked up in lower case, so
//! `Password1` is as common as `password1`.

use std::{collections::HashSet, sync::LazyLock};

/// Lines that start so are no passwords.
const COMMENT: &str = "# ";

static COMMON: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    let lines = include_str!("common.txt").lines();
    lines.filter(|line| !line.starts_with(COMMENT)).collect()
});

/// Whether many have it.
pub(super) fn is_common(password: &str) -> bool {
    COMMON.contains(password.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_ones_are_known_in_any_case_and_others_are_not() {
        assert_eq!(COMMON.len(), 8359);
        for common in [
            "password",
            "Password1",
            "12345678",
            "QWERTYUIOP",
            "iloveyou",
        ] {
            assert!(is_common(common), "{common}");
        }
        for other in [
            "",
            "# Royce Williams) that have at least 8 characters. All are lower-case.",
            "correct horse battery",
        ] {
            assert!(!is_common(other), "{other}");
        }
    }
}
