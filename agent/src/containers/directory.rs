//! The containers of this host: asked by logs for their origin, by metrics and the relay for a container's resource.
//!
//! What was read is kept until [`refresh`](ContainerDirectory::refresh) finds that it has changed; a container that was
//! renamed has its new name on all records from then on. A container that can't be described has its id at least.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{docker, kubernetes, resource::Container};
use crate::lines::{Format, Origin};

/// Where the runtimes keep their files.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Docker's, usually `/var/lib/docker/containers`.
    pub docker: Option<PathBuf>,
    /// The kubelet's, usually `/var/log/pods`.
    pub kubernetes: Option<PathBuf>,
}

/// The log of a container.
#[derive(Debug, Clone)]
pub struct ContainerLog {
    /// How its lines are written.
    pub format: Format,
    /// Whose records they are.
    pub origin: Arc<Origin>,
    /// What people call the container: its name, for Kubernetes `NAMESPACE/POD/CONTAINER`, its id where there is no name.
    pub name: String,
}

/// What is known about the containers of this host. Shared by threads.
#[derive(Debug)]
pub struct ContainerDirectory {
    settings: Settings,
    /// The encoded resource attributes of the host.
    host: Vec<u8>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// By container id, or by path of the log where no id is known.
    entries: HashMap<String, Entry>,
    /// Ids that nobody knows, until the next refresh.
    unknown: HashSet<String>,
}

#[derive(Debug)]
struct Entry {
    origin: Arc<Origin>,
    name: String,
    /// What describes it.
    description: Description,
}

#[derive(Debug)]
enum Description {
    /// A file of Docker; none when it could not be read.
    File(PathBuf, Option<docker::Version>),
    /// The place of its log.
    Log(PathBuf),
    /// The Docker socket.
    Socket,
}

impl ContainerDirectory {
    /// Knows nothing yet. `host` are the encoded resource attributes of the host, without a `service.name`.
    pub fn new(settings: Settings, host: Vec<u8>) -> Self {
        Self {
            settings,
            host,
            known: Mutex::default(),
        }
    }

    /// Whose log has this path, which may be one of a rotated file; none when it is no container's.
    pub fn log(&self, path: &Path) -> Option<ContainerLog> {
        if let Some(folder) = &self.settings.docker
            && let Some(id) = docker::id_of_log(folder, path)
        {
            return Some(
                self.of_docker(&mut self.known(), folder, &id)
                    .log(Format::Docker),
            );
        }
        let folder = self.settings.kubernetes.as_ref()?;
        self.of_kubernetes(&mut self.known(), folder, path)
    }

    /// The encoded fields of a container's `Resource`, its host's among them.
    pub fn resource(&self, id: &str) -> Option<Arc<[u8]>> {
        let mut known = self.known();
        if let Some(entry) = known.entries.get(id) {
            return Some(entry.origin.identity().resource);
        }
        if !docker::is_id(id) || known.unknown.contains(id) {
            return None;
        }
        if let Some(folder) = &self.settings.docker
            && docker::version(&docker::config_path(folder, id)).is_some()
        {
            let entry = self.of_docker(&mut known, folder, id);
            return Some(entry.origin.identity().resource);
        }
        let log = self.settings.kubernetes.as_ref().and_then(|folder| {
            let path = kubernetes::log_of_id(folder, id)?;
            self.of_kubernetes(&mut known, folder, &path)
        });
        if log.is_none() {
            known.unknown.insert(id.to_owned());
        }
        log.map(|log| log.origin.identity().resource)
    }

    /// Reads again what has changed, and forgets containers that are gone and whose logs nobody reads.
    pub fn refresh(&self) {
        let mut known = self.known();
        known.unknown.clear();
        let mut changed = Vec::new();
        known.entries.retain(|id, entry| {
            let is_there = match &mut entry.description {
                Description::File(path, version) => {
                    let now = docker::version(path);
                    // A description that is gone says nothing new about the lines that are left.
                    if now.is_some()
                        && *version != now
                        && let Ok(container) = docker::read(path)
                    {
                        *version = now;
                        changed.push((id.clone(), container));
                    }
                    now.is_some()
                }
                Description::Log(path) => path.exists(),
                Description::Socket => true,
            };
            is_there || Arc::strong_count(&entry.origin) > 1
        });
        for (id, container) in changed {
            if let Some(entry) = known.entries.get_mut(&id) {
                entry.describe(&container, &self.host);
            }
        }
        let without_id: Vec<PathBuf> = known
            .entries
            .iter()
            .filter_map(|(key, entry)| match &entry.description {
                Description::Log(path) if path.to_str() == Some(key) => Some(path.clone()),
                _ => None,
            })
            .collect();
        for (path, folder) in without_id
            .iter()
            .zip(self.settings.kubernetes.iter().cycle())
        {
            self.of_kubernetes(&mut known, folder, path);
        }
    }

    /// Takes what the Docker socket says about the running containers; Docker's files say more where they can be read.
    pub(super) fn set_running(&self, containers: Vec<Container>) {
        let mut known = self.known();
        let ids: HashSet<String> = containers
            .iter()
            .filter_map(|container| container.id.clone())
            .collect();
        for container in containers {
            let Some(id) = container.id.clone() else {
                continue;
            };
            known.unknown.remove(&id);
            match known.entries.get_mut(&id) {
                None => {
                    self.insert(&mut known, id, &container, Description::Socket);
                }
                Some(entry)
                    if matches!(
                        entry.description,
                        Description::Socket | Description::File(_, None)
                    ) =>
                {
                    entry.describe(&container, &self.host);
                }
                Some(_) => {}
            }
        }
        known.entries.retain(|id, entry| {
            !matches!(entry.description, Description::Socket)
                || ids.contains(id)
                || Arc::strong_count(&entry.origin) > 1
        });
    }

    fn of_docker<'k>(&self, known: &'k mut Known, folder: &Path, id: &str) -> &'k Entry {
        if !known.entries.contains_key(id) {
            let path = docker::config_path(folder, id);
            // Before it is read: a change in between is then seen as one.
            let version = docker::version(&path);
            let (container, version) = match docker::read(&path) {
                Ok(container) => (container, version),
                Err(error) => {
                    tracing::warn!(%error, container.id = id, "the container has no name but its id");
                    (Container::default(), None)
                }
            };
            let container = Container {
                id: Some(id.to_owned()),
                ..container
            };
            return self.insert(
                known,
                id.to_owned(),
                &container,
                Description::File(path, version),
            );
        }
        &known.entries[id]
    }

    fn of_kubernetes(&self, known: &mut Known, folder: &Path, path: &Path) -> Option<ContainerLog> {
        let pod = kubernetes::pod_of_log(folder, path)?;
        let live = path.with_file_name(format!("{}.log", pod.restart_count));
        let docker_id = kubernetes::docker_id(&live);
        let format = if docker_id.is_some() {
            Format::Docker
        } else {
            Format::Cri
        };
        let id = docker_id.or_else(|| kubernetes::id_of_log(folder, &live, &pod));
        let path = live.to_string_lossy().into_owned();
        let key = id.clone().unwrap_or_else(|| path.clone());
        if let Some(entry) = known.entries.get(&key) {
            return Some(entry.log(format));
        }
        let container = Container {
            id,
            pod: Some(pod),
            ..Container::default()
        };
        // A log that was found before its link gets its id late.
        if let Some(mut entry) = known.entries.remove(&path) {
            entry.describe(&container, &self.host);
            let log = entry.log(format);
            known.entries.insert(key, entry);
            return Some(log);
        }
        Some(
            self.insert(known, key, &container, Description::Log(live))
                .log(format),
        )
    }

    fn insert<'k>(
        &self,
        known: &'k mut Known,
        key: String,
        container: &Container,
        description: Description,
    ) -> &'k Entry {
        known
            .entries
            .entry(key)
            .insert_entry(Entry {
                origin: Origin::new(container.resource(&self.host).into()),
                name: container.display_name(),
                description,
            })
            .into_mut()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn describe(&mut self, container: &Container, host: &[u8]) {
        self.name = container.display_name();
        self.origin.replace(container.resource(host).into());
    }

    fn log(&self, format: Format) -> ContainerLog {
        ContainerLog {
            format,
            origin: Arc::clone(&self.origin),
            name: self.name.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
