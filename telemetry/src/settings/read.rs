//! Reads one value through a lookup: numbers, durations, choices and `key=value` lists, each refused with its variable,
//! its value and what to write instead.

use std::time::Duration;

use trivium_otlp::InvalidSetting;

/// Where values come from; an empty one counts as unset, as the specification says.
pub(super) struct Lookup<'a>(pub(super) &'a dyn Fn(&str) -> Option<String>);

impl Lookup<'_> {
    pub(super) fn get(&self, variable: &str) -> Option<String> {
        let value = (self.0)(variable)?;
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// One of `choices`, in any case; `default` when unset.
    pub(super) fn choice<T: Copy>(
        &self,
        variable: &str,
        choices: &[(&str, T)],
        default: T,
    ) -> Result<T, InvalidSetting> {
        let Some(value) = self.get(variable) else {
            return Ok(default);
        };
        let chosen = choices
            .iter()
            .find(|(name, _)| value.eq_ignore_ascii_case(name));
        chosen.map(|(_, choice)| *choice).ok_or_else(|| {
            let names: Vec<_> = choices
                .iter()
                .map(|(name, _)| format!("`{name}`"))
                .collect();
            InvalidSetting::new(variable, &value, &format!("use {}", names.join(" or ")))
        })
    }

    pub(super) fn boolean(&self, variable: &str) -> Result<Option<bool>, InvalidSetting> {
        let choices = [("true", Some(true)), ("false", Some(false))];
        self.choice(variable, &choices, None)
    }

    pub(super) fn number(&self, variable: &str, default: usize) -> Result<usize, InvalidSetting> {
        let Some(value) = self.get(variable) else {
            return Ok(default);
        };
        match value.parse() {
            Ok(0) | Err(_) => Err(InvalidSetting::new(
                variable,
                &value,
                &"give a whole number above 0",
            )),
            Ok(number) => Ok(number),
        }
    }

    pub(super) fn millis(
        &self,
        variable: &str,
        default: usize,
    ) -> Result<Duration, InvalidSetting> {
        self.number(variable, default)
            .map(|millis| Duration::from_millis(millis as u64))
    }

    /// `key=value,key=value`, values percent-encoded: the W3C Baggage form that all list variables use.
    pub(super) fn pairs(&self, variable: &str) -> Result<Vec<(String, String)>, InvalidSetting> {
        let list = self.get(variable).unwrap_or_default();
        list.split(',')
            .filter(|pair| !pair.trim().is_empty())
            .map(|pair| {
                // The pair may hold a secret: the message names only the variable.
                let invalid = || InvalidSetting::new(variable, "…", &"write key=value,key=value");
                let (key, value) = pair.split_once('=').ok_or_else(invalid)?;
                let value = percent_decode(value.trim()).ok_or_else(|| {
                    InvalidSetting::new(variable, key, &"its value is not valid percent-encoding")
                })?;
                match key.trim() {
                    "" => Err(invalid()),
                    key => Ok((key.to_owned(), value)),
                }
            })
            .collect()
    }
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}
