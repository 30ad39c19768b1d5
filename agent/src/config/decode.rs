//! A tree of YAML nodes into plain types by serde, with every error at its line and key.
//!
//! What is special to configuration: variables are expanded in scalars, a scalar is understood as what the setting wants
//! (so `"15"` and `${N}` are numbers too), and a key without a value is as if it were not there.

use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor,
    value::StrDeserializer,
};

use super::{
    error::{Invalid, Problem},
    expand::{Lookup, expand},
    yaml::{Key, Node, Value},
};

/// Reads a node; `env` is where variables come from.
pub(crate) struct Decoder<'a> {
    pub(crate) node: &'a Node,
    pub(crate) env: Lookup<'a>,
}

impl Invalid {
    fn of(problem: Problem) -> Self {
        Self {
            line: 0,
            key: String::new(),
            problem,
        }
    }

    /// Adds what the one who made the error could not know, and no more.
    fn at(mut self, line: u64, written: Option<&str>) -> Self {
        if self.line == 0 {
            self.line = line;
            if let Problem::Value { written: empty, .. } = &mut self.problem {
                *empty = written.map(str::to_owned);
            }
        }
        self
    }

    fn under(mut self, segment: &str) -> Self {
        let separator = if self.key.is_empty() || self.key.starts_with('[') {
            ""
        } else {
            "."
        };
        self.key = format!("{segment}{separator}{}", self.key);
        self
    }
}

impl std::error::Error for Invalid {}

impl de::Error for Invalid {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::of(Problem::Value {
            written: None,
            problem: message.to_string(),
        })
    }

    fn invalid_type(unexpected: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let written = match unexpected {
            de::Unexpected::Map => "a mapping",
            de::Unexpected::Seq => "a list",
            de::Unexpected::Unit => "a key without a value",
            _ => return Self::custom(format_args!("write {expected}")),
        };
        Self::of(Problem::Kind {
            written,
            expected: expected.to_string(),
        })
    }

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        Self::of(Problem::UnknownKey {
            written: field.to_owned(),
            known,
        })
    }

    fn unknown_variant(variant: &str, known: &'static [&'static str]) -> Self {
        Self::of(Problem::UnknownWord {
            written: variant.to_owned(),
            known,
        })
    }

    fn missing_field(key: &'static str) -> Self {
        Self::of(Problem::Missing { key })
    }
}

impl<'a> Decoder<'a> {
    fn of(&self, node: &'a Node) -> Self {
        Self {
            node,
            env: self.env,
        }
    }

    /// The scalar as an error shows it.
    fn shown(&self) -> Option<String> {
        let text = self.node.text()?;
        Some(expand(text, self.env).unwrap_or_else(|_| text.to_owned()))
    }

    /// The scalar with its variables replaced.
    fn scalar(&self, expected: &dyn de::Expected) -> Result<String, Invalid> {
        let unexpected = match &self.node.value {
            Value::Scalar(text) => {
                return expand(text, self.env).map_err(|error| {
                    Invalid::of(Problem::Variable(error)).at(self.node.line, None)
                });
            }
            Value::Null => de::Unexpected::Unit,
            Value::Sequence(_) => de::Unexpected::Seq,
            Value::Mapping(_) => de::Unexpected::Map,
        };
        let error: Invalid = de::Error::invalid_type(unexpected, expected);
        Err(error.at(self.node.line, None))
    }

    /// Reads the scalar by `FromStr`.
    fn parsed<T: std::str::FromStr>(
        &self,
        expected: &dyn de::Expected,
        kind: &str,
    ) -> Result<T, Invalid> {
        let text = self.scalar(expected)?;
        text.parse().map_err(|_| {
            let error: Invalid = de::Error::custom(format_args!("write {kind}"));
            error.at(self.node.line, Some(&text))
        })
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $type:ty, $kind:literal;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Invalid> {
            let value: $type = self.parsed(&visitor, $kind)?;
            visitor.$visit(value).map_err(|error: Invalid| error.at(self.node.line, self.shown().as_deref()))
        }
    )*};
}

impl<'de> Deserializer<'de> for Decoder<'de> {
    type Error = Invalid;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Invalid> {
        match &self.node.value {
            Value::Null => visitor
                .visit_unit()
                .map_err(|error: Invalid| error.at(self.node.line, None)),
            Value::Sequence(_) => self.deserialize_seq(visitor),
            Value::Mapping(_) => self.deserialize_map(visitor),
            Value::Scalar(_) => {
                let text = self.scalar(&visitor)?;
                match text.as_str() {
                    "true" => visitor.visit_bool(true),
                    "false" => visitor.visit_bool(false),
                    text => visitor.visit_str(text),
                }
                .map_err(|error: Invalid| error.at(self.node.line, Some(&text)))
            }
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Invalid> {
        let text = self.scalar(&visitor)?;
        visitor
            .visit_str(&text)
            .map_err(|error: Invalid| error.at(self.node.line, Some(&text)))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Invalid> {
        self.deserialize_str(visitor)
    }

    numbers! {
        deserialize_bool visit_bool bool, "true or false";
        deserialize_u16 visit_u16 u16, "a whole number up to 65535";
        deserialize_u32 visit_u32 u32, "a whole number";
        deserialize_u64 visit_u64 u64, "a whole number";
        deserialize_f64 visit_f64 f64, "a number";
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Invalid> {
        match self.node.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Invalid> {
        let items: &[Node] = match &self.node.value {
            Value::Sequence(items) => items,
            Value::Null => &[],
            other => {
                let error: Invalid =
                    de::Error::invalid_type(other.unexpected(), &"a list, like [a, b]");
                return Err(error.at(self.node.line, self.shown().as_deref()));
            }
        };
        let line = self.node.line;
        let access = Items {
            parent: self,
            items: items.iter().enumerate(),
        };
        visitor
            .visit_seq(access)
            .map_err(|error| error.at(line, None))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Invalid> {
        self.deserialize_struct("", &[], visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Invalid> {
        let entries: &[(Key, Node)] = match &self.node.value {
            Value::Mapping(entries) => entries,
            Value::Null => &[],
            other => {
                let error: Invalid =
                    de::Error::invalid_type(other.unexpected(), &"a mapping, like {key: value}");
                return Err(error.at(self.node.line, self.shown().as_deref()));
            }
        };
        let line = self.node.line;
        let access = Entries {
            parent: self,
            entries: entries.iter(),
            fields,
            current: None,
        };
        visitor
            .visit_map(access)
            .map_err(|error| error.at(line, None))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Invalid> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Invalid> {
        let text = self.scalar(&"a word")?;
        let line = self.node.line;
        let access = Word { text: &text, known };
        visitor
            .visit_enum(access)
            .map_err(|error| error.at(line, Some(&text)))
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u128 f32 char bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

impl Value {
    fn unexpected(&self) -> de::Unexpected<'_> {
        match self {
            Self::Null => de::Unexpected::Unit,
            Self::Scalar(text) => de::Unexpected::Str(text),
            Self::Sequence(_) => de::Unexpected::Seq,
            Self::Mapping(_) => de::Unexpected::Map,
        }
    }
}

struct Items<'a> {
    parent: Decoder<'a>,
    items: std::iter::Enumerate<std::slice::Iter<'a, Node>>,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Invalid;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Invalid> {
        let Some((index, node)) = self.items.next() else {
            return Ok(None);
        };
        let shown = || self.parent.of(node).shown();
        seed.deserialize(self.parent.of(node))
            .map(Some)
            .map_err(|error| {
                error
                    .at(node.line, shown().as_deref())
                    .under(&format!("[{index}]"))
            })
    }
}

struct Entries<'a> {
    parent: Decoder<'a>,
    entries: std::slice::Iter<'a, (Key, Node)>,
    /// Those of a struct, which has a default for each.
    fields: &'static [&'static str],
    current: Option<&'a (Key, Node)>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Invalid;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Invalid> {
        let fields = self.fields;
        let Some(entry) = self.entries.find(|(key, node)| {
            !(node.value == Value::Null && fields.contains(&key.text.as_str()))
        }) else {
            return Ok(None);
        };
        self.current = Some(entry);
        seed.deserialize(StrDeserializer::new(&entry.0.text))
            .map(Some)
            .map_err(|error: Invalid| error.at(entry.0.line, Some(&entry.0.text)))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Invalid> {
        let Some((key, node)) = self.current.take() else {
            return Err(de::Error::custom("a value was asked for before its key"));
        };
        let shown = || self.parent.of(node).shown();
        seed.deserialize(self.parent.of(node))
            .map_err(|error| error.at(node.line, shown().as_deref()).under(&key.text))
    }
}

struct Word<'a> {
    text: &'a str,
    known: &'static [&'static str],
}

impl<'de> EnumAccess<'de> for Word<'_> {
    type Error = Invalid;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Self::Variant), Invalid> {
        let value = seed.deserialize(StrDeserializer::new(self.text))?;
        Ok((value, self))
    }
}

/// Every choice of the configuration is a word.
impl<'de> VariantAccess<'de> for Word<'_> {
    type Error = Invalid;

    fn unit_variant(self) -> Result<(), Invalid> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Invalid> {
        Err(de::Error::unknown_variant(self.text, self.known))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Invalid> {
        Err(de::Error::unknown_variant(self.text, self.known))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Invalid> {
        Err(de::Error::unknown_variant(self.text, self.known))
    }
}
