//! What is known of the host itself: the resource attributes of everything that is sent.

use std::{fs, path::Path};

use crate::{config::Config, wire::attributes};

/// Attributes of a resource, each key once; those of the configuration win.
#[derive(Debug, Clone, Default)]
pub struct Attributes(Vec<(String, String)>);

impl Attributes {
    /// `host.name`, `host.id`, `host.arch`, `os.type`, and `resource` of the configuration.
    pub fn of_host(config: &Config) -> Self {
        let mut host = Self::default();
        host.set("os.type", "linux");
        host.set("host.arch", arch());
        let id = first_line(&config.on_host(Path::new("/etc/machine-id")));
        // In a container with a network of its own the kernel's name is that of the container.
        let name = match config.root == Path::new("/") {
            true => first_line(Path::new("/proc/sys/kernel/hostname")),
            false => first_line(&config.on_host(Path::new("/etc/hostname"))),
        };
        for (key, value) in [("host.id", id), ("host.name", name)] {
            if let Some(value) = value {
                host.set(key, &value);
            }
        }
        host.with(&config.resource)
    }

    /// With further attributes, which win.
    #[must_use]
    pub fn with<'a>(&self, others: impl IntoIterator<Item = (&'a String, &'a String)>) -> Self {
        let mut all = self.clone();
        for (key, value) in others {
            all.set(key, value);
        }
        all
    }

    /// Adds one, in place of one of that key.
    pub fn set(&mut self, key: &str, value: &str) {
        match self.0.iter_mut().find(|(known, _)| known == key) {
            Some((_, known)) => value.clone_into(known),
            None => self.0.push((key.to_owned(), value.to_owned())),
        }
    }

    /// Whether there is one of that key.
    pub fn has(&self, key: &str) -> bool {
        self.0.iter().any(|(known, _)| known == key)
    }

    /// Each key with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// As the fields of an OTLP `Resource`.
    pub fn encoded(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (key, value) in self.iter() {
            attributes::string(&mut out, attributes::OF_RESOURCE, key, value);
        }
        out
    }
}

/// In the spelling of the semantic conventions.
fn arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn first_line(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().next()?.trim();
    (!line.is_empty()).then(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_wins_over_what_is_detected_and_each_key_is_once() {
        let text = "resource: {host.name: a, deployment.environment.name: dev}";
        let config = Config::parse(text, "test", |_| None).unwrap();
        let host = Attributes::of_host(&config);
        let of = |key| {
            host.iter()
                .filter(|(known, _)| *known == key)
                .collect::<Vec<_>>()
        };
        assert_eq!(of("host.name"), [("host.name", "a")]);
        assert_eq!(of("os.type"), [("os.type", "linux")]);
        assert_eq!(of("deployment.environment.name").len(), 1);
    }
}
