//! OTLP attributes as JSON. Integers stay numbers beyond 2^53; what JSON has no number for (NaN, infinities) is a string;
//! bytes are hexadecimal text; an absent value is null.

use std::sync::Arc;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource as ProtoResource;
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use crate::model::{Resource, UNKNOWN_SERVICE};

/// Attributes as one JSON object, in their order.
pub(crate) struct Attributes<'a>(pub(crate) &'a [KeyValue]);

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for attribute in self.0 {
            map.serialize_entry(&attribute.key, &Json(attribute.value.as_ref()))?;
        }
        map.end()
    }
}

/// One value as JSON.
pub(crate) struct Json<'a>(pub(crate) Option<&'a AnyValue>);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.and_then(|any| any.value.as_ref()) {
            Some(Value::StringValue(text)) => serializer.serialize_str(text),
            Some(Value::BoolValue(bool)) => serializer.serialize_bool(*bool),
            Some(Value::IntValue(number)) => serializer.serialize_i64(*number),
            Some(Value::DoubleValue(number)) if number.is_finite() => {
                serializer.serialize_f64(*number)
            }
            Some(Value::DoubleValue(number)) if number.is_nan() => serializer.serialize_str("NaN"),
            Some(Value::DoubleValue(number)) => serializer.serialize_str(if *number > 0.0 {
                "Infinity"
            } else {
                "-Infinity"
            }),
            Some(Value::ArrayValue(array)) => {
                serializer.collect_seq(array.values.iter().map(|value| Json(Some(value))))
            }
            Some(Value::KvlistValue(list)) => Attributes(&list.values).serialize(serializer),
            Some(Value::BytesValue(bytes)) => serializer.serialize_str(&hex(bytes)),
            // The reference into a string table is of profiles only; elsewhere it counts as absent.
            Some(Value::StringValueStrindex(_)) | None => serializer.serialize_unit(),
        }
    }
}

/// The JSON text of `value`.
pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("keys are strings and writing to memory does not fail")
}

/// Lower-case hexadecimal text.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
            // Writing to a String does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// The attribute `key`, when it is a string.
pub(super) fn string<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    match attributes
        .iter()
        .find(|attribute| attribute.key == key)?
        .value
        .as_ref()?
        .value
        .as_ref()?
    {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

/// The attribute `key`, when it is an integer.
pub(super) fn integer(attributes: &[KeyValue], key: &str) -> Option<i64> {
    match attributes
        .iter()
        .find(|attribute| attribute.key == key)?
        .value
        .as_ref()?
        .value
        .as_ref()?
    {
        Value::IntValue(number) => Some(*number),
        _ => None,
    }
}

/// The identity of the sender.
pub(super) fn resource(resource: Option<ProtoResource>) -> Arc<Resource> {
    let mut attributes = resource
        .map(|resource| resource.attributes)
        .unwrap_or_default();
    attributes.sort_by(|a, b| a.key.cmp(&b.key));
    let text = |key| string(&attributes, key).unwrap_or_default().to_owned();
    Arc::new(Resource {
        service_name: string(&attributes, "service.name")
            .unwrap_or(UNKNOWN_SERVICE)
            .to_owned(),
        service_namespace: text("service.namespace"),
        service_instance_id: text("service.instance.id"),
        attributes: json(&Attributes(&attributes)),
    })
}

/// The name of the instrumentation scope, or empty.
pub(super) fn scope(scope: Option<InstrumentationScope>) -> Arc<str> {
    scope.map(|scope| scope.name).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
    use opentelemetry_proto::tonic::resource::v1::Resource as ProtoResource;

    use super::{Attributes, json, resource};

    fn attribute(key: &str, value: Value) -> KeyValue {
        KeyValue {
            key: key.to_owned(),
            value: Some(AnyValue { value: Some(value) }),
            ..KeyValue::default()
        }
    }

    #[test]
    fn each_kind_of_value_has_its_json() {
        let array = ArrayValue {
            values: vec![
                AnyValue {
                    value: Some(Value::IntValue(1)),
                },
                AnyValue::default(),
            ],
        };
        let list = KeyValueList {
            values: vec![attribute("in", Value::BoolValue(true))],
        };
        let attributes = [
            attribute("string", Value::StringValue("a \"b\"".to_owned())),
            attribute("int", Value::IntValue(i64::MAX)),
            attribute("double", Value::DoubleValue(0.5)),
            attribute("nan", Value::DoubleValue(f64::NAN)),
            attribute("inf", Value::DoubleValue(f64::NEG_INFINITY)),
            attribute("array", Value::ArrayValue(array)),
            attribute("list", Value::KvlistValue(list)),
            attribute("bytes", Value::BytesValue(vec![0x0f, 0xa0])),
            KeyValue {
                key: "absent".to_owned(),
                ..KeyValue::default()
            },
        ];
        assert_eq!(
            json(&Attributes(&attributes)),
            r#"{"string":"a \"b\"","int":9223372036854775807,"double":0.5,"nan":"NaN","inf":"-Infinity","#.to_owned()
                + r#""array":[1,null],"list":{"in":true},"bytes":"0fa0","absent":null}"#,
        );
    }

    #[test]
    fn a_resource_is_the_same_whatever_the_order_of_its_attributes() {
        let name = || attribute("service.name", Value::StringValue("auth".to_owned()));
        let host = || attribute("host.name", Value::StringValue("h".to_owned()));
        let one = resource(Some(ProtoResource {
            attributes: vec![name(), host()],
            ..ProtoResource::default()
        }));
        let other = resource(Some(ProtoResource {
            attributes: vec![host(), name()],
            ..ProtoResource::default()
        }));
        assert_eq!(one, other);
        assert_eq!(one.service_name, "auth");
        assert_eq!(one.attributes, r#"{"host.name":"h","service.name":"auth"}"#);
        assert_eq!(resource(None).service_name, "unknown_service");
    }
}
