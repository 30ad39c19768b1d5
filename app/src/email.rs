//! E-mail addresses as the service knows accounts by them.
//!
//! An address is trimmed and lower-cased as a whole. RFC 5321 lets a mailbox name differ by case, but no provider of note
//! uses that, and two accounts that differ only by case would be a trap. Nothing is looked up, no mail is sent: an
//! [`Email`] is well-formed (RFC 5322 address without display name, comment or domain literal), has a dotted domain and at
//! most 254 bytes (RFC 5321, 4.5.3.1.3). It has no `Debug` or `Display`, so that it can't end up in a signal by accident.

use email_address::{EmailAddress, Options};

const MAX_BYTES: usize = 254;

/// A well-formed, normalised address.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Email(String);

/// Why a text is not an address. The text itself is not part of it: see the module's promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EmailError {
    /// More than 254 bytes.
    #[error("must have at most 254 bytes")]
    TooLong,
    /// Not of the form `name@domain.tld`.
    #[error("must be an e-mail address such as name@example.com")]
    Malformed,
}

impl Email {
    /// Normalises and checks `text`.
    ///
    /// # Errors
    /// [`EmailError`] when it is too long or not an address.
    pub(crate) fn parse(text: &str) -> Result<Self, EmailError> {
        let normalised = text.trim().to_lowercase();
        if normalised.len() > MAX_BYTES {
            return Err(EmailError::TooLong);
        }
        let options = Options::default()
            .without_display_text()
            .without_domain_literal()
            .with_required_tld();
        EmailAddress::parse_with_options(&normalised, options)
            .map_err(|_| EmailError::Malformed)?;
        Ok(Self(normalised))
    }

    /// The normalised address.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_trimmed_and_lower_cased() {
        assert_eq!(
            Email::parse("  Ada.Lovelace+X@Example.ORG\n")
                .unwrap()
                .as_str(),
            "ada.lovelace+x@example.org"
        );
    }

    #[test]
    fn what_is_not_an_address_is_refused() {
        for text in [
            "",
            "@",
            "ada",
            "ada@",
            "@example.org",
            "ada@localhost",
            "a b@example.org",
            "Ada <ada@example.org>",
            "ada@[127.0.0.1]",
        ] {
            assert_eq!(
                Email::parse(text).err(),
                Some(EmailError::Malformed),
                "{text:?}"
            );
        }
    }

    #[test]
    fn the_limit_is_254_bytes() {
        let address = |length: usize| {
            let domain = format!("{0}.{0}.{0}.org", "d".repeat(60));
            format!("{}@{domain}", "l".repeat(length - 1 - domain.len()))
        };
        assert!(Email::parse(&address(251)).is_ok());
        assert_eq!(Email::parse(&address(255)).err(), Some(EmailError::TooLong));
    }
}
