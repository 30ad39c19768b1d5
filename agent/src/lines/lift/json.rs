//! Reads the fields of a JSON object, with `serde_json` as the judge of what is JSON.

use std::fmt::{self, Write as _};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::fields::{Fields, Value};

/// Reads a line that is one object; whether it is one. If not, the fields hold a part of it.
pub(super) fn read(line: &str, fields: &mut Fields) -> bool {
    let mut json = serde_json::Deserializer::from_str(line);
    json.deserialize_map(ReadObject(fields)).is_ok() && json.end().is_ok()
}

struct ReadObject<'a>(&'a mut Fields);

impl<'de> Visitor<'de> for ReadObject<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(ReadKey(self.0))? {
            let value = map.next_value_seed(ReadValue(self.0))?;
            self.0.push(key, value);
        }
        Ok(())
    }
}

struct ReadKey<'a>(&'a mut Fields);

impl<'de> DeserializeSeed<'de> for ReadKey<'_> {
    type Value = std::ops::Range<usize>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for ReadKey<'_> {
    type Value = std::ops::Range<usize>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.push_text(key))
    }
}

struct ReadValue<'a>(&'a mut Fields);

impl<'de> DeserializeSeed<'de> for ReadValue<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl ReadValue<'_> {
    fn nested<E>(self, write: impl FnOnce(&mut String) -> Result<(), E>) -> Result<Value, E> {
        let text = self.0.text_mut();
        let start = text.len();
        write(text)?;
        Ok(Value::Json(start..text.len()))
    }
}

impl<'de> Visitor<'de> for ReadValue<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(self.0.push_text(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        // OTLP has no integer that is larger; its digits are kept as text.
        Ok(match i64::try_from(value) {
            Ok(value) => Value::Int(value),
            Err(_) => Value::String(self.0.push_text(&value.to_string())),
        })
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Double(value))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value, A::Error> {
        self.nested(|text| WriteJson(text).visit_map(map))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, sequence: A) -> Result<Value, A::Error> {
        self.nested(|text| WriteJson(text).visit_seq(sequence))
    }
}

/// Writes a value as JSON again.
struct WriteJson<'a>(&'a mut String);

impl WriteJson<'_> {
    fn display<E>(self, value: impl fmt::Display) -> Result<(), E> {
        // Writing to a string can't fail.
        let _ = write!(self.0, "{value}");
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for WriteJson<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for WriteJson<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.display(serde_json::Value::from(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.display(value)
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.display(value)
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.display(serde_json::Value::from(value))
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.display(value)
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.display("null")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.0.push('{');
        let start = self.0.len();
        loop {
            let end = self.0.len();
            if end > start {
                self.0.push(',');
            }
            if map.next_key_seed(WriteJson(self.0))?.is_none() {
                self.0.truncate(end);
                break;
            }
            self.0.push(':');
            map.next_value_seed(WriteJson(self.0))?;
        }
        self.0.push('}');
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        self.0.push('[');
        let start = self.0.len();
        loop {
            let end = self.0.len();
            if end > start {
                self.0.push(',');
            }
            if sequence.next_element_seed(WriteJson(self.0))?.is_none() {
                self.0.truncate(end);
                break;
            }
        }
        self.0.push(']');
        Ok(())
    }
}
