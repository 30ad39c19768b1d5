//! The one identity that every signal of a process carries.
//!
//! What the environment says wins over what the program says, and both win over what is detected. `service.instance.id`
//! is a new UUID for each process: without it two replicas would write into one series.

use opentelemetry::KeyValue;
use opentelemetry_sdk::{
    Resource,
    resource::{ResourceDetector, TelemetryResourceDetector},
};
use opentelemetry_semantic_conventions::{SCHEMA_URL, attribute};

use crate::settings::Settings;

/// What the program says of itself.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) service_name: String,
    pub(crate) service_namespace: Option<String>,
    pub(crate) service_version: Option<String>,
}

pub(crate) fn resource(identity: Identity, settings: &Settings) -> Resource {
    let mut attributes = vec![
        KeyValue::new(attribute::SERVICE_NAME, identity.service_name),
        KeyValue::new(
            attribute::SERVICE_INSTANCE_ID,
            uuid::Uuid::new_v4().to_string(),
        ),
        KeyValue::new(attribute::DEPLOYMENT_ENVIRONMENT_NAME, "development"),
        KeyValue::new(attribute::PROCESS_PID, i64::from(std::process::id())),
    ];
    let optional = [
        (attribute::SERVICE_NAMESPACE, identity.service_namespace),
        (attribute::SERVICE_VERSION, identity.service_version),
        (attribute::HOST_NAME, host_name()),
        (attribute::CONTAINER_ID, container_id()),
    ];
    attributes.extend(
        optional
            .into_iter()
            .filter_map(|(key, value)| value.map(|value| KeyValue::new(key, value))),
    );
    let from_environment = settings
        .resource_attributes
        .iter()
        .map(|(key, value)| KeyValue::new(key.clone(), value.clone()))
        .chain(
            settings
                .service_name
                .iter()
                .map(|name| KeyValue::new(attribute::SERVICE_NAME, name.clone())),
        );
    Resource::builder_empty()
        .with_schema_url(
            TelemetryResourceDetector
                .detect()
                .iter()
                .map(|(key, value)| KeyValue::new(key.clone(), value.clone())),
            SCHEMA_URL,
        )
        .with_attributes(attributes)
        .with_attributes(from_environment)
        .build()
}

fn host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

fn container_id() -> Option<String> {
    ["/proc/self/cgroup", "/proc/self/mountinfo"]
        .iter()
        .find_map(|path| container_id_in(&std::fs::read_to_string(path).ok()?))
}

/// The first run of 64 hex digits: how Docker, containerd and CRI-O write a container's id into cgroup v1 paths
/// (`/docker/ID`, `cri-containerd-ID.scope`) and, under cgroup v2, into the mounts of `/etc/hostname`.
fn container_id_in(text: &str) -> Option<String> {
    text.split(|character: char| !character.is_ascii_hexdigit())
        .find(|run| run.len() == 64)
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use opentelemetry::Key;

    use super::*;

    fn build(variables: &[(&str, &str)]) -> Resource {
        let lookup = |name: &str| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let identity = Identity {
            service_name: "auth".to_owned(),
            service_namespace: Some("trivium".to_owned()),
            service_version: Some("1.2.3".to_owned()),
        };
        resource(identity, &Settings::from_lookup(lookup).unwrap())
    }

    fn get(resource: &Resource, key: &'static str) -> Option<String> {
        resource
            .get(&Key::from_static_str(key))
            .map(|value| value.to_string())
    }

    #[test]
    fn the_program_s_identity_is_complete_and_new_for_each_process() {
        let (one, two) = (build(&[]), build(&[]));
        assert_eq!(get(&one, "service.name").as_deref(), Some("auth"));
        assert_eq!(get(&one, "service.namespace").as_deref(), Some("trivium"));
        assert_eq!(get(&one, "service.version").as_deref(), Some("1.2.3"));
        assert_eq!(get(&one, "telemetry.sdk.language").as_deref(), Some("rust"));
        assert!(get(&one, "host.name").is_some());
        assert_ne!(
            get(&one, "service.instance.id"),
            get(&two, "service.instance.id")
        );
    }

    #[test]
    fn the_environment_wins() {
        let resource = build(&[
            ("OTEL_SERVICE_NAME", "login"),
            (
                "OTEL_RESOURCE_ATTRIBUTES",
                "service.name=ignored,deployment.environment.name=prod",
            ),
        ]);
        assert_eq!(get(&resource, "service.name").as_deref(), Some("login"));
        assert_eq!(
            get(&resource, "deployment.environment.name").as_deref(),
            Some("prod")
        );
    }

    #[test]
    fn a_container_id_is_found_in_each_runtime_s_path() {
        let id = "3f".repeat(32);
        for text in [
            format!("12:cpu:/docker/{id}\n"),
            format!("0::/system.slice/cri-containerd-{id}.scope"),
            format!("1 2 0:3 /var/lib/docker/containers/{id}/hostname /etc/hostname rw"),
        ] {
            assert_eq!(container_id_in(&text).as_deref(), Some(id.as_str()));
        }
        assert_eq!(container_id_in("0::/user.slice"), None);
    }
}
