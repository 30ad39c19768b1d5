//! Who may read and write: everyone while there is no token; else who knows it, by `Authorization: Bearer` or, in a browser, by
//! the cookie that the form of the page sets. The token stands in no address, and only digests of it are kept in memory;
//! they are compared in a time that tells nothing.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::{HeaderMap, header};
use sha2::{Digest as _, Sha256};

/// The shortest token; `openssl rand -hex 32` makes 64.
const SHORTEST: usize = 16;
/// Name of the cookie.
const COOKIE: &str = "lens_access";
/// How long a browser keeps it: 30 days.
const COOKIE_SECONDS: u32 = 30 * 24 * 3600;

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file could not be read.
    #[error(
        "cannot read the token in {path}: {source}; set LENS_TOKEN_FILE to a file that can be read"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The token can be guessed, or is no token.
    #[error(
        "the token in {path} is shorter than 16 characters, or has a space or other than ASCII in it; \
         make one by `printf %s $(openssl rand -hex 32) > {path}`"
    )]
    Unusable {
        /// The file.
        path: PathBuf,
    },
}

/// Who may read and write; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Access(Option<Arc<Secret>>);

#[derive(Debug)]
struct Secret {
    token: [u8; 32],
    /// What the cookie holds, so that who sees a cookie does not know the token: hexadecimal.
    cookie: String,
}

impl Access {
    /// Only for those who know the token in the file; a line end after it is not part of it.
    pub fn with_token_of(path: &Path) -> Result<Self, TokenError> {
        let text = std::fs::read_to_string(path).map_err(|source| TokenError::Read {
            path: path.to_owned(),
            source,
        })?;
        let token = text.trim_end();
        if token.len() < SHORTEST || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TokenError::Unusable {
                path: path.to_owned(),
            });
        }
        let cookie = Sha256::digest(format!("cookie of lens\n{token}"));
        Ok(Self(Some(Arc::new(Secret {
            token: Sha256::digest(token).into(),
            cookie: format!("{cookie:x}"),
        }))))
    }

    /// Whether everyone may.
    pub fn is_open(&self) -> bool {
        self.0.is_none()
    }

    /// Whether `token` is the one.
    pub fn knows(&self, token: &str) -> bool {
        self.0
            .as_ref()
            .is_none_or(|secret| is_equal(&secret.token, &Sha256::digest(token)))
    }

    /// Whether a program may: by `Authorization: Bearer TOKEN`.
    pub fn lets_in_bearer(&self, headers: &HeaderMap) -> bool {
        if self.is_open() {
            return true;
        }
        let value = headers.get(header::AUTHORIZATION);
        let credentials = value.and_then(|value| value.to_str().ok()?.split_once(' '));
        credentials.is_some_and(|(scheme, token)| {
            scheme.eq_ignore_ascii_case("bearer") && self.knows(token.trim())
        })
    }

    /// Whether a program or a browser may: by the same, or by the cookie.
    pub fn lets_in(&self, headers: &HeaderMap) -> bool {
        let Some(secret) = &self.0 else {
            return true;
        };
        let cookies = headers.get_all(header::COOKIE).into_iter();
        let mut pairs = cookies
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='));
        let has_cookie = pairs.any(|(name, value)| {
            name == COOKIE && is_equal(secret.cookie.as_bytes(), value.as_bytes())
        });
        has_cookie || self.lets_in_bearer(headers)
    }

    /// `Set-Cookie` for who knows the token: no script reads it, and no other site's page makes the browser send it.
    pub(crate) fn cookie(&self) -> String {
        let value = self.0.as_ref().map_or("", |secret| &secret.cookie);
        format!("{COOKIE}={value}; Path=/; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Strict")
    }
}

/// Looks at every byte, wherever the first difference is.
fn is_equal(one: &[u8], other: &[u8]) -> bool {
    let pairs = one.iter().zip(other);
    one.len() == other.len() && pairs.fold(0, |differences, (a, b)| differences | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, header};

    use super::{Access, TokenError};

    const TOKEN: &str = "0123456789abcdef";

    fn access(text: &str) -> Result<Access, TokenError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, text).unwrap();
        Access::with_token_of(&path)
    }

    fn with(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn only_the_whole_token_lets_in() {
        let access = access(&format!("{TOKEN}\n")).unwrap();
        for (authorization, expected) in [
            (format!("Bearer {TOKEN}"), true),
            (format!("bearer {TOKEN}"), true),
            (format!("Bearer {TOKEN}0"), false),
            (format!("Bearer {}", &TOKEN[1..]), false),
            (format!("Basic {TOKEN}"), false),
            (TOKEN.to_owned(), false),
            ("Bearer ".to_owned(), false),
        ] {
            let headers = with(header::AUTHORIZATION, &authorization);
            assert_eq!(access.lets_in_bearer(&headers), expected, "{authorization}");
        }
        assert!(!access.lets_in(&HeaderMap::new()));
        assert!(Access::default().lets_in(&HeaderMap::new()));
    }

    #[test]
    fn the_cookie_is_not_the_token_and_is_for_browsers_only() {
        let access = access(TOKEN).unwrap();
        let set = access.cookie();
        assert!(!set.contains(TOKEN), "{set}");
        assert!(set.ends_with("; HttpOnly; SameSite=Strict"), "{set}");
        let (pair, _) = set.split_once(';').unwrap();
        let headers = with(header::COOKIE, &format!("theme=dark; {pair}"));
        assert!(access.lets_in(&headers));
        assert!(!access.lets_in_bearer(&headers));
        let value = pair.split_once('=').unwrap().1;
        assert!(!access.knows(value));
        assert!(!access.lets_in(&with(header::COOKIE, &format!("lens_access={TOKEN}"))));
        let another = self::access("another-token-of-length").unwrap();
        assert!(!another.lets_in(&headers));
    }

    #[test]
    fn a_token_that_can_be_guessed_is_refused_with_the_fix() {
        for text in ["", "\n", "short", "has a space in the middle of it"] {
            let error = access(text).unwrap_err().to_string();
            assert!(error.contains("openssl rand -hex 32"), "{text}: {error}");
        }
    }
}
