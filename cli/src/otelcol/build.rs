//! Builds the Collector into the cache with the official builder, which Go runs in the version the manifest names.
//!
//! The executable appears in the cache whole or not at all (built beside it, then renamed), and is built once however
//! many commands ask for it: `build.lock` is held meanwhile. The builder's output stays in `build.log`.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::process::Command;

use crate::{
    compile::{self, CompileError},
    folders,
    otelcol::manifest::Manifest,
    progress::Step,
};

/// How often a start looks whether another one has finished building.
const LOCK_POLL: Duration = Duration::from_millis(500);

/// Why there is no new build.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    #[error("cannot write the cache {}: {source}", path.display())]
    Cache { path: PathBuf, source: io::Error },
    #[error(
        "Go builds the Collector, and `go` is not on PATH. Install it (https://go.dev/dl, `brew install go`, or \
         `apt install golang-go` from Debian 13 on; 1.21 and later fetch the version they need), \
         or do without: pass --otelcol PATH to an otelcol-contrib {version} \
         (https://github.com/open-telemetry/opentelemetry-collector-releases/releases/tag/v{version})"
    )]
    NoGo { version: String },
    #[error("cannot build the Collector: {0}")]
    Compile(CompileError),
    #[error("the builder succeeded but wrote no {}; see {}", missing.display(), log.display())]
    NoResult { missing: PathBuf, log: PathBuf },
}

/// Builds `executable`, a path below the folder `cache`; returns at once if another process built it meanwhile.
pub(crate) async fn into_cache(
    manifest: &Manifest,
    cache: &Path,
    executable: &Path,
) -> Result<(), BuildError> {
    let cache_error = |source| BuildError::Cache {
        path: cache.to_owned(),
        source,
    };
    let final_folder = cache.join(&manifest.hash);
    fs::create_dir_all(&final_folder).map_err(cache_error)?;

    let mut step = Step::start(format!("Collector {}", manifest.version));
    let _lock = lock(&cache.join("build.lock"), &mut step)
        .await
        .map_err(cache_error)?;
    if folders::is_executable(executable) {
        step.done("was built by another command");
        return Ok(());
    }

    step.phase("building, which takes minutes the first time");
    let work = cache.join("building");
    remove(&work).map_err(cache_error)?;
    fs::create_dir_all(&work).map_err(cache_error)?;
    let log = cache.join("build.log");
    compile::run(builder(manifest, &work), &log, &mut step, phase)
        .await
        .map_err(|error| explain(error, manifest))?;

    let built = work.join(&manifest.output_path).join(&manifest.name);
    if !folders::is_executable(&built) {
        return Err(BuildError::NoResult {
            missing: built,
            log,
        });
    }
    fs::rename(&built, executable).map_err(cache_error)?;
    remove(&work).map_err(cache_error)?;
    step.done("built");
    Ok(())
}

/// The manifest's output path is relative, so the working folder decides where the builder writes.
fn builder(manifest: &Manifest, work: &Path) -> Command {
    let module = format!(
        "go.opentelemetry.io/collector/cmd/builder@v{}",
        manifest.version
    );
    let mut go = Command::new("go");
    go.args(["run", &module, "--config"])
        .arg(&manifest.path)
        .current_dir(work);
    go
}

fn explain(error: CompileError, manifest: &Manifest) -> BuildError {
    match error {
        CompileError::Start { source, .. } if source.kind() == io::ErrorKind::NotFound => {
            BuildError::NoGo {
                version: manifest.version.clone(),
            }
        }
        other => BuildError::Compile(other),
    }
}

/// The builder logs `TIME<tab>LEVEL<tab>SOURCE<tab>MESSAGE…`; before that, Go says what it downloads.
fn phase(line: &str) -> Option<&str> {
    match line.strip_prefix("go: ") {
        Some(download) => Some(download),
        None => line.split('\t').nth(3),
    }
}

/// Polls instead of blocking in the kernel, so that Ctrl-C ends the wait.
async fn lock(path: &Path, step: &mut Step) -> io::Result<File> {
    let file = File::create(path)?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => step.phase("another command is building it"),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        tokio::time::sleep(LOCK_POLL).await;
    }
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_are_read_from_the_builders_log() {
        let line = "2026-11-24T08:28:31.924Z\tINFO\tbuilder/main.go:121\tCompiling";
        assert_eq!(phase(line), Some("Compiling"));
        assert_eq!(
            phase("go: downloading go.uber.org/zap v1.27.1"),
            Some("downloading go.uber.org/zap v1.27.1")
        );
        assert_eq!(phase("# example.org/broken"), None);
    }
}
