//! Promtail's jobs: which files and containers are read, and what they are called.

use std::collections::BTreeMap;

use super::{Importer, literal, sample, with_variables};
use crate::{
    cli::import::draft::Source,
    config::{
        Glob,
        yaml::{Key, Node},
    },
};

/// Where a job finds its lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Files,
    Docker,
    Kubernetes,
}

/// The labels that become `service.name`, the best last.
const SERVICE_NAMES: [&str; 4] = ["job", "app", "service", "service_name"];

impl Importer {
    pub(super) fn job(&mut self, job: &Node) {
        let name = job
            .get("job_name")
            .and_then(Node::text)
            .unwrap_or("a job without a name");
        let comment = format!("job {name}");
        let is_found = |(key, _): &(Key, Node)| {
            !matches!(
                key.text.as_str(),
                "job_name" | "pipeline_stages" | "relabel_configs"
            )
        };
        if !job.entries().iter().any(is_found) {
            let instead = "it names no file; write its paths to logs.files[].include";
            self.lost(job.line, comment, instead);
            return;
        }
        for (key, value) in job.entries() {
            match key.text.as_str() {
                "job_name" | "pipeline_stages" | "relabel_configs" => {}
                "static_configs" => {
                    for target in value.items() {
                        self.files(job, &comment, target);
                    }
                }
                "docker_sd_configs" => {
                    for target in value.items() {
                        self.docker(key, job, &comment, target);
                    }
                }
                "kubernetes_sd_configs" => {
                    for target in value.items() {
                        self.kubernetes(job, &comment, target);
                    }
                }
                "encoding" => self.lost(
                    key.line,
                    "encoding",
                    "the agent reads UTF-8 and replaces what is none; let the program write UTF-8",
                ),
                "decompression" => self.changed(
                    key.line,
                    "decompression",
                    "compressed files are not read: they were read before they were rotated",
                ),
                other => {
                    let instead = elsewhere(other);
                    self.lost(key.line, format!("{other} of {comment}"), instead);
                }
            }
        }
    }

    fn files(&mut self, job: &Node, comment: &str, target: &Node) {
        let Some(labels) = target.get("labels") else {
            let instead = "it names no file; write its paths to logs.files[].include";
            self.lost(target.line, format!("a target of {comment}"), instead);
            return;
        };
        let Some(path) = labels.get("__path__") else {
            let instead = "it has no __path__; write its paths to logs.files[].include";
            self.lost(labels.line, format!("a target of {comment}"), instead);
            return;
        };
        let Some(include) = self.glob(path) else {
            return;
        };
        let mut source = Source {
            comment: comment.to_owned(),
            ..Source::default()
        };
        source.exclude = labels
            .get("__path_exclude__")
            .and_then(|path| self.glob(path))
            .into_iter()
            .collect();
        let kind = match container_folder(&include) {
            Some((Kind::Docker, folder)) => {
                source.docker = Some(folder);
                Kind::Docker
            }
            Some((_, folder)) => {
                source.kubernetes = Some(folder);
                Kind::Kubernetes
            }
            None => {
                source.include = vec![include];
                Kind::Files
            }
        };
        source.labels = written_labels(labels);
        source.resource = self.labels(labels, kind == Kind::Files);
        self.finish(job, kind, source, path.line);
    }

    fn docker(&mut self, key: &Key, job: &Node, comment: &str, target: &Node) {
        let host = target.get("host").and_then(Node::text).unwrap_or_default();
        if !host.starts_with("unix:") {
            let instead = "an agent reads the containers of its own host; run one there";
            self.lost(
                target.line,
                format!("docker_sd_configs.host `{}`", literal(host)),
                instead,
            );
            return;
        }
        self.changed_once(
            key.line,
            "docker_sd_configs",
            "containers are found by Docker's folder, without its socket; names, images and compose labels become attributes by themselves",
        );
        let mut source = Source {
            comment: comment.to_owned(),
            docker: Some("/var/lib/docker/containers".to_owned()),
            ..Source::default()
        };
        for filter in target.get("filters").map_or(&[][..], Node::items) {
            let values = filter.get("values").map_or(&[][..], Node::items);
            if filter.get("name").and_then(Node::text) == Some("name") {
                let names = values.iter().filter_map(Node::text);
                let globs = names
                    .map(|name| format!("*{}*", globset::escape(name.trim_start_matches('/'))));
                source.include.extend(globs.map(|glob| literal(&glob)));
            } else {
                let instead = "choose containers by name, in logs.containers.include and exclude";
                self.lost(filter.line, "a filter of docker_sd_configs", instead);
            }
        }
        self.finish(job, Kind::Docker, source, target.line);
    }

    fn kubernetes(&mut self, job: &Node, comment: &str, target: &Node) {
        let role = target.get("role").and_then(Node::text).unwrap_or_default();
        if role != "pod" {
            let instead = "the agent reads the logs of pods; let a Collector read the rest";
            self.lost(
                target.line,
                format!("kubernetes_sd_configs.role `{}`", literal(role)),
                instead,
            );
            return;
        }
        self.changed_once(
            target.line,
            "kubernetes_sd_configs",
            "pods are found by the folder of their logs, without the API; namespace, pod and container become attributes by themselves",
        );
        let mut source = Source {
            comment: comment.to_owned(),
            kubernetes: Some("/var/log/pods".to_owned()),
            ..Source::default()
        };
        for (key, value) in target.entries() {
            match key.text.as_str() {
                "namespaces" => {
                    let names = value.get("names").map_or(&[][..], Node::items);
                    let names = names.iter().filter_map(Node::text);
                    source
                        .include
                        .extend(names.map(|name| literal(&format!("{}/*", globset::escape(name)))));
                }
                "selectors" => {
                    let instead =
                        "choose containers by name, in logs.containers.include and exclude";
                    self.lost(key.line, "selectors of kubernetes_sd_configs", instead);
                }
                _ => {}
            }
        }
        self.finish(job, Kind::Kubernetes, source, target.line);
    }

    /// What the job does to its lines, and where the source goes.
    fn finish(&mut self, job: &Node, kind: Kind, mut source: Source, line: u64) {
        if let Some(rules) = job.get("relabel_configs") {
            self.relabel(rules, kind, &mut source);
        }
        if let Some(stages) = job.get("pipeline_stages") {
            self.stages(stages, kind, &mut source);
        }
        source.max_line = source.max_line.or(self.max_line);
        if kind == Kind::Files {
            self.draft.files.push(source);
            return;
        }
        match &mut self.draft.containers {
            None => self.draft.containers = Some(source),
            Some(first) => {
                let is_alike = Source {
                    comment: String::new(),
                    docker: None,
                    kubernetes: None,
                    ..first.clone()
                } == Source {
                    comment: String::new(),
                    docker: None,
                    kubernetes: None,
                    ..source.clone()
                };
                first.docker = first.docker.take().or(source.docker);
                first.kubernetes = first.kubernetes.take().or(source.kubernetes);
                if !is_alike {
                    let instead = "all containers share the settings of logs.containers, which are those of the first job; add to them what this one needs";
                    self.lost(
                        line,
                        format!("the stages, labels and choices of {}", source.comment),
                        instead,
                    );
                }
            }
        }
    }

    /// A path that can be an include or an exclude.
    fn glob(&mut self, path: &Node) -> Option<String> {
        let glob = with_variables(path.text().unwrap_or_default());
        let expanded = sample(&glob);
        if expanded.starts_with('/') && Glob::of_paths(&expanded).is_ok() {
            return Some(glob);
        }
        let instead = "write an absolute path to logs.files[].include";
        self.lost(path.line, format!("the path `{}`", literal(&glob)), instead);
        None
    }

    /// Labels as resource attributes; those of files may name the service.
    pub(super) fn labels(&mut self, labels: &Node, name_service: bool) -> BTreeMap<String, String> {
        let is_set = |name: &&&str| labels.get(name).is_some_and(|value| value.text().is_some());
        let service = SERVICE_NAMES
            .iter()
            .rev()
            .find(is_set)
            .filter(|_| name_service);
        let mut attributes = BTreeMap::new();
        for (key, value) in labels.entries() {
            let name = key.text.as_str();
            let Some(value) = value
                .text()
                .filter(|_| !name.starts_with("__") && !name.is_empty())
            else {
                continue;
            };
            let attribute = match name {
                _ if service.is_some_and(|service| *service == name) => "service.name",
                "host" | "hostname" | "node" | "node_name" | "nodename" => "host.name",
                "env" | "environment" => "deployment.environment.name",
                _ => name,
            };
            if attribute != name {
                let what = format!("the label {name}");
                self.changed(key.line, what, in_loki(attribute));
            }
            attributes.insert(attribute.to_owned(), with_variables(value));
        }
        attributes
    }
}

fn written_labels(labels: &Node) -> BTreeMap<String, String> {
    let entries = labels.entries().iter();
    entries
        .filter_map(|(key, value)| Some((key.text.clone(), value.text()?.to_owned())))
        .collect()
}

/// How a resource attribute is found in Loki.
pub(super) fn in_loki(attribute: &str) -> String {
    format!(
        "it is the attribute {attribute} now, in Loki {}",
        attribute.replace(['.', '-', '/'], "_")
    )
}

/// The folder whose container logs a path names, as `/var/lib/docker/containers/*/*log` does.
fn container_folder(path: &str) -> Option<(Kind, String)> {
    let docker = ["/*/*log", "/*/*.log", "/*/*-json.log"];
    let folder = docker.iter().find_map(|end| path.strip_suffix(end));
    let is_docker = |folder: &&str| folder.contains("docker") && folder.ends_with("/containers");
    if let Some(folder) = folder
        .filter(is_docker)
        .filter(|folder| !folder.contains('*'))
    {
        return Some((Kind::Docker, folder.to_owned()));
    }
    let pods = ["/*/*/*.log", "/**/*.log", "/*/*/*log"];
    let folder = pods.iter().find_map(|end| path.strip_suffix(end))?;
    (folder.ends_with("/pods") && !folder.contains('*'))
        .then(|| (Kind::Kubernetes, folder.to_owned()))
}

/// What reads what the agent does not.
fn elsewhere(source: &str) -> &'static str {
    match source {
        "journal" => "let a Collector's journald receiver read the journal, or write to files",
        "syslog" => "let a Collector's syslog receiver take it",
        "loki_push_api" => "let programs send OTLP to the agent (otlp.grpc, otlp.http)",
        "file_sd_configs" => "write the paths to logs.files[].include, where globs find new files",
        "windows_events" => {
            "the agent is for Linux; let a Collector's windowseventlog receiver read it"
        }
        "kafka" => "let a Collector's kafka receiver read it",
        "gelf" | "heroku_drain" | "cloudflare" | "gcplog" | "azure_event_hubs" => {
            "let a Collector, or the service itself, send it by OTLP"
        }
        _ => "the agent finds files by globs and containers by folder; write those",
    }
}
