//! compose.yaml and its overrides, as Docker Compose reads them: what starts in each profile, and what holds for every service.

use std::{collections::BTreeSet, path::Path, process::Command};

use serde_json::{Map, Value};
use tempfile::TempDir;

use crate::{complaint, compose, make_secrets, root, succeed};

/// What starts for a backend, in order of names.
const SERVICES: [(&str, &[&str]); 2] = [
    ("lens", &["agent", "app", "lens", "otelcol"]),
    (
        "lgtm",
        &[
            "agent",
            "alertmanager",
            "app",
            "grafana",
            "loki",
            "otelcol",
            "prometheus",
            "tempo",
        ],
    ),
];
const OVERRIDES: [&[&str]; 4] = [&[], &["tls"], &["ports"], &["tls", "ports"]];
/// What is reached from the host, without the override that publishes the backends.
const PUBLISHED: [&str; 4] = ["app", "grafana", "lens", "otelcol"];
/// What keeps data.
const VOLUMES: [&str; 9] = [
    "agent",
    "alertmanager",
    "app",
    "grafana",
    "lens",
    "loki",
    "otelcol",
    "prometheus",
    "tempo",
];

struct Setup {
    secrets: TempDir,
}

impl Setup {
    fn new() -> Self {
        let secrets = tempfile::tempdir().unwrap();
        make_secrets(secrets.path());
        Self { secrets }
    }

    fn compose(&self, overrides: &[&str], variables: &[(&str, &str)]) -> Option<Command> {
        let mut files = "compose/compose.yaml".to_owned();
        for name in overrides {
            files = format!("{files}:compose/{name}.yaml");
        }
        let mut command = compose()?;
        command
            .env("SECRETS", self.secrets.path())
            .env("COMPOSE_FILE", files)
            .envs(variables.iter().copied());
        Some(command)
    }

    /// The services as Compose understands them.
    fn services(
        &self,
        overrides: &[&str],
        variables: &[(&str, &str)],
    ) -> Option<Map<String, Value>> {
        let mut command = self.compose(overrides, variables)?;
        let text = succeed(command.args(["config", "--format", "json"]));
        let mut config: Value = serde_json::from_str(&text).unwrap();
        Some(serde_json::from_value(config["services"].take()).unwrap())
    }
}

fn texts(value: &Value) -> Vec<&str> {
    let values = value.as_array().map(Vec::as_slice).unwrap_or_default();
    values.iter().map(|text| text.as_str().unwrap()).collect()
}

#[test]
fn a_profile_starts_its_services_in_every_override_and_each_is_hardened() {
    let setup = Setup::new();
    for (backend, expected) in SERVICES {
        for overrides in OVERRIDES {
            let variables = [("BACKENDS", backend)];
            let Some(services) = setup.services(overrides, &variables) else {
                return;
            };
            let names: Vec<_> = services.keys().map(String::as_str).collect();
            assert_eq!(names, expected, "{backend} {overrides:?}");
            for (name, service) in &services {
                assert_hardened(name, service);
                assert_reachable(name, service, overrides);
                assert_mounts(name, service);
            }
        }
    }
}

fn assert_hardened(name: &str, service: &Value) {
    assert_eq!(service["read_only"], true, "{name}");
    assert_eq!(texts(&service["cap_drop"]), ["ALL"], "{name}");
    assert_eq!(
        texts(&service["security_opt"]),
        ["no-new-privileges:true"],
        "{name}"
    );
    assert_eq!(service["restart"], "unless-stopped", "{name}");
    assert!(service["privileged"].is_null(), "{name}");
    let added = if name == "agent" {
        &["DAC_READ_SEARCH"][..]
    } else {
        &[]
    };
    assert_eq!(texts(&service["cap_add"]), added, "{name}");
    let limit = service["mem_limit"].as_str().unwrap();
    assert!(limit.parse::<u64>().unwrap() >= 64 << 20, "{name}: {limit}");
    let test = texts(&service["healthcheck"]["test"]);
    assert_eq!(test[0], "CMD", "{name}: there is no shell to ask");
    assert_eq!(
        service["logging"]["driver"], "json-file",
        "{name}: the agent reads it"
    );
    assert_eq!(service["logging"]["options"]["max-size"], "10m", "{name}");
    let image = service["image"].as_str().unwrap();
    let (_, version) = image.rsplit_once(':').unwrap();
    assert!(
        version.contains('.') && version != "latest",
        "{image} is not fixed"
    );
}

fn assert_reachable(name: &str, service: &Value, overrides: &[&str]) {
    let ports = service["ports"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let is_published =
        PUBLISHED.contains(&name) || (overrides.contains(&"ports") && name != "agent");
    assert_eq!(!ports.is_empty(), is_published, "{name} {overrides:?}");
    for port in ports {
        assert_eq!(port["host_ip"], "127.0.0.1", "{name}");
    }
}

fn assert_mounts(name: &str, service: &Value) {
    let mounts = service["volumes"].as_array().unwrap();
    let (volumes, binds): (Vec<_>, Vec<_>) =
        mounts.iter().partition(|mount| mount["type"] == "volume");
    let volumes: Vec<_> = volumes
        .iter()
        .map(|mount| mount["source"].as_str().unwrap())
        .collect();
    assert_eq!(
        volumes,
        if VOLUMES.contains(&name) {
            vec![name]
        } else {
            vec![]
        }
    );
    for bind in &binds {
        let source = bind["source"].as_str().unwrap();
        assert_eq!(bind["read_only"], true, "{name}: {source}");
        let is_of_host = name == "agent" && bind["target"].as_str().unwrap().starts_with("/host/");
        assert!(
            is_of_host || Path::new(source).exists(),
            "{name}: there is no {source}"
        );
    }
    if name == "agent" {
        let of_host = binds.iter().map(|bind| bind["target"].as_str().unwrap());
        let of_host: BTreeSet<_> = of_host
            .filter(|target| target.starts_with("/host"))
            .collect();
        let expected = [
            "/host/proc",
            "/host/sys/fs/cgroup",
            "/host/var/lib/docker/containers",
        ];
        assert_eq!(of_host, BTreeSet::from(expected));
    }
}

#[test]
fn what_one_starts_after_is_healthy() {
    let setup = Setup::new();
    for (backend, expected) in SERVICES {
        let variables = [("BACKENDS", backend), ("COMPOSE_PROFILES", backend)];
        let Some(services) = setup.services(&[], &variables) else {
            return;
        };
        let mut edges = 0;
        for service in services.values() {
            let after = service["depends_on"]
                .as_object()
                .cloned()
                .unwrap_or_default();
            for (other, how) in after
                .iter()
                .filter(|(other, _)| expected.contains(&other.as_str()))
            {
                assert_eq!(how["condition"], "service_healthy", "{other}");
                edges += 1;
            }
        }
        // app and agent after the Collector, it after its backends; Grafana after those that it asks.
        assert_eq!(edges, if backend == "lens" { 3 } else { 8 }, "{backend}");
    }
}

#[test]
fn load_is_added_to_any_backend() {
    let setup = Setup::new();
    for (backend, expected) in SERVICES {
        let profiles = format!("{backend},load");
        let variables = [("BACKENDS", backend), ("COMPOSE_PROFILES", &*profiles)];
        let Some(services) = setup.services(&[], &variables) else {
            return;
        };
        assert_eq!(services.len(), expected.len() + 1);
        assert_hardened("load", &services["load"]);
    }
}

#[test]
fn the_collector_gets_the_backend_s_file_and_the_token_and_with_the_override_tls() {
    let setup = Setup::new();
    let config = |name: &str| format!("--config=/etc/otelcol/{name}.yaml");
    for backend in ["lens", "lgtm"] {
        let mut expected = vec![config("config"), config(&format!("backends/{backend}"))];
        expected.push(config("policies/token"));
        for overrides in [&[][..], &["tls"]] {
            let Some(services) = setup.services(overrides, &[("BACKENDS", backend)]) else {
                return;
            };
            if !overrides.is_empty() {
                expected.push(config("policies/tls"));
            }
            assert_eq!(texts(&services["otelcol"]["command"]), expected);
            for name in ["app", "agent", "lens"] {
                let environment = &services.get(name).unwrap_or(&services["app"])["environment"];
                let endpoint = [
                    &environment["OTEL_EXPORTER_OTLP_ENDPOINT"],
                    &environment["OTLP_ENDPOINT"],
                ];
                let scheme = if overrides.is_empty() {
                    "http"
                } else {
                    "https"
                };
                let expected = Value::from(format!("{scheme}://otelcol:4317"));
                assert!(endpoint.contains(&&expected), "{name}: {endpoint:?}");
            }
        }
    }
}

#[test]
fn another_backend_takes_its_variables_from_the_shell_and_starts_no_store() {
    let setup = Setup::new();
    let variables = [
        ("BACKENDS", "otlp"),
        ("OTLP_ENDPOINT", "http://backend:4318"),
    ];
    let Some(services) = setup.services(&[], &variables) else {
        return;
    };
    let names: Vec<_> = services.keys().collect();
    assert_eq!(names, ["agent", "app", "otelcol"]);
    let environment = &services["otelcol"]["environment"];
    assert_eq!(environment["OTLP_ENDPOINT"], "http://backend:4318");
    assert_eq!(environment["OTLP_HEADERS"], Value::Null);
}

#[test]
fn one_retention_holds_for_logs_traces_and_lens() {
    let setup = Setup::new();
    let variables = [("COMPOSE_PROFILES", "lens,lgtm"), ("RETENTION", "48h")];
    let Some(services) = setup.services(&[], &variables) else {
        return;
    };
    assert_eq!(services["loki"]["environment"]["RETENTION"], "48h");
    assert_eq!(services["tempo"]["environment"]["RETENTION"], "48h");
    assert_eq!(services["lens"]["environment"]["LENS_RETENTION"], "48h");
}

#[test]
fn without_secrets_nothing_starts_and_the_fix_is_named() {
    let Some(mut command) = compose() else {
        return;
    };
    // An empty variable wins over compose/.env, which a developer may have.
    let output = command
        .args(["config"])
        .env("SECRETS", "")
        .output()
        .unwrap();
    assert!(!output.status.success());
    let complaint = complaint(&output);
    assert!(complaint.contains("`make secrets`"), "{complaint}");
}

#[test]
fn the_plain_command_in_the_root_means_the_full_stack() {
    let Some(mut command) = compose() else {
        return;
    };
    let text = succeed(
        command
            .args(["config", "--services"])
            .env("SECRETS", root().join("compose")),
    );
    let services: BTreeSet<_> = text.split_whitespace().collect();
    assert_eq!(services, SERVICES[1].1.iter().copied().collect());
}
