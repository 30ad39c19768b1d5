//! Decodes `ExportTraceServiceRequest`. A span whose ids or start are unusable is refused by name; the others are kept.

use std::sync::Arc;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span as ProtoSpan;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use prost::Message as _;
use serde::Serialize;

use super::attributes::{self, Attributes};
use super::error::RowError;
use super::{Decoded, IngestError};
use crate::model::{Resource, Span};

pub(super) fn decode(body: &[u8]) -> Result<Decoded, IngestError> {
    let request =
        ExportTraceServiceRequest::decode(body).map_err(|source| IngestError::Protobuf {
            message: "ExportTraceServiceRequest",
            source,
        })?;
    Ok(rows(request))
}

/// The rows of a request.
pub(super) fn rows(request: ExportTraceServiceRequest) -> Decoded {
    let mut decoded = Decoded::default();
    let mut index = 0;
    for of_resource in request.resource_spans {
        let resource = attributes::resource(of_resource.resource);
        for of_scope in of_resource.scope_spans {
            let scope = attributes::scope(of_scope.scope);
            for span in of_scope.spans {
                match row(index, span, &resource, &scope) {
                    Ok(span) => decoded.batch.spans.push(span),
                    Err(error) => decoded.refused.add(error),
                }
                index += 1;
            }
        }
    }
    decoded
}

fn row(
    index: usize,
    span: ProtoSpan,
    resource: &Arc<Resource>,
    scope: &Arc<str>,
) -> Result<Span, RowError> {
    let name = span.name;
    let trace_id = id(index, &name, "trace_id", &span.trace_id)?;
    let span_id = id(index, &name, "span_id", &span.span_id)?;
    let parent_span_id = match &*span.parent_span_id {
        [] => None,
        zeros if zeros.iter().all(|byte| *byte == 0) => None,
        parent => Some(id(index, &name, "parent_span_id", parent)?),
    };
    let Ok(start_ns) = i64::try_from(span.start_time_unix_nano) else {
        return Err(RowError::StartTime {
            index,
            name,
            value: span.start_time_unix_nano,
        });
    };
    // A span that ends before it starts is a wrong clock's; it is shown with no length.
    let duration_ns = span
        .end_time_unix_nano
        .saturating_sub(span.start_time_unix_nano);
    let status = span.status.unwrap_or_default();
    Ok(Span {
        trace_id,
        span_id,
        parent_span_id,
        resource: Arc::clone(resource),
        scope: Arc::clone(scope),
        name,
        kind: span.kind,
        start_ns,
        duration_ns: i64::try_from(duration_ns).unwrap_or(i64::MAX),
        status: status.code,
        status_message: status.message,
        http_route: attributes::string(&span.attributes, "http.route").map(str::to_owned),
        http_status: attributes::integer(&span.attributes, "http.response.status_code"),
        attributes: attributes::json(&Attributes(&span.attributes)),
        events: list(&span.events, event_row),
        links: list(&span.links, link_row),
    })
}

/// An id of exactly `N` bytes that are not all zeros.
fn id<const N: usize>(
    index: usize,
    name: &str,
    field: &'static str,
    bytes: &[u8],
) -> Result<[u8; N], RowError> {
    let id: [u8; N] = bytes.try_into().map_err(|_| RowError::IdLength {
        index,
        name: name.to_owned(),
        field,
        length: bytes.len(),
        expected: N,
    })?;
    if id == [0; N] {
        return Err(RowError::IdZero {
            index,
            name: name.to_owned(),
            field,
        });
    }
    Ok(id)
}

#[derive(Serialize)]
struct EventRow<'a> {
    time_ns: u64,
    name: &'a str,
    attributes: Attributes<'a>,
}

fn event_row(event: &Event) -> EventRow<'_> {
    EventRow {
        time_ns: event.time_unix_nano,
        name: &event.name,
        attributes: Attributes(&event.attributes),
    }
}

#[derive(Serialize)]
struct LinkRow<'a> {
    trace_id: String,
    span_id: String,
    attributes: Attributes<'a>,
}

fn link_row(link: &Link) -> LinkRow<'_> {
    LinkRow {
        trace_id: attributes::hex(&link.trace_id),
        span_id: attributes::hex(&link.span_id),
        attributes: Attributes(&link.attributes),
    }
}

/// A JSON array, or nothing for nothing.
fn list<'a, T, R: Serialize>(items: &'a [T], row: impl Fn(&'a T) -> R) -> Option<String> {
    (!items.is_empty()).then(|| attributes::json(&items.iter().map(row).collect::<Vec<_>>()))
}
