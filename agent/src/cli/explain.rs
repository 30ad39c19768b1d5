//! `explain`: by which part of the configuration a file is read, or why it is not.
//!
//! How far it is read is known to the checkpoint; the caller adds that.

use std::{fmt, path::Path};

use super::check::is_compressed;
use crate::config::{Config, Glob};

/// What the configuration says about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is the log of a container, read unless the container's name is left out.
    Container {
        /// `docker` or `kubernetes`.
        kind: &'static str,
        /// Whether `include` or `exclude` decide by name.
        by_name: bool,
    },
    /// A source of `logs.files` reads it.
    File {
        /// Which source, from 0.
        source: usize,
        /// The glob that matches.
        glob: String,
    },
    /// Sources match it, and exclude it.
    Excluded {
        /// The last of them, from 0.
        source: usize,
        /// The glob that excludes it.
        glob: String,
    },
    /// Rotated and compressed files are never read: what they hold was read before.
    Compressed,
    /// Its path is not absolute.
    Relative,
    /// No source matches it.
    Unmatched,
}

impl Verdict {
    /// Whether the agent reads the file.
    pub fn is_read(&self) -> bool {
        matches!(self, Self::Container { .. } | Self::File { .. })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Container { kind, by_name: false } => {
                write!(formatter, "read: logs.containers.{kind} reads this folder")
            }
            Self::Container { kind, by_name: true } => write!(
                formatter,
                "read if its container is: logs.containers.{kind} reads this folder, include and exclude choose by name"
            ),
            Self::File { source, glob } => {
                write!(formatter, "read: logs.files[{source}] includes {glob}")
            }
            Self::Excluded { source, glob } => write!(
                formatter,
                "not read: logs.files[{source}] excludes {glob}; remove that to read it"
            ),
            Self::Compressed => formatter.write_str(
                "not read: compressed files never are, as they were read before they were rotated",
            ),
            Self::Relative => formatter.write_str("not read: write the path from /"),
            Self::Unmatched => formatter.write_str(
                "not read: no include of logs.files matches it, and it is in no folder of logs.containers; add it to an include",
            ),
        }
    }
}

/// What `config` says about `path`, whether the file is there or not.
pub fn verdict(config: &Config, path: &Path) -> Verdict {
    let Some(text) = path.to_str().filter(|_| path.is_absolute()) else {
        return Verdict::Relative;
    };
    if is_compressed(path) {
        return Verdict::Compressed;
    }
    if let Some(containers) = &config.logs.containers {
        let by_name = !containers.include.is_empty() || !containers.exclude.is_empty();
        let kinds = [
            ("docker", &containers.docker, 2, "-json.log"),
            ("kubernetes", &containers.kubernetes, 3, ".log"),
        ];
        for (kind, folder, depth, end) in kinds {
            let Some(folder) = folder else {
                continue;
            };
            let below = path.strip_prefix(config.on_host(folder));
            if below.is_ok_and(|below| below.components().count() == depth) && text.ends_with(end) {
                return Verdict::Container { kind, by_name };
            }
        }
    }
    let mut excluded = Verdict::Unmatched;
    for (source, file) in config.logs.files.iter().enumerate() {
        let matching = |globs: &[Glob]| {
            let glob = globs.iter().find(|glob| glob.matches(text))?;
            Some(glob.as_str().to_owned())
        };
        match (matching(&file.include), matching(&file.exclude)) {
            (Some(glob), None) => return Verdict::File { source, glob },
            (Some(_), Some(glob)) => excluded = Verdict::Excluded { source, glob },
            _ => {}
        }
    }
    excluded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_by_the_first_source_that_takes_it() {
        let config = Config::parse(
            "root: /host
logs:
  containers: {exclude: [agent]}
  files:
    - {include: [/var/log/*.log], exclude: [/var/log/secret*]}
    - {include: [/var/log/a.log, /srv/**/*.txt]}
",
            "a",
            |_| None,
        )
        .unwrap();
        for (path, expected) in [
            (
                "/var/log/a.log",
                "read: logs.files[0] includes /var/log/*.log",
            ),
            ("/srv/x/y.txt", "read: logs.files[1] includes /srv/**/*.txt"),
            (
                "/var/log/secret.log",
                "not read: logs.files[0] excludes /var/log/secret*; remove that to read it",
            ),
            (
                "/var/log/a.log.1.gz",
                "not read: compressed files never are, as they were read before they were rotated",
            ),
            ("a.log", "not read: write the path from /"),
            (
                "/host/var/lib/docker/containers/abc/abc-json.log",
                "read if its container is: logs.containers.docker reads this folder, include and exclude choose by name",
            ),
            (
                "/host/var/log/pods/n_p_u/c/0.log",
                "read if its container is: logs.containers.kubernetes reads this folder, include and exclude choose by name",
            ),
            (
                "/var/log/pods/n_p_u/c/0.log",
                "not read: no include of logs.files matches it, and it is in no folder of logs.containers; add it to an include",
            ),
        ] {
            let verdict = verdict(&config, Path::new(path));
            assert_eq!(verdict.to_string(), expected, "{path}");
            assert_eq!(verdict.is_read(), expected.starts_with("read"), "{path}");
        }
    }
}
