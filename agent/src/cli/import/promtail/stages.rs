//! Promtail's pipeline stages: each is carried over, unneeded, or named with what does it instead.

use std::time::Duration;

use super::{
    Importer, literal, only,
    replace::WholeMatch,
    scrape::{Kind, in_loki},
    selector::{Labels, Selector},
};
use crate::{
    cli::import::draft::Source,
    config::{
        Pattern, parse_byte_size,
        yaml::{Key, Node},
    },
};

const TRANSFORM: &str = "let a Collector's transform processor do it";

/// Fields that hold the message, the time and the severity wherever they are lifted.
const MESSAGES: [&str; 4] = ["message", "msg", "log", "output"];
const TIMES: [&str; 4] = ["time", "ts", "timestamp", "@timestamp"];

impl Importer {
    pub(super) fn stages(&mut self, stages: &Node, kind: Kind, source: &mut Source) {
        for stage in stages.items() {
            match only(stage) {
                Some((key, settings)) => self.stage(key, settings, kind, source),
                None => self.lost(
                    stage.line,
                    "a stage",
                    "a stage has one name; write it so, and import again",
                ),
            }
        }
    }

    fn stage(&mut self, key: &Key, settings: &Node, kind: Kind, source: &mut Source) {
        let line = key.line;
        let own_field = settings.get("source").and_then(Node::text);
        match key.text.as_str() {
            "docker" | "cri" => {
                if kind == Kind::Files {
                    source.format = Some(if key.text == "cri" { "cri" } else { "docker" });
                }
            }
            "json" => self.lift(line, "json", own_field, kind, source),
            "logfmt" => self.lift(line, "logfmt", own_field, kind, source),
            "multiline" => self.multiline(line, settings, source),
            "replace" => self.replace(line, settings, source),
            "decolorize" => {
                let pattern = r"\x1b\[[0-9;?]*[A-Za-z]".to_owned();
                source.redact.push(("decolorize".to_owned(), pattern, String::new()));
            }
            "drop" => self.drop_stage(line, settings, source),
            "match" => self.match_stage(line, settings, kind, source),
            "limit" => self.limit(line, settings, source),
            "sampling" => {
                let rate = settings.get("rate").and_then(Node::text);
                match rate.and_then(|rate| rate.parse::<f64>().ok()) {
                    Some(rate) if rate > 0.0 && rate <= 1.0 => {
                        source.sample = Some(source.sample.unwrap_or(1.0) * rate);
                    }
                    _ => self.lost(line, "sampling", "write the share to sample, like 0.1"),
                }
            }
            "static_labels" => {
                let labels = self.labels(settings, kind == Kind::Files);
                source.resource.extend(labels);
            }
            "timestamp" => {
                let is_lifted = source.lifts() && own_field.is_some_and(|field| TIMES.contains(&field));
                if is_lifted || kind != Kind::Files || matches!(source.format, Some("docker" | "cri")) {
                    self.changed_once(line, "timestamp", "the time is lifted out of the line by itself");
                } else {
                    let instead = "a plain line has the time at which it was read; write JSON or logfmt, or let a Collector's transform processor parse it";
                    self.lost(line, "timestamp", instead);
                }
            }
            "output" => {
                if !own_field.is_some_and(|field| MESSAGES.contains(&field)) {
                    self.lost(line, "output", "the text of a JSON or logfmt line is its field message or msg; rename the field, or let a Collector's transform processor do it");
                }
            }
            "labels" | "structured_metadata" if source.lifts() => self.changed_once(
                line,
                "labels and structured_metadata",
                "all fields of a line are attributes of its record, in Loki structured metadata: query {…} | field=\"value\"; the level is the severity",
            ),
            "labels" | "structured_metadata" | "labelallow" | "labeldrop" | "pack" => {
                let instead = "the agent has no labels; JSON and logfmt fields become attributes (parse), and resource adds fixed ones";
                self.lost(line, key.text.clone(), instead);
            }
            "tenant" => self.lost(
                line,
                "tenant",
                "an agent sends as one tenant, in headers; run one agent for each, or let a Collector route",
            ),
            "metrics" => self.lost(line, "metrics", "let a Collector's count or sum connector make metrics of records"),
            "geoip" => self.lost(line, "geoip", "let a Collector's geoip processor add it"),
            "regex" | "template" => self.lost(line, key.text.clone(), TRANSFORM),
            other => self.lost(line, format!("the stage {}", literal(other)), TRANSFORM),
        }
    }

    fn lift(
        &mut self,
        line: u64,
        format: &'static str,
        field: Option<&str>,
        kind: Kind,
        source: &mut Source,
    ) {
        if source.lifts() || field.is_some_and(|field| !MESSAGES.contains(&field)) {
            let instead =
                "a line is parsed once; let a Collector's transform processor parse a field of it";
            self.lost(line, format!("{format} of a field"), instead);
        } else if kind == Kind::Files && source.format.is_none() {
            source.format = Some(format);
        } else {
            source.parse = Some(format);
        }
    }

    fn multiline(&mut self, line: u64, settings: &Node, source: &mut Source) {
        let first = settings
            .get("firstline")
            .and_then(Node::text)
            .unwrap_or_default();
        if first.is_empty() || Pattern::new(first).is_err() {
            self.lost(
                line,
                "multiline",
                "write a regular expression of the first line to multiline.start",
            );
            return;
        }
        let wait = settings
            .get("max_wait_time")
            .and_then(Node::text)
            .unwrap_or("3s");
        let wait = humantime::parse_duration(wait)
            .ok()
            .filter(|wait| *wait >= Duration::from_millis(1));
        let timeout = wait.map(|wait| {
            humantime::format_duration(wait)
                .to_string()
                .replace(' ', "")
        });
        source.multiline = Some((literal(first), timeout));
        if let Some((key, _)) = settings
            .entries()
            .iter()
            .find(|(key, _)| key.text == "max_lines")
        {
            let now = "a record is limited by its bytes, at max_line, and not by its lines";
            self.changed(key.line, "multiline.max_lines", now);
        }
    }

    fn replace(&mut self, line: u64, settings: &Node, source: &mut Source) {
        let text = |key: &str| settings.get(key).and_then(Node::text);
        if text("source").is_some_and(|field| !MESSAGES.contains(&field)) {
            let instead = "redact works on the whole line; write the pattern to redact.patterns";
            self.lost(line, "replace of a field", instead);
            return;
        }
        let expression = text("expression").unwrap_or_default();
        let replacement = text("replace").unwrap_or_default();
        let Some(whole) = WholeMatch::of(expression, replacement) else {
            self.lost(
                line,
                "replace",
                "write the pattern to redact.patterns with one replacement for the whole match; for templates and hashes use a Collector's transform processor",
            );
            return;
        };
        if !whole.had_group {
            let now =
                "it has no group, so Promtail replaced nothing; here the whole match is replaced";
            self.changed(line, "replace", now);
        }
        let name = format!("promtail-line-{line}");
        source
            .redact
            .push((name, literal(&whole.pattern), literal(&whole.replacement)));
    }

    fn drop_stage(&mut self, line: u64, settings: &Node, source: &mut Source) {
        let conditions = || {
            settings.entries().iter().filter(|(key, _)| {
                !matches!(key.text.as_str(), "drop_counter_reason" | "separator")
            })
        };
        let mut all = conditions();
        match (all.next(), all.next()) {
            (Some((key, value)), None) if key.text == "expression" => {
                self.drop_pattern(line, value.text().unwrap_or_default(), source);
            }
            (Some((key, value)), None) if key.text == "longer_than" => {
                let text = value.text().unwrap_or_default();
                match bytes(text).filter(|bytes| *bytes >= 64) {
                    Some(bytes) => {
                        source.max_line = Some(bytes);
                        self.changed(line, "drop.longer_than", "a line that is longer is cut there, and the cut declared, in place of dropped");
                    }
                    None => self.lost(
                        line,
                        "drop.longer_than",
                        "write a size to max_line, where lines are cut",
                    ),
                }
            }
            _ => {
                let keys: Vec<_> = conditions().map(|(key, _)| literal(&key.text)).collect();
                let instead = "drop takes regular expressions of the whole line; write one, or let a Collector's filter processor do it";
                self.lost(line, format!("drop by {}", keys.join(" and ")), instead);
            }
        }
    }

    fn drop_pattern(&mut self, line: u64, pattern: &str, source: &mut Source) {
        if pattern.is_empty() || Pattern::new(pattern).is_err() {
            self.lost(
                line,
                "drop",
                "this is no regular expression of the Rust crate regex; write one to drop",
            );
        } else {
            source.drop.push(literal(pattern));
        }
    }

    fn match_stage(&mut self, line: u64, settings: &Node, kind: Kind, source: &mut Source) {
        let text = settings
            .get("selector")
            .and_then(Node::text)
            .unwrap_or_default();
        let what = format!("match {}", literal(text));
        let Some(selector) = Selector::parse(text) else {
            self.lost(line, what, TRANSFORM);
            return;
        };
        let is_drop = settings.get("action").and_then(Node::text) == Some("drop");
        match (
            selector.labels(&source.labels),
            is_drop,
            selector.filters.as_slice(),
        ) {
            (Labels::Differ, _, _) => {
                self.changed(
                    line,
                    what,
                    format!(
                        "it was never true for {}, so it is left out there",
                        source.comment
                    ),
                );
            }
            (Labels::Match, true, [("|=", text)]) => {
                self.drop_pattern(line, &regex::escape(text), source);
            }
            (Labels::Match, true, [("|~", pattern)]) => self.drop_pattern(line, pattern, source),
            (Labels::Match, false, []) => {
                if let Some(stages) = settings.get("stages") {
                    self.stages(stages, kind, source);
                }
            }
            _ => {
                let instead =
                    "make a source of its own of the files it is for, or let a Collector choose";
                self.lost(line, what, instead);
            }
        }
    }

    fn limit(&mut self, line: u64, settings: &Node, source: &mut Source) {
        let number = |key: &str| settings.get(key).and_then(Node::text)?.parse::<f64>().ok();
        if settings.get("drop").and_then(Node::text) != Some("true") {
            self.changed(line, "limit", "without drop: true it made Promtail wait; the agent waits by itself when the Collector is slow, so there is no limit");
            return;
        }
        if settings.get("by_label_name").is_some() {
            self.lost(line, "limit.by_label_name", "a rate_limit is for each log of its source; make sources of what has a limit of its own");
            return;
        }
        match (
            number("rate").and_then(count),
            number("burst").and_then(count),
        ) {
            (Some(rate), burst) => source.rate_limit = Some((rate, burst)),
            (None, _) => self.lost(line, "limit", "write rate_limit: {lines_per_second: …}"),
        }
    }

    /// Labels that a rule or a stage takes from what is known about a container.
    pub(super) fn renamed(&mut self, line: u64, label: &str, attribute: &str) {
        self.changed(
            line,
            format!("the label {}", literal(label)),
            in_loki(attribute),
        );
    }
}

/// A whole number from 1, rounded up.
fn count(number: f64) -> Option<u32> {
    let number = number.ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range is checked"
    )]
    (number >= 1.0 && number <= f64::from(u32::MAX)).then_some(number as u32)
}

/// Promtail's sizes: `8kb`, `8192`.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let unit = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => "B",
        "k" | "kb" => "kB",
        "kib" => "KiB",
        "m" | "mb" => "MB",
        "mib" => "MiB",
        _ => return None,
    };
    parse_byte_size(&format!("{}{unit}", &text[..digits])).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_promtails_units() {
        assert_eq!(
            ["8kb", "8192", "1MiB", "x", "8 kB", ""].map(bytes),
            [
                Some(8000),
                Some(8192),
                Some(1_048_576),
                None,
                Some(8000),
                None
            ]
        );
    }
}
