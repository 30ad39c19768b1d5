//! OTLP's protobuf of spans and log records, written on the thread that made them.
//!
//! What the SDK hands over is written into bytes at once and dropped where it was allocated. Kept as it is until it is
//! exported it costs more: every attribute is converted into a message of its own, and all of it is freed by another thread.

mod log_record;
mod recording;
mod span;
mod value;

use std::cell::RefCell;

use opentelemetry::InstrumentationScope;
use opentelemetry_sdk::Resource;
use trivium_otlp::wire::{bytes, close, open};

pub(crate) use self::recording::{Limits, Recording};
use self::value::attribute;
pub(super) use self::{log_record::log_record, span::span};

/// The field of the items in `ScopeSpans` and `ScopeLogs`, which have the same fields.
const ITEMS: u32 = 2;

/// Runs `write` with a buffer that the thread uses again and again.
pub(crate) fn with_buffer<R>(write: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    thread_local! {
        static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    BUFFER.with_borrow_mut(|buffer| {
        buffer.clear();
        write(buffer)
    })
}

/// The items of one scope in a batch, each as the field of its scope's message.
#[derive(Debug)]
pub(super) struct ScopeItems {
    name: String,
    scope: InstrumentationScope,
    items: Vec<u8>,
}

impl ScopeItems {
    /// `name` stands in place of the scope's own.
    pub(super) fn new(name: &str, scope: &InstrumentationScope) -> Self {
        Self {
            name: name.to_owned(),
            scope: scope.clone(),
            items: Vec::new(),
        }
    }

    pub(super) fn are_of(&self, name: &str, scope: &InstrumentationScope) -> bool {
        self.name == name && self.scope == *scope
    }

    /// `item`: the fields of a `Span` or `LogRecord`.
    pub(super) fn push(&mut self, item: &[u8]) {
        bytes(&mut self.items, ITEMS, item);
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

    /// An `ExportTraceServiceRequest` or `ExportLogsServiceRequest`: they differ in their items only.
    pub(super) fn request(&self, batch: &[ScopeItems]) -> Vec<u8> {
        let items: usize = batch.iter().map(|scope| scope.items.len() + 256).sum();
        let mut out = Vec::with_capacity(self.resource.len() + items);
        let of_resource = open(&mut out, 1);
        bytes(&mut out, 1, &self.resource);
        for of_scope in batch {
            let message = open(&mut out, 2);
            scope(&mut out, &of_scope.name, &of_scope.scope);
            out.extend_from_slice(&of_scope.items);
            string(&mut out, 3, of_scope.scope.schema_url().unwrap_or_default());
            close(&mut out, message);
        }
        string(&mut out, 3, &self.schema_url);
        close(&mut out, of_resource);
        out
    }
}

fn scope(out: &mut Vec<u8>, name: &str, scope: &InstrumentationScope) {
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
