//! The keys of the access tokens: one signs, all verify.
//!
//! With `APP_JWT_KEYS_FILE` they are the lines of a file in UTF-8; empty lines and those that start with `#` say nothing:
//!
//! ```text
//! line    = id ":" secret
//! id      = 1 to 64 of A-Z a-z 0-9 . _ -     the `kid` of tokens; it is no secret
//! secret  = at least 32 bytes to the end of the line, as `openssl rand -hex 32` makes them
//! ```
//!
//! The first line signs. To rotate, put a new line before it, and delete the old one when `APP_TOKEN_TTL` has passed; when
//! several instances read the file, add the new line as second first, or one signs what another does not know yet. The file
//! is read every [`POLL_INTERVAL`]; one that can't be used is logged (`auth.keys.rejected`) and the keys stay as they were.

use std::{
    collections::HashSet,
    io,
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use aws_lc_rs::digest::{Digest, SHA256, digest};
use jsonwebtoken::{
    DecodingKey, EncodingKey, Header,
    errors::Error as JwtError,
    jwk::{Jwk, ThumbprintHash},
};
use secrecy::{ExposeSecret, ExposeSecretMut, SecretSlice, SecretString};

use super::{ALGORITHM, TYPE};
use crate::settings::MIN_SECRET_BYTES;

/// How long a changed file may stay unread.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_secs(2);
const MAX_ID_BYTES: usize = 64;

/// A key with its id.
pub(super) struct Key {
    /// The header of what it signs.
    pub header: Header,
    pub encoding: EncodingKey,
    pub decoding: DecodingKey,
}

/// At least one key; the first signs.
pub(super) struct Keys(Vec<Key>);

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The crypto library refuses the key.
    #[error("the key of the access tokens can't be used")]
    Crypto(#[source] JwtError),
    /// The operating system gives no random numbers.
    #[error("can't make a key for the access tokens")]
    Random(#[from] aws_lc_rs::error::Unspecified),
    /// The file can't be read.
    #[error("can't read the keys of the access tokens from {}: check APP_JWT_KEYS_FILE, and that this user may read it", path.display())]
    Read {
        /// As configured.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line of it is no key.
    #[error("line {line} of {} (APP_JWT_KEYS_FILE) {problem}; each line is ID:SECRET, the secret made with: openssl rand -hex 32", path.display())]
    Line {
        /// As configured.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong with it, without the secret.
        problem: LineError,
    },
    /// It has no keys.
    #[error("there is no key in {} (APP_JWT_KEYS_FILE); each line is ID:SECRET, the secret made with: openssl rand -hex 32", path.display())]
    Empty {
        /// As configured.
        path: PathBuf,
    },
}

/// What is wrong with a line. Nothing of it is repeated: what looks like an id may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// No colon.
    #[error("has no \":\"")]
    Colon,
    /// Before the colon is no id.
    #[error(
        "does not start with an id of 1 to {MAX_ID_BYTES} letters, digits, dots, underscores and hyphens"
    )]
    Id,
    /// Another line has the id.
    #[error("has an id that was there before")]
    Duplicate,
    /// After the colon is too little.
    #[error("has a secret of {0} bytes, but HS256 needs at least {MIN_SECRET_BYTES}")]
    Short(usize),
}

impl Keys {
    /// One key, known by its thumbprint.
    pub(super) fn with_secret(secret: &[u8]) -> Result<Self, KeysError> {
        let thumbprint = Jwk::from_encoding_key(&EncodingKey::from_secret(secret), ALGORITHM)
            .and_then(|jwk| jwk.thumbprint(ThumbprintHash::SHA256))
            .map_err(KeysError::Crypto)?;
        Ok(Self(vec![Key::new(thumbprint, secret)]))
    }

    /// One key that lives as long as this value.
    pub(super) fn random() -> Result<Self, KeysError> {
        let mut secret = SecretSlice::from(vec![0; MIN_SECRET_BYTES]);
        aws_lc_rs::rand::fill(secret.expose_secret_mut())?;
        Self::with_secret(secret.expose_secret())
    }

    fn parse(text: &str) -> Result<Self, (usize, LineError)> {
        let mut ids = HashSet::new();
        let lines = text.lines().map(str::trim).zip(1..);
        lines
            .filter(|(line, _)| !line.is_empty() && !line.starts_with('#'))
            .map(|(line, number)| {
                let (id, secret) = id_and_secret(line).map_err(|problem| (number, problem))?;
                if !ids.insert(id) {
                    return Err((number, LineError::Duplicate));
                }
                Ok(Key::new(id.to_owned(), secret.as_bytes()))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The one that signs.
    pub(super) fn active(&self) -> &Key {
        self.0.first().expect("there is at least one key")
    }

    /// The one with this id.
    pub(super) fn find(&self, id: Option<&str>) -> Option<&Key> {
        self.0.iter().find(|key| key.header.kid.as_deref() == id)
    }

    /// All ids, the one that signs first.
    pub(super) fn ids(&self) -> String {
        let ids: Vec<_> = self
            .0
            .iter()
            .filter_map(|key| key.header.kid.as_deref())
            .collect();
        ids.join(",")
    }
}

impl Key {
    fn new(id: String, secret: &[u8]) -> Self {
        Self {
            header: Header {
                typ: Some(TYPE.to_owned()),
                kid: Some(id),
                ..Header::new(ALGORITHM)
            },
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
        }
    }
}

fn id_and_secret(line: &str) -> Result<(&str, &str), LineError> {
    let (id, secret) = line.split_once(':').ok_or(LineError::Colon)?;
    let is_id = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if !(1..=MAX_ID_BYTES).contains(&id.len()) || !id.bytes().all(is_id) {
        return Err(LineError::Id);
    }
    if secret.len() < MIN_SECRET_BYTES {
        return Err(LineError::Short(secret.len()));
    }
    Ok((id, secret))
}

/// The file that the keys come from.
pub(super) struct KeysFile {
    path: PathBuf,
    /// Of its content the last time, or why it could not be read.
    seen: Mutex<Option<Result<Vec<u8>, io::ErrorKind>>>,
}

impl KeysFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            seen: Mutex::new(None),
        }
    }

    /// Reads it; `None` when that ends as it did the last time.
    pub(super) async fn read_if_changed(&self) -> Option<Result<Keys, KeysError>> {
        let content = tokio::fs::read_to_string(&self.path)
            .await
            .map(SecretString::from);
        let fingerprint = |content: &SecretString| {
            let hash: Digest = digest(&SHA256, content.expose_secret().as_bytes());
            hash.as_ref().to_vec()
        };
        let now = Some(content.as_ref().map(fingerprint).map_err(io::Error::kind));
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == now {
            return None;
        }
        *seen = now;
        Some(self.parse(content))
    }

    fn parse(&self, content: io::Result<SecretString>) -> Result<Keys, KeysError> {
        let path = || self.path.clone();
        let content = content.map_err(|source| KeysError::Read {
            path: path(),
            source,
        })?;
        match Keys::parse(content.expose_secret()) {
            Ok(keys) if keys.0.is_empty() => Err(KeysError::Empty { path: path() }),
            Ok(keys) => Ok(keys),
            Err((line, problem)) => Err(KeysError::Line {
                path: path(),
                line,
                problem,
            }),
        }
    }
}

#[cfg(test)]
mod tests;
