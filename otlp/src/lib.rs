//! OTLP on the wire: sends encoded requests over gRPC or HTTP, and says what became of them.
