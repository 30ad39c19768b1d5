//! Our configuration while it is put together, and how it is written: only what is not the default.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
};

/// What is known so far.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) endpoint: Option<String>,
    /// The receiver takes only logs, and only OTLP/HTTP.
    pub(super) is_loki: bool,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) bearer_token_file: Option<String>,
    pub(super) tls: BTreeMap<&'static str, String>,
    pub(super) resource: BTreeMap<String, String>,
    pub(super) containers: Option<Source>,
    pub(super) files: Vec<Source>,
}

/// A source: the containers, or one of `logs.files`.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Source {
    /// What it was before.
    pub(super) comment: String,
    /// The labels it had before, by which stages choose it; not written.
    pub(super) labels: BTreeMap<String, String>,
    pub(super) docker: Option<String>,
    pub(super) kubernetes: Option<String>,
    pub(super) include: Vec<String>,
    pub(super) exclude: Vec<String>,
    pub(super) format: Option<&'static str>,
    pub(super) multiline: Option<(String, Option<String>)>,
    pub(super) parse: Option<&'static str>,
    /// Name, pattern, replacement.
    pub(super) redact: Vec<(String, String, String)>,
    pub(super) drop: Vec<String>,
    pub(super) sample: Option<f64>,
    /// Lines in a second, and at once.
    pub(super) rate_limit: Option<(u32, Option<u32>)>,
    pub(super) max_line: Option<u64>,
    pub(super) resource: BTreeMap<String, String>,
}

impl Source {
    /// Whether fields of a line are lifted out of it.
    pub(super) fn lifts(&self) -> bool {
        self.parse.is_some() || matches!(self.format, Some("json" | "logfmt"))
    }

    fn write(&self, out: &mut String, indent: &str) -> fmt::Result {
        let mut line = |text: String| writeln!(out, "{indent}{text}");
        if let Some(format) = self.format {
            line(format!("format: {format}"))?;
        }
        if let Some((start, timeout)) = &self.multiline {
            let timeout = timeout
                .iter()
                .map(|timeout| format!(", timeout: {timeout}"));
            line(format!(
                "multiline: {{start: {}{}}}",
                quoted(start),
                timeout.collect::<String>()
            ))?;
        }
        if let Some(parse) = self.parse {
            line(format!("parse: {parse}"))?;
        }
        if !self.redact.is_empty() {
            line("redact:".to_owned())?;
            line("  patterns:".to_owned())?;
        }
        for (name, pattern, replacement) in &self.redact {
            let [name, pattern, replacement] =
                [name, pattern, replacement].map(|text| quoted(text));
            line(format!(
                "    - {{name: {name}, pattern: {pattern}, replacement: {replacement}}}"
            ))?;
        }
        if !self.drop.is_empty() {
            line(format!("drop: {}", list(&self.drop)))?;
        }
        if let Some(sample) = self.sample {
            line(format!("sample: {sample}"))?;
        }
        if let Some((lines, burst)) = self.rate_limit {
            let burst = burst.map_or_else(String::new, |burst| format!(", burst: {burst}"));
            line(format!("rate_limit: {{lines_per_second: {lines}{burst}}}"))?;
        }
        if let Some(max_line) = self.max_line {
            line(format!("max_line: {max_line}"))?;
        }
        if !self.resource.is_empty() {
            line(format!("resource: {}", mapping(&self.resource)))?;
        }
        Ok(())
    }
}

impl fmt::Display for Draft {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.write(&mut out)?;
        formatter.write_str(&out)
    }
}

impl Draft {
    fn write(&self, out: &mut String) -> fmt::Result {
        if let Some(endpoint) = &self.endpoint {
            writeln!(out, "endpoint: {}", quoted(endpoint))?;
        }
        if self.is_loki {
            writeln!(out, "protocol: http\ncompression: gzip")?;
        }
        if !self.headers.is_empty() {
            writeln!(out, "headers: {}", mapping(&self.headers))?;
        }
        if let Some(file) = &self.bearer_token_file {
            writeln!(out, "bearer_token_file: {}", quoted(file))?;
        }
        if !self.tls.is_empty() {
            let files = self
                .tls
                .iter()
                .map(|(key, file)| ((*key).to_owned(), file.clone()));
            writeln!(out, "tls: {}", mapping(&files.collect()))?;
        }
        if !self.resource.is_empty() {
            writeln!(out, "resource: {}", mapping(&self.resource))?;
        }
        writeln!(
            out,
            "# Unlike before, tokens, keys and card numbers are made unreadable, unless logs.redact says defaults: false."
        )?;
        writeln!(out, "logs:")?;
        match &self.containers {
            None => writeln!(out, "  containers: false")?,
            Some(source) => {
                writeln!(out, "  containers: # {}", one_line(&source.comment))?;
                for (kind, folder) in [
                    ("docker", &source.docker),
                    ("kubernetes", &source.kubernetes),
                ] {
                    let folder = folder.as_deref().map_or_else(|| "false".to_owned(), quoted);
                    writeln!(out, "    {kind}: {folder}")?;
                }
                for (key, globs) in [("include", &source.include), ("exclude", &source.exclude)] {
                    if !globs.is_empty() {
                        writeln!(out, "    {key}: {}", list(globs))?;
                    }
                }
                source.write(out, "    ")?;
            }
        }
        if !self.files.is_empty() {
            writeln!(out, "  files:")?;
        }
        for source in &self.files {
            writeln!(out, "    # {}", one_line(&source.comment))?;
            writeln!(out, "    - include: {}", list(&source.include))?;
            if !source.exclude.is_empty() {
                writeln!(out, "      exclude: {}", list(&source.exclude))?;
            }
            source.write(out, "      ")?;
        }
        if self.is_loki {
            writeln!(
                out,
                "# Loki takes logs only; with a Collector as the endpoint, remove this line."
            )?;
            writeln!(out, "metrics: {{host: false, containers: false}}")?;
        }
        Ok(())
    }
}

fn one_line(comment: &str) -> String {
    comment.replace(|c: char| c.is_control(), " ")
}

fn list(items: &[String]) -> String {
    let items: Vec<_> = items.iter().map(|item| quoted(item)).collect();
    format!("[{}]", items.join(", "))
}

fn mapping(entries: &BTreeMap<String, String>) -> String {
    let entries: Vec<_> = entries
        .iter()
        .map(|(key, value)| format!("{}: {}", quoted(key), quoted(value)))
        .collect();
    format!("{{{}}}", entries.join(", "))
}

/// A text as a YAML scalar, in quotes where it could be read as something else.
pub(super) fn quoted(text: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | '-');
    let rest = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"));
    let (host, port) = rest
        .and_then(|rest| rest.split_once(':'))
        .unwrap_or((rest.unwrap_or(text), ""));
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && host.chars().all(is_word)
        && port.chars().all(is_word)
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n" | "null"
        );
    if is_plain {
        return text.to_owned();
    }
    if !text.contains(|c: char| c.is_control() || matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}'))
    {
        return format!("'{}'", text.replace('\'', "''"));
    }
    let mut escaped = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => escaped.extend(['\\', c]),
            c if c.is_control() || matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}') => {
                // Writing to a string does not fail.
                let _ = write!(escaped, "\\u{:04x}", u32::from(c));
            }
            c => escaped.push(c),
        }
    }
    escaped.push('"');
    escaped
}
