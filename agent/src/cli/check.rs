//! `check`: whether the configuration can be used, and what it would read.
//!
//! Everything is shown as the user sees it who runs the command; what only the agent's own user may read is named as such.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use super::{
    CommandError, ConfigFile,
    found::{Found, find},
};
use crate::config::{Config, Containers, FileSource, Glob, Origin};

/// So many files of a source are listed; the others are counted.
const LISTED: usize = 20;

/// Writes what the configuration would do. Fails where the agent would not start.
///
/// # Errors
/// When the configuration cannot be used, or the answer cannot be written.
pub fn run(
    args: &ConfigFile,
    env: impl Fn(&str) -> Option<String>,
    out: &mut dyn Write,
) -> Result<ExitCode, CommandError> {
    let (config, origin) = args.load(env)?;
    let is_usable = report(&config, &origin, out)?;
    out.flush()?;
    Ok(if is_usable {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Whether the agent could start.
fn report(config: &Config, origin: &Origin, out: &mut dyn Write) -> io::Result<bool> {
    writeln!(out, "configuration  {origin}")?;
    writeln!(
        out,
        "endpoint       {} ({}, compression {})",
        config.endpoint_text(),
        config.protocol,
        config.compression
    )?;
    writeln!(out, "state          {}", config.state_dir.display())?;
    match &config.logs.containers {
        Some(containers) => write_containers(config, containers, out)?,
        None => writeln!(out, "containers     no logs")?,
    }
    if config.logs.files.is_empty() {
        writeln!(out, "files          none")?;
    }
    for (index, source) in config.logs.files.iter().enumerate() {
        write_source(index, source, out)?;
    }
    let every = |sampling: &Option<crate::config::Sampling>| match sampling {
        Some(sampling) => format!("every {}", humantime::format_duration(sampling.interval)),
        None => "none".to_owned(),
    };
    writeln!(
        out,
        "metrics        host {}, containers {}",
        every(&config.metrics.host),
        every(&config.metrics.containers)
    )?;
    let at = |address: Option<std::net::SocketAddr>| {
        address.map_or_else(|| "closed".to_owned(), |address| address.to_string())
    };
    writeln!(
        out,
        "otlp           grpc {}, http {}",
        at(config.otlp.grpc),
        at(config.otlp.http)
    )?;
    writeln!(
        out,
        "spool          at most {}, for {}",
        size(config.spool.max_bytes),
        humantime::format_duration(config.spool.max_age)
    )?;
    for warning in config.warnings() {
        writeln!(out, "warning: {warning}")?;
    }
    let tls = &config.tls;
    let needed = [
        ("bearer_token_file", &config.bearer_token_file),
        ("tls.ca", &tls.ca),
        ("tls.cert", &tls.cert),
        ("tls.key", &tls.key),
    ];
    let mut is_usable = true;
    for (key, path) in needed {
        let Some(path) = path else {
            continue;
        };
        if let Err(error) = File::open(path) {
            is_usable = false;
            let path = path.display();
            writeln!(
                out,
                "error: {key}: cannot read {path}: {error}; create it, or make it readable"
            )?;
        }
    }
    Ok(is_usable)
}

fn write_containers(
    config: &Config,
    containers: &Containers,
    out: &mut dyn Write,
) -> io::Result<()> {
    let kinds = [
        ("docker", &containers.docker, "*/*-json.log"),
        ("kubernetes", &containers.kubernetes, "*/*/*.log"),
    ];
    for (kind, folder, files) in kinds {
        write!(out, "containers     {kind}: ")?;
        let Some(folder) = folder else {
            writeln!(out, "no logs")?;
            continue;
        };
        let folder = config.on_host(folder);
        if !folder.exists() {
            writeln!(out, "{} is not there", folder.display())?;
            continue;
        }
        let escaped = globset::escape(&folder.to_string_lossy());
        match Glob::of_paths(&format!("{escaped}/{files}")) {
            Ok(glob) => {
                let (found, closed) = find(&glob);
                write_found(&folder.display().to_string(), &found, &closed, out)?;
            }
            Err(error) => writeln!(out, "{}: {error}", folder.display())?,
        }
    }
    Ok(())
}

fn write_source(index: usize, source: &FileSource, out: &mut dyn Write) -> io::Result<()> {
    let (mut found, mut closed) = (Vec::new(), Vec::new());
    for glob in &source.include {
        let (files, folders) = find(glob);
        found.extend(files);
        closed.extend(folders);
    }
    found.retain(|file: &Found| file.path.to_str().is_some_and(|path| source.takes(path)));
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found.dedup_by(|one, other| one.path == other.path);
    let globs: Vec<_> = source.include.iter().map(Glob::as_str).collect();
    write!(out, "{:<15}", format!("files[{index}]"))?;
    write_found(&globs.join(", "), &found, &closed, out)
}

fn write_found(
    name: &str,
    found: &[Found],
    closed: &[PathBuf],
    out: &mut dyn Write,
) -> io::Result<()> {
    let total = found.iter().map(|file| file.size).sum();
    let (count, files) = (found.len(), if found.len() == 1 { "file" } else { "files" });
    writeln!(out, "{name}: {count} {files}, {}", size(total))?;
    for file in found.iter().take(LISTED) {
        write!(out, "{:>24}  {}", size(file.size), file.path.display())?;
        match file.problem {
            Some(problem) => writeln!(out, ": {problem}; run the agent with CAP_DAC_READ_SEARCH")?,
            None if is_compressed(&file.path) => writeln!(out, ": compressed, so it is not read")?,
            None => writeln!(out)?,
        }
    }
    if found.len() > LISTED {
        writeln!(out, "{:>24}  and {} more", "", found.len() - LISTED)?;
    }
    for folder in closed {
        let folder = folder.display();
        writeln!(
            out,
            "{:>24}  {folder}/: permission denied; run the agent with CAP_DAC_READ_SEARCH",
            "?"
        )?;
    }
    Ok(())
}

/// Whether a file was compressed when it was rotated, by its name.
pub(super) fn is_compressed(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    matches!(extension, Some("gz" | "zst" | "bz2" | "xz"))
}

/// Bytes for a reader.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let Some(unit) = (1..=UNITS.len())
        .rev()
        .find(|unit| bytes >> (10 * unit) > 0)
    else {
        return format!("{bytes} B");
    };
    // One digit after the point, rounded down, in whole numbers.
    let tenths = (u128::from(bytes) * 10) >> (10 * unit);
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit - 1])
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn check(text: &str, folder: &Path) -> (String, bool) {
        let file = folder.join("agent.yaml");
        fs::write(&file, text.replace("ROOT", folder.to_str().unwrap())).unwrap();
        let mut out = Vec::new();
        let args = ConfigFile { path: Some(file) };
        let code = run(&args, |_| None, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let text = text.replace(folder.to_str().unwrap(), "ROOT");
        (
            text,
            format!("{code:?}") == format!("{:?}", ExitCode::SUCCESS),
        )
    }

    #[test]
    fn it_shows_what_would_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let id = "a".repeat(64);
        let write = |path: &str, length: usize| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x".repeat(length)).unwrap();
        };
        write("log/b.log", 2048);
        write("log/a.log", 10);
        write("log/a.log.1.gz", 20);
        write("log/skip.log", 20);
        write("log/deep/c.log", 1_572_864);
        write(&format!("docker/{id}/{id}-json.log"), 100);
        write(&format!("docker/{id}/config.v2.json"), 100);
        write("pods/ns_pod_uid/web/0.log", 7);
        let (text, is_usable) = check(
            "root: ROOT
logs:
  containers: {docker: /docker, kubernetes: /pods}
  files:
    - {include: [ROOT/log/*.log, 'ROOT/log/a.log*'], exclude: [ROOT/log/skip*]}
    - {include: ['ROOT/log/**/c.log']}
    - {include: [ROOT/none/*]}
",
            root,
        );
        let expected = format!(
            "configuration  ROOT/agent.yaml
endpoint       http://127.0.0.1:4317 (grpc, compression none)
state          /var/lib/trivium-agent
containers     docker: ROOT/docker: 1 file, 100 B
                   100 B  ROOT/docker/{id}/{id}-json.log
containers     kubernetes: ROOT/pods: 1 file, 7 B
                     7 B  ROOT/pods/ns_pod_uid/web/0.log
files[0]       ROOT/log/*.log, ROOT/log/a.log*: 3 files, 2.0 KiB
                    10 B  ROOT/log/a.log
                    20 B  ROOT/log/a.log.1.gz: compressed, so it is not read
                 2.0 KiB  ROOT/log/b.log
files[1]       ROOT/log/**/c.log: 1 file, 1.5 MiB
                 1.5 MiB  ROOT/log/deep/c.log
files[2]       ROOT/none/*: 0 files, 0 B
metrics        host every 15s, containers every 15s
otlp           grpc closed, http closed
spool          at most 1.0 GiB, for 3days
"
        );
        assert_eq!(text, expected);
        assert!(is_usable);
    }

    #[test]
    fn it_fails_where_a_file_is_missing_that_the_agent_needs() {
        let folder = tempfile::tempdir().unwrap();
        let (text, is_usable) = check("bearer_token_file: ROOT/token", folder.path());
        assert!(!is_usable);
        let last = text.lines().last().unwrap();
        assert_eq!(
            last,
            "error: bearer_token_file: cannot read ROOT/token: No such file or directory (os error 2); create it, or make it readable"
        );
    }

    #[test]
    fn a_wrong_configuration_is_the_error_of_the_command() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("agent.yaml");
        fs::write(&file, "endpoit: x").unwrap();
        let args = ConfigFile { path: Some(file) };
        let error = run(&args, |_| None, &mut Vec::new()).unwrap_err();
        assert!(
            error.to_string().contains(":1: unknown key `endpoit`"),
            "{error}"
        );
    }

    #[test]
    fn sizes_are_rounded_down_to_a_tenth() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_048_575, "1023.9 KiB"),
            (u64::MAX, "16777215.9 TiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
