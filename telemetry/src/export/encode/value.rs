//! Attributes and values: `KeyValue` and `AnyValue`.

use std::{fmt::Display, io::Write as _};

use opentelemetry::{Array, Key, Value};
use trivium_otlp::wire::{bytes, close, double, int, open, uint, varint, varint_length};

/// The fields of `AnyValue`.
const STRING: u32 = 1;
const BOOL: u32 = 2;
const INT: u32 = 3;
const DOUBLE: u32 = 4;
const ARRAY: u32 = 5;
const BYTES: u32 = 7;

/// Of a resource, scope, span, event or link; `field` is that of its message's attributes.
pub(super) fn attribute(out: &mut Vec<u8>, field: u32, key: &Key, value: &Value) {
    match value {
        Value::String(text) => string_attribute(out, field, key.as_str(), text.as_str()),
        value => key_value(out, field, key.as_str(), |out| any(out, value)),
    }
}

pub(super) fn bool_attribute(out: &mut Vec<u8>, field: u32, key: &str, value: bool) {
    key_value(out, field, key, |out| uint(out, BOOL, u64::from(value)));
}

pub(super) fn int_attribute(out: &mut Vec<u8>, field: u32, key: &str, value: i64) {
    key_value(out, field, key, |out| int(out, INT, value));
}

pub(super) fn double_attribute(out: &mut Vec<u8>, field: u32, key: &str, value: f64) {
    key_value(out, field, key, |out| double(out, DOUBLE, value));
}

pub(super) fn bytes_attribute(out: &mut Vec<u8>, field: u32, key: &str, value: &[u8]) {
    key_value(out, field, key, |out| bytes(out, BYTES, value));
}

/// A text that is made here, in its place.
pub(super) fn displayed_attribute(out: &mut Vec<u8>, field: u32, key: &str, value: impl Display) {
    key_value(out, field, key, |out| displayed(out, value));
}

/// `AnyValue` of a text that is made here, in its place.
pub(super) fn displayed(out: &mut Vec<u8>, value: impl Display) {
    let text = open(out, STRING);
    // Fails only when the value's own formatting does; then what it gave stands.
    let _ = write!(out, "{value}");
    close(out, text);
}

/// The most frequent kind, its lengths known before it is written.
pub(super) fn string_attribute(out: &mut Vec<u8>, field: u32, key: &str, value: &str) {
    let text = 1 + varint_length(value.len() as u64) + value.len();
    let any = 1 + varint_length(text as u64) + text;
    let key_length = 1 + varint_length(key.len() as u64) + key.len();
    length_delimited(out, field, key_length + any);
    bytes(out, 1, key.as_bytes());
    length_delimited(out, 2, text);
    bytes(out, STRING, value.as_bytes());
}

fn length_delimited(out: &mut Vec<u8>, field: u32, length: usize) {
    const LENGTH_DELIMITED: u32 = 2;
    varint(out, u64::from(field << 3 | LENGTH_DELIMITED));
    varint(out, length as u64);
}

fn key_value(out: &mut Vec<u8>, field: u32, key: &str, value: impl FnOnce(&mut Vec<u8>)) {
    let message = open(out, field);
    bytes(out, 1, key.as_bytes());
    let of_value = open(out, 2);
    value(out);
    close(out, of_value);
    close(out, message);
}

fn any(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Bool(value) => uint(out, BOOL, u64::from(*value)),
        Value::I64(value) => int(out, INT, *value),
        Value::F64(value) => double(out, DOUBLE, *value),
        Value::String(value) => bytes(out, STRING, value.as_str().as_bytes()),
        Value::Array(values) => array(out, values),
        // A kind that a later API may have.
        other => bytes(out, STRING, other.to_string().as_bytes()),
    }
}

fn array(out: &mut Vec<u8>, values: &Array) {
    match values {
        Array::Bool(values) => list(out, values, |out, value| uint(out, BOOL, u64::from(*value))),
        Array::I64(values) => list(out, values, |out, value| int(out, INT, *value)),
        Array::F64(values) => list(out, values, |out, value| double(out, DOUBLE, *value)),
        Array::String(values) => list(out, values, |out, value| {
            bytes(out, STRING, value.as_str().as_bytes());
        }),
        other => bytes(out, STRING, format!("{other:?}").as_bytes()),
    }
}

fn list<T>(out: &mut Vec<u8>, values: &[T], write: impl Fn(&mut Vec<u8>, &T)) {
    let array = open(out, ARRAY);
    for value in values {
        let of_value = open(out, 1);
        write(out, value);
        close(out, of_value);
    }
    close(out, array);
}
