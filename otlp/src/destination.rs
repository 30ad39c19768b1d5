//! Where requests go, and how.

use std::{fmt, path::PathBuf, time::Duration};

use http::{HeaderMap, Uri};

use crate::Compression;

/// How requests are carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// OTLP/gRPC.
    Grpc,
    /// OTLP/HTTP with protobuf, over HTTP/1.1.
    Http,
}

/// All that is needed to send requests.
#[derive(Debug, Clone, PartialEq)]
pub struct Destination {
    /// How requests are carried.
    pub protocol: Protocol,
    /// For OTLP/gRPC scheme, host and port; for OTLP/HTTP with the path to post to.
    pub endpoint: Uri,
    /// Sent with each request. Mark secrets as sensitive.
    pub headers: HeaderMap,
    /// The limit of one attempt.
    pub timeout: Duration,
    /// Of the requests.
    pub compression: Compression,
    /// For an `https` endpoint.
    pub tls: TlsFiles,
}

/// PEM files for an `https` endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Trusted instead of the system's roots.
    pub certificate: Option<PemFile>,
    /// The certificate and the key that this program shows of itself.
    pub client: Option<(PemFile, PemFile)>,
    /// The name of the setting of that certificate, to be named when a receiver seems to ask for one and there is none.
    pub client_setting: &'static str,
}

/// A file, and the setting that named it, for messages.
#[derive(Debug, Clone)]
pub struct PemFile {
    /// The name of the setting, such as `OTEL_EXPORTER_OTLP_CERTIFICATE`.
    pub setting: String,
    /// Where it is.
    pub path: PathBuf,
}

impl PartialEq for PemFile {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl Eq for PemFile {}

impl PemFile {
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "no file is read"))]
    pub(crate) fn invalid(&self, problem: &dyn fmt::Display) -> InvalidSetting {
        InvalidSetting::new(&self.setting, &self.path.display().to_string(), problem)
    }
}

/// A setting whose value cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{setting}=`{value}` cannot be used: {problem}")]
pub struct InvalidSetting {
    setting: String,
    value: String,
    problem: String,
}

impl InvalidSetting {
    /// `problem` says what is wrong with the value and what to write instead.
    #[must_use]
    pub fn new(setting: &str, value: &str, problem: &dyn fmt::Display) -> Self {
        Self {
            setting: setting.to_owned(),
            value: value.to_owned(),
            problem: problem.to_string(),
        }
    }
}
