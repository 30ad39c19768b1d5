//! Unescapes JSON strings, eight bytes at a time: most of what a Docker line costs.

/// What is written for half of a surrogate pair.
const REPLACEMENT: char = char::REPLACEMENT_CHARACTER;

const LOW_BITS: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
const QUOTES: u64 = LOW_BITS * b'"' as u64;
const BACKSLASHES: u64 = LOW_BITS * b'\\' as u64;

/// Appends a JSON string, whose opening quote is just before `text`, to `out`, and returns its length as it was written,
/// without the closing quote. Bytes are taken as they are: control characters and invalid UTF-8 too.
///
/// Nothing when the string doesn't end or has an escape that JSON doesn't know; `out` is then as before.
pub(super) fn unescape(text: &[u8], out: &mut Vec<u8>) -> Option<usize> {
    let start = out.len();
    // What is unescaped is never longer than what was escaped; whole words are written, so there is room for one more.
    out.resize(start + text.len() + 8, 0);
    let result = unescape_into(text, &mut out[start..]);
    out.truncate(start + result.map_or(0, |(_, written)| written));
    result.map(|(read, _)| read)
}

fn unescape_into(text: &[u8], out: &mut [u8]) -> Option<(usize, usize)> {
    let (mut read, mut written) = (0, 0);
    loop {
        let rest = &text[read..];
        if let Some(word) = rest.first_chunk::<8>() {
            let plain = plain_bytes(u64::from_le_bytes(*word));
            out[written..written + 8].copy_from_slice(word);
            read += plain;
            written += plain;
            if plain == 8 {
                continue;
            }
        }
        match *text.get(read)? {
            b'"' => return Some((read, written)),
            b'\\' => {
                let escape = *text.get(read + 1)?;
                if escape == b'u' {
                    let (character, length) = unicode(&text[read..])?;
                    written += character.encode_utf8(&mut out[written..]).len();
                    read += length;
                } else {
                    out[written] = simple(escape)?;
                    written += 1;
                    read += 2;
                }
            }
            byte => {
                out[written] = byte;
                written += 1;
                read += 1;
            }
        }
    }
}

/// How many of the eight bytes come before the first quote or backslash.
#[inline]
fn plain_bytes(word: u64) -> usize {
    // The lowest byte that is zero gets its high bit; only bytes above it may get one wrongly.
    let zeros = |word: u64| word.wrapping_sub(LOW_BITS) & !word & HIGH_BITS;
    let found = zeros(word ^ QUOTES) | zeros(word ^ BACKSLASHES);
    found.trailing_zeros() as usize / 8
}

#[inline]
fn simple(escape: u8) -> Option<u8> {
    Some(match escape {
        b'"' | b'\\' | b'/' => escape,
        b'n' => b'\n',
        b't' => b'\t',
        b'r' => b'\r',
        b'b' => 0x08,
        b'f' => 0x0c,
        _ => return None,
    })
}

/// The character of `\uXXXX` or a pair of them, and the length of that.
fn unicode(text: &[u8]) -> Option<(char, usize)> {
    let first = hex(text.get(2..6)?)?;
    if (0xd800..0xdc00).contains(&first) {
        let second = text
            .get(6..12)
            .and_then(|text| text.strip_prefix(br"\u"))
            .and_then(hex)
            .filter(|second| (0xdc00..0xe000).contains(second));
        return Some(match second {
            Some(second) => {
                let code = 0x1_0000 + ((first - 0xd800) << 10 | (second - 0xdc00));
                (char::from_u32(code).unwrap_or(REPLACEMENT), 12)
            }
            None => (REPLACEMENT, 6),
        });
    }
    Some((char::from_u32(first).unwrap_or(REPLACEMENT), 6))
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, digit| {
        Some(value << 4 | char::from(*digit).to_digit(16)?)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &[u8]) -> Option<(Vec<u8>, usize)> {
        let mut out = b"before ".to_vec();
        let length = unescape(text, &mut out);
        assert_eq!(&out[..7], b"before ");
        length.map(|length| (out.split_off(7), length))
    }

    #[test]
    fn every_escape_of_json_is_read() {
        let (text, length) =
            read(br#"a\"b\\c\/d\b\f\n\r\t\u0041\u00e9\u20ac\ud83d\ude00z" rest"#).unwrap();
        assert_eq!(text, "a\"b\\c/d\u{8}\u{c}\n\r\tAé€😀z".as_bytes());
        assert_eq!(length, 51);
    }

    #[test]
    fn half_a_pair_becomes_the_replacement_character() {
        for (written, expected) in [
            (&br#"\ud83dx""#[..], "\u{fffd}x"),
            (br#"\ude00""#, "\u{fffd}"),
            (br#"\ud83d\ud83d\ude00""#, "\u{fffd}😀"),
            (br#"\ud83d\n""#, "\u{fffd}\n"),
        ] {
            assert_eq!(read(written).unwrap().0, expected.as_bytes());
        }
    }

    #[test]
    fn what_is_no_string_is_none() {
        for wrong in [
            &b""[..],
            b"abc",
            b"0123456789abcdef",
            br#"\""#,
            br"\",
            br#"\x""#,
            br#"\u12""#,
            br#"\u12g4""#,
            br"\u123",
        ] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn any_string_is_read_as_serde_json_wrote_it(text in ".*", tail in ".*") {
            let written = serde_json::to_string(&text).unwrap();
            let input = format!("{}{tail}", &written[1..]);
            prop_assert_eq!(read(input.as_bytes()), Some((text.into_bytes(), written.len() - 2)));
        }

        #[test]
        fn whatever_serde_json_reads_is_read_the_same(text in r#"(\\[\\"/bfnrtu]|[a-z0-9"]|\\u[0-9a-fA-F]{4}|[€é])*"#) {
            if let Ok(expected) = serde_json::from_str::<String>(&format!("\"{text}\"")) {
                prop_assert_eq!(read(format!("{text}\"").as_bytes()), Some((expected.into_bytes(), text.len())));
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            read(&bytes);
        }
    }
}
