//! A container as attributes of a resource.

use crate::wire::{
    attributes::{OF_RESOURCE, int, string},
    protobuf::{bytes, close, open},
};

const COMPOSE_PROJECT: &str = "com.docker.compose.project";
const COMPOSE_SERVICE: &str = "com.docker.compose.service";

/// What is known about a container; empty or none is unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Container {
    /// 64 hexadecimal digits.
    pub id: Option<String>,
    /// Without the slash that Docker puts before it.
    pub name: Option<String>,
    /// The image as it was asked for, as in `registry:5000/app:1.2`.
    pub image: Option<String>,
    /// The compose project.
    pub compose_project: Option<String>,
    /// The compose service.
    pub compose_service: Option<String>,
    /// What the program in it calls itself, by the environment variables of OpenTelemetry.
    pub service_name: Option<String>,
    /// The namespace of that, likewise.
    pub service_namespace: Option<String>,
    /// Its place in Kubernetes.
    pub pod: Option<Pod>,
}

/// A container of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// The namespace.
    pub namespace: String,
    /// The name of the pod.
    pub name: String,
    /// The pod's UID; a hash for static pods.
    pub uid: String,
    /// The name of the container in the pod.
    pub container: String,
    /// How often the container was started before in this pod.
    pub restart_count: i64,
}

impl Container {
    /// Takes the compose labels.
    pub(super) fn set_labels<'a>(&mut self, label: impl Fn(&str) -> Option<&'a str>) {
        self.compose_project = label(COMPOSE_PROJECT).map(str::to_owned);
        self.compose_service = label(COMPOSE_SERVICE).map(str::to_owned);
    }

    /// Takes what the environment of the program says about its service.
    pub(super) fn set_environment<'a>(&mut self, variables: impl Iterator<Item = &'a str>) {
        for variable in variables {
            match variable.split_once('=') {
                Some(("OTEL_SERVICE_NAME", name)) if !name.is_empty() => {
                    self.service_name = Some(name.to_owned());
                }
                Some(("OTEL_RESOURCE_ATTRIBUTES", list)) => {
                    let value = |wanted| {
                        let pairs = list.split(',').filter_map(|pair| pair.split_once('='));
                        pairs
                            .map(|(key, value)| (key.trim(), value.trim()))
                            .find(|(key, _)| *key == wanted)
                    };
                    if let Some((_, name)) = value("service.name") {
                        self.service_name.get_or_insert_with(|| name.to_owned());
                    }
                    self.service_namespace =
                        value("service.namespace").map(|(_, namespace)| namespace.to_owned());
                }
                _ => {}
            }
        }
    }

    /// What people call it: its name, for Kubernetes `NAMESPACE/POD/CONTAINER`, its id where there is no name.
    pub(super) fn display_name(&self) -> String {
        match &self.pod {
            Some(pod) => format!("{}/{}/{}", pod.namespace, pod.name, pod.container),
            None => self
                .name
                .as_ref()
                .or(self.id.as_ref())
                .cloned()
                .unwrap_or_default(),
        }
    }

    /// The encoded fields of the container's `Resource`, after those of its host.
    pub(super) fn resource(&self, host: &[u8]) -> Vec<u8> {
        let mut out = host.to_vec();
        let mut attribute = |key: &str, value: &Option<String>| {
            if let Some(value) = value {
                string(&mut out, OF_RESOURCE, key, value);
            }
        };
        let (image, tag) = self.image.as_deref().map(split_image).unzip();
        let pod = self.pod.as_ref();
        let container = pod.map(|pod| pod.container.clone());
        let service = [
            &self.service_name,
            &self.compose_service,
            &container,
            &self.name,
        ];
        let namespace = pod.map(|pod| pod.namespace.clone());
        let service_namespace = [&self.service_namespace, &self.compose_project, &namespace];
        attribute("service.name", &service.into_iter().find_map(Clone::clone));
        attribute(
            "service.namespace",
            &service_namespace.into_iter().find_map(Clone::clone),
        );
        attribute("container.id", &self.id);
        attribute("container.name", &self.name);
        attribute("container.image.name", &image.map(str::to_owned));
        attribute(
            "container.label.com.docker.compose.project",
            &self.compose_project,
        );
        attribute(
            "container.label.com.docker.compose.service",
            &self.compose_service,
        );
        if let Some(tag) = tag.flatten() {
            string_array(&mut out, "container.image.tags", tag);
        }
        if let Some(pod) = pod {
            for (key, value) in [
                ("k8s.namespace.name", &pod.namespace),
                ("k8s.pod.name", &pod.name),
                ("k8s.pod.uid", &pod.uid),
                ("k8s.container.name", &pod.container),
            ] {
                string(&mut out, OF_RESOURCE, key, value);
            }
            int(
                &mut out,
                OF_RESOURCE,
                "k8s.container.restart_count",
                pod.restart_count,
            );
        }
        out
    }
}

/// The name and the tag of an image; the colon of a registry's port is before the last slash.
fn split_image(image: &str) -> (&str, Option<&str>) {
    let image = image
        .split_once('@')
        .map_or(image, |(image, _digest)| image);
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') && name != "sha256" => (name, Some(tag)),
        _ => (image, None),
    }
}

/// An attribute whose value is an array of one string.
fn string_array(out: &mut Vec<u8>, key: &str, value: &str) {
    let attribute = open(out, OF_RESOURCE);
    bytes(out, 1, key.as_bytes());
    let any = open(out, 2);
    let array = open(out, 5);
    let element = open(out, 1);
    bytes(out, 1, value.as_bytes());
    close(out, element);
    close(out, array);
    close(out, any);
    close(out, attribute);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_of_an_image_is_not_the_port_of_its_registry() {
        for (image, expected) in [
            ("nginx", ("nginx", None)),
            ("nginx:1.27", ("nginx", Some("1.27"))),
            ("registry:5000/team/app", ("registry:5000/team/app", None)),
            (
                "registry:5000/team/app:1",
                ("registry:5000/team/app", Some("1")),
            ),
            ("nginx:1.27@sha256:abc", ("nginx", Some("1.27"))),
            ("sha256:abc", ("sha256:abc", None)),
        ] {
            assert_eq!(split_image(image), expected, "{image}");
        }
    }

    #[test]
    fn the_variables_of_opentelemetry_name_the_service() {
        let mut container = Container::default();
        container.set_environment(
            [
                "PATH=/bin",
                "OTEL_RESOURCE_ATTRIBUTES=service.name=b, service.namespace=shop,x=y",
                "OTEL_SERVICE_NAME=a",
                "EMPTY",
            ]
            .into_iter(),
        );
        assert_eq!(
            (
                container.service_name.as_deref(),
                container.service_namespace.as_deref()
            ),
            (Some("a"), Some("shop"))
        );
    }
}
