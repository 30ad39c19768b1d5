//! OTLP on the wire: sends encoded requests over gRPC or HTTP, and says what became of them.
//!
//! A request is an encoded `Export…ServiceRequest`: the caller encodes it once, every attempt sends those bytes. Nothing is
//! tried again here and nothing is kept: a failure says whether the specification allows another attempt, and when, and the
//! caller, who has the data, decides.
//!
//! Not the generated clients, nor tonic: a unary call of bytes that are already encoded is one HTTP/2 request, and compressing
//! it is the greatest cost of exporting, whose level tonic fixes at gzip's sixth of nine.

mod client;
mod compression;
mod destination;
mod gather;
mod grpc;
mod http;
mod outcome;
mod signal;
#[cfg(feature = "tls")]
mod tls;
mod transport;
pub mod wire;

pub use client::Clients;
pub use compression::Compression;
pub use destination::{Destination, InvalidSetting, PemFile, Protocol, TlsFiles};
pub use outcome::{ExportError, PartialSuccess};
pub use signal::Signal;
pub use transport::Transport;
