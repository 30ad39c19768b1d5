//! `LogRecord`s and the scope they are of.
//!
//! | field | number | type |
//! |---|---|---|
//! | `time_unix_nano` | 1 | fixed64 |
//! | `severity_number` | 2 | enum |
//! | `severity_text` | 3 | string |
//! | `body` | 5 | `AnyValue` |
//! | `attributes` | 6 | `KeyValue`, repeated |
//! | `trace_id` | 9 | 16 bytes |
//! | `span_id` | 10 | 8 bytes |
//! | `observed_time_unix_nano` | 11 | fixed64 |
//!
//! <https://github.com/open-telemetry/opentelemetry-proto/blob/v1.10.0/opentelemetry/proto/logs/v1/logs.proto>

use super::protobuf::{bytes, fixed64, uint, varint, varint_length};

/// What is opened and closed besides the texts of a record takes less.
const ROOM_BYTES: usize = 128;

/// A log record without its attributes, which are written after it.
#[derive(Debug)]
pub struct Record<'a> {
    /// When it happened, if that is known.
    pub time_unix_nano: Option<u64>,
    /// When it was seen.
    pub observed_unix_nano: u64,
    /// From 1 (trace) to 24 (fatal); 0 is unknown.
    pub severity_number: u8,
    /// The source's own word for it; empty if there is none.
    pub severity_text: &'a str,
    /// The text.
    pub body: &'a str,
    /// The trace it belongs to.
    pub trace_id: Option<[u8; 16]>,
    /// The span it belongs to.
    pub span_id: Option<[u8; 8]>,
}

impl Record<'_> {
    /// Writes the fields.
    #[inline]
    pub fn write(&self, out: &mut Vec<u8>) {
        out.reserve(self.body.len() + self.severity_text.len() + ROOM_BYTES);
        if let Some(time) = self.time_unix_nano {
            fixed64(out, 1, time);
        }
        fixed64(out, 11, self.observed_unix_nano);
        if self.severity_number > 0 {
            uint(out, 2, u64::from(self.severity_number));
        }
        if !self.severity_text.is_empty() {
            bytes(out, 3, self.severity_text.as_bytes());
        }
        // An `AnyValue` whose `string_value` is field 1; its length is known before it is written.
        let length = self.body.len();
        let any_length = 1 + varint_length(length as u64) + length;
        out.push(5 << 3 | 2);
        varint(out, any_length as u64);
        bytes(out, 1, self.body.as_bytes());
        if let Some(id) = &self.trace_id {
            bytes(out, 9, id);
        }
        if let Some(id) = &self.span_id {
            bytes(out, 10, id);
        }
    }
}

/// The encoded fields of an `InstrumentationScope`.
pub fn scope(name: &str, version: &str) -> Vec<u8> {
    let mut out = Vec::new();
    bytes(&mut out, 1, name.as_bytes());
    bytes(&mut out, 2, version.as_bytes());
    out
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::{
        common::v1::{AnyValue, InstrumentationScope, any_value::Value},
        logs::v1::LogRecord,
    };
    use prost::Message as _;

    use super::*;

    #[test]
    fn a_record_is_read_by_prost_whatever_the_length_of_its_body() {
        for length in [0, 1, 125, 126, 127, 128, 16_381, 16_384, 2_097_152] {
            let body = "x".repeat(length);
            let record = Record {
                time_unix_nano: Some(u64::MAX),
                observed_unix_nano: 17,
                severity_number: 24,
                severity_text: "Fatal",
                body: &body,
                trace_id: Some([7; 16]),
                span_id: Some([8; 8]),
            };
            let mut out = Vec::new();
            record.write(&mut out);
            assert_eq!(
                LogRecord::decode(out.as_slice()).unwrap(),
                LogRecord {
                    time_unix_nano: u64::MAX,
                    observed_time_unix_nano: 17,
                    severity_number: 24,
                    severity_text: "Fatal".to_owned(),
                    body: Some(AnyValue {
                        value: Some(Value::StringValue(body.clone()))
                    }),
                    trace_id: vec![7; 16],
                    span_id: vec![8; 8],
                    ..LogRecord::default()
                }
            );
        }
    }

    #[test]
    fn what_is_not_known_is_not_written() {
        let mut out = Vec::new();
        Record {
            time_unix_nano: None,
            observed_unix_nano: 17,
            severity_number: 0,
            severity_text: "",
            body: "",
            trace_id: None,
            span_id: None,
        }
        .write(&mut out);
        assert_eq!(out, [0x59, 17, 0, 0, 0, 0, 0, 0, 0, 0x2a, 2, 0x0a, 0]);
    }

    #[test]
    fn a_scope_is_read_by_prost() {
        let scope = InstrumentationScope::decode(scope("a", "1.2").as_slice()).unwrap();
        assert_eq!((scope.name.as_str(), scope.version.as_str()), ("a", "1.2"));
    }
}
