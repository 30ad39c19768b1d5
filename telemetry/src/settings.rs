//! Reads the standard OpenTelemetry variables, and says which one is wrong.
//!
//! A value that cannot be used is an error with the variable, the value and what to write instead, also where the
//! specification would have it ignored. Values come through a
//! lookup function, so that tests pass a map and never touch the process's environment.

mod destination;
mod read;
mod sampling;

use std::time::Duration;

use opentelemetry_sdk::trace::Sampler;
use tracing_subscriber::filter::{ParseError, Targets};

use trivium_otlp::{Destination, InvalidSetting, Signal};

use self::{destination::destination, read::Lookup};
pub(crate) use sampling::{ExemplarFilter, Propagator};

use crate::export::encode::Limits;

/// Everything that the environment may decide.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// `OTEL_SDK_DISABLED=true`: no provider is installed and nothing leaves the process.
    pub(crate) is_disabled: bool,
    pub(crate) traces: Option<Destination>,
    pub(crate) logs: Option<Destination>,
    pub(crate) metrics: Option<Destination>,
    /// `OTEL_METRIC_EXPORT_INTERVAL` in milliseconds, default 10000 (the specification's 60 s makes a page look dead).
    pub(crate) metric_interval: Duration,
    pub(crate) exemplar_filter: ExemplarFilter,
    /// `OTEL_BSP_*`: how spans are batched.
    pub(crate) span_batching: Batching,
    /// `OTEL_BLRP_*`: how log records are batched.
    pub(crate) log_batching: Batching,
    pub(crate) sampler: Sampler,
    /// `OTEL_SPAN_{ATTRIBUTE,EVENT,LINK}_COUNT_LIMIT`, default 128 of each.
    pub(crate) span_limits: Limits,
    pub(crate) propagators: Vec<Propagator>,
    /// `OTEL_SERVICE_NAME`, before `service.name` of `OTEL_RESOURCE_ATTRIBUTES`.
    pub(crate) service_name: Option<String>,
    /// `OTEL_RESOURCE_ATTRIBUTES`: `key=value,key=value`, values percent-encoded.
    pub(crate) resource_attributes: Vec<(String, String)>,
    /// `RUST_LOG`, default `info`: which events become log records, by target and level. Spans are not affected.
    pub(crate) log_filter: Targets,
}

/// How one signal is queued and batched on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Batching {
    /// `_MAX_QUEUE_SIZE`, default 8192 items; what comes on top is dropped and counted.
    pub(crate) queue_size: usize,
    /// `_MAX_EXPORT_BATCH_SIZE`, default 2048 items: one batch at a time is on its way, and the specification's 512 would let a
    /// busy service's queue overflow.
    pub(crate) batch_size: usize,
    /// `_SCHEDULE_DELAY` in milliseconds, default 1000: the longest an item waits for its batch to fill.
    pub(crate) delay: Duration,
}

impl Settings {
    /// Reads all variables through `lookup`.
    pub(crate) fn from_lookup(
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, InvalidSetting> {
        let lookup = Lookup(&lookup);
        Ok(Self {
            is_disabled: lookup.boolean("OTEL_SDK_DISABLED")?.unwrap_or_default(),
            traces: destination(&lookup, Signal::Traces)?,
            logs: destination(&lookup, Signal::Logs)?,
            metrics: destination(&lookup, Signal::Metrics)?,
            metric_interval: lookup.millis("OTEL_METRIC_EXPORT_INTERVAL", 10_000)?,
            exemplar_filter: sampling::exemplar_filter(&lookup)?,
            span_batching: batching(&lookup, "OTEL_BSP")?,
            log_batching: batching(&lookup, "OTEL_BLRP")?,
            sampler: sampling::sampler(&lookup)?,
            span_limits: span_limits(&lookup)?,
            propagators: sampling::propagators(&lookup)?,
            service_name: lookup.get("OTEL_SERVICE_NAME"),
            resource_attributes: lookup.pairs("OTEL_RESOURCE_ATTRIBUTES")?,
            log_filter: log_filter(&lookup)?,
        })
    }
}

fn log_filter(lookup: &Lookup<'_>) -> Result<Targets, InvalidSetting> {
    let variable = "RUST_LOG";
    let filter = lookup.get(variable);
    let filter = filter.as_deref().unwrap_or("info");
    let refused = |problem: &str| {
        let problem = format!("{problem}; write it like `info,my_crate=debug`");
        InvalidSetting::new(variable, filter, &problem)
    };
    // They would be taken for the names of targets.
    if filter.contains('[') {
        return Err(refused("spans and fields can't be chosen by"));
    }
    filter
        .parse()
        .map_err(|error: ParseError| refused(&error.to_string()))
}

fn span_limits(lookup: &Lookup<'_>) -> Result<Limits, InvalidSetting> {
    let limit = |of: &str| {
        let limit = lookup.number(&format!("OTEL_SPAN_{of}_COUNT_LIMIT"), 128)?;
        Ok(u32::try_from(limit).unwrap_or(u32::MAX))
    };
    Ok(Limits {
        attributes: limit("ATTRIBUTE")?,
        events: limit("EVENT")?,
        links: limit("LINK")?,
    })
}

fn batching(lookup: &Lookup<'_>, prefix: &str) -> Result<Batching, InvalidSetting> {
    let queue_size = lookup.number(&format!("{prefix}_MAX_QUEUE_SIZE"), 8192)?;
    let batch_size = lookup.number(&format!("{prefix}_MAX_EXPORT_BATCH_SIZE"), 2048)?;
    Ok(Batching {
        queue_size,
        batch_size: batch_size.min(queue_size),
        delay: lookup.millis(&format!("{prefix}_SCHEDULE_DELAY"), 1_000)?,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use trivium_otlp::Compression;

    use super::*;

    pub(super) fn read(variables: &[(&str, &str)]) -> Result<Settings, InvalidSetting> {
        let map: HashMap<_, _> = variables.iter().copied().collect();
        Settings::from_lookup(|variable| map.get(variable).map(|value| (*value).to_owned()))
    }

    #[test]
    fn defaults_hold_when_nothing_is_set() {
        let settings = read(&[("OTEL_SERVICE_NAME", " ")]).unwrap();
        let traces = settings.traces.unwrap();
        assert_eq!(traces.endpoint, "http://localhost:4317");
        assert_eq!(traces.timeout, Duration::from_secs(10));
        assert_eq!(settings.span_batching.queue_size, 8192);
        assert_eq!(settings.exemplar_filter, ExemplarFilter::TraceBased);
        assert_eq!(traces.compression, Compression::None);
        assert!(!settings.is_disabled);
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
        assert_eq!(settings.logs.unwrap().headers["authorization"], "Bearer x");
    }

    #[test]
    fn a_wrong_value_is_named_with_its_variable() {
        for (variable, value) in [
            ("OTEL_SDK_DISABLED", "1"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "10s"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
            ("RUST_LOG", "my_crate=loud"),
            ("RUST_LOG", "info,[request]=debug"),
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
