//! Reads the standard OpenTelemetry variables this library acts on, and says which one is wrong.
//!
//! Samplers (`OTEL_TRACES_SAMPLER`, `_ARG`) and span limits are read by the SDK itself. Values come through a lookup
//! function, so that tests pass a map and never touch the process's environment.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Uri};

/// Everything that the environment may decide.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    /// `OTEL_SDK_DISABLED=true`: no provider is installed and nothing leaves the process.
    pub(crate) is_disabled: bool,
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`, default `http://localhost:4317`. With `https` the system's roots are trusted.
    pub(crate) endpoint: Uri,
    /// `OTEL_EXPORTER_OTLP_HEADERS`: `key=value,key=value`, values percent-encoded.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// `OTEL_EXPORTER_OTLP_TIMEOUT` in milliseconds, default 10000: the limit of one export attempt.
    pub(crate) timeout: Duration,
    /// `OTEL_EXPORTER_OTLP_COMPRESSION`: `gzip` (default) or `none`.
    pub(crate) is_compressed: bool,
    /// `OTEL_METRIC_EXPORT_INTERVAL` in milliseconds, default 10000 (the specification's 60 s makes a page look dead).
    pub(crate) metric_interval: Duration,
    /// `OTEL_BSP_*`: how spans are batched.
    pub(crate) spans: Batching,
    /// `OTEL_BLRP_*`: how log records are batched.
    pub(crate) logs: Batching,
    /// `OTEL_SERVICE_NAME`, before `service.name` of `OTEL_RESOURCE_ATTRIBUTES`.
    pub(crate) service_name: Option<String>,
    /// `OTEL_RESOURCE_ATTRIBUTES`: `key=value,key=value`, values percent-encoded.
    pub(crate) resource_attributes: Vec<(String, String)>,
    /// `RUST_LOG`, default `info`: which events become log records. Spans are not affected.
    pub(crate) log_filter: String,
}

/// How one signal is queued and batched on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Batching {
    /// `_MAX_QUEUE_SIZE`, default 8192 items; what comes on top is dropped and counted.
    pub(crate) queue_size: usize,
    /// `_MAX_EXPORT_BATCH_SIZE`, default 512 items.
    pub(crate) batch_size: usize,
    /// `_SCHEDULE_DELAY` in milliseconds, default 1000: the longest an item waits for its batch to fill.
    pub(crate) delay: Duration,
}

/// A variable whose value cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{variable}=`{value}` cannot be used: {problem}")]
pub struct InvalidSetting {
    variable: String,
    value: String,
    problem: String,
}

impl InvalidSetting {
    pub(crate) fn new(variable: &str, value: &str, problem: &dyn std::fmt::Display) -> Self {
        Self {
            variable: variable.to_owned(),
            value: value.to_owned(),
            problem: problem.to_string(),
        }
    }
}

impl Settings {
    /// Reads all variables through `lookup`; an empty value counts as unset, as the specification says.
    pub(crate) fn from_lookup(
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, InvalidSetting> {
        let get = |variable: &str| lookup(variable).filter(|value| !value.trim().is_empty());
        Ok(Self {
            is_disabled: get("OTEL_SDK_DISABLED").is_some_and(|v| v.eq_ignore_ascii_case("true")),
            endpoint: endpoint(&get)?,
            headers: headers(&get)?,
            timeout: millis(&get, "OTEL_EXPORTER_OTLP_TIMEOUT", 10_000)?,
            is_compressed: is_compressed(&get)?,
            metric_interval: millis(&get, "OTEL_METRIC_EXPORT_INTERVAL", 10_000)?,
            spans: batching(&get, "OTEL_BSP")?,
            logs: batching(&get, "OTEL_BLRP")?,
            service_name: get("OTEL_SERVICE_NAME"),
            resource_attributes: pairs(&get, "OTEL_RESOURCE_ATTRIBUTES")?,
            log_filter: get("RUST_LOG").unwrap_or_else(|| "info".to_owned()),
        })
    }
}

fn endpoint(get: &impl Fn(&str) -> Option<String>) -> Result<Uri, InvalidSetting> {
    let variable = "OTEL_EXPORTER_OTLP_ENDPOINT";
    let value = get(variable).unwrap_or_else(|| "http://localhost:4317".to_owned());
    let uri: Uri = value
        .parse()
        .map_err(|error| InvalidSetting::new(variable, &value, &error))?;
    match uri.scheme_str() {
        Some("http" | "https") => Ok(uri),
        _ => Err(InvalidSetting::new(
            variable,
            &value,
            &"give a scheme, host and port, such as http://localhost:4317",
        )),
    }
}

fn headers(
    get: &impl Fn(&str) -> Option<String>,
) -> Result<Vec<(HeaderName, HeaderValue)>, InvalidSetting> {
    let variable = "OTEL_EXPORTER_OTLP_HEADERS";
    pairs(get, variable)?
        .into_iter()
        .map(|(key, value)| {
            // The value may be a secret: only the key is shown.
            let invalid = |problem: &str| InvalidSetting::new(variable, &key, &problem);
            let name = HeaderName::try_from(key.to_ascii_lowercase())
                .map_err(|_| invalid("this is no header name"))?;
            let mut value = HeaderValue::try_from(value)
                .map_err(|_| invalid("its value holds characters a header cannot carry"))?;
            value.set_sensitive(true);
            Ok((name, value))
        })
        .collect()
}

fn is_compressed(get: &impl Fn(&str) -> Option<String>) -> Result<bool, InvalidSetting> {
    let variable = "OTEL_EXPORTER_OTLP_COMPRESSION";
    match get(variable).as_deref() {
        None | Some("gzip") => Ok(true),
        Some("none") => Ok(false),
        Some(value) => Err(InvalidSetting::new(
            variable,
            value,
            &"use `gzip` or `none`",
        )),
    }
}

fn batching(
    get: &impl Fn(&str) -> Option<String>,
    prefix: &str,
) -> Result<Batching, InvalidSetting> {
    let queue_size = number(get, &format!("{prefix}_MAX_QUEUE_SIZE"), 8192)?;
    let batch_size = number(get, &format!("{prefix}_MAX_EXPORT_BATCH_SIZE"), 512)?;
    Ok(Batching {
        queue_size,
        batch_size: batch_size.min(queue_size),
        delay: millis(get, &format!("{prefix}_SCHEDULE_DELAY"), 1_000)?,
    })
}

fn number(
    get: &impl Fn(&str) -> Option<String>,
    variable: &str,
    default: usize,
) -> Result<usize, InvalidSetting> {
    let Some(value) = get(variable) else {
        return Ok(default);
    };
    match value.trim().parse() {
        Ok(0) | Err(_) => Err(InvalidSetting::new(
            variable,
            &value,
            &"give a whole number above 0",
        )),
        Ok(number) => Ok(number),
    }
}

fn millis(
    get: &impl Fn(&str) -> Option<String>,
    variable: &str,
    default: usize,
) -> Result<Duration, InvalidSetting> {
    number(get, variable, default).map(|millis| Duration::from_millis(millis as u64))
}

/// `key=value,key=value`, values percent-encoded: the W3C Baggage form that both list variables use.
fn pairs(
    get: &impl Fn(&str) -> Option<String>,
    variable: &str,
) -> Result<Vec<(String, String)>, InvalidSetting> {
    let list = get(variable).unwrap_or_default();
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

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, InvalidSetting> {
        let map: HashMap<_, _> = variables.iter().copied().collect();
        Settings::from_lookup(|variable| map.get(variable).map(|value| (*value).to_owned()))
    }

    #[test]
    fn defaults_hold_when_nothing_is_set() {
        let settings = read(&[("OTEL_SERVICE_NAME", " ")]).unwrap();
        assert_eq!(settings.endpoint, "http://localhost:4317");
        assert_eq!(settings.timeout, Duration::from_secs(10));
        assert_eq!(settings.spans.queue_size, 8192);
        assert!(settings.is_compressed && !settings.is_disabled);
        assert_eq!(settings.service_name, None);
    }

    #[test]
    fn lists_are_split_and_percent_decoded() {
        let settings = read(&[
            ("OTEL_RESOURCE_ATTRIBUTES", "team=core%2Cweb, host.name=a"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Bearer%20x"),
        ])
        .unwrap();
        assert_eq!(
            settings.resource_attributes,
            [
                ("team".to_owned(), "core,web".to_owned()),
                ("host.name".to_owned(), "a".to_owned())
            ]
        );
        assert_eq!(settings.headers[0].0, "authorization");
        assert_eq!(settings.headers[0].1, "Bearer x");
    }

    #[test]
    fn a_wrong_value_is_named_with_its_variable() {
        for (variable, value) in [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4317"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "10s"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
        ] {
            let message = read(&[(variable, value)]).unwrap_err().to_string();
            assert!(
                message.starts_with(&format!("{variable}=`{value}` cannot be used: ")),
                "{message}"
            );
        }
    }

    #[test]
    fn secrets_in_a_broken_header_list_are_not_shown() {
        let message = read(&[("OTEL_EXPORTER_OTLP_HEADERS", "Bearer hunter2")])
            .unwrap_err()
            .to_string();
        assert!(!message.contains("hunter2"), "{message}");
    }
}
