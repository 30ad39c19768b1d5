//! The spans as Zipkin's `ListOfSpans` (zipkin.proto 3), compressed with gzip.

use std::collections::BTreeMap;
use std::ops::Range;

use prost::Message;

use crate::Failure;
use crate::otlp::gzip;
use crate::shape::{Shape, service_name};

#[derive(Clone, PartialEq, Message)]
struct ListOfSpans {
    #[prost(message, repeated, tag = "1")]
    spans: Vec<Span>,
}

#[derive(Clone, PartialEq, Message)]
struct Span {
    #[prost(bytes = "vec", tag = "1")]
    trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    parent_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    id: Vec<u8>,
    /// 1 client, 2 server.
    #[prost(int32, tag = "4")]
    kind: i32,
    #[prost(string, tag = "5")]
    name: String,
    /// Microseconds since the Unix epoch.
    #[prost(fixed64, tag = "6")]
    timestamp: u64,
    /// Microseconds.
    #[prost(uint64, tag = "7")]
    duration: u64,
    #[prost(message, optional, tag = "8")]
    local_endpoint: Option<Endpoint>,
    #[prost(btree_map = "string, string", tag = "11")]
    tags: BTreeMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
struct Endpoint {
    #[prost(string, tag = "1")]
    service_name: String,
}

pub(crate) fn spans(shape: &Shape, rows: Range<u64>) -> Result<Vec<u8>, Failure> {
    const OTLP_SERVER: i32 = 2;
    let spans = rows.map(|n| {
        let row = shape.span(n);
        let mut tags: BTreeMap<String, String> = row
            .attributes
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
        if let Some(status) = row.http_status {
            tags.insert("http.response.status_code".to_owned(), status.to_string());
        }
        if row.is_error {
            tags.insert("error".to_owned(), "upstream timed out".to_owned());
        }
        Span {
            trace_id: row.trace_id.to_vec(),
            parent_id: row.parent_span_id.map_or_else(Vec::new, |id| id.to_vec()),
            id: row.span_id.to_vec(),
            kind: if row.kind == OTLP_SERVER { 2 } else { 1 },
            name: row.name,
            timestamp: row.start_ns / 1_000,
            duration: row.duration_ns / 1_000,
            local_endpoint: Some(Endpoint {
                service_name: service_name(row.service).to_owned(),
            }),
            tags,
        }
    });
    let list = ListOfSpans {
        spans: spans.collect(),
    };
    gzip(&list.encode_to_vec())
}
