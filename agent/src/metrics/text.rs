//! Fields and numbers of the kernel's text files; whatever the bytes, nothing here panics.

/// The fields of a line, which are separated by spaces or tabs.
pub(super) fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace)
        .filter(|field| !field.is_empty())
}

/// A decimal number without a sign; `None` if it is anything else or greater than [`u64::MAX`].
pub(super) fn number(field: &[u8]) -> Option<u64> {
    if field.is_empty() {
        return None;
    }
    field.iter().try_fold(0u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

/// A finite decimal fraction that is not negative.
pub(super) fn fraction(field: &[u8]) -> Option<f64> {
    let number: f64 = str::from_utf8(field).ok()?.parse().ok()?;
    (number.is_finite() && number >= 0.0).then_some(number)
}

/// The number of the line `key number`.
pub(super) fn number_after(line: &[u8], key: &[u8]) -> Option<u64> {
    let mut fields = fields(line);
    (fields.next()? == key).then(|| fields.next().and_then(number))?
}

/// `8:16` as major and minor.
pub(super) fn device_number(field: &[u8]) -> Option<(u32, u32)> {
    let colon = memchr::memchr(b':', field)?;
    let part = |field| number(field).and_then(|number| u32::try_from(number).ok());
    Some((part(&field[..colon])?, part(&field[colon + 1..])?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_read_to_their_limit_and_not_beyond() {
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
        for bad in [&b"18446744073709551616"[..], b"", b"-1", b"+1", b"1.0"] {
            assert_eq!(number(bad), None, "{bad:?}");
        }
        assert_eq!(fraction(b"12107.98"), Some(12107.98));
        for bad in [&b"nan"[..], b"inf", b"-1", b"", b"\xff"] {
            assert_eq!(fraction(bad), None, "{bad:?}");
        }
        assert_eq!(number_after(b"pgfault\t 12", b"pgfault"), Some(12));
        assert_eq!(number_after(b"pgfaults 12", b"pgfault"), None);
        assert_eq!(device_number(b"259:1048575"), Some((259, 1_048_575)));
        assert_eq!(device_number(b"259:"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(line in prop::collection::vec(any::<u8>(), 0..80)) {
            for field in fields(&line) {
                prop_assert!(!field.is_empty());
                let _ = (number(field), fraction(field), device_number(field));
            }
            let _ = number_after(&line, b"x");
        }

        #[test]
        fn every_number_is_read_as_it_was_written(value: u64) {
            prop_assert_eq!(number(value.to_string().as_bytes()), Some(value));
        }
    }
}
