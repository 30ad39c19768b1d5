//! Refresh tokens: opaque, good for one use, each followed by the next of its family.
//!
//! ```text
//! token   = base64url without padding of 48 bytes: family ‖ secret
//! family  = 16 bytes, a UUID v4: the same in all that follow from one login
//! secret  = 32 bytes (256 bits) from the operating system's generator, new in each
//! ```
//!
//! The store has the SHA-256 of the family's one good token. Another token of a living family was rotated away: whoever brings
//! one, the thief or the robbed, ends the family, and both have to log in. An honest client therefore must not use one twice,
//! also not at once or because an answer was lost.

use aws_lc_rs::{digest, error::Unspecified, rand};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::SecretString;
use uuid::Uuid;

const FAMILY_BYTES: usize = 16;
const TOKEN_BYTES: usize = FAMILY_BYTES + 32;

/// A refresh token; it has no `Debug` or `Display`, so that it can't end up in a signal by accident.
pub(crate) struct RefreshToken([u8; TOKEN_BYTES]);

/// Why a refresh token is refused. `Display` is for the client, [`RefreshError::reason`] for logs and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the refresh token is not valid; log in again")]
pub(crate) enum RefreshError {
    /// Not of the form of one.
    Malformed,
    /// Of no living family: logged out, ended by reuse, expired long ago, or invented.
    UnknownFamily,
    /// Its time is over.
    Expired,
    /// It was rotated away before, and now its family has ended.
    Reused,
}

impl RefreshError {
    /// One of a small fixed set of words.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownFamily => "unknown_family",
            Self::Expired => "expired",
            Self::Reused => "reused",
        }
    }
}

impl RefreshToken {
    /// The first of a new family.
    ///
    /// # Errors
    /// When the operating system gives no random numbers.
    pub(crate) fn first() -> Result<Self, Unspecified> {
        Self::of(Uuid::new_v4().as_bytes())
    }

    /// The one that follows.
    ///
    /// # Errors
    /// Likewise.
    pub(crate) fn next(&self) -> Result<Self, Unspecified> {
        Self::of(&self.0[..FAMILY_BYTES])
    }

    fn of(family: &[u8]) -> Result<Self, Unspecified> {
        let mut bytes = [0; TOKEN_BYTES];
        let (family_bytes, secret) = bytes.split_at_mut(FAMILY_BYTES);
        family_bytes.copy_from_slice(family);
        rand::fill(secret)?;
        Ok(Self(bytes))
    }

    /// Reads what a client sent.
    ///
    /// # Errors
    /// [`RefreshError::Malformed`].
    pub(crate) fn parse(text: &str) -> Result<Self, RefreshError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok();
        bytes
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or(RefreshError::Malformed)
    }

    /// What a client gets.
    pub(crate) fn text(&self) -> SecretString {
        URL_SAFE_NO_PAD.encode(self.0).into()
    }

    /// A UUID, hyphenated lower-case. Who knows it can end the family: it belongs in no signal.
    pub(crate) fn family_id(&self) -> String {
        let (family, _) = self.0.split_at(FAMILY_BYTES);
        Uuid::from_slice(family)
            .expect("a UUID is any 16 bytes")
            .to_string()
    }

    /// What the store keeps.
    pub(crate) fn hash(&self) -> [u8; digest::SHA256_OUTPUT_LEN] {
        digest::digest(&digest::SHA256, &self.0)
            .as_ref()
            .try_into()
            .expect("a SHA-256 has 32 bytes")
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn tokens_of_a_family_share_its_id_and_nothing_else() {
        let first = RefreshToken::first().unwrap();
        let next = first.next().unwrap();
        assert_eq!(first.family_id(), next.family_id());
        assert_ne!(first.0[FAMILY_BYTES..], next.0[FAMILY_BYTES..]);
        assert_ne!(first.hash(), next.hash());
        assert_ne!(
            first.family_id(),
            RefreshToken::first().unwrap().family_id()
        );
    }

    #[test]
    fn what_a_client_gets_is_read_back_and_nothing_else_is() {
        let token = RefreshToken::first().unwrap();
        let text = token.text();
        let text = text.expose_secret();
        assert_eq!(text.len(), 64);
        assert!(RefreshToken::parse(text).unwrap().0 == token.0);
        for wrong in [
            "",
            "x",
            "not a token",
            &text[1..],
            &format!("{text}AAAA"),
            &text.replace(&text[..1], "="),
        ] {
            let error = RefreshToken::parse(wrong).err();
            assert_eq!(error, Some(RefreshError::Malformed), "{wrong}");
        }
    }
}
