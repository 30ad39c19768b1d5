//! The built-in patterns, and the triggers that must be in a text before a pattern is worth running.

use std::sync::{LazyLock, atomic::AtomicU64};

use regex::Regex;

use super::{Matcher, Rule};

/// A built-in pattern.
pub(super) struct Default {
    pub(super) name: &'static str,
    /// One of them is in every text that the pattern matches, but for keys in a mix of cases that nobody writes.
    pub(super) triggers: &'static [&'static str],
    /// Compiled when a text has a trigger: all of them take 0.5 MiB, and twice that while they are made.
    regex: LazyLock<Regex>,
    replacement: &'static str,
}

/// Where the pattern of named secrets is in [`DEFAULTS`].
pub(super) const SECRET: usize = 2;
/// Where the pattern is whose trigger is [`URL_TRIGGER`]; scarcer in logs than `://`, and found faster.
pub(super) const URL: usize = 4;
pub(super) const URL_TRIGGER: u8 = b'@';

/// In the order they run: a bearer token first, because a named secret ends at a space; those that know a value by its looks
/// last, because what is left to them has no name. Word edges and spaces are those of ASCII, which makes small automata.
/// Triggers have four bytes at least, and there are no more than 64, or the search by SIMD instructions becomes slow, or none.
pub(super) static DEFAULTS: [Default; 8] = [
    Default {
        name: "private_key",
        triggers: &["PRIVATE KEY"],
        regex: LazyLock::new(|| {
            compile(
                r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----|\z)",
            )
        }),
        replacement: "[redacted:private_key]",
    },
    Default {
        name: "bearer",
        triggers: &["earer", "EARER"],
        regex: LazyLock::new(|| compile(r"(?-u:\b)((?i-u:bearer)[ \t]+)[A-Za-z0-9._~+/-]{16,}=*")),
        replacement: "${1}[redacted:bearer]",
    },
    Default {
        name: "secret",
        triggers: &[
            // password, passwd, passphrase
            "sswo",
            "ssWo",
            "SSWO",
            "sswd",
            "SSWD",
            "ssphrase",
            "SSPHRASE",
            "secret",
            "Secret",
            "SECRET",
            "token",
            "Token",
            "TOKEN",
            // API, access and private key
            "_key",
            "_Key",
            "_KEY",
            "-key",
            "-Key",
            "-KEY",
            "ikey",
            "iKey",
            "IKEY",
            "sKey",
            "eKey",
            "uthorization",
            "UTHORIZATION",
        ],
        // A name, perhaps the end of a longer one, in quotes or not (which may be escaped), `=` or `:`, and the value: up to
        // the closing quote, or up to where an unquoted one ends.
        regex: LazyLock::new(|| {
            compile(concat!(
                r#"((?i-u:passw(?:or)?d|passphrase|secret(?:[_-]?access)?(?:[_-]?key)?|token|api[_-]?key|access[_-]?key(?:[_-]?id)?|"#,
                r#"private[_-]?key|authorization)[\\"']{0,4}[ \t]*[=:][ \t]*)"#,
                r#"(?:(")(?:[^"\\]|\\.)+|(\\")[^"\\]+|(')[^']+|(?:(?i-u:basic|bearer|digest|token)[ \t]+)?[^ \t\r\n"'\\,;&{}\[\]()]+)"#,
            ))
        }),
        replacement: "${1}${2}${3}${4}[redacted:secret]",
    },
    Default {
        name: "connection_password",
        triggers: &["pwd=", "Pwd=", "PWD="],
        // Not the working directory of a shell, which has the same name.
        regex: LazyLock::new(|| compile(r#"(?-u:\b)((?i-u:pwd)=)[^ \t\r\n;&"'/][^ \t\r\n;&"']*"#)),
        replacement: "${1}[redacted:connection_password]",
    },
    Default {
        name: "url_password",
        triggers: &[],
        regex: LazyLock::new(|| compile(r"(://[^ \t\r\n/?#:@]*:)[^ \t\r\n/?#@]+@")),
        replacement: "${1}[redacted:url_password]@",
    },
    Default {
        name: "jwt",
        // `{"` and the first letter of alg, typ, kid, enc, cty, x5t, jku or zip, in base64.
        triggers: &[
            "eyJh", "eyJ0", "eyJr", "eyJl", "eyJj", "eyJ4", "eyJq", "eyJ6",
        ],
        regex: LazyLock::new(|| {
            compile(r"(?-u:\b)eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?")
        }),
        replacement: "[redacted:jwt]",
    },
    Default {
        name: "aws_key",
        triggers: &["AKIA", "ASIA"],
        regex: LazyLock::new(|| compile(r"(?-u:\b)(?:AKIA|ASIA)[A-Z0-9]{16}(?-u:\b)")),
        replacement: "[redacted:aws_key]",
    },
    Default {
        name: "service_token",
        triggers: &[
            "ghp_",
            "gho_",
            "ghu_",
            "ghs_",
            "ghr_",
            "github_pat_",
            "glpat-",
            "xoxa",
            "xoxb",
            "xoxe",
            "xoxo",
            "xoxp",
            "xoxr",
            "xoxs",
            "AIza",
            "k_live_",
        ],
        regex: LazyLock::new(|| {
            compile(concat!(
                r"(?-u:\b)(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{36,}|glpat-[A-Za-z0-9_-]{20,}|xox[abeoprs]-[A-Za-z0-9-]{10,}|",
                r"AIza[A-Za-z0-9_-]{35}|[sr]k_live_[A-Za-z0-9]{16,})",
            ))
        }),
        replacement: "[redacted:service_token]",
    },
];

impl Default {
    pub(super) fn rule(&'static self) -> Rule {
        Rule {
            name: self.name.into(),
            matcher: Matcher::BuiltIn(&self.regex),
            replacement: self.replacement.to_owned(),
            redacted: AtomicU64::new(0),
        }
    }
}

/// Whether all of the value is a secret, by its key.
pub(super) fn is_secret_key(key: &str) -> bool {
    static SECRET_KEY: LazyLock<Regex> = LazyLock::new(|| {
        compile(concat!(
            r"(?i-u:passw(?:or)?d|passphrase|secret(?:[_.-]?access)?(?:[_.-]?key)?|token|api[_.-]?key|access[_.-]?key(?:[_.-]?id)?|",
            r"private[_.-]?key|authorization|cookie)$",
        ))
    });
    SECRET_KEY.is_match(key)
}

fn compile(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a built-in pattern, which a test compiles")
}
