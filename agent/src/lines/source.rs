//! What the logs of one configured source share: settings, counters, and what is encoded once for all of them.

use std::{path::Path, sync::Arc};

use regex::{Regex, bytes};
use serde::Deserialize;

use super::{
    assembler::Assembler, counts::Counts, emit::Log, frame::Stream, origin::Origin,
    redact::Redactor, shed::RateLimit,
};
use crate::wire::{
    attributes::{self, OF_LOG_RECORD},
    logs,
};

/// How the lines of a file are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Text.
    #[default]
    Plain,
    /// An object per line.
    Json,
    /// `key=value` pairs.
    Logfmt,
    /// Docker's json-file.
    Docker,
    /// The Kubernetes container runtime interface.
    Cri,
}

/// Whether a text that was taken out of its frame is read too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Parse {
    /// It is opaque.
    #[default]
    None,
    /// As JSON if it starts with `{`, as logfmt if it starts with a pair, else it is opaque.
    Auto,
    /// As JSON.
    Json,
    /// As logfmt.
    Logfmt,
}

/// How lines become records.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The format of the lines.
    pub format: Format,
    /// Whether the texts in them are read too. The formats `Json` and `Logfmt` say that by themselves.
    pub parse: Parse,
    /// A line that this matches starts a record; the lines until the next one belong to it.
    pub multiline: Option<bytes::Regex>,
    /// What is joined to more than this many bytes is written as several records.
    pub max_record_bytes: usize,
    /// Records that one of these matches are dropped.
    pub drop: Vec<Regex>,
    /// The share of records that is kept, from 0 to 1.
    pub sample: f64,
    /// How many records of a log are kept.
    pub rate_limit: Option<RateLimit>,
    /// Replaces secrets.
    pub redactor: Option<Arc<Redactor>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            format: Format::Plain,
            parse: Parse::None,
            multiline: None,
            max_record_bytes: 1024 * 1024,
            drop: Vec::new(),
            sample: 1.0,
            rate_limit: None,
            redactor: None,
        }
    }
}

/// What the logs of a configured source share.
#[derive(Debug)]
pub struct Source {
    pub(super) settings: Settings,
    pub(super) parse: Parse,
    pub(super) counts: Arc<Counts>,
    /// The encoded fields of the `InstrumentationScope`.
    pub(super) scope: Vec<u8>,
    /// The encoded attribute of each stream.
    pub(super) iostream: [Vec<u8>; Stream::COUNT],
}

impl Source {
    /// A source of these settings.
    pub fn new(settings: Settings, counts: Arc<Counts>) -> Arc<Self> {
        let iostream = [Stream::Stdout, Stream::Stderr, Stream::None].map(|stream| {
            let mut out = Vec::new();
            if let Some(name) = stream.name() {
                attributes::string(&mut out, OF_LOG_RECORD, "log.iostream", name);
            }
            out
        });
        Arc::new(Self {
            parse: match settings.format {
                Format::Json => Parse::Json,
                Format::Logfmt => Parse::Logfmt,
                Format::Plain | Format::Docker | Format::Cri => settings.parse,
            },
            settings,
            counts,
            scope: logs::scope(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")),
            iostream,
        })
    }

    /// The assembler of one log. A plain file's records carry its path, where it is live; a container's do not.
    pub fn assembler(self: &Arc<Self>, origin: Arc<Origin>, file: Option<&Path>) -> Assembler {
        let mut attributes = Vec::new();
        if let Some(path) = file {
            attributes::string(
                &mut attributes,
                OF_LOG_RECORD,
                "log.file.path",
                &path.to_string_lossy(),
            );
            if let Some(name) = path.file_name() {
                attributes::string(
                    &mut attributes,
                    OF_LOG_RECORD,
                    "log.file.name",
                    &name.to_string_lossy(),
                );
            }
        }
        Assembler::new(
            Arc::clone(self),
            Log::new(origin, attributes, &self.settings),
        )
    }

    /// The counters of the source.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }
}
