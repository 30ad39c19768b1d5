//! Finds the bodies of the log records in an encoded `ExportLogsServiceRequest`, and the server spans in an encoded
//! `ExportTraceServiceRequest`, without decoding the rest.
//!
//! <https://protobuf.dev/programming-guides/encoding/>; logs/v1/logs.proto and trace/v1/trace.proto of opentelemetry-proto for
//! the field numbers.

/// Not a protobuf message, or one that ends too early.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the request is no export request of its signal")]
pub(super) struct Malformed;

const RESOURCE_LOGS: u64 = 1;
const SCOPE_LOGS: u64 = 2;
const LOG_RECORDS: u64 = 2;
const BODY: u64 = 5;
const STRING_VALUE: u64 = 1;
const BYTES_VALUE: u64 = 7;

const RESOURCE_SPANS: u64 = 1;
const SCOPE_SPANS: u64 = 2;
const SPANS: u64 = 2;
const KIND: u64 = 6;
const SPAN_KIND_SERVER: u64 = 2;

/// Calls `each` for every log record, with its body when that is text.
pub(super) fn bodies<'a>(
    request: &'a [u8],
    each: &mut impl FnMut(Option<&'a [u8]>),
) -> Result<(), Malformed> {
    for resource_logs in Messages::of(request, RESOURCE_LOGS) {
        for scope_logs in Messages::of(resource_logs?, SCOPE_LOGS) {
            for record in Messages::of(scope_logs?, LOG_RECORDS) {
                each(body(record?)?);
            }
        }
    }
    Ok(())
}

/// How many spans of the kind `SERVER` a request has.
pub(super) fn server_spans(request: &[u8]) -> Result<u64, Malformed> {
    let mut server_spans = 0;
    for resource_spans in Messages::of(request, RESOURCE_SPANS) {
        for scope_spans in Messages::of(resource_spans?, SCOPE_SPANS) {
            for span in Messages::of(scope_spans?, SPANS) {
                server_spans += u64::from(is_server(span?)?);
            }
        }
    }
    Ok(server_spans)
}

fn is_server(span: &[u8]) -> Result<bool, Malformed> {
    let mut fields = Fields(span);
    while let Some((number, value)) = fields.next()? {
        if let (KIND, Value::Number(kind)) = (number, value) {
            return Ok(kind == SPAN_KIND_SERVER);
        }
    }
    Ok(false)
}

fn body(record: &[u8]) -> Result<Option<&[u8]>, Malformed> {
    let mut fields = Fields(record);
    while let Some((number, value)) = fields.next()? {
        if let (BODY, Value::Bytes(any)) = (number, value) {
            return text(any);
        }
    }
    Ok(None)
}

fn text(any: &[u8]) -> Result<Option<&[u8]>, Malformed> {
    let mut fields = Fields(any);
    while let Some((number, value)) = fields.next()? {
        if let (STRING_VALUE | BYTES_VALUE, Value::Bytes(text)) = (number, value) {
            return Ok(Some(text));
        }
    }
    Ok(None)
}

/// The messages in one repeated field.
struct Messages<'a> {
    fields: Fields<'a>,
    number: u64,
}

impl<'a> Messages<'a> {
    fn of(message: &'a [u8], number: u64) -> Self {
        Self {
            fields: Fields(message),
            number,
        }
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<&'a [u8], Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.fields.next().transpose()? {
                Ok((number, Value::Bytes(message))) if number == self.number => {
                    return Some(Ok(message));
                }
                Ok(_) => {}
                Err(malformed) => {
                    // Nothing after it can be read.
                    self.fields = Fields(&[]);
                    return Some(Err(malformed));
                }
            }
        }
    }
}

/// What a field holds, as far as it is looked at.
enum Value<'a> {
    Number(u64),
    Fixed,
    Bytes(&'a [u8]),
}

/// The fields of a message, each with its number.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    #[inline]
    fn next(&mut self) -> Result<Option<(u64, Value<'a>)>, Malformed> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Number(self.varint()?),
            1 => {
                self.take(8)?;
                Value::Fixed
            }
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Malformed)?;
                Value::Bytes(self.take(length)?)
            }
            5 => {
                self.take(4)?;
                Value::Fixed
            }
            _ => return Err(Malformed),
        };
        Ok(Some((tag >> 3, value)))
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(Malformed)?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    #[inline]
    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::{
        collector::{logs::v1::ExportLogsServiceRequest, trace::v1::ExportTraceServiceRequest},
        common::v1::{AnyValue, KeyValue, any_value::Value},
        logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
        resource::v1::Resource,
        trace::v1::{ResourceSpans, ScopeSpans, Span, span::SpanKind},
    };
    use prost::Message as _;

    use super::*;

    fn record(value: Option<Value>) -> LogRecord {
        LogRecord {
            time_unix_nano: 1,
            severity_number: 9,
            body: value.map(|value| AnyValue { value: Some(value) }),
            flags: 1,
            trace_id: vec![1; 16],
            ..LogRecord::default()
        }
    }

    fn request() -> Vec<u8> {
        let scope_logs = |records| ScopeLogs {
            log_records: records,
            schema_url: "schema".to_owned(),
            ..ScopeLogs::default()
        };
        let request = ExportLogsServiceRequest {
            resource_logs: vec![
                ResourceLogs {
                    resource: Some(Resource::default()),
                    scope_logs: vec![
                        scope_logs(vec![record(Some(Value::StringValue("a".to_owned())))]),
                        scope_logs(vec![record(None), record(Some(Value::IntValue(3)))]),
                    ],
                    ..ResourceLogs::default()
                },
                ResourceLogs {
                    scope_logs: vec![scope_logs(vec![record(Some(Value::BytesValue(vec![9])))])],
                    ..ResourceLogs::default()
                },
            ],
        };
        request.encode_to_vec()
    }

    #[test]
    fn every_record_is_found_with_its_body_when_that_is_text() {
        let request = request();
        let mut found = Vec::new();
        bodies(&request, &mut |body| found.push(body)).unwrap();
        assert_eq!(found, [Some(&b"a"[..]), None, None, Some(&[9][..])]);
    }

    #[test]
    fn only_spans_of_the_kind_server_are_counted_over_all_resources_and_scopes() {
        let span = |kind: SpanKind| Span {
            trace_id: vec![1; 16],
            name: "GET".to_owned(),
            kind: kind.into(),
            start_time_unix_nano: 2,
            attributes: vec![KeyValue {
                key: "kind".to_owned(),
                value: Some(AnyValue {
                    value: Some(Value::IntValue(2)),
                }),
                ..KeyValue::default()
            }],
            ..Span::default()
        };
        let scope_spans = |kinds: &[SpanKind]| ScopeSpans {
            spans: kinds.iter().map(|kind| span(*kind)).collect(),
            ..ScopeSpans::default()
        };
        let resource_spans = |scope_spans| ResourceSpans {
            resource: Some(Resource::default()),
            scope_spans,
            ..ResourceSpans::default()
        };
        let request = ExportTraceServiceRequest {
            resource_spans: vec![
                resource_spans(vec![
                    scope_spans(&[SpanKind::Server, SpanKind::Client, SpanKind::Unspecified]),
                    scope_spans(&[SpanKind::Server]),
                ]),
                resource_spans(vec![scope_spans(&[SpanKind::Internal, SpanKind::Server])]),
            ],
        }
        .encode_to_vec();
        assert_eq!(server_spans(&request), Ok(3));
        assert_eq!(server_spans(&request[..request.len() - 1]), Err(Malformed));
    }

    #[test]
    fn a_request_cut_short_or_of_random_bytes_is_refused_and_never_panics() {
        let request = request();
        assert_eq!(
            bodies(&request[..request.len() - 1], &mut |_| ()),
            Err(Malformed)
        );
        assert_eq!(bodies(&[0xff; 40], &mut |_| ()), Err(Malformed));
        for end in 0..request.len() {
            let _ = bodies(&request[..end], &mut |_| ());
        }
    }
}
