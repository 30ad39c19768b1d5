//! One attempt to send: the transport of each signal, and the bearer token, read again when its file changes.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use http::{
    HeaderValue, Uri,
    header::{AUTHORIZATION, USER_AGENT},
};
use trivium_otlp::{
    Clients, Compression, Destination, ExportError, InvalidSetting, PartialSuccess, PemFile,
    Protocol, Signal, TlsFiles, Transport,
};

use crate::{
    by_signal::BySignal,
    config::{self, Config},
};

/// The limit of one attempt; a batch of a megabyte takes seconds over a poor line.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How often the token's file is looked at.
const LOOK_AT_TOKEN: Duration = Duration::from_secs(5);

/// Why the Collector can't be addressed.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// A setting is wrong.
    #[error(transparent)]
    Setting(#[from] InvalidSetting),
    /// The endpoint has no place for a signal's path.
    #[error("endpoint `{endpoint}`: {problem}; write it like http://collector:4318")]
    Endpoint {
        /// As configured.
        endpoint: Uri,
        /// Why.
        problem: http::Error,
    },
    /// There is no token.
    #[error(
        "reading bearer_token_file {}: {source}; it has to hold the token and be readable for this user",
        path.display()
    )]
    Token {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The way to the Collector. Cloned, it is the same way.
#[derive(Debug, Clone)]
pub struct Link(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    destinations: BySignal<Destination>,
    clients: Clients,
    transports: BySignal<Transport>,
    token: Option<Token>,
}

#[derive(Debug)]
struct Token {
    path: PathBuf,
    modified: Option<SystemTime>,
    looked: Instant,
}

impl Link {
    /// # Errors
    /// When the configuration names a file that can't be used.
    pub fn new(config: &Config) -> Result<Self, LinkError> {
        let mut destinations = BySignal::try_new(|signal| destination(config, signal))?;
        let token = config.bearer_token_file.as_deref().map(|path| {
            authorize(&mut destinations, path)?;
            Ok::<_, LinkError>(Token {
                path: path.to_owned(),
                modified: modified(path),
                looked: Instant::now(),
            })
        });
        let mut clients = Clients::default();
        Ok(Self(Arc::new(Mutex::new(State {
            transports: transports(&destinations, &mut clients)?,
            destinations,
            clients,
            token: token.transpose()?,
        }))))
    }

    /// Sends an encoded request once. Unlike the specification, credentials that are not accepted are worth another try.
    pub(super) async fn send(
        &self,
        signal: Signal,
        body: Bytes,
    ) -> Result<Option<PartialSuccess>, ExportError> {
        let transport = self.transport(signal);
        transport.send(body).await.map_err(|mut error| {
            // The token, or who it is for, is at fault and may be mended; the data would be lost for it.
            error.is_retryable |= matches!(
                &*error.error_type,
                "UNAUTHENTICATED" | "401" | "PERMISSION_DENIED" | "403" | "407"
            );
            error
        })
    }

    fn transport(&self, signal: Signal) -> Transport {
        let mut state = self.state();
        state.refresh_token();
        state.transports[signal].clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn refresh_token(&mut self) {
        let Some(token) = &mut self.token else { return };
        if token.looked.elapsed() < LOOK_AT_TOKEN {
            return;
        }
        token.looked = Instant::now();
        let modified = modified(&token.path);
        if modified == token.modified {
            return;
        }
        token.modified = modified;
        let renewed = authorize(&mut self.destinations, &token.path)
            .and_then(|()| Ok(transports(&self.destinations, &mut self.clients)?));
        match renewed {
            Ok(transports) => self.transports = transports,
            Err(error) => tracing::warn!("the token as it was goes on being sent: {error}"),
        }
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path)
        .and_then(|metadata| metadata.modified())
        .ok()
}

fn authorize(destinations: &mut BySignal<Destination>, path: &Path) -> Result<(), LinkError> {
    let failed = |source| LinkError::Token {
        path: path.to_owned(),
        source,
    };
    let text = fs::read_to_string(path).map_err(failed)?;
    let token = text.trim();
    if token.is_empty() {
        return Err(failed(io::Error::new(
            io::ErrorKind::InvalidData,
            "it is empty",
        )));
    }
    let mut value = HeaderValue::try_from(format!("Bearer {token}"))
        .map_err(|error| failed(io::Error::new(io::ErrorKind::InvalidData, error)))?;
    value.set_sensitive(true);
    for destination in destinations.iter_mut() {
        destination.headers.insert(AUTHORIZATION, value.clone());
    }
    Ok(())
}

fn transports(
    destinations: &BySignal<Destination>,
    clients: &mut Clients,
) -> Result<BySignal<Transport>, InvalidSetting> {
    BySignal::try_new(|signal| Transport::new(signal, destinations[signal].clone(), clients))
}

fn destination(config: &Config, signal: Signal) -> Result<Destination, LinkError> {
    let agent = concat!("trivium-agent/", env!("CARGO_PKG_VERSION"));
    let mut headers = config.headers.clone();
    headers.insert(USER_AGENT, HeaderValue::from_static(agent));
    let pem = |setting: &str, path: &Option<PathBuf>| {
        let path = path.clone()?;
        Some(PemFile {
            setting: setting.to_owned(),
            path,
        })
    };
    Ok(Destination {
        protocol: match config.protocol {
            config::Protocol::Grpc => Protocol::Grpc,
            config::Protocol::Http => Protocol::Http,
        },
        endpoint: endpoint(config, signal)?,
        headers,
        timeout: TIMEOUT,
        compression: match config.compression {
            config::Compression::None => Compression::None,
            config::Compression::Gzip => Compression::Gzip,
            config::Compression::Zstd => Compression::Zstd,
        },
        tls: TlsFiles {
            certificate: pem("tls.ca", &config.tls.ca),
            client: pem("tls.cert", &config.tls.cert).zip(pem("tls.key", &config.tls.key)),
            client_setting: "tls.cert",
        },
    })
}

/// OTLP/HTTP has a path for each signal.
fn endpoint(config: &Config, signal: Signal) -> Result<Uri, LinkError> {
    if config.protocol == config::Protocol::Grpc {
        return Ok(config.endpoint.clone());
    }
    let mut parts = config.endpoint.clone().into_parts();
    let base = parts.path_and_query.as_ref().map_or("", |path| path.path());
    let path = format!("{}{}", base.trim_end_matches('/'), signal.http_path());
    let failed = |problem: http::Error| LinkError::Endpoint {
        endpoint: config.endpoint.clone(),
        problem,
    };
    let path = path
        .parse()
        .map_err(|error: http::uri::InvalidUri| failed(error.into()))?;
    parts.path_and_query = Some(path);
    Uri::from_parts(parts).map_err(|error| failed(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_http_each_signal_has_its_path_after_that_of_the_endpoint() {
        for (written, expected) in [
            ("http://a:4318", "http://a:4318/v1/logs"),
            ("http://a:3100/otlp", "http://a:3100/otlp/v1/logs"),
            ("http://a:3100/otlp/", "http://a:3100/otlp/v1/logs"),
        ] {
            let text = format!("endpoint: {written}\nprotocol: http");
            let config = Config::parse(&text, "test", |_| None).unwrap();
            assert_eq!(endpoint(&config, Signal::Logs).unwrap(), expected);
        }
    }
}
