//! The values that settings have: byte sizes, durations, absolute paths, patterns, globs, attributes.
//!
//! Each is checked when it is read, and its error says what to write.

use std::{collections::BTreeMap, fmt, net::SocketAddr, path::PathBuf, time::Duration};

use globset::{GlobBuilder, GlobMatcher};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use regex::Regex;
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};

/// Why a text is no byte size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write a number of bytes like 500000, 64KiB, 16MiB, 1.5GiB or 10GB")]
pub struct ByteSizeError;

/// Reads a byte size: `KiB`, `MiB`, `GiB`, `TiB` are powers of 1024, `kB`, `MB`, `GB`, `TB` of 1000.
///
/// # Errors
/// When it is none, or more than fits 64 bits.
pub fn parse_byte_size(text: &str) -> Result<u64, ByteSizeError> {
    let text = text.trim();
    let unit_at = text
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let number = number.trim_end();
    let unit = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1_u64 << 40,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        _ => return Err(ByteSizeError),
    };
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if !is_number(whole) || !is_number(fraction) || fraction.len() > 6 {
        return Err(ByteSizeError);
    }
    let whole: u64 = whole.parse().map_err(|_| ByteSizeError)?;
    let numerator: u64 = fraction.parse().map_err(|_| ByteSizeError)?;
    let denominator = 10_u64.pow(u32::try_from(fraction.len()).map_err(|_| ByteSizeError)?);
    let part = u128::from(numerator) * u128::from(unit) / u128::from(denominator);
    let part = u64::try_from(part).map_err(|_| ByteSizeError)?;
    whole
        .checked_mul(unit)
        .and_then(|bytes| bytes.checked_add(part))
        .ok_or(ByteSizeError)
}

/// A regular expression that compiles. Equal when its text is.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

impl Pattern {
    /// Compiles it.
    ///
    /// # Errors
    /// Those of the crate `regex`.
    pub fn new(text: &str) -> Result<Self, regex::Error> {
        Regex::new(text).map(Self)
    }

    /// The compiled expression.
    pub fn regex(&self) -> &Regex {
        &self.0
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).map_err(|error| {
            // The crate draws a picture of several lines; its last says what is wrong.
            let error = error.to_string();
            let reason = error.lines().last().unwrap_or_default();
            let reason = reason.strip_prefix("error: ").unwrap_or(reason);
            Error::custom(format_args!(
                "not a regular expression: {reason}; its syntax is that of the Rust crate regex"
            ))
        })
    }
}

/// A pattern of names: `*`, `?`, `[a-z]`, `{a,b}`, and `**` for any number of folders. Equal when its text is.
#[derive(Debug, Clone)]
pub struct Glob(GlobMatcher);

/// Why a text is no [`Glob`].
#[derive(Debug, thiserror::Error)]
pub enum GlobError {
    /// It is not closed, or the like.
    #[error("not a glob: {}; * stands for a part of a name, ** for any folders, {{a,b}} for either", .0.kind())]
    Syntax(#[from] globset::Error),
    /// It depends on the working folder, or leads upwards.
    #[error("a path has to be absolute; write it from /, without ..")]
    Relative,
    /// It names a folder.
    #[error("it ends without the name of a file; write one, like *.log or **/*")]
    Nameless,
    /// Folders are matched one after the other.
    #[error("braces cannot hold a /; write a path for each")]
    FolderInBraces,
}

impl Glob {
    /// Reads a pattern of absolute paths of files, in which only `**` goes beyond a `/`.
    ///
    /// # Errors
    /// When it is none, as with a `[` that is not closed.
    pub fn of_paths(text: &str) -> Result<Self, GlobError> {
        if !text.starts_with('/') || text.split('/').any(|part| matches!(part, "." | "..")) {
            return Err(GlobError::Relative);
        }
        if text.ends_with('/') || text.ends_with("/**") {
            return Err(GlobError::Nameless);
        }
        let mut depth = 0;
        for c in text.chars() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                '/' if depth > 0 => return Err(GlobError::FolderInBraces),
                _ => {}
            }
        }
        Self::new(text, true)
    }

    /// The pattern as it is written.
    pub fn as_str(&self) -> &str {
        self.0.glob().glob()
    }

    /// Whether it matches a path or a name.
    pub fn matches(&self, name: &str) -> bool {
        self.0.is_match(name)
    }

    /// The folder that all it matches is in: as far as the path has no special character.
    pub fn folder(&self) -> PathBuf {
        let text = self.as_str();
        let end = text.find(['*', '?', '[', '{', '\\']).unwrap_or(text.len());
        let end = text[..end].rfind('/').unwrap_or(0);
        PathBuf::from(if end == 0 { "/" } else { &text[..end] })
    }

    fn new(text: &str, has_folders: bool) -> Result<Self, GlobError> {
        let glob = GlobBuilder::new(text)
            .literal_separator(has_folders)
            .build()?;
        Ok(Self(glob.compile_matcher()))
    }
}

impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

/// Reads a [`Glob`] of a name without folders.
impl<'de> Deserialize<'de> for Glob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?, false).map_err(Error::custom)
    }
}

/// A [`Glob`] of absolute paths.
struct PathGlob(Glob);

impl<'de> Deserialize<'de> for PathGlob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Glob::of_paths(&text).map(Self).map_err(Error::custom)
    }
}

const RELATIVE: &str = "a path has to be absolute; write it from /";

pub(super) fn path_globs<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Glob>, D::Error> {
    Ok(Vec::<PathGlob>::deserialize(from)?
        .into_iter()
        .map(|glob| glob.0)
        .collect())
}

pub(super) fn some_path_globs<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Glob>, D::Error> {
    let globs = path_globs(from)?;
    if globs.is_empty() {
        return Err(Error::custom(
            "nothing is included; write a list like [/var/log/app/*.log]",
        ));
    }
    Ok(globs)
}

pub(super) fn absolute_path<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
    let path = PathBuf::from(String::deserialize(from)?);
    if path.is_absolute() {
        Ok(path)
    } else {
        Err(Error::custom(RELATIVE))
    }
}

pub(super) fn some_path<'de, D: Deserializer<'de>>(from: D) -> Result<Option<PathBuf>, D::Error> {
    absolute_path(from).map(Some)
}

pub(super) fn byte_size<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    parse_byte_size(&String::deserialize(from)?).map_err(Error::custom)
}

pub(super) fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let duration = humantime::parse_duration(&String::deserialize(from)?)
        .map_err(|_| Error::custom("write a number and its unit, like 500ms, 15s, 10m or 72h"))?;
    if duration.is_zero() {
        return Err(Error::custom("a duration has to be longer than nothing"));
    }
    Ok(duration)
}

/// A share of all, more than 0 and at most 1.
pub(super) fn share<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    let share = f64::deserialize(from)?;
    if share > 0.0 && share <= 1.0 {
        Ok(share)
    } else {
        Err(Error::custom(
            "write the share that is kept, more than 0 and at most 1, like 0.1",
        ))
    }
}

pub(super) fn endpoint<'de, D: Deserializer<'de>>(from: D) -> Result<Uri, D::Error> {
    let text = String::deserialize(from)?;
    let uri: Option<Uri> = text.parse().ok();
    uri.filter(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some_and(|host| !host.is_empty())
            && uri.query().is_none()
    })
    .ok_or_else(|| {
        Error::custom("write http:// or https://, a host and a port, like http://127.0.0.1:4317")
    })
}

pub(super) fn some_address<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<SocketAddr>, D::Error> {
    let address = String::deserialize(from)?.parse();
    address.map(Some).map_err(|_| {
        Error::custom("write an IP address and a port, like 127.0.0.1:4317 or [::1]:4317")
    })
}

/// Header values are marked as sensitive, so that no debug output shows them.
pub(super) fn headers<'de, D: Deserializer<'de>>(from: D) -> Result<HeaderMap, D::Error> {
    let written = BTreeMap::<String, String>::deserialize(from)?;
    let mut headers = HeaderMap::with_capacity(written.len());
    for (name, value) in written {
        let key = HeaderName::try_from(&name).map_err(|_| {
            Error::custom(format_args!(
                "`{name}` is no name of a header; write letters, digits and -"
            ))
        })?;
        let mut value = HeaderValue::try_from(value).map_err(|_| {
            Error::custom(format_args!(
                "the value of `{name}` has control characters; remove them"
            ))
        })?;
        value.set_sensitive(true);
        headers.insert(key, value);
    }
    Ok(headers)
}

/// `false` for nothing, `true` for the defaults, or the settings.
pub(super) fn unless_false<'de, T, D>(from: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de> + Default,
    D: Deserializer<'de>,
{
    struct Section<T>(std::marker::PhantomData<T>);

    impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for Section<T> {
        type Value = Option<T>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("its settings, or false to switch it off")
        }

        fn visit_bool<E: Error>(self, is_on: bool) -> Result<Option<T>, E> {
            Ok(is_on.then(T::default))
        }

        fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Option<T>, A::Error> {
            T::deserialize(MapAccessDeserializer::new(entries)).map(Some)
        }
    }

    from.deserialize_any(Section(std::marker::PhantomData))
}

/// `false` for nothing, or a folder.
pub(super) fn folder_unless_false<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<PathBuf>, D::Error> {
    struct Folder;

    impl Visitor<'_> for Folder {
        type Value = Option<PathBuf>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a folder, or false to switch it off")
        }

        fn visit_bool<E: Error>(self, is_on: bool) -> Result<Self::Value, E> {
            if is_on {
                return Err(E::custom(
                    "write the folder, or remove the line for the default",
                ));
            }
            Ok(None)
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            absolute_path(serde::de::value::StrDeserializer::new(text)).map(Some)
        }
    }

    from.deserialize_any(Folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_size_has_binary_and_decimal_units() {
        for (text, bytes) in [
            ("0", 0),
            ("500000", 500_000),
            ("64KiB", 65_536),
            ("16 MiB", 16_777_216),
            ("1.5GiB", 1_610_612_736),
            ("10GB", 10_000_000_000),
            ("7B", 7),
            ("2kB", 2_000),
            ("16777215TiB", 16_777_215 << 40),
        ] {
            assert_eq!(parse_byte_size(text), Ok(bytes), "{text}");
        }
        for wrong in [
            "",
            "GiB",
            "1G",
            "1gib",
            "-1",
            "1,5GiB",
            "1.GiB",
            ".5GiB",
            "16777216TiB",
            "1 2",
            "1e3",
            "1.1234567GiB",
            "∞",
        ] {
            assert_eq!(parse_byte_size(wrong), Err(ByteSizeError), "{wrong}");
        }
    }

    #[test]
    fn a_glob_of_paths_crosses_folders_only_by_two_stars() {
        let glob = Glob::of_paths("/var/log/*.log").unwrap();
        assert!(glob.matches("/var/log/a.log"));
        assert!(!glob.matches("/var/log/app/a.log"));
        let glob = Glob::of_paths("/var/log/**/*.log").unwrap();
        assert!(glob.matches("/var/log/a.log"));
        assert!(glob.matches("/var/log/app/deep/a.log"));
    }

    #[test]
    fn a_glob_says_where_its_files_can_be() {
        for (glob, folder) in [
            ("/var/log/*.log", "/var/log"),
            ("/var/log/app-*/x.log", "/var/log"),
            ("/var/log/syslog", "/var/log"),
            ("/*", "/"),
            ("/var/{log,lib}/x", "/var"),
        ] {
            assert_eq!(
                Glob::of_paths(glob).unwrap().folder(),
                PathBuf::from(folder)
            );
        }
    }

    #[test]
    fn a_glob_that_names_no_file_says_so() {
        for (glob, says) in [
            ("log/*.log", "absolute"),
            ("/var/../log/*.log", "absolute"),
            ("/var/log/", "name of a file"),
            ("/var/log/**", "name of a file"),
            ("/", "name of a file"),
            ("/var/{log/a,lib}", "a path for each"),
            ("/var/[a", "unclosed"),
        ] {
            let error = Glob::of_paths(glob).unwrap_err().to_string();
            assert!(error.contains(says), "{glob}: {error}");
        }
        let glob = Glob::of_paths("/var/{a,b}/**/*").unwrap();
        assert!(glob.matches("/var/b/c/d"));
    }

    #[test]
    fn patterns_ignore_case_and_know_letters_of_all_languages() {
        let pattern = Pattern::new(r"(?i)straße \w+ \p{Lu}").unwrap();
        assert!(pattern.regex().is_match("STRASSE STRAẞE é Ä"));
    }
}
