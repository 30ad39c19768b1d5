//! Reads what the cache and the build need from `otelcol/builder.yaml`, the Collector builder's manifest.
//!
//! Only the plain scalars of its `dist:` block are understood, which is all that is needed; the builder checks the rest.

use std::{
    fmt::Write,
    fs, io,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

/// A manifest, and the hash that stands for its build.
#[derive(Debug, PartialEq)]
pub(crate) struct Manifest {
    pub(crate) path: PathBuf,
    /// SHA-256 of the file in lower-case hex.
    pub(crate) hash: String,
    /// `dist.name`: the name of the executable.
    pub(crate) name: String,
    /// `dist.version`: the Collector's version, and the builder's.
    pub(crate) version: String,
    /// `dist.output_path`: where the builder writes, from its working folder.
    pub(crate) output_path: String,
}

/// A manifest that can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ManifestError {
    #[error("cannot read the Collector's manifest {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{}: no `{key}` under `dist:`; add it, or restore the file from the repository", path.display())]
    Missing { path: PathBuf, key: &'static str },
}

impl Manifest {
    /// Reads the manifest at `path`.
    pub(crate) fn read(path: &Path) -> Result<Self, ManifestError> {
        let text = fs::read_to_string(path).map_err(|source| ManifestError::Read {
            path: path.to_owned(),
            source,
        })?;
        let dist = |key| {
            dist_value(&text, key).ok_or_else(|| ManifestError::Missing {
                path: path.to_owned(),
                key,
            })
        };
        Ok(Self {
            path: path.to_owned(),
            hash: sha256_hex(text.as_bytes()),
            name: dist("name")?,
            version: dist("version")?,
            output_path: dist("output_path")?,
        })
    }
}

fn dist_value(text: &str, key: &str) -> Option<String> {
    let block = text
        .lines()
        .skip_while(|line| line.trim_end() != "dist:")
        .skip(1);
    let mut entries = block
        .take_while(|line| line.starts_with(' ') || line.trim().is_empty())
        .filter_map(|line| line.trim().split_once(": "));
    let (_, value) = entries.find(|(name, _)| *name == key)?;
    Some(value.trim().trim_matches(['"', '\'']).to_owned())
}

fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a string can't fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# version: 9\ndist:\n  name: otelcol\n  version: '0.161.0'\n  output_path: ./build\n\nreceivers:\n  - version: 8\n";

    #[test]
    fn the_dist_block_and_the_hash_of_the_file_are_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), TEXT).unwrap();
        let manifest = Manifest::read(file.path()).unwrap();
        assert_eq!(manifest.name, "otelcol");
        assert_eq!(manifest.version, "0.161.0");
        assert_eq!(manifest.output_path, "./build");
        assert_eq!(manifest.hash, sha256_hex(TEXT.as_bytes()));
    }

    #[test]
    fn the_hash_is_sha_256_in_hex() {
        // The test vector "abc" of FIPS 180-2.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_hex(b"abc"), abc);
    }

    #[test]
    fn keys_of_other_blocks_are_not_taken() {
        assert_eq!(
            dist_value("dist:\n  name: a\nother:\n  version: 1\n", "version"),
            None
        );
    }

    #[test]
    fn a_missing_key_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "dist:\n  name: otelcol\n").unwrap();
        let error = Manifest::read(file.path()).unwrap_err().to_string();
        assert!(error.contains("no `version` under `dist:`"), "{error}");
    }

    #[test]
    fn the_manifest_of_the_repository_is_understood() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../otelcol/builder.yaml");
        let manifest = Manifest::read(&path).unwrap();
        assert_eq!(manifest.name, "otelcol");
        assert!(manifest.version.starts_with("0."), "{}", manifest.version);
    }
}
