//! OTLP receivers for local programs: forwarded as opaque bytes, kept in the spool while the Collector is away.
