//! HTTP clients, over TLS where the endpoint asks for it, shared between signals.

use std::time::Duration;

use hyper_util::{
    client::legacy::{Client, Error as ClientError, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};

use crate::settings::{Destination, InvalidSetting, Protocol, TlsFiles};

/// Keeps its connections and makes new ones as needed.
pub(super) type HttpClient = Client<Connector, tonic::body::Body>;

#[cfg(feature = "tls")]
type Connector = hyper_rustls::HttpsConnector<HttpConnector>;
#[cfg(not(feature = "tls"))]
type Connector = HttpConnector;

/// How long one address of the receiver may take to answer before the next one is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How often a silent HTTP/2 connection is asked whether it still stands.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// The clients made so far: signals of equal protocol and certificates share one, and so its connections.
#[derive(Debug, Default)]
pub(crate) struct Clients(Vec<(Key, HttpClient)>);

/// What makes two destinations differ in the client they need; the address does not.
#[derive(Debug, PartialEq)]
struct Key {
    protocol: Protocol,
    is_https: bool,
    tls: TlsFiles,
}

impl Clients {
    pub(super) fn client(
        &mut self,
        destination: &Destination,
    ) -> Result<HttpClient, InvalidSetting> {
        let key = Key {
            protocol: destination.protocol,
            is_https: destination.endpoint.scheme_str() == Some("https"),
            tls: destination.tls.clone(),
        };
        if let Some((_, client)) = self.0.iter().find(|(known, _)| *known == key) {
            return Ok(client.clone());
        }
        let client = build(&key)?;
        self.0.push((key, client.clone()));
        Ok(client)
    }
}

/// Said when a connection breaks off that was made over TLS without a client certificate: under TLS 1.3 a receiver refuses
/// such a client only after the handshake, and the alert that says why is often lost with the connection.
pub(super) fn explain_anonymous(error: &ClientError) -> String {
    if error.is_connect() {
        return error.to_string();
    }
    format!(
        "{error}, as where a client certificate is asked for and OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE is not set"
    )
}

/// Whether no certificate would be shown over TLS.
pub(super) fn is_anonymous(destination: &Destination) -> bool {
    destination.endpoint.scheme_str() == Some("https") && destination.tls.client.is_none()
}

fn build(key: &Key) -> Result<HttpClient, InvalidSetting> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    Ok(Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .http2_only(key.protocol == Protocol::Grpc)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .http2_keep_alive_while_idle(true)
        .build(connector(tcp, key)?))
}

#[cfg(feature = "tls")]
fn connector(tcp: HttpConnector, key: &Key) -> Result<Connector, InvalidSetting> {
    let mut config = super::tls::client_config(&key.tls, key.is_https)?;
    config.alpn_protocols = vec![match key.protocol {
        Protocol::Grpc => b"h2".to_vec(),
        Protocol::Http => b"http/1.1".to_vec(),
    }];
    Ok(Connector::from((tcp, config)))
}

#[cfg(not(feature = "tls"))]
fn connector(tcp: HttpConnector, key: &Key) -> Result<Connector, InvalidSetting> {
    if key.is_https {
        return Err(InvalidSetting::new(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "https://…",
            &"this program was built without the feature `tls` of trivium-telemetry; build it in, or write http://",
        ));
    }
    Ok(tcp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{export::transport::Transport, settings::Settings, signal::Signal};

    fn clients(variables: &[(&str, &str)]) -> usize {
        let lookup = |name: &str| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let settings = Settings::from_lookup(lookup).unwrap();
        let mut clients = Clients::default();
        for (signal, destination) in [
            (Signal::Traces, settings.traces),
            (Signal::Logs, settings.logs),
            (Signal::Metrics, settings.metrics),
        ] {
            Transport::new(signal, destination.unwrap(), &mut clients).unwrap();
        }
        clients.0.len()
    }

    #[test]
    fn signals_of_equal_settings_share_one_client() {
        let grpc = ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "grpc");
        let http = ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
        assert_eq!(clients(&[]), 1);
        assert_eq!(clients(&[grpc]), 1);
        assert_eq!(clients(&[http]), 1);
        assert_eq!(clients(&[http, grpc]), 2);
    }
}
