//! Which container a log, a cgroup or a process belongs to: ids, names, images, labels, Kubernetes names.
//!
//! All of it is read from files that the runtimes keep anyway; the Docker socket is asked only where it is configured.
//!
//! | attribute | Docker | Kubernetes |
//! |---|---|---|
//! | `container.id` | the folder | the name of the link in `/var/log/containers` |
//! | `container.name` | `Name` in `config.v2.json` | – |
//! | `container.image.name`, `container.image.tags` | `Config.Image` | – |
//! | `container.label.com.docker.compose.project`, `….service` | `Config.Labels` | – |
//! | `k8s.namespace.name`, `k8s.pod.name`, `k8s.pod.uid` | – | the folder of the pod |
//! | `k8s.container.name`, `k8s.container.restart_count` | – | the folder and the name of the log |
//! | `service.name` | `OTEL_SERVICE_NAME` of the container, else what `OTEL_RESOURCE_ATTRIBUTES` says, the compose service, the container | the container |
//! | `service.namespace` | what `OTEL_RESOURCE_ATTRIBUTES` says, else the compose project | the namespace |
//!
//! So the logs of an instrumented container carry the `service.name` of its traces. The convention has no attribute for
//! compose; `container.label.<key>` is its rule for labels.
//!
//! Known limitation: labels and owners of pods are with the Kubernetes API only, which is not asked.

mod directory;
mod docker;
mod error;
mod kubernetes;
mod resource;
pub mod socket;

pub use directory::{ContainerDirectory, ContainerLog, Settings};
pub use error::ContainerError;
pub use resource::{Container, Pod};
