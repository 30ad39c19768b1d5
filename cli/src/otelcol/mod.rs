//! Finds the Collector's executable: the one given, or the cached build of `otelcol/builder.yaml` or another manifest, or a new build.
//!
//! Builds are cached under `~/.cache/trivium/otelcol/HASH/otelcol`, where HASH is the SHA-256 of the manifest: a changed
//! manifest is built anew, an unchanged one never is. Old builds are not removed.

mod build;
mod manifest;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use tokio::process::Command;

use crate::{
    folders::{self, NoFolder},
    root::{self, RootError},
};
use build::BuildError;
use manifest::{Manifest, ManifestError};

/// The manifest of the Collector that `trivium up` starts, from the root of the clone.
const MANIFEST: &str = "otelcol/builder.yaml";

/// A program that doesn't print its version in this time is no Collector.
const VERSION_TIMEOUT: Duration = Duration::from_secs(10);

/// Where the Collector's executable comes from.
#[derive(Debug, Args)]
pub(crate) struct Choice {
    /// Use this Collector executable instead of building one
    #[arg(long = "otelcol", value_name = "PATH", env = "TRIVIUM_OTELCOL")]
    given: Option<PathBuf>,
}

/// `trivium otelcol`
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    choice: Choice,
    /// The builder's manifest, from the root of the clone
    #[arg(long, value_name = "PATH", default_value = MANIFEST)]
    manifest: PathBuf,
    /// Root of the clone, when run from outside of it
    #[arg(long, value_name = "DIR", env = "TRIVIUM_ROOT")]
    root: Option<PathBuf>,
    /// Print it as JSON: `{"path": …}`
    #[arg(long)]
    json: bool,
}

/// Why `trivium otelcol` printed no path.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) enum CommandError {
    Root(#[from] RootError),
    Otelcol(#[from] OtelcolError),
    #[error("cannot print the path: {0}")]
    Print(#[from] io::Error),
}

/// Why there is no Collector to start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OtelcolError {
    #[error("--otelcol {}: no such executable file; leave the option out to have a Collector built", .0.display())]
    NotExecutable(PathBuf),
    #[error("--otelcol {}: it did not print a Collector's version with --version", .0.display())]
    NotACollector(PathBuf),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error(transparent)]
    NoCache(#[from] NoFolder),
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// Finds or builds the Collector and prints its path on stdout, and nothing else there.
pub(crate) async fn run(options: Options) -> Result<(), CommandError> {
    let root = root::find(options.root.as_deref())?;
    let executable = locate_of(&options.choice, &root.join(&options.manifest)).await?;
    if options.json {
        let json = serde_json::json!({"path": executable.to_string_lossy()});
        writeln!(io::stdout(), "{json}")?;
    } else {
        writeln!(io::stdout(), "{}", executable.display())?;
    }
    Ok(())
}

/// The Collector's executable as an absolute path. Building it takes minutes; cancelling that leaves nothing running.
pub(crate) async fn locate(choice: &Choice, root: &Path) -> Result<PathBuf, OtelcolError> {
    locate_of(choice, &root.join(MANIFEST)).await
}

async fn locate_of(choice: &Choice, manifest: &Path) -> Result<PathBuf, OtelcolError> {
    let manifest = Manifest::read(manifest)?;
    if let Some(given) = &choice.given {
        return check(given, &manifest.version).await;
    }
    let cache = folders::cache()?.join("otelcol");
    let executable = cache.join(&manifest.hash).join(&manifest.name);
    if !folders::is_executable(&executable) {
        build::into_cache(&manifest, &cache, &executable).await?;
    }
    Ok(executable)
}

/// Another version is only warned about: most configuration works across a few versions.
async fn check(given: &Path, wanted: &str) -> Result<PathBuf, OtelcolError> {
    let executable = given
        .canonicalize()
        .ok()
        .filter(|path| folders::is_executable(path))
        .ok_or_else(|| OtelcolError::NotExecutable(given.to_owned()))?;
    let mut command = Command::new(&executable);
    command.arg("--version").kill_on_drop(true);
    let output = match tokio::time::timeout(VERSION_TIMEOUT, command.output()).await {
        Ok(Ok(output)) if output.status.success() => output.stdout,
        _ => return Err(OtelcolError::NotACollector(given.to_owned())),
    };
    let version = version_in(&String::from_utf8_lossy(&output))
        .ok_or_else(|| OtelcolError::NotACollector(given.to_owned()))?;
    if version != wanted {
        eprintln!(
            "warning: {} is version {version}; the configuration is written for {wanted} and may not load",
            given.display()
        );
    }
    Ok(executable)
}

/// A Collector prints `NAME version 0.161.0`.
fn version_in(output: &str) -> Option<String> {
    let (_, version) = output.lines().next()?.split_once(" version ")?;
    let version = version.trim().trim_start_matches('v');
    version
        .starts_with(|first: char| first.is_ascii_digit())
        .then(|| version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_what_collectors_print() {
        assert_eq!(
            version_in("otelcol version 0.161.0\n"),
            Some("0.161.0".to_owned())
        );
        assert_eq!(
            version_in("otelcol-contrib version v0.161.0"),
            Some("0.161.0".to_owned())
        );
        assert_eq!(version_in("true (GNU coreutils) 9.1"), None);
        assert_eq!(version_in(""), None);
    }

    #[tokio::test]
    async fn a_given_file_must_be_executable_and_a_collector() {
        let missing = check(Path::new("/no/such/otelcol"), "0.161.0")
            .await
            .unwrap_err()
            .to_string();
        assert!(
            missing.starts_with("--otelcol /no/such/otelcol: no such executable file"),
            "{missing}"
        );
        let other = check(Path::new("/bin/true"), "0.161.0")
            .await
            .unwrap_err()
            .to_string();
        assert!(
            other.contains("did not print a Collector's version"),
            "{other}"
        );
    }
}
