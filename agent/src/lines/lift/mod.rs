//! Lifts what a JSON or logfmt line says about itself into the fields of its log record.
//!
//! | field of the record | keys, the first that can be read |
//! |---|---|
//! | time | `time` `ts` `timestamp` `@timestamp` |
//! | severity | `level` `severity` `lvl` `loglevel` `levelname` `log.level` |
//! | trace id | `trace_id` `traceId` `traceID` `traceid` `trace.id` `otelTraceID` `dd.trace_id`, 32 hexadecimal digits |
//! | span id | `span_id` `spanId` `spanID` `spanid` `span.id` `otelSpanID` `dd.span_id`, 16 hexadecimal digits |
//! | both | `traceparent`, as of W3C Trace Context |
//! | body | `message` `msg`, if it is a string |
//!
//! All else becomes attributes: strings, integers, doubles and bools as they are, objects and arrays as JSON text; null and
//! all but the last of equal keys are left out. Without a message, the body is the whole line. logfmt has no types: its
//! values are strings. A line of more than [`MOST_FIELDS`] fields stays as it is.

mod fields;
mod json;
mod logfmt;

use std::ops::Range;

use fields::Field;
pub(super) use fields::{Fields, Value};

use super::{Parse, severity, time};

/// More than a record of a program has; comparing the keys of more of them would take long.
const MOST_FIELDS: usize = 256;

/// What a line says about itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Lifted {
    pub(super) time_unix_nano: Option<u64>,
    /// 0: the line names none that is known.
    pub(super) severity_number: u8,
    pub(super) severity_text: Option<Range<usize>>,
    pub(super) trace_id: Option<[u8; 16]>,
    pub(super) span_id: Option<[u8; 8]>,
    pub(super) body: Option<Range<usize>>,
    /// It names a time that can't be read.
    pub(super) has_wrong_time: bool,
}

/// Why nothing was lifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotLifted {
    /// Nobody asked for it, or nobody claimed that the line has a format.
    Opaque,
    /// The line is not of the format that the configuration names.
    Malformed,
}

/// Reads `line` into `fields`; those that are left there become attributes.
pub(super) fn lift(parse: Parse, line: &str, fields: &mut Fields) -> Result<Lifted, NotLifted> {
    fields.clear();
    let is_read = match parse {
        Parse::None => return Err(NotLifted::Opaque),
        Parse::Json => json::read(line, fields),
        Parse::Logfmt => logfmt::read(line, fields),
        Parse::Auto if line.trim_ascii_start().starts_with('{') => json::read(line, fields),
        Parse::Auto if logfmt::is_likely(line) => logfmt::read(line, fields),
        Parse::Auto => return Err(NotLifted::Opaque),
    };
    match (is_read && fields.iter().count() <= MOST_FIELDS, parse) {
        (true, _) => Ok(interpret(fields)),
        (false, _) => {
            fields.clear();
            Err(match parse {
                Parse::Auto => NotLifted::Opaque,
                Parse::None | Parse::Json | Parse::Logfmt => NotLifted::Malformed,
            })
        }
    }
}

fn interpret(fields: &mut Fields) -> Lifted {
    let mut lifted = Lifted::default();
    fields.retain_attributes(|text, field| take(&mut lifted, text, field));
    lifted
}

/// Whether the field was taken into the record's own.
fn take(lifted: &mut Lifted, text: &str, field: &Field) -> bool {
    let string = match &field.value {
        Value::String(range) => Some(&text[range.clone()]),
        _ => None,
    };
    match &text[field.key.clone()] {
        "time" | "ts" | "timestamp" | "@timestamp" if lifted.time_unix_nano.is_none() => {
            lifted.time_unix_nano = match (&field.value, string) {
                (Value::Int(value), _) => u64::try_from(*value).ok().and_then(time::integer),
                (Value::Double(value), _) => time::float(*value),
                (_, Some(string)) => time::text(string),
                _ => None,
            };
            lifted.has_wrong_time |= lifted.time_unix_nano.is_none();
            lifted.time_unix_nano.is_some()
        }
        "level" | "severity" | "lvl" | "loglevel" | "levelname" | "log.level"
            if lifted.severity_number == 0 =>
        {
            let number = match (&field.value, string) {
                (Value::Int(level), _) => severity::of_number(*level),
                (_, Some(name)) => severity::of_name(name),
                _ => None,
            };
            lifted.severity_number = number.unwrap_or(0);
            if let (Some(_), Value::String(range)) = (number, &field.value) {
                lifted.severity_text = Some(range.clone());
            }
            number.is_some()
        }
        "trace_id" | "traceId" | "traceID" | "traceid" | "trace.id" | "otelTraceID"
        | "dd.trace_id" => set(&mut lifted.trace_id, string.and_then(id)),
        "span_id" | "spanId" | "spanID" | "spanid" | "span.id" | "otelSpanID" | "dd.span_id" => {
            set(&mut lifted.span_id, string.and_then(id))
        }
        "traceparent" => {
            let ids = string.and_then(traceparent).unzip();
            set(&mut lifted.trace_id, ids.0) && set(&mut lifted.span_id, ids.1)
        }
        "message" | "msg" if lifted.body.is_none() => match &field.value {
            Value::String(range) => {
                lifted.body = Some(range.clone());
                true
            }
            _ => false,
        },
        _ => false,
    }
}

fn set<T>(field: &mut Option<T>, value: Option<T>) -> bool {
    let is_set = field.is_none() && value.is_some();
    if is_set {
        *field = value;
    }
    is_set
}

/// An id of so many bytes in hexadecimal digits; zeros are none, by W3C Trace Context.
fn id<const BYTES: usize>(digits: &str) -> Option<[u8; BYTES]> {
    if digits.len() != 2 * BYTES {
        return None;
    }
    let mut id = [0; BYTES];
    for (byte, pair) in id.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = (digit(0)? << 4 | digit(1)?) as u8;
    }
    id.iter().any(|byte| *byte != 0).then_some(id)
}

fn traceparent(text: &str) -> Option<([u8; 16], [u8; 8])> {
    let mut parts = text.split('-').skip(1);
    Some((id(parts.next()?)?, id(parts.next()?)?))
}

#[cfg(test)]
mod tests;
