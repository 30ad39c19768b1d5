//! Adds the host's resource attributes to a request, where a resource does not have them itself.
//!
//! A field of message type that occurs twice in protobuf is one message, and its repeated fields follow each other. So each
//! `ResourceSpans`, `ResourceMetrics` or `ResourceLogs` gets a second `resource` at its end with nothing but the attributes it
//! lacks; only its length changes. What is in it is copied as it is, and not decoded: of the request only the tags and lengths
//! of its resources are read.
//!
//! <https://protobuf.dev/programming-guides/encoding/#last-one-wins>

use bytes::Bytes;

use crate::wire::{attributes, protobuf::varint};

use super::fields::{Fields, Malformed};

/// Of `resource_spans`, `resource_metrics` and `resource_logs` in the request, and of `resource` in them.
const RESOURCE: u32 = 1;
/// Of `attributes` in the resource.
const ATTRIBUTES: u64 = attributes::OF_RESOURCE as u64;
const LENGTH_DELIMITED: u32 = 2;
/// Of `key` in an attribute.
const KEY: u64 = 1;

/// What is known of the host, and so of all that runs on it.
#[derive(Debug, Default)]
pub struct HostResource {
    attributes: Vec<Attribute>,
}

#[derive(Debug)]
struct Attribute {
    key: String,
    /// As a field of the resource.
    encoded: Vec<u8>,
}

impl<K: Into<String>, V: AsRef<str>> FromIterator<(K, V)> for HostResource {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(attributes: I) -> Self {
        let encode = |(key, value): (K, V)| {
            let key = key.into();
            let mut encoded = Vec::new();
            attributes::string(&mut encoded, attributes::OF_RESOURCE, &key, value.as_ref());
            Attribute { key, encoded }
        };
        Self {
            attributes: attributes.into_iter().map(encode).collect(),
        }
    }
}

impl HostResource {
    /// The request with the attributes; the same bytes where nothing is missing.
    ///
    /// # Errors
    /// When it is not an encoded request.
    pub fn add_to(&self, request: Bytes) -> Result<Bytes, Malformed> {
        let mut enriched = Vec::new();
        // Up to here the request is in `enriched`.
        let mut copied = 0;
        let mut missing = Vec::new();
        let mut fields = Fields::of(&request);
        loop {
            let start = fields.offset_in(&request);
            let Some(field) = fields.next() else { break };
            let Some(content) = field?.nested(RESOURCE.into()) else {
                continue;
            };
            self.missing_in(content, &mut missing)?;
            if missing.is_empty() {
                continue;
            }
            enriched.reserve(request.len() - copied + 512);
            enriched.extend_from_slice(&request[copied..start]);
            append(&mut enriched, content, &missing);
            copied = fields.offset_in(&request);
        }
        if copied == 0 {
            return Ok(request);
        }
        enriched.extend_from_slice(&request[copied..]);
        Ok(enriched.into())
    }

    /// The host's attributes that the resource of one part of the request lacks.
    fn missing_in<'a>(
        &'a self,
        part: &[u8],
        missing: &mut Vec<&'a Attribute>,
    ) -> Result<(), Malformed> {
        missing.clear();
        missing.extend(&self.attributes);
        for field in Fields::of(part) {
            let Some(resource) = field?.nested(RESOURCE.into()) else {
                continue;
            };
            for field in Fields::of(resource) {
                let Some(attribute) = field?.nested(ATTRIBUTES) else {
                    continue;
                };
                for field in Fields::of(attribute) {
                    if let Some(key) = field?.nested(KEY) {
                        missing.retain(|missing| missing.key.as_bytes() != key);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Writes a part of the request with one more resource at its end.
fn append(out: &mut Vec<u8>, part: &[u8], missing: &[&Attribute]) {
    let length: usize = missing
        .iter()
        .map(|attribute| attribute.encoded.len())
        .sum();
    let mut head = Vec::with_capacity(8);
    varint(&mut head, u64::from(RESOURCE << 3 | LENGTH_DELIMITED));
    varint(&mut head, length as u64);
    varint(out, u64::from(RESOURCE << 3 | LENGTH_DELIMITED));
    varint(out, (part.len() + head.len() + length) as u64);
    out.extend_from_slice(part);
    out.extend_from_slice(&head);
    for attribute in missing {
        out.extend_from_slice(&attribute.encoded);
    }
}

#[cfg(test)]
mod tests;
