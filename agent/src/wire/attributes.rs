//! `KeyValue`s: the attributes of resources, scopes, records and data points, each a repeated field of its message.

use super::protobuf::{bytes, close, double as double_field, int as int_field, open, uint};

/// The field of `attributes` in `Resource`.
pub const OF_RESOURCE: u32 = 1;
/// The field of `attributes` in `InstrumentationScope`.
pub const OF_SCOPE: u32 = 3;
/// The field of `attributes` in `LogRecord`.
pub const OF_LOG_RECORD: u32 = 6;
/// The field of `attributes` in `NumberDataPoint`.
pub const OF_NUMBER_DATA_POINT: u32 = 7;

/// An attribute of type string. `value` must be UTF-8.
#[inline]
pub fn string(out: &mut Vec<u8>, field: u32, key: &str, value: &str) {
    value_of(out, field, key, |out| bytes(out, 1, value.as_bytes()));
}

/// An attribute of type bool.
pub fn boolean(out: &mut Vec<u8>, field: u32, key: &str, value: bool) {
    value_of(out, field, key, |out| uint(out, 2, u64::from(value)));
}

/// An attribute of type int.
pub fn int(out: &mut Vec<u8>, field: u32, key: &str, value: i64) {
    value_of(out, field, key, |out| int_field(out, 3, value));
}

/// An attribute of type double.
pub fn double(out: &mut Vec<u8>, field: u32, key: &str, value: f64) {
    value_of(out, field, key, |out| double_field(out, 4, value));
}

#[inline]
fn value_of(out: &mut Vec<u8>, field: u32, key: &str, value: impl FnOnce(&mut Vec<u8>)) {
    let attribute = open(out, field);
    bytes(out, 1, key.as_bytes());
    let any = open(out, 2);
    value(out);
    close(out, any);
    close(out, attribute);
}
