//! The agent's configuration: this machine and its containers, and the log files that `--logs` names. It is written anew at
//! each start, and is where a user's own can start from.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use clap::Args;

/// Host and containers are measured this often: far below the standard 15 s, so that the page is alive at once.
const INTERVAL: &str = "5s";
const DOCKER: &str = "/var/lib/docker/containers";
const KUBERNETES: &str = "/var/log/pods";

/// What the agent reads beside this machine's container logs.
#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// Log files to read, from their first line on, like '/var/log/app/*.log'; the agent finds new ones by itself
    #[arg(long, value_name = "GLOB", num_args = 1..)]
    logs: Vec<String>,
}

/// Why log files can't be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogsError {
    #[error("--logs {glob}: that is a folder; name its files, as '{}/*.log'", glob.trim_end_matches('/'))]
    Folder { glob: String },
    #[error(
        "--logs {glob}: the working folder is not known as text: {reason}; write an absolute path"
    )]
    WorkingFolder { glob: String, reason: String },
    #[error("--logs: the agent, which reads files, runs on Linux only; leave it out")]
    NoAgent,
    #[error("cannot write the agent's configuration {}: {source}; choose another folder with --state-dir", path.display())]
    Write { path: PathBuf, source: io::Error },
}

impl Logs {
    /// As absolute globs.
    pub(super) fn globs(&self, with_agent: bool) -> Result<Vec<String>, LogsError> {
        if !self.logs.is_empty() && !with_agent {
            return Err(LogsError::NoAgent);
        }
        let globs = self.logs.iter();
        globs
            .map(|glob| absolute(glob, env::current_dir()))
            .collect()
    }
}

fn absolute(glob: &str, working_folder: io::Result<PathBuf>) -> Result<String, LogsError> {
    let mut parts = Vec::new();
    if !glob.starts_with('/') {
        let failed = |reason: String| LogsError::WorkingFolder {
            glob: glob.to_owned(),
            reason,
        };
        let folder = working_folder.map_err(|error| failed(error.to_string()))?;
        let folder = folder
            .to_str()
            .ok_or_else(|| failed("it is not UTF-8".to_owned()))?;
        parts.extend(
            folder
                .split('/')
                .filter(|part| !part.is_empty())
                .map(literal),
        );
    }
    for part in glob.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part.to_owned()),
        }
    }
    let absolute = format!("/{}", parts.join("/"));
    if Path::new(&absolute).is_dir() {
        return Err(LogsError::Folder {
            glob: glob.to_owned(),
        });
    }
    Ok(absolute)
}

/// A glob of this very name.
fn literal(name: &str) -> String {
    let mut glob = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '*' | '?' | '[' | ']' | '{' | '}' => glob.extend(['[', c, ']']),
            '\\' => glob.push_str("\\\\"),
            c => glob.push(c),
        }
    }
    glob
}

/// Writes the configuration to `path`. `endpoint`: the Collector's OTLP/gRPC receiver.
pub(super) fn write_config(
    path: &Path,
    endpoint: &str,
    state: &Path,
    globs: &[String],
) -> Result<(), LogsError> {
    let write = || {
        fs::create_dir_all(state)?;
        fs::write(path, config(endpoint, state, globs, is_readable))
    };
    write().map_err(|source| LogsError::Write {
        path: path.to_owned(),
        source,
    })
}

fn is_readable(folder: &str) -> bool {
    fs::read_dir(folder).is_ok()
}

fn config(
    endpoint: &str,
    state: &Path,
    globs: &[String],
    is_readable: impl Fn(&str) -> bool,
) -> String {
    let container_folder = |folder: &'static str| {
        if is_readable(folder) { folder } else { "false" }
    };
    let state = text(&state.to_string_lossy());
    let (docker, kubernetes) = (container_folder(DOCKER), container_folder(KUBERNETES));
    let files: String = if globs.is_empty() {
        " []\n".to_owned()
    } else {
        let entries = globs.iter();
        let entries =
            entries.map(|glob| format!("    - include: [{}]\n      parse: auto\n", text(glob)));
        format!("\n{}", entries.collect::<String>())
    };
    format!(
        "# Written by `trivium up` at each start. Copy it to begin one of your own; agent/README.md has all settings.\n\
         endpoint: {endpoint}\n\
         state_dir: {state}\n\
         root: /\n\
         logs:\n\
         \x20 # `false` where the folder is not there, or this user may not read it. The past of these logs is left out.\n\
         \x20 containers: {{docker: {docker}, kubernetes: {kubernetes}, start_at: end, parse: auto}}\n\
         \x20 files:{files}\
         metrics: {{host: {{interval: {INTERVAL}}}, containers: {{interval: {INTERVAL}}}}}\n"
    )
}

/// A YAML string, in which the agent replaces no variable.
fn text(value: &str) -> String {
    serde_json::Value::from(value.replace("${", "$${")).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(folder: &str, glob: &str) -> String {
        absolute(glob, Ok(folder.into())).unwrap()
    }

    #[test]
    fn a_glob_is_made_absolute_from_the_working_folder() {
        assert_eq!(at("/srv/shop", "*.log"), "/srv/shop/*.log");
        assert_eq!(
            at("/srv/shop", "./a/../logs/**/*.log"),
            "/srv/shop/logs/**/*.log"
        );
        assert_eq!(at("/srv/shop", "../b.log"), "/srv/b.log");
        assert_eq!(at("/srv", "/var/log/app//*.log"), "/var/log/app/*.log");
    }

    #[test]
    fn what_is_special_in_the_working_folders_name_stands_for_itself() {
        assert_eq!(
            at("/srv/a[1] {b}*", "c?.log"),
            "/srv/a[[]1[]] [{]b[}][*]/c?.log"
        );
    }

    #[test]
    fn a_folder_is_no_file_and_the_error_says_how_to_name_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().to_str().unwrap();
        let error = absolute(&format!("{name}/"), Ok("/".into())).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("--logs {name}/: that is a folder; name its files, as '{name}/*.log'")
        );
    }

    #[test]
    fn the_configuration_has_what_is_there_and_what_is_named() {
        let globs = [
            "/var/log/a \"b\"/*.log".to_owned(),
            "/x/${y}/*.log".to_owned(),
        ];
        let config = config(
            "http://127.0.0.1:4317",
            Path::new("/s/data/agent"),
            &globs,
            |folder| folder == KUBERNETES,
        );
        let lines: Vec<_> = config
            .lines()
            .filter(|line| !line.trim().starts_with('#'))
            .collect();
        assert_eq!(
            lines,
            [
                "endpoint: http://127.0.0.1:4317",
                "state_dir: \"/s/data/agent\"",
                "root: /",
                "logs:",
                "  containers: {docker: false, kubernetes: /var/log/pods, start_at: end, parse: auto}",
                "  files:",
                "    - include: [\"/var/log/a \\\"b\\\"/*.log\"]",
                "      parse: auto",
                "    - include: [\"/x/$${y}/*.log\"]",
                "      parse: auto",
                "metrics: {host: {interval: 5s}, containers: {interval: 5s}}",
            ]
        );
    }
}
