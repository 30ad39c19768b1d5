//! Finds the bodies of the log records in an encoded `ExportLogsServiceRequest`, without decoding the rest.
//!
//! <https://protobuf.dev/programming-guides/encoding/>, and opentelemetry/proto/logs/v1/logs.proto for the field numbers.

/// Not a protobuf message, or one that ends too early.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the request is no ExportLogsServiceRequest")]
pub(super) struct Malformed;

const RESOURCE_LOGS: u64 = 1;
const SCOPE_LOGS: u64 = 2;
const LOG_RECORDS: u64 = 2;
const BODY: u64 = 5;
const STRING_VALUE: u64 = 1;
const BYTES_VALUE: u64 = 7;

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

fn body(record: &[u8]) -> Result<Option<&[u8]>, Malformed> {
    let mut fields = Fields(record);
    while let Some((number, value)) = fields.next()? {
        if let (BODY, Some(any)) = (number, value) {
            return text(any);
        }
    }
    Ok(None)
}

fn text(any: &[u8]) -> Result<Option<&[u8]>, Malformed> {
    let mut fields = Fields(any);
    while let Some((number, value)) = fields.next()? {
        if number == STRING_VALUE || number == BYTES_VALUE {
            return Ok(value);
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
                Ok((number, Some(message))) if number == self.number => return Some(Ok(message)),
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

/// The number of a field, and its bytes when it is length-delimited.
type Field<'a> = (u64, Option<&'a [u8]>);

/// The fields of a message.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    #[inline]
    fn next(&mut self) -> Result<Option<Field<'a>>, Malformed> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => {
                self.varint()?;
                None
            }
            1 => {
                self.take(8)?;
                None
            }
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Malformed)?;
                Some(self.take(length)?)
            }
            5 => {
                self.take(4)?;
                None
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
        collector::logs::v1::ExportLogsServiceRequest,
        common::v1::{AnyValue, any_value::Value},
        logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
        resource::v1::Resource,
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
