//! Access tokens: JWTs (RFC 7519, profile of RFC 9068) that this service signs and accepts.
//!
//! ```text
//! header   {"typ":"at+jwt","alg":"HS256","kid":the id of the key: as its file has it, or its RFC 7638 thumbprint}
//! claims   iss  "trivium-auth"      sub  the user's id        iat, nbf   time of issue, seconds since the epoch
//!          aud  "trivium"           jti  a new UUID           exp        iat + APP_TOKEN_TTL
//!                                                             token_use  "access"
//! ```
//!
//! The algorithm is pinned: what a header claims is compared, never followed. All claims are required; clocks may differ by
//! five seconds. An access token can't be revoked before it expires; refresh tokens, in `refresh`, can, and are no JWTs. The
//! spans `token.issue` and `token.verify` hold no part of a token.

mod keys;
mod refresh;

use std::{
    error::Error,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use http::{HeaderMap, header};
use jsonwebtoken::{
    Algorithm, Validation,
    errors::{Error as JwtError, ErrorKind},
    get_current_timestamp,
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tracing::info_span;
use uuid::Uuid;

pub(crate) use keys::KeysError;
pub(crate) use keys::POLL_INTERVAL as KEYS_POLL_INTERVAL;
pub(crate) use refresh::{RefreshError, RefreshToken};

use crate::settings::Settings;
use keys::{Keys, KeysFile};

const ALGORITHM: Algorithm = Algorithm::HS256;
const TYPE: &str = "at+jwt";
const ISSUER: &str = "trivium-auth";
const AUDIENCE: &str = "trivium";
const USE: &str = "access";
const LEEWAY_SECONDS: u64 = 5;

/// Signs and verifies access tokens.
pub(crate) struct Tokens {
    keys: RwLock<Arc<Keys>>,
    file: Option<KeysFile>,
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
    token_use: String,
}

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
    /// With the keys that the settings name, or with one that lives as long as this value.
    ///
    /// # Errors
    /// [`KeysError`].
    pub(crate) async fn open(settings: &Settings) -> Result<Self, KeysError> {
        let mut file = None;
        let keys = match (&settings.jwt_keys_file, &settings.jwt_secret) {
            (Some(path), _) => {
                let first = file.insert(KeysFile::new(path.clone())).read_if_changed();
                first.await.expect("what was never read has changed")?
            }
            (None, Some(secret)) => Keys::with_secret(secret.expose_secret().as_bytes())?,
            (None, None) => {
                tracing::warn!(
                    name: "auth.key.generated",
                    "neither APP_JWT_KEYS_FILE nor APP_JWT_SECRET is set: tokens are signed with a key of this run and end with it"
                );
                Keys::random()?
            }
        };
        Ok(Self::new(keys, file, settings.token_ttl))
    }

    fn new(keys: Keys, file: Option<KeysFile>, ttl: Duration) -> Self {
        let mut validation = Validation::new(ALGORITHM);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        validation.leeway = LEEWAY_SECONDS;
        Self {
            keys: RwLock::new(Arc::new(keys)),
            file,
            validation,
            ttl,
        }
    }

    /// Takes the keys of the file when it has changed; when they can't be used, says so and keeps the old ones.
    pub(crate) async fn reload_keys(&self) {
        let Some(file) = &self.file else { return };
        match file.read_if_changed().await {
            None => {}
            Some(Ok(keys)) => {
                tracing::info!(name: "auth.keys.loaded", ids = keys.ids(), "the keys of the access tokens have changed");
                *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
            }
            Some(Err(error)) => {
                tracing::error!(
                    name: "auth.keys.rejected",
                    error = &error as &dyn Error,
                    "the keys of the access tokens stay as they were"
                );
            }
        }
    }

    fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
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
            token_use: USE.to_owned(),
        };
        let keys = self.keys();
        let key = keys.active();
        jsonwebtoken::encode(&key.header, &claims, &key.encoding).map(SecretString::from)
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
        let keys = self.keys();
        let key = keys
            .find(header.kid.as_deref())
            .ok_or(TokenError::Rejected("unknown_key"))?;
        let claims = jsonwebtoken::decode::<Claims>(token, &key.decoding, &self.validation)?.claims;
        if claims.token_use != USE {
            return Err(TokenError::Rejected("wrong_use"));
        }
        Ok(claims.sub)
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
