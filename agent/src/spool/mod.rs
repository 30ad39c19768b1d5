//! A durable queue of OTLP requests in segment files.
