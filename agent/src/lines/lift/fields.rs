//! The fields of one line, all their text in one buffer that is used again for the next line.

use std::ops::Range;

/// A field; ranges are of the buffer of [`Fields`].
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Field {
    pub(in super::super) key: Range<usize>,
    pub(in super::super) value: Value,
}

/// What a field holds.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum Value {
    String(Range<usize>),
    /// An object or an array.
    Json(Range<usize>),
    Int(i64),
    Double(f64),
    Bool(bool),
    Null,
}

/// The fields of a line.
#[derive(Debug, Default)]
pub(in super::super) struct Fields {
    text: String,
    fields: Vec<Field>,
}

impl Fields {
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.fields.clear();
    }

    pub(in super::super) fn text(&self) -> &str {
        &self.text
    }

    pub(in super::super) fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.fields
            .iter()
            .map(|field| (&self.text[field.key.clone()], &field.value))
    }

    /// The buffer that the ranges of the fields are of.
    pub(super) fn text_mut(&mut self) -> &mut String {
        &mut self.text
    }

    pub(super) fn push_text(&mut self, text: &str) -> Range<usize> {
        let start = self.text.len();
        self.text.push_str(text);
        start..self.text.len()
    }

    pub(super) fn push(&mut self, key: Range<usize>, value: Value) {
        self.fields.push(Field { key, value });
    }

    /// Keeps what `is_taken` does not take, is not null and has no later field of the same key.
    pub(super) fn retain_attributes(&mut self, mut is_taken: impl FnMut(&str, &Field) -> bool) {
        let Self { text, fields } = self;
        fields.retain(|field| field.value != Value::Null && !is_taken(text, field));
        let mut at = 0;
        while let Some(field) = fields.get(at) {
            let key = &text[field.key.clone()];
            if fields[at + 1..]
                .iter()
                .any(|later| text[later.key.clone()] == *key)
            {
                fields.remove(at);
            } else {
                at += 1;
            }
        }
    }
}
