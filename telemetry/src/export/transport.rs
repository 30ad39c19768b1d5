//! One attempt to send an encoded request, over OTLP/gRPC or OTLP/HTTP.
//!
//! A request is encoded once, by the caller; every attempt sends those bytes. The client connects at the first one, and
//! again by itself when the connection is lost; its runtime is the one that `send` is called in.

mod client;
mod grpc;
mod http;
#[cfg(feature = "tls")]
mod tls;

use std::time::Duration;

use ::http::{HeaderValue, header::USER_AGENT};
use bytes::Bytes;

use self::{grpc::Grpc, http::Http};
use super::outcome::{ExportError, PartialSuccess};
use crate::{
    settings::{Destination, InvalidSetting, Protocol},
    signal::Signal,
};
pub(crate) use client::Clients;

/// Sends one signal's requests.
#[derive(Debug, Clone)]
pub(crate) struct Transport {
    signal: Signal,
    timeout: Duration,
    protocol: Client,
}

#[derive(Debug, Clone)]
enum Client {
    Grpc(Grpc),
    Http(Http),
}

impl Transport {
    /// `clients`: those of the other signals, to share connections with.
    pub(crate) fn new(
        signal: Signal,
        mut destination: Destination,
        clients: &mut Clients,
    ) -> Result<Self, InvalidSetting> {
        let client = clients.client(&destination)?;
        destination
            .headers
            .entry(USER_AGENT)
            .or_insert(HeaderValue::from_static(concat!(
                "trivium-telemetry/",
                env!("CARGO_PKG_VERSION")
            )));
        Ok(Self {
            signal,
            timeout: destination.timeout,
            protocol: match destination.protocol {
                Protocol::Grpc => Client::Grpc(Grpc::new(client, destination)),
                Protocol::Http => Client::Http(Http::new(client, destination)),
            },
        })
    }

    pub(crate) fn signal(&self) -> Signal {
        self.signal
    }

    /// `otel.component.type` of the semantic conventions.
    pub(crate) fn component_type(&self) -> &'static str {
        match self.protocol {
            Client::Grpc(_) => "otlp_grpc_exporter",
            Client::Http(_) => "otlp_http_exporter",
        }
    }

    /// One attempt. `body` is an encoded `Export…ServiceRequest`; what comes back is what the receiver rejected of it, if
    /// anything.
    pub(crate) async fn send(&self, body: Bytes) -> Result<Option<PartialSuccess>, ExportError> {
        let attempt = async {
            match &self.protocol {
                Client::Grpc(grpc) => grpc.send(self.signal, body).await,
                Client::Http(http) => http.send(body).await,
            }
        };
        tokio::time::timeout(self.timeout, attempt)
            .await
            .unwrap_or_else(|_| Err(ExportError::timed_out(self.timeout)))
    }
}
