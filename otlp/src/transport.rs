//! One attempt to send an encoded request, within its time limit.

use std::time::Duration;

use bytes::Bytes;

use crate::{
    Clients, Destination, ExportError, InvalidSetting, PartialSuccess, Protocol, Signal,
    grpc::Grpc, http::Http,
};

/// Sends one signal's requests. Connects at the first one, and again by itself when the connection is lost; its runtime is the
/// one that [`send`](Self::send) is called in.
#[derive(Debug, Clone)]
pub struct Transport {
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
    /// `clients`: those of the other signals, to share connections with. An error names the setting of `destination` that
    /// cannot be used.
    pub fn new(
        signal: Signal,
        destination: Destination,
        clients: &mut Clients,
    ) -> Result<Self, InvalidSetting> {
        let client = clients.client(&destination)?;
        Ok(Self {
            signal,
            timeout: destination.timeout,
            protocol: match destination.protocol {
                Protocol::Grpc => Client::Grpc(Grpc::new(client, signal, destination)),
                Protocol::Http => Client::Http(Http::new(client, destination)),
            },
        })
    }

    /// What it sends.
    pub fn signal(&self) -> Signal {
        self.signal
    }

    /// `otel.component.type` of the semantic conventions.
    pub fn component_type(&self) -> &'static str {
        match self.protocol {
            Client::Grpc(_) => "otlp_grpc_exporter",
            Client::Http(_) => "otlp_http_exporter",
        }
    }

    /// One attempt. `body` is an encoded `Export…ServiceRequest`; what comes back is what the receiver rejected of it, or said
    /// about it, if anything.
    pub async fn send(&self, body: Bytes) -> Result<Option<PartialSuccess>, ExportError> {
        let attempt = async {
            match &self.protocol {
                Client::Grpc(grpc) => grpc.send(body).await,
                Client::Http(http) => http.send(body).await,
            }
        };
        tokio::time::timeout(self.timeout, attempt)
            .await
            .unwrap_or_else(|_| Err(ExportError::timed_out(self.timeout)))
    }
}
