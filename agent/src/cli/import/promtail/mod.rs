//! Promtail's configuration as ours: where to, which files and containers, and what its stages do.

mod clients;
mod relabel;
mod replace;
mod scrape;
mod selector;
mod stages;

use std::collections::HashSet;

use super::{Import, ImportError, Note, Outcome, draft::Draft};
use crate::config::{
    expand::expand,
    yaml::{Key, Node},
};

/// Carries a Promtail configuration over; `name` is what its errors call it.
///
/// # Errors
/// When the text is no YAML, or has no `scrape_configs`.
pub fn promtail(text: &str, name: &str) -> Result<Import, ImportError> {
    let node = Node::parse(text).map_err(|error| ImportError::Syntax {
        name: name.to_owned(),
        line: error.line,
        problem: error.one_line(),
    })?;
    let jobs = node
        .get("scrape_configs")
        .ok_or_else(|| ImportError::Foreign {
            name: name.to_owned(),
            key: "scrape_configs",
        })?;
    let mut importer = Importer::default();
    for (key, value) in node.entries() {
        importer.top_level(key, value);
    }
    for job in jobs.items() {
        importer.job(job);
    }
    importer.settle_client();
    let title: String = name.chars().filter(|c| !c.is_control()).collect();
    let yaml = format!(
        "# Made of {title} by `trivium-agent import promtail`; `trivium-agent check` shows what it reads.\n{}",
        importer.draft
    );
    importer.notes.sort_by_key(|note| note.line);
    Ok(Import {
        yaml,
        notes: importer.notes,
    })
}

/// What is known while the configuration is walked through.
#[derive(Default)]
struct Importer {
    draft: Draft,
    notes: Vec<Note>,
    /// Of `limits_config`, in bytes.
    max_line: Option<u64>,
    /// What was said once and holds everywhere.
    said: HashSet<&'static str>,
}

impl Importer {
    fn lost(&mut self, line: u64, what: impl Into<String>, instead: impl Into<String>) {
        self.notes.push(Note {
            line,
            what: what.into(),
            outcome: Outcome::Lost(instead.into()),
        });
    }

    fn changed(&mut self, line: u64, what: impl Into<String>, now: impl Into<String>) {
        self.notes.push(Note {
            line,
            what: what.into(),
            outcome: Outcome::Changed(now.into()),
        });
    }

    /// As `changed`, for the first place only.
    fn changed_once(&mut self, line: u64, what: &'static str, now: &'static str) {
        if self.said.insert(what) {
            self.changed(line, what, now);
        }
    }

    fn top_level(&mut self, key: &Key, value: &Node) {
        match key.text.as_str() {
            "scrape_configs" => {}
            "client" => self.client(value),
            "clients" => {
                for (index, client) in value.items().iter().enumerate() {
                    if index == 0 {
                        self.client(client);
                    } else {
                        self.lost(
                            client.line,
                            "a second client",
                            "let a Collector send to several receivers, and the agent to the Collector",
                        );
                    }
                }
            }
            "positions" => {
                let file = value.get("filename").and_then(Node::text);
                self.changed(
                    key.line,
                    "positions",
                    format!(
                        "offsets are in state_dir; stop Promtail, then import with --positions {}",
                        file.unwrap_or("/var/log/positions.yaml")
                    ),
                );
            }
            "server" => self.changed(
                key.line,
                "server",
                "the agent opens no port; its own metrics go to the endpoint by OTLP",
            ),
            "limits_config" => self.limits(value),
            "target_config" | "global" | "options" | "wal" => self.changed(
                key.line,
                key.text.clone(),
                "not needed: new files are seen at once, and unsent lines stay in their files",
            ),
            other => self.lost(
                key.line,
                format!("`{other}`"),
                "there is no such setting; leave it out",
            ),
        }
    }

    fn limits(&mut self, limits: &Node) {
        for (key, value) in limits.entries() {
            match key.text.as_str() {
                "max_line_size" => {
                    self.max_line = value.text().and_then(stages::bytes).filter(|bytes| *bytes >= 64);
                    let now = "a line that is longer is cut there, and the cut declared, in place of dropped";
                    self.changed(key.line, key.text.clone(), now);
                }
                "max_line_size_truncate" => {}
                other => self.lost(
                    key.line,
                    format!("limits_config.{other}"),
                    "use rate_limit of a source; a slow Collector slows reading down by itself, without a limit",
                ),
            }
        }
    }
}

/// A text in which Promtail, run with `-config.expand-env`, replaces variables: the same in our spelling.
fn with_variables(text: &str) -> String {
    let mut ours = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, reference)) = rest.split_once("${") {
        ours.push_str(before);
        let Some((inside, after)) = reference.split_once('}') else {
            ours.push_str("$${");
            rest = reference;
            continue;
        };
        match inside.split_once(':') {
            Some((name, default)) if !default.starts_with('-') && name != "env" => {
                ours.push_str(&format!("${{{name}:-{default}}}"));
            }
            _ => ours.push_str(&format!("${{{inside}}}")),
        }
        rest = after;
    }
    ours.push_str(rest);
    // What cannot be a variable for us is none.
    if expand(&ours, &|_| Some(String::new())).is_ok() {
        ours
    } else {
        literal(text)
    }
}

/// A text in which nothing is to be replaced.
pub(super) fn literal(text: &str) -> String {
    text.replace("${", "$${")
}

/// What a text will be when its variables are replaced, as far as that can be known.
fn sample(text: &str) -> String {
    expand(text, &|_| Some("x".to_owned())).unwrap_or_else(|_| text.to_owned())
}

/// The only entry of a mapping that has one.
fn only(node: &Node) -> Option<(&Key, &Node)> {
    match node.entries() {
        [(key, value)] => Some((key, value)),
        _ => None,
    }
}
