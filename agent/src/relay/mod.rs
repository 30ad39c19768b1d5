//! OTLP receivers for local programs: gRPC and HTTP, requests forwarded as opaque bytes with the host's resource attributes.
//!
//! The way of a request: `limit → read → decompress → enrich → deliver → answer`. It is answered with success only after
//! [`Deliver`] has it safe; what a request is refused for is told in the protocol's own words, with the time to wait where
//! there is one.
//!
//! It promises: memory is bounded by [`IN_FLIGHT_BYTES`], and 256 KiB that are not yet read of each of [`MAX_CONNECTIONS`],
//! whatever is sent; what does not fit is refused and to be sent again, never dropped. When it is told to end, running requests are still answered.
//!
//! It does not speak TLS, nor JSON: it is for programs of this host, whose SDKs send protobuf.
//!
//! <https://opentelemetry.io/docs/specs/otlp/>

mod body;
mod count;
mod enrich;
mod fields;
mod grpc;
mod http;
mod receive;
mod serve;
mod status;

#[cfg(test)]
mod tests;

use std::{future::Future, io, net::SocketAddr, time::Duration};

use bytes::Bytes;

use trivium_otlp::{PartialSuccess, Signal};

pub use self::{
    body::{IN_FLIGHT_BYTES, MAX_REQUEST_BYTES},
    count::count_items,
    enrich::HostResource,
    fields::Malformed,
    serve::{MAX_CONNECTIONS, Relay},
};

/// Where to listen; none is not at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settings {
    /// For OTLP/gRPC.
    pub grpc: Option<SocketAddr>,
    /// For OTLP/HTTP.
    pub http: Option<SocketAddr>,
}

/// Takes requests and says when they are safe.
pub trait Deliver: Clone + Send + Sync + 'static {
    /// Returns when the Collector has acknowledged the request, or it is safe on disk. It is dropped on the way when the
    /// client goes away; the client then sends the request again.
    fn deliver(
        &self,
        signal: Signal,
        body: Bytes,
    ) -> impl Future<Output = Result<Option<PartialSuccess>, Refusal>> + Send;
}

/// Why a request was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no room for it now. It may be sent again.
    #[error("the agent has no room for this request now; send it again after {retry_after:?}")]
    Full {
        /// When.
        retry_after: Duration,
    },
    /// It can't be kept now for another reason. It may be sent again.
    #[error("the agent can't take this request now; send it again")]
    Unavailable {
        /// When, if that is known.
        retry_after: Option<Duration>,
    },
    /// It, or what it was refused by, is so that sending it again would not help.
    #[error("the request is invalid: {reason}")]
    Invalid {
        /// In the words of who refused it.
        reason: String,
    },
    /// It is larger than a request may be.
    #[error("the request is larger than {limit} bytes; send smaller batches")]
    TooLarge {
        /// Of a request, before it is compressed.
        limit: usize,
    },
    /// It is compressed in a way that is not known here.
    #[error("the compression {encoding:?} is not known; send gzip, zstd or none")]
    UnknownCompression {
        /// Its name.
        encoding: String,
    },
}

/// Why the relay can't listen.
#[derive(Debug, thiserror::Error)]
#[error("listening on {address} for OTLP/{protocol}: {source}; set another otlp.{protocol}")]
pub struct BindError {
    /// Where.
    pub address: SocketAddr,
    /// `grpc` or `http`.
    pub protocol: &'static str,
    /// Why.
    pub source: io::Error,
}
