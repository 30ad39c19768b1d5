//! The table of all settings, made of what stands beside their definitions.

use std::fmt::Write as _;

use super::{
    Config, Containers, FileSource, Logs, Metrics, Multiline, Otlp, RateLimit, Redact,
    RedactPattern, Sampling, Setting, Spool, Tls,
};

/// Each section with what stands before its keys, in the order of the table.
pub(super) const SECTIONS: &[(&str, &[Setting])] = &[
    ("", Config::SETTINGS),
    ("tls.", Tls::SETTINGS),
    ("logs.", Logs::SETTINGS),
    ("logs.containers.", Containers::SETTINGS),
    ("logs.files[].", FileSource::SETTINGS),
    ("multiline.", Multiline::SETTINGS),
    ("rate_limit.", RateLimit::SETTINGS),
    ("redact.", Redact::SETTINGS),
    ("redact.patterns[].", RedactPattern::SETTINGS),
    ("metrics.", Metrics::SETTINGS),
    ("metrics.host.", Sampling::SETTINGS),
    ("metrics.containers.", Sampling::SETTINGS),
    ("otlp.", Otlp::SETTINGS),
    ("spool.", Spool::SETTINGS),
];

/// Every setting with its full key; `multiline`, `rate_limit` and `redact` are listed once for all sources.
fn rows() -> impl Iterator<Item = (String, &'static Setting)> {
    SECTIONS.iter().flat_map(|(before, settings)| {
        settings
            .iter()
            .map(move |setting| (format!("{before}{}", setting.key), setting))
    })
}

/// The table of the README.
pub fn for_readme() -> String {
    let mut table = "| setting | default | |\n|---|---|---|\n".to_owned();
    for (key, setting) in rows() {
        let default = match setting.default {
            "" => "–".to_owned(),
            "the section's defaults" => "see below".to_owned(),
            default => format!("`{default}`"),
        };
        let help = setting.help.trim().replace('|', "\\|");
        // Writing to a string does not fail.
        let _ = writeln!(table, "| `{key}` | {default} | {help} |");
    }
    table
}

/// The settings as `--help` prints them.
pub fn for_help() -> String {
    let mut text =
        "Settings of the configuration file, all optional unless their section needs them:\n"
            .to_owned();
    for (key, setting) in rows() {
        let default = match setting.default {
            "" | "the section's defaults" => String::new(),
            default => format!(" [default: {default}]"),
        };
        let _ = writeln!(text, "\n  {key}{default}\n     {}", setting.help);
    }
    text
}
