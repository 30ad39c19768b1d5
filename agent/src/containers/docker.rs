//! Docker's own files: `<64 hexadecimal digits>/config.v2.json` and `<same>/<same>-json.log`.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use serde::Deserialize;

use super::{ContainerError, resource::Container};

/// Whether this is the id of a container.
pub(super) fn is_id(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The id of the container whose log has this path.
pub(super) fn id_of_log(folder: &Path, path: &Path) -> Option<String> {
    let (id, name) = path.strip_prefix(folder).ok()?.to_str()?.split_once('/')?;
    let rotation = name.strip_prefix(id)?.strip_prefix("-json.log")?;
    (is_id(id) && !rotation.contains('/')).then(|| id.to_owned())
}

/// Where a container is described.
pub(super) fn config_path(folder: &Path, id: &str) -> PathBuf {
    folder.join(id).join("config.v2.json")
}

/// When a description was written, and its size: another one has another of them.
pub(super) type Version = (SystemTime, u64);

/// The version of a description; none when there is none.
pub(super) fn version(path: &Path) -> Option<Version> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// Reads the description of a container.
pub(super) fn read(path: &Path) -> Result<Container, ContainerError> {
    let text = fs::read(path).map_err(|source| ContainerError::Read {
        path: path.to_owned(),
        source,
    })?;
    parse(&text).map_err(|source| ContainerError::Parse {
        path: path.to_owned(),
        source,
    })
}

fn parse(text: &[u8]) -> Result<Container, serde_json::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Description {
        #[serde(rename = "ID")]
        id: String,
        #[serde(default)]
        name: Option<String>,
        config: Option<Config>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Config {
        image: Option<String>,
        labels: Option<HashMap<String, String>>,
        env: Option<Vec<String>>,
    }
    let description: Description = serde_json::from_slice(text)?;
    let mut container = Container {
        id: Some(description.id),
        name: description
            .name
            .map(|name| name.trim_start_matches('/').to_owned()),
        ..Container::default()
    };
    if let Some(config) = description.config {
        container.image = config.image;
        let labels = config.labels.unwrap_or_default();
        container.set_labels(|key| labels.get(key).map(String::as_str));
        container.set_environment(config.env.iter().flatten().map(String::as_str));
    }
    Ok(container)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_names_its_container() {
        let id = "0123456789abcdef".repeat(4);
        let folder = Path::new("/var/lib/docker/containers");
        for name in ["-json.log", "-json.log.1", "-json.log.2.gz"] {
            assert_eq!(
                id_of_log(folder, &folder.join(&id).join(format!("{id}{name}"))),
                Some(id.clone())
            );
        }
        for path in [
            format!("{id}/local-logs/container.log"),
            format!("{id}/other-json.log"),
            "short/short-json.log".to_owned(),
            String::new(),
        ] {
            assert_eq!(id_of_log(folder, &folder.join(path)), None);
        }
        assert_eq!(id_of_log(folder, Path::new("/elsewhere")), None);
    }

    #[test]
    fn a_description_without_its_optional_parts_is_read() {
        let container =
            parse(br#"{"ID":"a","Name":"/web","Config":{"Labels":null,"Env":null}}"#).unwrap();
        assert_eq!(
            container,
            Container {
                id: Some("a".to_owned()),
                name: Some("web".to_owned()),
                ..Container::default()
            }
        );
        assert!(parse(b"{").is_err());
    }
}
