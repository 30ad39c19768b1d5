//! A range of time as a file that other tools open, and back: `trivium-lens export` and `trivium-lens import`.
//!
//! The file is newline-delimited OTLP in JSON, as the Collector's file exporter writes it: each line is one object with
//! `resourceSpans`, `resourceLogs` or `resourceMetrics`. Import reads such files of anyone.
//!
//! What comes back is what was stored: the same spans, records, series, samples and exemplars, so importing twice stores
//! nothing twice. Three things are told differently from how the program sent them, because the store has them so: metrics
//! have Prometheus's names and no description, attributes of bytes are hexadecimal text, and a structured body of a log
//! record is JSON text. A sample or exemplar that is infinite is left out, as JSON has no such
//! number, and so is an exemplar without a sample of its series within an hour.

mod error;
mod export;
mod export_metrics;
mod histogram;
mod import;
mod import_metrics;
mod logs;
mod origin;
mod spans;
mod values;
mod write;

pub use error::FileError;
pub use export::export;
pub use import::{Imported, import};
pub use write::Exported;
