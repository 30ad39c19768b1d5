//! Promtail's relabelling rules: names that containers have by themselves, choices by name, and the rest.

use super::{Importer, literal, scrape::Kind, with_variables};
use crate::{cli::import::draft::Source, config::yaml::Node};

/// What the agent knows about a container, and what the attribute is called.
const KNOWN: [(&str, &str); 10] = [
    ("__meta_docker_container_name", "container.name"),
    ("__meta_docker_container_id", "container.id"),
    ("__meta_docker_container_log_stream", "log.iostream"),
    (
        "__meta_docker_container_label_com_docker_compose_project",
        "container.label.com.docker.compose.project",
    ),
    (
        "__meta_docker_container_label_com_docker_compose_service",
        "container.label.com.docker.compose.service",
    ),
    ("__meta_kubernetes_namespace", "k8s.namespace.name"),
    ("__meta_kubernetes_pod_name", "k8s.pod.name"),
    ("__meta_kubernetes_pod_uid", "k8s.pod.uid"),
    ("__meta_kubernetes_pod_container_name", "k8s.container.name"),
    ("__meta_kubernetes_pod_node_name", "host.name"),
];

impl Importer {
    pub(super) fn relabel(&mut self, rules: &Node, kind: Kind, source: &mut Source) {
        let has_choice = !source.include.is_empty();
        let mut keeps = 0;
        for rule in rules.items() {
            let field = |key: &str| rule.get(key).and_then(Node::text);
            let sources = rule.get("source_labels").map_or(&[][..], Node::items);
            let from = match sources {
                [one] => one.text(),
                _ => None,
            };
            match field("action").unwrap_or("replace") {
                "replace" => self.replace_label(rule, sources, from, source),
                action @ ("keep" | "drop") => {
                    let globs = from.zip(field("regex")).and_then(|(label, regex)| globs(label, regex));
                    let is_keep = action == "keep";
                    let is_free = kind != Kind::Files && !(is_keep && (has_choice || keeps > 0));
                    match globs.filter(|_| is_free) {
                        Some(globs) if is_keep => {
                            keeps += 1;
                            source.include.extend(globs);
                        }
                        Some(globs) => source.exclude.extend(globs),
                        None => self.lost(
                            rule.line,
                            format!("relabel_configs: {action} by {}", named(from)),
                            "choose containers by name, in logs.containers.include and exclude, or files by path",
                        ),
                    }
                }
                "labelmap" => self.lost(
                    rule.line,
                    "relabel_configs: labelmap",
                    "let a Collector's k8sattributes processor add labels of pods",
                ),
                other => self.lost(
                    rule.line,
                    format!("relabel_configs: {}", literal(other)),
                    "attributes are not removed or computed here; let a Collector's transform processor do it",
                ),
            }
        }
    }

    fn replace_label(
        &mut self,
        rule: &Node,
        sources: &[Node],
        from: Option<&str>,
        source: &mut Source,
    ) {
        let field = |key: &str| rule.get(key).and_then(Node::text);
        let Some(target) = field("target_label") else {
            let instead = "it names no label; leave it out";
            self.lost(rule.line, "relabel_configs: replace", instead);
            return;
        };
        // Labels with two underscores were never sent; they say where the files are, which the agent knows.
        if target.starts_with("__") || target.is_empty() {
            return;
        }
        let is_whole = matches!(
            field("regex").unwrap_or("(.*)"),
            "(.*)" | "(.+)" | "/(.*)" | "/(.+)" | "/?(.*)" | "/?(.+)"
        ) && matches!(field("replacement").unwrap_or("$1"), "$1" | "${1}");
        let known = from
            .filter(|_| is_whole)
            .and_then(|from| KNOWN.iter().find(|(label, _)| *label == from));
        if let Some((_, attribute)) = known {
            if target != *attribute {
                self.renamed(rule.line, target, attribute);
            }
            return;
        }
        match field("replacement") {
            Some(value) if sources.is_empty() && !value.contains('$') => {
                source.resource.insert(target.to_owned(), with_variables(value));
            }
            _ => self.lost(
                rule.line,
                format!("relabel_configs: the label {} of {}", literal(target), named(from)),
                "the agent adds the names of containers and pods, and what resource says; let a Collector's k8sattributes or transform processor add the rest",
            ),
        }
    }
}

fn named(from: Option<&str>) -> String {
    from.map_or_else(|| "several labels".to_owned(), literal)
}

/// A choice of names as globs of [`Containers::takes`](crate::config::Containers::takes), where it is that simple.
fn globs(label: &str, regex: &str) -> Option<Vec<String>> {
    let whole = |name: &str| match label {
        "__meta_docker_container_name" => Some(name.to_owned()),
        "__meta_kubernetes_namespace" => Some(format!("{name}/*")),
        "__meta_kubernetes_pod_name" => Some(format!("*/{name}/*")),
        "__meta_kubernetes_pod_container_name" => Some(format!("*/{name}")),
        _ => None,
    };
    let regex = regex.trim_start_matches('^').trim_end_matches('$');
    let regex = regex
        .strip_prefix("/?")
        .or_else(|| regex.strip_prefix('/'))
        .unwrap_or(regex);
    let regex = regex
        .strip_prefix('(')
        .and_then(|inner| inner.strip_suffix(')'))
        .unwrap_or(regex);
    let names = regex.split('|').map(|name| {
        let glob = name.replace(".*", "*");
        let is_simple = !glob.is_empty()
            && glob
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '*'))
            && !glob.contains("**");
        whole(&glob).filter(|_| is_simple)
    });
    names.collect()
}
