//! Writes protobuf fields into a byte buffer: what has no generated messages has no allocation per message either.
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

/// The bytes that a varint takes.
#[inline]
pub fn varint_length(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;

    #[derive(Clone, PartialEq, Message)]
    struct Inner {
        #[prost(int64, tag = "3")]
        int: i64,
        #[prost(bytes = "vec", tag = "4")]
        bytes: Vec<u8>,
    }

    #[derive(Clone, PartialEq, Message)]
    struct Outer {
        #[prost(fixed64, tag = "1")]
        fixed64: u64,
        #[prost(uint64, tag = "2")]
        uint: u64,
        #[prost(message, repeated, tag = "5")]
        inner: Vec<Inner>,
        #[prost(double, tag = "6")]
        double: f64,
        #[prost(fixed32, tag = "200")]
        fixed32: u32,
    }

    #[test]
    fn what_is_written_here_is_read_by_prost() {
        let mut out = Vec::new();
        fixed64(&mut out, 1, 17);
        uint(&mut out, 2, u64::MAX);
        for size in [0, 300] {
            let message = open(&mut out, 5);
            int(&mut out, 3, -2);
            bytes(&mut out, 4, &vec![7; size]);
            close(&mut out, message);
        }
        double(&mut out, 6, 0.25);
        fixed32(&mut out, 200, 9);
        let inner = |size| Inner {
            int: -2,
            bytes: vec![7; size],
        };
        let expected = Outer {
            fixed64: 17,
            uint: u64::MAX,
            inner: vec![inner(0), inner(300)],
            double: 0.25,
            fixed32: 9,
        };
        assert_eq!(Outer::decode(out.as_slice()).unwrap(), expected);
    }

    #[test]
    fn the_length_of_a_varint_is_that_of_its_bytes() {
        for value in [0, 1, 127, 128, 16_383, 16_384, u64::MAX] {
            let mut out = Vec::new();
            varint(&mut out, value);
            assert_eq!(varint_length(value), out.len(), "{value}");
        }
    }
}
