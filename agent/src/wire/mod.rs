//! OTLP's protobuf, written straight into byte buffers: no message objects, no allocation per record.

pub mod attributes;
pub mod logs;
pub mod metrics;

pub use trivium_otlp::wire as protobuf;
