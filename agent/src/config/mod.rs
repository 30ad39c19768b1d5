//! The configuration file: YAML, unknown keys rejected, every setting documented beside its definition.
