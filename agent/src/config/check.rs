//! What single values cannot show: settings that contradict each other, and settings that are likely a mistake.

use std::{fmt, path::Path};

use super::{
    Config, Format, Glob, Invalid, Parse, Problem, Protocol, RateLimit,
    yaml::{Node, Value},
};

/// Something that can be used and is probably not meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// Two sources may read the same file.
    Overlap {
        /// Which of `logs.files`, from 0.
        first: usize,
        /// Which other.
        second: usize,
        /// A glob of the first.
        one: String,
        /// A glob of the second that may match the same files.
        other: String,
    },
    /// A source may read the logs of containers a second time.
    ContainerFolder {
        /// Which of `logs.files`, from 0.
        source: usize,
        /// Its glob.
        glob: String,
        /// The folder that is read as container logs.
        folder: String,
    },
    /// A secret is sent without TLS to another machine.
    SecretInTheClear {
        /// Where to.
        endpoint: String,
    },
    /// Anyone who reaches the host may send to the agent.
    OpenAddress {
        /// `otlp.grpc` or `otlp.http`.
        key: &'static str,
        /// The address.
        address: std::net::SocketAddr,
    },
    /// Nothing is read, measured or received.
    Nothing,
}

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overlap {
                first,
                second,
                one,
                other,
            } => write!(
                formatter,
                "logs.files[{first}] ({one}) and logs.files[{second}] ({other}) may match the same files; a file is read once, by the first; exclude it from one of them"
            ),
            Self::ContainerFolder {
                source,
                glob,
                folder,
            } => write!(
                formatter,
                "logs.files[{source}] ({glob}) may match files below {folder}, which logs.containers reads already; exclude {folder}/**/*, or set logs.containers to false"
            ),
            Self::SecretInTheClear { endpoint } => write!(
                formatter,
                "bearer_token_file or headers are sent to {endpoint} without TLS; write https://"
            ),
            Self::OpenAddress { key, address } => write!(
                formatter,
                "{key} ({address}) takes data from other machines, without authentication; write 127.0.0.1 to take it from this one only"
            ),
            Self::Nothing => formatter.write_str(
                "nothing is read, measured or received; switch on logs, metrics or otlp",
            ),
        }
    }
}

impl Config {
    /// Settings that contradict each other.
    pub(super) fn check_together(&self, node: &Node) -> Result<(), Invalid> {
        let fail = |keys: &[&str], problem: &str| Err(invalid(node, keys, problem));
        let is_https = self.endpoint.scheme_str() == Some("https");
        let path = self.endpoint.path();
        if self
            .endpoint
            .authority()
            .is_some_and(|name| name.as_str().contains('@'))
        {
            let mut error = invalid(
                node,
                &["endpoint"],
                "it holds a user; write the user to headers, as authorization: Basic …",
            );
            // It may hold a password.
            error.problem = error.problem.without_value();
            return Err(error);
        }
        if self.protocol == Protocol::Grpc && !matches!(path, "" | "/") {
            return fail(
                &["endpoint"],
                "gRPC has no path; remove what comes after the port, or write protocol: http",
            );
        }
        if self.protocol == Protocol::Http && path.trim_end_matches('/').ends_with("/v1/logs") {
            return fail(
                &["endpoint"],
                "the agent adds /v1/logs, /v1/metrics and /v1/traces itself; remove /v1/logs",
            );
        }
        if self.tls != super::Tls::default() && !is_https {
            return fail(
                &["tls"],
                "there are certificates, but endpoint is not https://; write https:// there, or remove tls",
            );
        }
        match (&self.tls.cert, &self.tls.key) {
            (Some(_), None) => {
                return fail(&["tls", "cert"], "a certificate needs its key; add tls.key");
            }
            (None, Some(_)) => {
                return fail(&["tls", "key"], "a key needs its certificate; add tls.cert");
            }
            _ => {}
        }
        // Of port 0 the kernel makes two.
        let has_port = self.otlp.grpc.is_some_and(|address| address.port() != 0);
        if has_port && self.otlp.grpc == self.otlp.http {
            return fail(
                &["otlp", "http"],
                "gRPC and HTTP cannot share an address; write another port",
            );
        }
        self.check_sources(node)
    }

    fn check_sources(&self, node: &Node) -> Result<(), Invalid> {
        if let Some(containers) = &self.logs.containers {
            let limit = containers.rate_limit.as_ref();
            check_limits(node, &["logs", "containers"], limit, containers.max_line)?;
        }
        for (index, source) in self.logs.files.iter().enumerate() {
            let index = format!("[{index}]");
            let keys = ["logs", "files", &index];
            check_limits(node, &keys, source.rate_limit.as_ref(), source.max_line)?;
            let is_twice = matches!(
                (source.format, source.parse),
                (Format::Json, Parse::Logfmt) | (Format::Logfmt, Parse::Json)
            );
            if is_twice {
                let keys = ["logs", "files", &index, "parse"];
                let problem = "format says another thing; remove parse";
                return Err(invalid(node, &keys, problem));
            }
        }
        Ok(())
    }

    /// Settings that are likely a mistake.
    pub fn warnings(&self) -> Vec<Warning> {
        let mut warnings = self.overlaps();
        let host = self.endpoint.host().unwrap_or_default();
        let is_local = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        let has_secret =
            self.bearer_token_file.is_some() || self.headers.contains_key("authorization");
        if has_secret && !is_local && self.endpoint.scheme_str() == Some("http") {
            let endpoint = self.endpoint_text();
            warnings.push(Warning::SecretInTheClear { endpoint });
        }
        for (key, address) in [("otlp.grpc", self.otlp.grpc), ("otlp.http", self.otlp.http)] {
            if let Some(address) = address.filter(|address| !address.ip().is_loopback()) {
                warnings.push(Warning::OpenAddress { key, address });
            }
        }
        let reads = self.logs.containers.is_some() || !self.logs.files.is_empty();
        let measures = self.metrics.host.is_some() || self.metrics.containers.is_some();
        if !reads && !measures && self.otlp == super::Otlp::default() {
            warnings.push(Warning::Nothing);
        }
        warnings
    }

    fn overlaps(&self) -> Vec<Warning> {
        let files = &self.logs.files;
        let mut warnings = Vec::new();
        for (second, source) in files.iter().enumerate() {
            for (first, earlier) in files[..second].iter().enumerate() {
                let both = earlier.include.iter().find_map(|one| {
                    let is_shared = |other: &&Glob| {
                        (one.matches(other.as_str()) || other.matches(one.as_str()))
                            && !source.exclude.iter().any(|glob| glob.matches(one.as_str()))
                            && !earlier
                                .exclude
                                .iter()
                                .any(|glob| glob.matches(other.as_str()))
                    };
                    Some((one, source.include.iter().find(is_shared)?))
                });
                if let Some((one, other)) = both {
                    let (one, other) = (one.as_str().to_owned(), other.as_str().to_owned());
                    warnings.push(Warning::Overlap {
                        first,
                        second,
                        one,
                        other,
                    });
                }
            }
        }
        let containers = self.logs.containers.iter();
        let folders =
            containers.flat_map(|containers| [&containers.docker, &containers.kubernetes]);
        for folder in folders.flatten().map(|folder| self.on_host(folder)) {
            warnings.extend(files.iter().enumerate().find_map(|(source, file)| {
                let glob = file.include.iter().find(|glob| reaches(glob, &folder))?;
                let inside = folder.join("x/x/x.log").display().to_string();
                let is_excluded = file.exclude.iter().any(|glob| glob.matches(&inside));
                (!is_excluded).then(|| Warning::ContainerFolder {
                    source,
                    glob: glob.as_str().to_owned(),
                    folder: folder.display().to_string(),
                })
            }));
        }
        warnings
    }
}

/// Shorter than any message, and than what a joined record needs.
const MIN_LINE: u64 = 64;

/// What the source at `keys` lets through.
fn check_limits(
    node: &Node,
    keys: &[&str],
    limit: Option<&RateLimit>,
    max_line: u64,
) -> Result<(), Invalid> {
    let fail = |more: &[&str], problem| Err(invalid(node, &[keys, more].concat(), problem));
    const NO_LINES: &str = "no line would be left; write 1 or more, or remove the source";
    if let Some(limit) = limit {
        if limit.lines_per_second == 0 {
            return fail(&["rate_limit", "lines_per_second"], NO_LINES);
        }
        if limit.burst == Some(0) {
            return fail(&["rate_limit", "burst"], NO_LINES);
        }
    }
    if max_line < MIN_LINE {
        let problem = "every line would be cut; write 64 or more, like 1MiB";
        return fail(&["max_line"], problem);
    }
    Ok(())
}

/// Whether a glob can match a file below `folder`.
fn reaches(glob: &Glob, folder: &Path) -> bool {
    glob.folder().starts_with(folder)
        || (glob.as_str().contains("**") && folder.starts_with(glob.folder()))
}

/// An error at the line of the deepest of `keys` that is written.
fn invalid(node: &Node, keys: &[&str], problem: &str) -> Invalid {
    let mut place = node;
    let mut path = String::new();
    for key in keys {
        if !key.starts_with('[') && !path.is_empty() {
            path.push('.');
        }
        path.push_str(key);
        let index = key.strip_prefix('[').and_then(|key| key.strip_suffix(']'));
        let below = match index.and_then(|index| index.parse::<usize>().ok()) {
            Some(index) => place.items().get(index),
            None => place.get(key),
        };
        place = below.unwrap_or(place);
    }
    Invalid {
        line: place.line,
        key: path,
        problem: Problem::Value {
            written: match &place.value {
                Value::Scalar(text) => Some(text.clone()),
                _ => None,
            },
            problem: problem.to_owned(),
        },
    }
}
