//! Addresses of pages. The whole state of a page is in its address, so a link is the current address with something changed.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What may stand in a path segment and in a query as it is; `/` in a query only.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':');
const QUERY: &AsciiSet = &SEGMENT.remove(b'/').remove(b',');

/// A path with a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    path: String,
    query: Vec<(String, String)>,
}

impl Address {
    /// From a path that is encoded already.
    pub(super) fn new(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            query: Vec::new(),
        }
    }

    /// Appends one segment to the path, whatever is in it.
    pub(super) fn segment(mut self, text: &str) -> Self {
        self.path = format!("{}/{}", self.path, utf8_percent_encode(text, SEGMENT));
        self
    }

    /// Sets a parameter.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        match self.query.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => value.clone_into(old),
            None => self.query.push((name.to_owned(), value.to_owned())),
        }
        self
    }

    /// Sets a parameter when there is a value.
    pub(super) fn with_some(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Removes a parameter.
    pub(super) fn without(mut self, name: &str) -> Self {
        self.query.retain(|(known, _)| known != name);
        self
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        for (index, (name, value)) in self.query.iter().enumerate() {
            let sign = if index == 0 { '?' } else { '&' };
            write!(f, "{sign}{name}={}", utf8_percent_encode(value, QUERY))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_what_would_end_a_segment_or_a_value() {
        let address = Address::new("/services")
            .segment("a/b c?")
            .with("route", "/users/{id}&x")
            .with("since", "15m");
        assert_eq!(
            address.to_string(),
            "/services/a%2Fb%20c%3F?route=/users/%7Bid%7D%26x&since=15m"
        );
        assert_eq!(
            address.without("route").with("since", "1h").to_string(),
            "/services/a%2Fb%20c%3F?since=1h"
        );
    }
}
