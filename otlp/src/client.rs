//! HTTP clients, over TLS where the endpoint asks for it, shared between signals.

use std::time::Duration;

use ::http::{Request, Response};
use bytes::{Bytes, buf::Chain};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use tokio::net::TcpStream;
use tower::util::MapResponse;

use crate::{Destination, ExportError, InvalidSetting, Protocol, TlsFiles, gather::Gathering};

#[cfg(feature = "tls")]
type Connector = hyper_rustls::HttpsConnector<TcpConnector>;
#[cfg(not(feature = "tls"))]
type Connector = TcpConnector;

/// HTTP/1 writes a request at once anyway; to gather its writes costs it nothing but a turn.
type TcpConnector =
    MapResponse<HttpConnector, fn(TokioIo<TcpStream>) -> Gathering<TokioIo<TcpStream>>>;

/// The most of an answer that is read.
pub(crate) const ANSWER_LIMIT: usize = 64 * 1024;

/// A request's: what the protocol puts before the encoded request, and that itself, which so need not be copied.
pub(crate) type Body = Full<Chain<Bytes, Bytes>>;

/// How long one address of the receiver may take to answer before the next one is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How often a silent HTTP/2 connection is asked whether it still stands.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// Keeps its connections and makes new ones as needed.
#[derive(Debug, Clone)]
pub(crate) struct HttpClient {
    client: Client<Connector, Body>,
    /// Added to the error when a connection breaks off that was made over TLS without a client certificate: under TLS 1.3
    /// a receiver refuses such a client only after the handshake, and the alert that says why is often lost with the
    /// connection.
    hint: Option<String>,
}

impl HttpClient {
    /// `unreachable`: the `error.type` of a receiver that does not answer, in the protocol's own words.
    pub(crate) async fn request(
        &self,
        request: Request<Body>,
        unreachable: &'static str,
    ) -> Result<Response<Incoming>, ExportError> {
        self.client.request(request).await.map_err(|error| {
            let hint = self.hint.as_ref().filter(|_| !error.is_connect());
            let text = hint.map_or_else(|| error.to_string(), |hint| format!("{error}{hint}"));
            ExportError::unreachable(unreachable, text, &error)
        })
    }
}

/// The clients made so far: destinations of equal protocol and certificates share one, and so its connections.
#[derive(Debug, Default)]
pub struct Clients(Vec<(Key, HttpClient)>);

/// What makes two destinations differ in the client they need; the address does not.
#[derive(Debug, PartialEq)]
struct Key {
    protocol: Protocol,
    is_https: bool,
    tls: TlsFiles,
}

impl Clients {
    /// How many different ones there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn client(
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

fn build(key: &Key) -> Result<HttpClient, InvalidSetting> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let tcp: TcpConnector = MapResponse::new(tcp, Gathering::new);
    let is_anonymous = key.is_https && key.tls.client.is_none();
    Ok(HttpClient {
        client: Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .http2_only(key.protocol == Protocol::Grpc)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .http2_keep_alive_while_idle(true)
            .build(connector(tcp, key)?),
        hint: is_anonymous.then(|| {
            let setting = key.tls.client_setting;
            format!(", as where a client certificate is asked for and {setting} is not set")
        }),
    })
}

#[cfg(feature = "tls")]
fn connector(tcp: TcpConnector, key: &Key) -> Result<Connector, InvalidSetting> {
    let mut config = super::tls::client_config(&key.tls, key.is_https)?;
    config.alpn_protocols = vec![match key.protocol {
        Protocol::Grpc => b"h2".to_vec(),
        Protocol::Http => b"http/1.1".to_vec(),
    }];
    Ok(Connector::from((tcp, config)))
}

#[cfg(not(feature = "tls"))]
fn connector(tcp: TcpConnector, key: &Key) -> Result<Connector, InvalidSetting> {
    if key.is_https {
        return Err(InvalidSetting::new(
            "endpoint",
            "https://…",
            &"this program was built without TLS (feature `tls`); build it in, or write http://",
        ));
    }
    Ok(tcp)
}
