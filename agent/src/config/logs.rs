//! What is read as logs, and what happens to a line before it leaves.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde::{Deserialize, Deserializer};

pub use crate::lines::{Format, Parse};

use super::{
    settings::settings,
    values::{
        Glob, Pattern, byte_size, duration, folder_unless_false, path_globs, share, some_path,
        some_path_globs, unless_false,
    },
};

settings! {
    /// `logs`: the container logs and files that are read.
    pub struct Logs {
        /// Container logs, found by folder; `false` reads none.
        #[serde(deserialize_with = "unless_false")]
        pub containers: Option<Containers> = Some(Containers::default()), "the section's defaults";
        /// Files, as a list of sources. A file that several of them match is read once, by the first.
        pub files: Vec<FileSource> = Vec::new(), "[]";
        /// What is made unreadable in every log line; a source can have its own.
        pub redact: Redact = Redact::default(), "the section's defaults";
    }
}

/// Defines a kind of source: what it alone has, and what every source has.
macro_rules! source {
    ($(#[$attribute:meta])* pub struct $name:ident {$($own:tt)+}) => {
        settings! {
            $(#[$attribute])*
            pub struct $name {
                $($own)+
                /// Where to begin in a file that is there when the agent runs for the first time: `beginning` or `end`. A file that appears later is read from its beginning.
                #[serde(default)]
                pub start_at: StartAt, "beginning";
                /// Joins lines to one record: a record begins with a line that matches `start`.
                #[serde(default)]
                pub multiline: Option<Multiline>, "";
                /// How the message is read: `none` keeps it as text; `json` and `logfmt` lift time, severity, trace and span out of it; `auto` does so where a message looks like one of them.
                #[serde(default)]
                pub parse: Parse, "none";
                /// In place of `logs.redact` for this source; `false` leaves its lines as they are.
                #[serde(default, deserialize_with = "own_redaction")]
                pub redact: Option<Redact>, "";
                /// Lines that one of these regular expressions matches are dropped, and counted.
                #[serde(default)]
                pub drop: Vec<Pattern>, "[]";
                /// The share of lines that is kept, like 0.1; the others are dropped, and counted.
                #[serde(default, deserialize_with = "some_share")]
                pub sample: Option<f64>, "";
                /// The most lines in a second; those above it are dropped, and counted.
                #[serde(default)]
                pub rate_limit: Option<RateLimit>, "";
                /// The longest line and the longest joined record; what is longer is cut, and the cut declared as a loss.
                #[serde(default = "default_max_line", deserialize_with = "byte_size")]
                pub max_line: u64, "1MiB";
                /// Resource attributes of this source, besides those of `resource`.
                #[serde(default)]
                pub resource: BTreeMap<String, String>, "{}";
            }
        }
    };
}

source! {
    /// `logs.containers`: logs that Docker and Kubernetes write.
    pub struct Containers {
        /// Docker's folder of containers; `false` reads none. Where it does not exist, nothing is read.
        #[serde(default = "default_docker", deserialize_with = "folder_unless_false")]
        pub docker: Option<PathBuf>, "/var/lib/docker/containers";
        /// The folder of Kubernetes' pods; `false` reads none. Where it does not exist, nothing is read.
        #[serde(default = "default_kubernetes", deserialize_with = "folder_unless_false")]
        pub kubernetes: Option<PathBuf>, "/var/log/pods";
        /// Docker's socket or a read-only proxy of it, to follow starts and stops; without it, names come from the files.
        #[serde(default, deserialize_with = "some_path")]
        pub docker_socket: Option<PathBuf>, "";
        /// Globs of the containers that are read: their name, for Kubernetes `NAMESPACE/POD/CONTAINER`; empty means all.
        #[serde(default)]
        pub include: Vec<Glob>, "[]";
        /// Globs of the containers that are not read, even where `include` matches.
        #[serde(default)]
        pub exclude: Vec<Glob>, "[]";
    }
}

source! {
    /// `logs.files[]`: files that globs find.
    pub struct FileSource {
        /// Globs of absolute paths; `**` stands for any number of folders. Compressed files are never read.
        #[serde(deserialize_with = "some_path_globs")]
        pub include: Vec<Glob>, "";
        /// Globs of absolute paths that are not read, even where `include` matches.
        #[serde(default, deserialize_with = "path_globs")]
        pub exclude: Vec<Glob>, "[]";
        /// How a line is written: `plain`, `json`, `logfmt`, `docker` (json-file) or `cri`.
        #[serde(default)]
        pub format: Format, "plain";
    }
}

impl Default for Containers {
    fn default() -> Self {
        Self {
            docker: default_docker(),
            kubernetes: default_kubernetes(),
            docker_socket: None,
            include: Vec::new(),
            exclude: Vec::new(),
            start_at: StartAt::default(),
            multiline: None,
            parse: Parse::default(),
            redact: None,
            drop: Vec::new(),
            sample: None,
            rate_limit: None,
            max_line: default_max_line(),
            resource: BTreeMap::new(),
        }
    }
}

impl Containers {
    /// Whether the logs of a container are read. `name` is its name, for Kubernetes `NAMESPACE/POD/CONTAINER`.
    pub fn takes(&self, name: &str) -> bool {
        let matches = |globs: &[Glob]| globs.iter().any(|glob| glob.matches(name));
        (self.include.is_empty() || matches(&self.include)) && !matches(&self.exclude)
    }
}

impl FileSource {
    /// Whether `path` is of this source.
    pub fn takes(&self, path: &str) -> bool {
        let matches = |globs: &[Glob]| globs.iter().any(|glob| glob.matches(path));
        matches(&self.include) && !matches(&self.exclude)
    }
}

/// Where to begin in a file that is there at the very first start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StartAt {
    /// At its first byte.
    #[default]
    Beginning,
    /// Behind its last byte.
    End,
}

settings! {
    /// `multiline`: lines that are one record.
    pub struct Multiline {
        /// A regular expression that the first line of each record matches.
        pub start: Pattern, "";
        /// How long a record waits for its next line.
        #[serde(default = "default_timeout", deserialize_with = "duration")]
        pub timeout: Duration, "1s";
    }
}

settings! {
    /// `rate_limit`: the most lines of a source.
    pub struct RateLimit {
        /// Lines in a second, on average.
        pub lines_per_second: u32, "";
        /// Lines at once; as many as `lines_per_second` where it is left out.
        #[serde(default)]
        pub burst: Option<u32>, "";
    }
}

settings! {
    /// `redact`: what is made unreadable.
    pub struct Redact {
        /// The agent's own patterns: tokens, keys, passwords and card numbers.
        pub defaults: bool = true, "true";
        /// Your own patterns, after those.
        pub patterns: Vec<RedactPattern> = Vec::new(), "[]";
    }
}

settings! {
    /// `redact.patterns[]`: a pattern and what takes its place.
    pub struct RedactPattern {
        /// What its matches are counted as.
        pub name: String, "";
        /// A regular expression.
        pub pattern: Pattern, "";
        /// What a match is replaced by; `${1}` is its first group, `$${name}` the group of that name. Left out: `[redacted:NAME]`.
        #[serde(default)]
        pub replacement: Option<String>, "";
    }
}

fn default_docker() -> Option<PathBuf> {
    Some(PathBuf::from("/var/lib/docker/containers"))
}

fn default_kubernetes() -> Option<PathBuf> {
    Some(PathBuf::from("/var/log/pods"))
}

fn default_max_line() -> u64 {
    1 << 20
}

fn default_timeout() -> Duration {
    Duration::from_secs(1)
}

fn some_share<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    share(from).map(Some)
}

fn own_redaction<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Redact>, D::Error> {
    let none = Redact {
        defaults: false,
        patterns: Vec::new(),
    };
    Ok(Some(unless_false(from)?.unwrap_or(none)))
}
