//! Severity names of the usual logging libraries as OpenTelemetry's severity numbers.
//!
//! Numbers as in the appendix B of the logs data model; the names of syslog stand between the others there.
//! <https://opentelemetry.io/docs/specs/otel/logs/data-model-appendix/#appendix-b-severitynumber-example-mappings>

/// The number of a name in any case; none when it is not known.
pub(super) fn of_name(name: &str) -> Option<u8> {
    const LONGEST: usize = 13;
    let mut lower = [0; LONGEST];
    let lower = lower.get_mut(..name.len())?;
    lower.copy_from_slice(name.as_bytes());
    lower.make_ascii_lowercase();
    Some(match &*lower {
        b"trace" | b"verbose" | b"t" => 1,
        b"debug" | b"dbg" | b"d" => 5,
        b"info" | b"information" | b"informational" | b"inf" | b"i" => 9,
        b"notice" => 10,
        b"warn" | b"warning" | b"wrn" | b"w" => 13,
        b"error" | b"err" | b"e" | b"severe" => 17,
        b"critical" | b"crit" => 18,
        b"alert" => 19,
        b"fatal" | b"panic" | b"emerg" | b"emergency" | b"f" => 21,
        _ => return None,
    })
}

/// The number of a level that is a number: of syslog and GELF up to 7, of pino and bunyan from 10.
pub(super) fn of_number(level: i64) -> Option<u8> {
    Some(match level {
        7 | 20 => 5,
        6 | 30 => 9,
        5 => 10,
        4 | 40 => 13,
        3 | 50 => 17,
        2 => 18,
        1 => 19,
        0 | 60 => 21,
        10 => 1,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_any_case() {
        for (name, number) in [
            ("TRACE", 1),
            ("Debug", 5),
            ("info", 9),
            ("WARNING", 13),
            ("err", 17),
            ("Informational", 9),
            ("FATAL", 21),
        ] {
            assert_eq!(of_name(name), Some(number), "{name}");
        }
        for name in ["", "loud", "informational!", "INFO ", "ＩＮＦＯ"] {
            assert_eq!(of_name(name), None, "{name}");
        }
    }

    #[test]
    fn levels_of_pino_and_of_syslog_do_not_meet() {
        assert_eq!(
            [10, 20, 30, 40, 50, 60].map(of_number),
            [1, 5, 9, 13, 17, 21].map(Some)
        );
        assert_eq!(
            [0, 1, 2, 3, 4, 5, 6, 7].map(of_number),
            [21, 19, 18, 17, 13, 10, 9, 5].map(Some)
        );
        assert_eq!([-1, 8, 35, 100].map(of_number), [None; 4]);
    }
}
