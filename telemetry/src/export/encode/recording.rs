//! A span that is not ended yet: what is known of it, written as soon as it is known.

use std::{borrow::Cow, time::SystemTime};

use opentelemetry::{
    KeyValue,
    trace::{Event, Link, SpanContext, SpanId, SpanKind, Status},
};
use trivium_otlp::wire::{bytes, fixed32, fixed64, uint};

use super::{
    span::{count, event, flags, ids, kind, link, nanos, status},
    string,
    value::{attribute, bool_attribute, double_attribute, int_attribute, string_attribute},
};

/// The field of a span's attributes.
const ATTRIBUTES: u32 = 9;

/// The most that a span keeps of each; what comes on top is counted in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) attributes: u32,
    pub(crate) events: u32,
    pub(crate) links: u32,
}

/// A span while it lasts.
#[derive(Debug)]
pub(crate) struct Recording {
    context: SpanContext,
    parent: SpanContext,
    limits: Limits,
    pub(crate) name: Cow<'static, str>,
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
}

impl Recording {
    /// Starts now. `parent` is invalid for the first span of a trace.
    pub(crate) fn start(
        name: &'static str,
        context: SpanContext,
        parent: SpanContext,
        limits: Limits,
    ) -> Self {
        Self {
            context,
            parent,
            limits,
            name: Cow::Borrowed(name),
            kind: SpanKind::Internal,
            start: SystemTime::now(),
            attributes: Written {
                fields: Vec::with_capacity(384),
                ..Written::default()
            },
            events: Written::default(),
            links: Written::default(),
            status: Status::Unset,
        }
    }

    pub(crate) fn string(&mut self, key: &str, value: &str) {
        self.add(|out| string_attribute(out, ATTRIBUTES, key, value));
    }

    pub(crate) fn bool(&mut self, key: &str, value: bool) {
        self.add(|out| bool_attribute(out, ATTRIBUTES, key, value));
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

    /// Writes the fields of the `Span`, which ends at `end`.
    pub(crate) fn write(&self, end: SystemTime, out: &mut Vec<u8>) {
        ids(out, &self.context);
        if self.parent.span_id() != SpanId::INVALID {
            bytes(out, 4, &self.parent.span_id().to_bytes());
        }
        string(out, 5, &self.name);
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
        fixed32(out, 16, flags(&self.context, self.parent.is_remote()));
    }
}
