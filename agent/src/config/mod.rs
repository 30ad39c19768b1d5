//! The configuration: YAML into plain types, or an error with the file, the line, the key, the value and the fix.
//!
//! Unknown keys are errors, paths are absolute, regular expressions and globs compile, and [variables](expand) are replaced: a
//! [`Config`] can be used as it is. Each setting has a default, so an empty file is a configuration. What files there are is
//! not looked at. Values come from the text and the lookup that are passed, never from the process's environment.

mod check;
mod decode;
mod error;
pub mod expand;
mod logs;
mod reference;
mod settings;
mod values;
pub(crate) mod yaml;

use std::{
    collections::BTreeMap,
    fmt, fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use http::{HeaderMap, Uri};
use serde::Deserialize;

pub use check::Warning;
pub use error::{ConfigError, Invalid, Problem};
pub use logs::{
    Containers, FileSource, Format, Logs, Multiline, Parse, RateLimit, Redact, RedactPattern,
    StartAt,
};
pub use reference::{for_help, for_readme};
pub use settings::Setting;
pub use values::{ByteSizeError, Glob, GlobError, Pattern, parse_byte_size};

use settings::settings;
use values::{
    absolute_path, byte_size, duration, endpoint, headers, some_address, some_path, unless_false,
};
use yaml::Node;

/// Where the configuration is looked for when none is named.
pub const DEFAULT_PATH: &str = "/etc/trivium-agent.yaml";

settings! {
    /// Everything that can be set.
    pub struct Config {
        /// Where OTLP is sent to: `http://` or `https://`, a host and a port; for `protocol: http` also a path before `/v1/logs`.
        #[serde(deserialize_with = "endpoint")]
        pub endpoint: Uri = Uri::from_static("http://127.0.0.1:4317"), "http://127.0.0.1:4317";
        /// `grpc`, or `http` (OTLP/HTTP with protobuf, usually port 4318).
        pub protocol: Protocol = Protocol::Grpc, "grpc";
        /// `none`, `gzip` or `zstd`: none costs least on one machine, zstd least over a network.
        pub compression: Compression = Compression::None, "none";
        /// Headers of every request, like `{x-scope-orgid: team-a}`.
        #[serde(deserialize_with = "headers")]
        pub headers: HeaderMap = HeaderMap::new(), "{}";
        /// A file with the token that is sent as `authorization: Bearer`; read again when it changes.
        #[serde(deserialize_with = "some_path")]
        pub bearer_token_file: Option<PathBuf> = None, "";
        /// Certificates for `https://`.
        pub tls: Tls = Tls::default(), "the section's defaults";
        /// The folder of the checkpoints and the spool. It belongs to one agent.
        #[serde(deserialize_with = "absolute_path")]
        pub state_dir: PathBuf = PathBuf::from("/var/lib/trivium-agent"), "/var/lib/trivium-agent";
        /// Where the host's root is seen, as `/host` in a container: /proc, cgroups and the container folders are read below it.
        #[serde(deserialize_with = "absolute_path")]
        pub root: PathBuf = PathBuf::from("/"), "/";
        /// Resource attributes of everything that is sent, like `{deployment.environment.name: prod}`.
        pub resource: BTreeMap<String, String> = BTreeMap::new(), "{}";
        /// The container logs and files that are read.
        pub logs: Logs = Logs::default(), "the section's defaults";
        /// What is measured.
        pub metrics: Metrics = Metrics::default(), "the section's defaults";
        /// The addresses at which local programs send OTLP; none is open unless it is written here.
        pub otlp: Otlp = Otlp::default(), "the section's defaults";
        /// What is kept on disk while the Collector is away: OTLP that was accepted, and files that vanish.
        pub spool: Spool = Spool::default(), "the section's defaults";
    }
}

/// How OTLP is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// OTLP/gRPC.
    Grpc,
    /// OTLP/HTTP with protobuf.
    Http,
}

impl fmt::Display for Protocol {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Grpc => "grpc",
            Self::Http => "http",
        })
    }
}

/// How requests are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not at all.
    None,
    /// By gzip, which every receiver knows.
    Gzip,
    /// By zstd, which is smaller and cheaper, and which the Collector knows.
    Zstd,
}

impl fmt::Display for Compression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

settings! {
    /// `tls`: certificates, as PEM files.
    pub struct Tls {
        /// The authorities that sign the receiver's certificate; where it is left out, those of the system.
        #[serde(deserialize_with = "some_path")]
        pub ca: Option<PathBuf> = None, "";
        /// The agent's own certificate, for receivers that ask for one; with `key`.
        #[serde(deserialize_with = "some_path")]
        pub cert: Option<PathBuf> = None, "";
        /// The private key of `cert`.
        #[serde(deserialize_with = "some_path")]
        pub key: Option<PathBuf> = None, "";
    }
}

settings! {
    /// `metrics`: what is measured.
    pub struct Metrics {
        /// The host: `system.*`; `false` measures none.
        #[serde(deserialize_with = "unless_false")]
        pub host: Option<Sampling> = Some(Sampling::default()), "the section's defaults";
        /// The containers, by their cgroups: `container.*`; `false` measures none.
        #[serde(deserialize_with = "unless_false")]
        pub containers: Option<Sampling> = Some(Sampling::default()), "the section's defaults";
    }
}

settings! {
    /// When metrics are measured.
    pub struct Sampling {
        /// The time between two measurements.
        #[serde(deserialize_with = "duration")]
        pub interval: Duration = Duration::from_secs(15), "15s";
    }
}

settings! {
    /// `otlp`: where local programs may send to.
    pub struct Otlp {
        /// An address and a port for OTLP/gRPC, like `127.0.0.1:14317`.
        #[serde(deserialize_with = "some_address")]
        pub grpc: Option<SocketAddr> = None, "";
        /// An address and a port for OTLP/HTTP, like `127.0.0.1:14318`.
        #[serde(deserialize_with = "some_address")]
        pub http: Option<SocketAddr> = None, "";
    }
}

settings! {
    /// `spool`: limits of what is kept on disk.
    pub struct Spool {
        /// The most bytes; above it the oldest make room, and are declared as lost.
        #[serde(deserialize_with = "byte_size")]
        pub max_bytes: u64 = 1 << 30, "1GiB";
        /// The longest time; what is older is declared as lost.
        #[serde(deserialize_with = "duration")]
        pub max_age: Duration = Duration::from_secs(72 * 3600), "72h";
    }
}

/// Where a configuration came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// This file.
    File(PathBuf),
    /// No file was named, and there is none at this path.
    Defaults(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(formatter, "{}", path.display()),
            Self::Defaults(path) => write!(
                formatter,
                "the defaults, as no file is named and {} does not exist",
                path.display()
            ),
        }
    }
}

impl Config {
    /// Reads the file that is named, else the one at [`DEFAULT_PATH`], else nothing: then all is default.
    ///
    /// # Errors
    /// When the file cannot be read, or used.
    pub fn load(
        named: Option<&Path>,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<(Self, Origin), ConfigError> {
        Self::load_or_default(named, Path::new(DEFAULT_PATH), env)
    }

    fn load_or_default(
        named: Option<&Path>,
        default: &Path,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<(Self, Origin), ConfigError> {
        let path = named.unwrap_or(default);
        match fs::read_to_string(path) {
            Ok(text) => {
                let config = Self::parse(&text, &path.display().to_string(), env)?;
                Ok((config, Origin::File(path.to_owned())))
            }
            Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => {
                Ok((Self::default(), Origin::Defaults(path.to_owned())))
            }
            Err(source) => Err(ConfigError::Read {
                path: path.to_owned(),
                source,
            }),
        }
    }

    /// Reads a text; `name` is what its errors call it, `env` looks a variable up.
    ///
    /// # Errors
    /// When it cannot be used; the first thing that is wrong.
    pub fn parse(
        text: &str,
        name: &str,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let node = Node::parse(text).map_err(|error| ConfigError::Syntax {
            name: name.to_owned(),
            line: error.line,
            problem: error.one_line(),
        })?;
        let decoder = decode::Decoder {
            node: &node,
            env: &env,
        };
        let config = Self::deserialize(decoder);
        config
            .and_then(|config| config.check_together(&node).map(|()| config))
            .map_err(|invalid| ConfigError::Setting {
                name: name.to_owned(),
                invalid,
            })
    }

    /// Where a path of the host is seen from here: below [`root`](Self::root).
    pub fn on_host(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// The endpoint as it is written.
    pub fn endpoint_text(&self) -> String {
        let text = self.endpoint.to_string();
        text.strip_suffix('/').map_or(text.clone(), str::to_owned)
    }

    /// How the lines of a source are made unreadable: by its own rules, or by those of all logs.
    pub fn redaction<'a>(&'a self, own: &'a Option<Redact>) -> &'a Redact {
        own.as_ref().unwrap_or(&self.logs.redact)
    }
}

#[cfg(test)]
mod tests;
