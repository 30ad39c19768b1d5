//! The backend files that were chosen: `otelcol/backends/NAME.yaml`.

use std::path::{Path, PathBuf};

/// The backend that runs on this machine as a part of the stack.
pub(super) const LENS: &str = "lens";

/// At least one backend file that exists.
#[derive(Debug)]
pub(crate) struct Backends {
    names: Vec<String>,
    folder: PathBuf,
}

/// A name without a file.
#[derive(Debug, thiserror::Error)]
#[error("--backends {name}: there is no {}/{name}.yaml; there are: {existing}", folder.display())]
pub(crate) struct BackendError {
    name: String,
    folder: PathBuf,
    existing: String,
}

impl Backends {
    /// Checks each name against the files of the clone at `root`.
    pub(super) fn choose(root: &Path, names: &[String]) -> Result<Self, BackendError> {
        let folder = root.join("otelcol/backends");
        let existing = existing(&folder);
        match names.iter().find(|name| !existing.contains(name)) {
            None => Ok(Self {
                names: names.to_vec(),
                folder,
            }),
            Some(name) => {
                let existing = if existing.is_empty() {
                    "none".to_owned()
                } else {
                    existing.join(", ")
                };
                Err(BackendError {
                    name: name.clone(),
                    folder,
                    existing,
                })
            }
        }
    }

    /// The configuration files, in the order the names were given.
    pub(super) fn files(&self) -> impl Iterator<Item = PathBuf> {
        self.names
            .iter()
            .map(|name| self.folder.join(format!("{name}.yaml")))
    }

    pub(super) fn include_lens(&self) -> bool {
        self.names.iter().any(|name| name == LENS)
    }
}

/// An unreadable folder has no backends, which the error then says.
fn existing(folder: &Path) -> Vec<String> {
    let files = folder.read_dir().into_iter().flatten().flatten();
    let mut names: Vec<_> = files
        .filter_map(|file| Some(file.file_name().to_str()?.strip_suffix(".yaml")?.to_owned()))
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(names: &[&str]) -> Result<Backends, BackendError> {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("otelcol/backends");
        std::fs::create_dir_all(&folder).unwrap();
        for file in ["lgtm.yaml", "lens.yaml", "README.md"] {
            std::fs::write(folder.join(file), "").unwrap();
        }
        Backends::choose(
            root.path(),
            &names
                .iter()
                .map(|&name| name.to_owned())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn each_name_becomes_its_file_in_order() {
        let backends = choose(&["lgtm", "lens"]).unwrap();
        let files: Vec<_> = backends
            .files()
            .map(|file| file.file_name().unwrap().to_owned())
            .collect();
        assert_eq!(files, ["lgtm.yaml", "lens.yaml"]);
        assert!(backends.include_lens());
        assert!(!choose(&["lgtm"]).unwrap().include_lens());
    }

    #[test]
    fn an_unknown_name_lists_those_that_exist() {
        let error = choose(&["lens", "nope"]).unwrap_err().to_string();
        assert!(
            error.starts_with("--backends nope: there is no "),
            "{error}"
        );
        assert!(error.ends_with("there are: lens, lgtm"), "{error}");
    }
}
