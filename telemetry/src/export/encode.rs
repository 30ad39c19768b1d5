//! OTLP's protobuf of spans and log records, written on the thread that made them.
//!
//! Fields are written into bytes as they come. Kept as objects until they are exported they cost more: every attribute is
//! allocated, converted into a message of its own, and freed by another thread.

mod event;
mod recording;
mod span;
mod value;

use std::cell::Cell;

use opentelemetry::InstrumentationScope;
use opentelemetry_sdk::Resource;
use trivium_otlp::wire::{Open, bytes, close, open};

pub(crate) use self::event::event;
pub(crate) use self::recording::{Limits, Recording};
pub(super) use self::span::span;
use self::value::attribute;

/// The field of the items in `ScopeSpans` and `ScopeLogs`, which have the same fields.
const ITEMS: u32 = 2;

/// Runs `write` with a buffer that the thread uses again and again. What `write` calls may call this too, and gets another.
pub(crate) fn with_buffer<R>(write: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    thread_local! {
        static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    }
    let mut buffer = BUFFER.take();
    buffer.clear();
    let result = write(&mut buffer);
    BUFFER.set(buffer);
    result
}

/// The items of one scope in a batch: a `ResourceSpans` or `ResourceLogs` that grows where it will be sent from.
#[derive(Debug)]
pub(super) struct ScopeItems {
    name: String,
    scope: InstrumentationScope,
    out: Vec<u8>,
    of_resource: Open,
    of_scope: Open,
}

impl ScopeItems {
    pub(super) fn are_of(&self, name: &str, scope: &InstrumentationScope) -> bool {
        self.name == name && self.scope == *scope
    }

    /// `item`: the fields of a `Span` or `LogRecord`.
    pub(super) fn push(&mut self, item: &[u8]) {
        bytes(&mut self.out, ITEMS, item);
    }
}

/// The fields of `ResourceSpans` and `ResourceLogs` that are the same in every request.
#[derive(Debug)]
pub(crate) struct EncodedResource {
    resource: Vec<u8>,
    schema_url: String,
}

impl EncodedResource {
    pub(super) fn new(resource: &Resource) -> Self {
        let mut encoded = Vec::new();
        for (key, value) in resource {
            attribute(&mut encoded, 1, key, value);
        }
        Self {
            resource: encoded,
            schema_url: resource.schema_url().unwrap_or_default().to_owned(),
        }
    }

    /// No items yet of a scope; `name` stands in place of the scope's own, and `out` is empty.
    pub(super) fn items(
        &self,
        name: &str,
        scope: &InstrumentationScope,
        mut out: Vec<u8>,
    ) -> ScopeItems {
        let of_resource = open(&mut out, 1);
        bytes(&mut out, 1, &self.resource);
        let of_scope = open(&mut out, 2);
        write_scope(&mut out, name, scope);
        ScopeItems {
            name: name.to_owned(),
            scope: scope.clone(),
            out,
            of_resource,
            of_scope,
        }
    }

    /// An `ExportTraceServiceRequest` or `ExportLogsServiceRequest`: they differ in their items only. Each scope brings its
    /// resource, so that the items of the first, most often the only one, stay where they are.
    pub(super) fn request(&self, batch: Vec<ScopeItems>) -> Vec<u8> {
        let scopes = batch.into_iter().map(|items| self.closed(items));
        scopes
            .reduce(|mut request, scope| {
                request.extend_from_slice(&scope);
                request
            })
            .unwrap_or_default()
    }

    fn closed(&self, items: ScopeItems) -> Vec<u8> {
        let mut out = items.out;
        string(&mut out, 3, items.scope.schema_url().unwrap_or_default());
        close(&mut out, items.of_scope);
        string(&mut out, 3, &self.schema_url);
        close(&mut out, items.of_resource);
        out
    }
}

fn write_scope(out: &mut Vec<u8>, name: &str, scope: &InstrumentationScope) {
    let message = open(out, 1);
    string(out, 1, name);
    string(out, 2, scope.version().unwrap_or_default());
    for of_scope in scope.attributes() {
        attribute(out, 3, &of_scope.key, &of_scope.value);
    }
    close(out, message);
}

/// A field of type string, which stands only where there is something in it.
fn string(out: &mut Vec<u8>, field: u32, value: &str) {
    if !value.is_empty() {
        bytes(out, field, value.as_bytes());
    }
}

#[cfg(test)]
mod tests;
