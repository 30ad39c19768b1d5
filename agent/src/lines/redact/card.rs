//! Finds payment card numbers: digits of the lengths and first digits that are issued, with a right check digit (Luhn).
//!
//! Groups of four, or 4-6-5, may be set apart by one kind of space or hyphen. A number that stands in a longer word, as part
//! of a UUID or after a decimal point is none. Times as numbers (of 13, 16 and 19 digits) begin with a 1, which no card does.

const FEWEST_DIGITS: usize = 13;
const MOST_DIGITS: usize = 19;
const REPLACEMENT: &str = "[redacted:card]";

/// Whether there is a card number in the text.
#[inline]
pub(super) fn is_there(text: &str) -> bool {
    find(text.as_bytes(), 0).is_some()
}

/// The text without card numbers, and how many there were; none when it has none.
pub(super) fn replace(text: &str) -> Option<(String, u64)> {
    let mut out = String::new();
    let (mut from, mut found) = (0, 0);
    while let Some((start, end)) = find(text.as_bytes(), from) {
        out.push_str(&text[from..start]);
        out.push_str(REPLACEMENT);
        (from, found) = (end, found + 1);
    }
    out.push_str(&text[from..]);
    (found > 0).then_some((out, found))
}

/// What a card number is made of.
#[inline]
fn is_part(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b' ' | b'-')
}

/// The first card number that starts at `from` or later.
///
/// Looks at every thirteenth byte only: a card number covers at least one of those.
fn find(text: &[u8], mut from: usize) -> Option<(usize, usize)> {
    while let Some(byte) = text.get(from + FEWEST_DIGITS - 1) {
        if !is_part(*byte) {
            from += FEWEST_DIGITS;
            continue;
        }
        let probe = from + FEWEST_DIGITS - 1;
        let start = text[from..probe]
            .iter()
            .rposition(|byte| !is_part(*byte))
            .map_or(from, |at| from + at + 1);
        let end = text[probe..]
            .iter()
            .position(|byte| !is_part(*byte))
            .map_or(text.len(), |length| probe + length);
        if end - start >= FEWEST_DIGITS
            && let Some(found) = find_in_run(text, start, end)
        {
            return Some(found);
        }
        from = end + 1;
    }
    None
}

/// The first card number in a run of digits, spaces and hyphens.
fn find_in_run(text: &[u8], start: usize, end: usize) -> Option<(usize, usize)> {
    let mut at = start;
    while at < end {
        if !text[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        if is_word_edge(at.checked_sub(1).map(|before| text[before]))
            && let Some(length) = card(&text[at..end])
            && is_word_edge(text.get(at + length).copied())
            && !(text.get(at + length) == Some(&b'.')
                && text.get(at + length + 1).is_some_and(u8::is_ascii_digit))
            && !(at > 0 && text[at - 1] == b'.')
        {
            return Some((at, at + length));
        }
        at += text[at..end]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
    }
    None
}

fn is_word_edge(byte: Option<u8>) -> bool {
    byte.is_none_or(|byte| {
        !byte.is_ascii_alphanumeric() && byte != b'_' && byte != b'-' && byte < 0x80
    })
}

/// The length of the card number that the text starts with.
fn card(text: &[u8]) -> Option<usize> {
    let mut digits = [0; MOST_DIGITS];
    let mut count = 0;
    let mut groups = [0; 5];
    let mut group = 0;
    let mut separator = None;
    let mut length = 0;
    for (at, byte) in text.iter().enumerate() {
        if byte.is_ascii_digit() {
            *digits.get_mut(count)? = byte - b'0';
            count += 1;
            groups[group] += 1;
            length = at + 1;
        } else if *separator.get_or_insert(*byte) == *byte
            && text.get(at + 1).is_some_and(u8::is_ascii_digit)
            && matches!((&groups[..=group], count), ([4, ..], 4 | 8 | 10 | 12 | 16))
            && group + 1 < groups.len()
        {
            group += 1;
        } else {
            break;
        }
    }
    let is_grouped_right = matches!(
        groups,
        [_, 0, 0, 0, 0] | [4, 4, 4, 4, 0..=3] | [4, 4, 4, 1..=4, 0] | [4, 6, 4 | 5, 0, 0]
    );
    let digits = &digits[..count];
    (is_grouped_right && is_issued(digits) && has_right_check_digit(digits)).then_some(length)
}

/// Whether an issuer gives out numbers of this length with these first digits (ISO/IEC 7812).
fn is_issued(digits: &[u8]) -> bool {
    let Some(first) = digits.first_chunk::<4>() else {
        return false;
    };
    let first = first
        .iter()
        .fold(0, |first, digit| first * 10 + u32::from(*digit));
    match first {
        4000..=4999 => matches!(digits.len(), 13 | 16 | 19),
        5100..=5599 | 2221..=2720 => digits.len() == 16,
        3400..=3499 | 3700..=3799 => digits.len() == 15,
        6011 | 6440..=6599 | 3528..=3589 => digits.len() == 16,
        3000..=3059 | 3600..=3699 | 3800..=3999 => digits.len() == 14,
        6200..=6299 => (16..=19).contains(&digits.len()),
        _ => false,
    }
}

fn has_right_check_digit(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| match at % 2 {
            0 => u32::from(*digit),
            _ => u32::from(*digit / 5 + *digit * 2 % 10),
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_numbers_that_issuers_publish_for_tests_are_found() {
        for number in [
            "4111111111111111",
            "4111 1111 1111 1111",
            "4111-1111-1111-1111",
            "4222222222222",
            "5555555555554444",
            "2223003122003222",
            "378282246310005",
            "3782 822463 10005",
            "6011111111111117",
            "3530111333300000",
            "30569309025904",
            "36227206271667",
            "6200000000000005",
        ] {
            for (before, after) in [
                ("", ""),
                ("card ", " ok"),
                ("a long text before the number: ", "."),
                ("(", ")"),
                ("2026-11-24 11:42:48 ", ""),
            ] {
                assert_eq!(
                    replace(&format!("{before}{number}{after}")),
                    Some((format!("{before}[redacted:card]{after}"), 1)),
                    "{before}{number}{after}"
                );
            }
        }
    }

    #[test]
    fn numbers_that_only_look_alike_stay() {
        for text in [
            "4111111111111112", // check digit
            "1795520568123",
            "1795520568123456789", // times
            "0.4111111111111111",
            "4111111111111111.5", // decimals
            "a4111111111111111",
            "4111111111111111f",                    // hexadecimal
            "550e8400-4716-4466-5544-000041111111", // UUID
            "41111111111111111111111",              // too long
            "4111 1111-1111 1111",
            "4111  1111 1111 1111", // two kinds of gaps
            "2026-11-24 11:42:48 1 2 3",
            "",
        ] {
            assert_eq!(replace(text), None, "{text}");
        }
    }

    #[test]
    fn several_in_one_text_are_counted() {
        assert_eq!(
            replace("4111111111111111,5555555555554444 and 378282246310005"),
            Some((
                "[redacted:card],[redacted:card] and [redacted:card]".to_owned(),
                3
            ))
        );
    }

    proptest! {
        #[test]
        fn it_is_found_wherever_it_stands(before in "[a-z ]{0,40}", digits in "[0-9]{0,14} ", after in "( [a-z0-9 ]{0,40})?") {
            let text = format!("{before} {digits}x 4111111111111111{after}");
            let (replaced, _) = replace(&text).unwrap();
            prop_assert!(!replaced.contains("4111111111111111"));
        }

        #[test]
        fn arbitrary_text_never_panics(text: String, near in "[0-9 -]{0,60}") {
            replace(&text);
            replace(&near);
        }
    }
}
