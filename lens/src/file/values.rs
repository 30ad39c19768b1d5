//! Attributes from the store's JSON text, in the order they stand there: the way back of `ingest::attributes`.

use std::fmt;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::query::{QueryError, from_json};

/// The attributes in the JSON object `text` of the column `column`.
pub(super) fn attributes(column: &'static str, text: &str) -> Result<Vec<KeyValue>, QueryError> {
    let Pairs(pairs) = from_json(column, text)?;
    Ok(pairs)
}

/// An attribute with a text.
pub(super) fn text(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue {
            value: Some(Value::StringValue(value.to_owned())),
        }),
        ..KeyValue::default()
    }
}

/// A JSON object as attributes.
#[derive(Debug, Default)]
pub(super) struct Pairs(pub(super) Vec<KeyValue>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Any::deserialize(deserializer)?.0.value {
            Some(Value::KvlistValue(list)) => Ok(Self(list.values)),
            _ => Err(D::Error::custom("attributes are no JSON object")),
        }
    }
}

/// Any JSON value as an attribute's.
struct Any(AnyValue);

impl<'de> Deserialize<'de> for Any {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = deserializer.deserialize_any(AnyVisitor)?;
        Ok(Self(AnyValue { value }))
    }
}

struct AnyVisitor;

impl<'de> Visitor<'de> for AnyVisitor {
    type Value = Option<Value>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Some(Value::BoolValue(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Some(Value::IntValue(value)))
    }

    /// OTLP has no such integer; what ingest wrote fits.
    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        i64::try_from(value)
            .map(|value| Some(Value::IntValue(value)))
            .map_err(E::custom)
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Some(Value::DoubleValue(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Some(Value::StringValue(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Any(value)) = items.next_element()? {
            values.push(value);
        }
        Ok(Some(Value::ArrayValue(ArrayValue { values })))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some((key, Any(value))) = pairs.next_entry()? {
            values.push(KeyValue {
                key,
                value: Some(value),
                ..KeyValue::default()
            });
        }
        Ok(Some(Value::KvlistValue(KeyValueList { values })))
    }
}

#[cfg(test)]
mod tests {
    use super::attributes;
    use crate::ingest::attributes::{Attributes, json};

    #[test]
    fn attributes_come_back_as_the_text_they_were() {
        let text = r#"{"z":"a \"b\"","int":-9223372036854775808,"double":1.0,"array":[1,"x",null],"list":{"b":true,"a":0.5},"absent":null}"#;
        let read = attributes("spans.attributes", text).unwrap();
        assert_eq!(json(&Attributes(&read)), text);
        let error = attributes("spans.attributes", "[1]")
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("the store holds malformed JSON in spans.attributes"),
            "{error}"
        );
    }
}
