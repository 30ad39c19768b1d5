//! Tells one file from another, also after a rename, a truncation, or when its inode was given to another file.
//!
//! Three things together: device and inode; a hash of the first bytes (up to [`HEAD_BYTES`], recorded with how many they
//! were, so that a file that has grown still matches); and a hash of the bytes just before the offset (the guard, up to
//! [`GUARD_BYTES`]). The inode finds a file again, the head shows that the inode has another file, the guard that the same
//! file was truncated and written anew.
//!
//! Not told apart: a file that was rewritten with the same first 1024 bytes, or, while it was open, with the same 1024 bytes
//! before the offset. Fewer than these would be alike in files whose lines have one length and end alike.

use std::{fs::Metadata, os::unix::fs::MetadataExt, path::Path};

use xxhash_rust::xxh3::xxh3_64;

/// How much of the start of a file is hashed.
pub const HEAD_BYTES: usize = 1024;
/// How much before an offset is hashed.
pub const GUARD_BYTES: usize = 1024;

/// Device and inode number: what is unique while the file exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Inode {
    /// `st_dev`.
    pub device: u64,
    /// `st_ino`.
    pub number: u64,
}

impl Inode {
    /// That of a file.
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            number: metadata.ino(),
        }
    }
}

/// A hash (XXH3, 64 bits) of some bytes, and how many they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fingerprint {
    /// In bytes; 0 matches everything.
    pub length: u16,
    /// XXH3 of them; 0 when there are none.
    pub hash: u64,
}

impl Fingerprint {
    /// Of the first bytes of a file that starts with `bytes`.
    pub fn of_head(bytes: &[u8]) -> Self {
        Self::of(&bytes[..bytes.len().min(HEAD_BYTES)])
    }

    /// Of the last of the bytes before an offset.
    pub fn of_guard(before: &[u8]) -> Self {
        Self::of(&before[before.len() - before.len().min(GUARD_BYTES)..])
    }

    fn of(bytes: &[u8]) -> Self {
        match u16::try_from(bytes.len()) {
            Ok(length) if length > 0 => Self {
                length,
                hash: xxh3_64(bytes),
            },
            _ => Self::default(),
        }
    }

    /// Whether a file that starts with `bytes` may be the one whose head this is.
    pub fn is_head_of(self, bytes: &[u8]) -> bool {
        bytes
            .get(..usize::from(self.length))
            .is_some_and(|head| Self::of(head) == self)
    }

    /// Whether `before` ends with the bytes that this is of.
    pub fn is_guard_of(self, before: &[u8]) -> bool {
        before
            .len()
            .checked_sub(usize::from(self.length))
            .is_some_and(|start| Self::of(&before[start..]) == self)
    }
}

/// What a file is, compared with what is remembered of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The same file, perhaps grown.
    Same,
    /// The same file, but what was before the offset is not there any more.
    Truncated,
    /// Another file that got the inode.
    Other,
}

/// Whether a name says that its file is compressed, so that it is never text.
pub fn has_compressed_name(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        ["gz", "zst", "bz2", "xz"]
            .iter()
            .any(|compressed| extension.eq_ignore_ascii_case(compressed))
    })
}

/// Whether a file starts as gzip (RFC 1952), Zstandard (RFC 8878), bzip2 and xz files do.
pub fn is_compressed(head: &[u8]) -> bool {
    const GZIP_DEFLATE: &[u8] = b"\x1f\x8b\x08";
    const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";
    const XZ: &[u8] = b"\xfd7zXZ\0";
    // "BZh" and a digit could be text; the first block's magic number after them could not.
    let is_bzip2 = head.starts_with(b"BZh") && head.get(4..10) == Some(b"\x31\x41\x59\x26\x53\x59");
    [GZIP_DEFLATE, ZSTD, XZ]
        .iter()
        .any(|magic| head.starts_with(magic))
        || is_bzip2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_matches_the_file_that_has_grown_and_no_other() {
        let head = Fingerprint::of_head(b"first line\n");
        assert!(head.is_head_of(b"first line\n"));
        assert!(head.is_head_of(b"first line\nsecond"));
        assert!(!head.is_head_of(b"first line"), "it has become shorter");
        assert!(!head.is_head_of(b"First line\nsecond"));
        assert!(Fingerprint::default().is_head_of(b"anything"));
    }

    #[test]
    fn a_head_ends_at_1024_bytes_and_a_guard_is_the_last_1024() {
        let long: Vec<u8> = (0..3000u32).map(|byte| byte as u8).collect();
        assert_eq!(Fingerprint::of_head(&long).length, 1024);
        let guard = Fingerprint::of_guard(&long);
        assert_eq!(guard.length, 1024);
        assert!(guard.is_guard_of(&long[1976..]));
        assert!(!guard.is_guard_of(&long[1975..2999]));
        assert!(!guard.is_guard_of(&long[1977..]), "too few bytes");
    }

    #[test]
    fn compressed_files_are_known_by_name_and_by_their_first_bytes() {
        for name in ["a.log.1.gz", "b.zst", "c.BZ2", "d.xz"] {
            assert!(has_compressed_name(Path::new(name)), "{name}");
        }
        assert!(!has_compressed_name(Path::new("gz")));
        assert!(!has_compressed_name(Path::new("a.gz.log")));
        assert!(is_compressed(b"\x1f\x8b\x08\0\0\0"));
        assert!(is_compressed(b"BZh91AY&SY"));
        assert!(!is_compressed(b"BZh9 is how a bzip2 file starts"));
        assert!(!is_compressed(b""));
    }
}
