//! Makes OTLP log records of lines: frame → enrich → redact → encode.
