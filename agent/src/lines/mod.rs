//! Makes OTLP log records of lines: frame → enrich → redact → encode.
//!
//! | stage | file | what it does |
//! |---|---|---|
//! | frame | `frame`, `docker`, `cri` | takes the text, the time and the stream out of what the writer put around them |
//! | join | `assembler`, `held` | parts of a line (16 KiB of Docker, `P` of CRI) per log and stream; then records of several lines |
//! | shed | `shed` | drops, samples and limits, all counted |
//! | lift | `lift` | time, severity, ids, message and attributes of JSON and logfmt |
//! | redact | `redact` | replaces secrets in the text and in the attributes |
//! | encode | `emit`, `wire::logs` | writes the record into the batch |
//!
//! It promises that each line offered ends up in a record, is counted as shed, or is [held](Assembler::held). Nothing is
//! allocated for a line in the normal case; what is joined has buffers of its own per stream.
//!
//! Known limitations: the last line of a container that died while it was writing a part is held until its log goes on, or all
//! is [flushed](Assembler::flush). A log's limits are its own: a source of many files may send that often what is configured.

mod assembler;
mod counts;
mod cri;
mod docker;
mod emit;
mod frame;
mod held;
pub mod inspect;
mod json_string;
mod lift;
mod origin;
mod redact;
mod severity;
mod shed;
mod source;
mod time;

pub use assembler::Assembler;
pub use counts::Counts;
pub use origin::{Identity, Origin};
pub use redact::{Pattern, RedactError, Redactor};
pub use shed::RateLimit;
pub use source::{Format, Parse, Settings, Source};
