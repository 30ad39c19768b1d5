//! Writes protobuf fields into a byte buffer.
//!
//! A nested message is opened, written and closed; its length is then written into [`LENGTH_BYTES`] bytes kept for it, as a
//! varint with continuation bits that a shorter one would not need. The encoding allows that, and every decoder reads it.
//!
//! <https://protobuf.dev/programming-guides/encoding/>

/// What the length of an opened message takes; so a message may have up to 256 MiB.
pub const LENGTH_BYTES: usize = 4;

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LENGTH_DELIMITED: u32 = 2;
const FIXED32: u32 = 5;

/// A message that was opened and is to be closed.
#[derive(Debug)]
#[must_use = "an opened message has no length until it is closed"]
pub struct Open {
    /// Where its content starts.
    start: usize,
}

/// A base-128 varint.
#[inline]
pub fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[inline]
fn tag(out: &mut Vec<u8>, field: u32, wire_type: u32) {
    varint(out, u64::from(field << 3 | wire_type));
}

/// A field of type `uint64`, `int64` of a positive value, `uint32`, `bool` or an enumeration.
#[inline]
pub fn uint(out: &mut Vec<u8>, field: u32, value: u64) {
    tag(out, field, VARINT);
    varint(out, value);
}

/// A field of type `int64`.
#[inline]
pub fn int(out: &mut Vec<u8>, field: u32, value: i64) {
    uint(out, field, value.cast_unsigned());
}

/// A field of type `fixed64`.
#[inline]
pub fn fixed64(out: &mut Vec<u8>, field: u32, value: u64) {
    tag(out, field, FIXED64);
    out.extend_from_slice(&value.to_le_bytes());
}

/// A field of type `sfixed64`.
#[inline]
pub fn sfixed64(out: &mut Vec<u8>, field: u32, value: i64) {
    fixed64(out, field, value.cast_unsigned());
}

/// A field of type `fixed32`.
#[inline]
pub fn fixed32(out: &mut Vec<u8>, field: u32, value: u32) {
    tag(out, field, FIXED32);
    out.extend_from_slice(&value.to_le_bytes());
}

/// A field of type `double`.
#[inline]
pub fn double(out: &mut Vec<u8>, field: u32, value: f64) {
    fixed64(out, field, value.to_bits());
}

/// A field of type `string` or `bytes`, or a message that is already encoded.
#[inline]
pub fn bytes(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    tag(out, field, LENGTH_DELIMITED);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// Starts a nested message; what is written until [`close`] is its content.
#[inline]
pub fn open(out: &mut Vec<u8>, field: u32) -> Open {
    tag(out, field, LENGTH_DELIMITED);
    out.extend_from_slice(&[0; LENGTH_BYTES]);
    Open { start: out.len() }
}

/// Ends the message that was opened last and not yet closed.
///
/// # Panics
/// When its content has 256 MiB or more.
#[inline]
#[expect(
    clippy::needless_pass_by_value,
    reason = "an opened message is closed once"
)]
pub fn close(out: &mut [u8], message: Open) {
    let length = out.len() - message.start;
    assert!(
        length < 1 << (7 * LENGTH_BYTES),
        "a message of {length} bytes"
    );
    let place = &mut out[message.start - LENGTH_BYTES..message.start];
    for (index, byte) in place.iter_mut().enumerate() {
        let is_last = index + 1 == LENGTH_BYTES;
        *byte = (length >> (7 * index)) as u8 & 0x7f | if is_last { 0 } else { 0x80 };
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::{
        common::v1::{AnyValue, KeyValue, any_value::Value},
        logs::v1::LogRecord,
    };
    use prost::Message as _;

    use super::*;

    #[test]
    fn a_message_written_here_is_read_by_prost() {
        let body = "x".repeat(300);
        let mut out = Vec::new();
        fixed64(&mut out, 1, 17);
        uint(&mut out, 2, 9);
        let value = open(&mut out, 5);
        bytes(&mut out, 1, body.as_bytes());
        close(&mut out, value);
        let attribute = open(&mut out, 6);
        bytes(&mut out, 1, b"n");
        let value = open(&mut out, 2);
        int(&mut out, 3, -2);
        close(&mut out, value);
        close(&mut out, attribute);

        let text = |text: String| AnyValue {
            value: Some(Value::StringValue(text)),
        };
        let expected = LogRecord {
            time_unix_nano: 17,
            severity_number: 9,
            body: Some(text(body)),
            attributes: vec![KeyValue {
                key: "n".to_owned(),
                value: Some(AnyValue {
                    value: Some(Value::IntValue(-2)),
                }),
                ..KeyValue::default()
            }],
            ..LogRecord::default()
        };
        assert_eq!(LogRecord::decode(out.as_slice()).unwrap(), expected);
    }
}
