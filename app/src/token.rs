//! Access tokens: JWTs (RFC 7519, profile of RFC 9068) that this service signs and accepts.
//!
//! ```text
//! header   {"typ":"at+jwt","alg":"HS256","kid":RFC 7638 thumbprint of the key}
//! claims   iss  "trivium-auth"      sub  the user's id        iat, nbf  time of issue, seconds since the epoch
//!          aud  "trivium"           jti  a new UUID           exp       iat + APP_TOKEN_TTL
//! ```
//!
//! The algorithm is pinned: what a header claims is compared, never followed. All claims are required; clocks may differ by
//! five seconds. A token can't be revoked before it expires. The spans `token.issue` and `token.verify` hold no part of it.

use std::time::Duration;

use http::{HeaderMap, header};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation,
    errors::{Error as JwtError, ErrorKind},
    get_current_timestamp,
    jwk::{Jwk, ThumbprintHash},
};
use secrecy::{ExposeSecret, SecretBox, SecretString};
use serde::{Deserialize, Serialize};
use tracing::info_span;
use uuid::Uuid;

const ALGORITHM: Algorithm = Algorithm::HS256;
const TYPE: &str = "at+jwt";
const ISSUER: &str = "trivium-auth";
const AUDIENCE: &str = "trivium";
const LEEWAY_SECONDS: u64 = 5;

/// Signs and verifies access tokens with one key.
pub(crate) struct Tokens {
    encoding_key: EncodingKey,
    decoding_key: DecodingKey,
    header: Header,
    validation: Validation,
    ttl: Duration,
}

/// All are required: a token without one of them is malformed.
#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    jti: String,
    iat: u64,
    nbf: u64,
    exp: u64,
}

/// The crypto library refuses a key.
#[derive(Debug, thiserror::Error)]
#[error("the key of the access tokens can't be used")]
pub struct KeyError(#[source] JwtError);

/// Why a request is not authenticated. `Display` is for the client, [`TokenError::reason`] for logs and metrics.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    /// No bearer token was sent.
    #[error("this path needs an access token; send it as: authorization: Bearer TOKEN")]
    Missing,
    /// Its time is over.
    #[error("the access token has expired; log in again")]
    Expired,
    /// This service did not sign it, or not as an access token, or not for itself.
    #[error("the access token is not valid; log in again")]
    Rejected(&'static str),
    /// It is good, but its account is gone.
    #[error("the access token is not valid; log in again")]
    UnknownUser,
}

impl TokenError {
    /// One of a small fixed set of words.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Missing => "missing_token",
            Self::Expired => "expired",
            Self::Rejected(reason) => reason,
            Self::UnknownUser => "unknown_user",
        }
    }
}

impl From<JwtError> for TokenError {
    fn from(error: JwtError) -> Self {
        match error.kind() {
            ErrorKind::ExpiredSignature => Self::Expired,
            ErrorKind::InvalidSignature => Self::Rejected("bad_signature"),
            ErrorKind::InvalidAlgorithm => Self::Rejected("wrong_algorithm"),
            ErrorKind::InvalidIssuer => Self::Rejected("wrong_issuer"),
            ErrorKind::InvalidAudience => Self::Rejected("wrong_audience"),
            ErrorKind::ImmatureSignature => Self::Rejected("not_yet_valid"),
            _ => Self::Rejected("malformed"),
        }
    }
}

impl Tokens {
    /// With a configured key.
    ///
    /// # Errors
    /// [`KeyError`].
    pub(crate) fn with_secret(secret: &SecretString, ttl: Duration) -> Result<Self, KeyError> {
        Self::with_key(secret.expose_secret().as_bytes(), ttl)
    }

    /// With a key that lives as long as this value.
    ///
    /// # Errors
    /// [`KeyError`].
    pub(crate) fn with_random_key(ttl: Duration) -> Result<Self, KeyError> {
        // A UUID v4 is 122 bits from the operating system's generator: three exceed the 256 that HS256 asks for.
        let key = SecretBox::new(Box::new(
            [(); 3].map(|()| Uuid::new_v4().into_bytes()).concat(),
        ));
        Self::with_key(key.expose_secret(), ttl)
    }

    fn with_key(key: &[u8], ttl: Duration) -> Result<Self, KeyError> {
        let encoding_key = EncodingKey::from_secret(key);
        let thumbprint = Jwk::from_encoding_key(&encoding_key, ALGORITHM)
            .and_then(|jwk| jwk.thumbprint(ThumbprintHash::SHA256))
            .map_err(KeyError)?;
        let header = Header {
            typ: Some(TYPE.to_owned()),
            kid: Some(thumbprint),
            ..Header::new(ALGORITHM)
        };

        let mut validation = Validation::new(ALGORITHM);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        validation.leeway = LEEWAY_SECONDS;

        Ok(Self {
            decoding_key: DecodingKey::from_secret(key),
            encoding_key,
            header,
            validation,
            ttl,
        })
    }

    /// How long a new token is valid.
    pub(crate) fn ttl(&self) -> Duration {
        self.ttl
    }

    /// Signs a token for a user.
    ///
    /// # Errors
    /// When the crypto library fails; the request can't help it.
    pub(crate) fn issue(&self, user_id: &str) -> Result<SecretString, JwtError> {
        let _span = info_span!("token.issue").entered();
        let now = get_current_timestamp();
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: user_id.to_owned(),
            jti: Uuid::new_v4().to_string(),
            iat: now,
            nbf: now,
            exp: now + self.ttl.as_secs(),
        };
        jsonwebtoken::encode(&self.header, &claims, &self.encoding_key).map(SecretString::from)
    }

    /// The user id of the bearer token in the headers of a request.
    ///
    /// # Errors
    /// [`TokenError`]: none, expired, or not one of ours.
    pub(crate) fn verify(&self, headers: &HeaderMap) -> Result<String, TokenError> {
        let _span = info_span!("token.verify").entered();
        let token = bearer(headers).ok_or(TokenError::Missing)?;
        let header = jsonwebtoken::decode_header(token)?;
        if header.typ.as_deref() != Some(TYPE) {
            return Err(TokenError::Rejected("wrong_type"));
        }
        if header.kid != self.header.kid {
            return Err(TokenError::Rejected("unknown_key"));
        }
        let token = jsonwebtoken::decode::<Claims>(token, &self.decoding_key, &self.validation)?;
        Ok(token.claims.sub)
    }
}

/// RFC 6750, 2.1; the scheme is compared without regard to case (RFC 9110, 11.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests;
