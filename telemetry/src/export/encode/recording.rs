//! A span that is not ended yet: what is known of it, written as soon as it is known.
//!
//! A recording is used again by a later span, with the memory it has: a span allocates nothing for its fields.

use std::{fmt::Display, time::SystemTime};

use opentelemetry::{
    KeyValue,
    trace::{Event, Link, SpanContext, SpanId, SpanKind, Status},
};
use trivium_otlp::wire::{bytes, fixed32, fixed64, uint};

use super::{
    span::{count, event, flags, ids, kind, link, nanos, status},
    string,
    value::{
        attribute, bool_attribute, displayed_attribute, double_attribute, int_attribute,
        string_attribute,
    },
};

/// The field of a span's attributes.
const ATTRIBUTES: u32 = 9;

/// What a recording may keep of a large span for the next one.
const MAX_KEPT_BYTES: usize = 4096;

/// The most that a span keeps of each; what comes on top is counted in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Limits {
    pub(crate) attributes: u32,
    pub(crate) events: u32,
    pub(crate) links: u32,
}

/// A span while it lasts.
#[derive(Debug)]
pub(crate) struct Recording {
    limits: Limits,
    parent: SpanId,
    is_parent_remote: bool,
    name: &'static str,
    /// Empty until the span gets another name.
    renamed: String,
    pub(crate) kind: SpanKind,
    start: SystemTime,
    attributes: Written,
    events: Written,
    links: Written,
    status: Status,
}

/// Fields, how many they are, and how many were left out.
#[derive(Debug, Default)]
struct Written {
    fields: Vec<u8>,
    count: u32,
    dropped: u32,
}

impl Written {
    #[inline]
    fn add(&mut self, limit: u32, write: impl FnOnce(&mut Vec<u8>)) {
        if self.count < limit {
            self.count += 1;
            write(&mut self.fields);
        } else {
            self.dropped += 1;
        }
    }

    fn clear(&mut self) {
        self.fields.clear();
        self.fields.shrink_to(MAX_KEPT_BYTES);
        self.count = 0;
        self.dropped = 0;
    }
}

impl Default for Recording {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            parent: SpanId::INVALID,
            is_parent_remote: false,
            name: "",
            renamed: String::new(),
            kind: SpanKind::Internal,
            start: SystemTime::UNIX_EPOCH,
            attributes: Written::default(),
            events: Written::default(),
            links: Written::default(),
            status: Status::Unset,
        }
    }
}

impl Recording {
    /// Starts now, on a recording that is new or cleared. `parent` is invalid for the first span of a trace.
    pub(crate) fn start(&mut self, name: &'static str, parent: &SpanContext, limits: Limits) {
        self.name = name;
        self.parent = parent.span_id();
        self.is_parent_remote = parent.is_remote();
        self.limits = limits;
        self.start = SystemTime::now();
    }

    /// Forgets the span, and keeps the memory for the next.
    pub(crate) fn clear(&mut self) {
        self.renamed.clear();
        self.renamed.shrink_to(MAX_KEPT_BYTES);
        self.kind = SpanKind::Internal;
        self.attributes.clear();
        self.events.clear();
        self.links.clear();
        self.status = Status::Unset;
    }

    pub(crate) fn rename(&mut self, name: impl Display) {
        use std::fmt::Write as _;
        self.renamed.clear();
        // Fails only when the value's own formatting does; then what it gave is the name.
        let _ = write!(self.renamed, "{name}");
    }

    pub(crate) fn string(&mut self, key: &str, value: &str) {
        self.add(|out| string_attribute(out, ATTRIBUTES, key, value));
    }

    pub(crate) fn displayed(&mut self, key: &str, value: impl Display) {
        self.add(|out| displayed_attribute(out, ATTRIBUTES, key, value));
    }

    pub(crate) fn bool(&mut self, key: &str, value: bool) {
        self.add(|out| bool_attribute(out, ATTRIBUTES, key, value));
    }

    /// An attribute, `true`, that no limit leaves out, for others depend on it.
    pub(crate) fn mark(&mut self, key: &str) {
        let write = |out: &mut Vec<u8>| bool_attribute(out, ATTRIBUTES, key, true);
        self.attributes.add(u32::MAX, write);
    }

    pub(crate) fn int(&mut self, key: &str, value: i64) {
        self.add(|out| int_attribute(out, ATTRIBUTES, key, value));
    }

    pub(crate) fn double(&mut self, key: &str, value: f64) {
        self.add(|out| double_attribute(out, ATTRIBUTES, key, value));
    }

    pub(crate) fn attribute(&mut self, attribute_: &KeyValue) {
        self.add(|out| attribute(out, ATTRIBUTES, &attribute_.key, &attribute_.value));
    }

    #[inline]
    fn add(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.attributes.add(self.limits.attributes, write);
    }

    pub(crate) fn event(&mut self, of_span: &Event) {
        self.events
            .add(self.limits.events, |out| event(out, of_span));
    }

    pub(crate) fn link(&mut self, of_span: &Link) {
        self.links.add(self.limits.links, |out| link(out, of_span));
    }

    /// What the program found out stays: `Ok` is final, and an error is not taken back by its absence.
    ///
    /// <https://opentelemetry.io/docs/specs/otel/trace/api/#set-status>
    pub(crate) fn set_status(&mut self, status: Status) {
        if status > self.status {
            self.status = status;
        }
    }

    /// Writes the fields of the `Span` of `context`, which ends at `end`.
    pub(crate) fn write(&self, context: &SpanContext, end: SystemTime, out: &mut Vec<u8>) {
        ids(out, context);
        if self.parent != SpanId::INVALID {
            bytes(out, 4, &self.parent.to_bytes());
        }
        let is_renamed = !self.renamed.is_empty();
        string(out, 5, if is_renamed { &self.renamed } else { self.name });
        uint(out, 6, kind(&self.kind));
        fixed64(out, 7, nanos(self.start));
        fixed64(out, 8, nanos(end));
        for (written, field_of_dropped) in [
            (&self.attributes, 10),
            (&self.events, 12),
            (&self.links, 14),
        ] {
            out.extend_from_slice(&written.fields);
            count(out, field_of_dropped, written.dropped);
        }
        status(out, &self.status);
        fixed32(out, 16, flags(context, self.is_parent_remote));
    }
}
