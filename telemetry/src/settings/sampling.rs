//! `OTEL_TRACES_SAMPLER`, `OTEL_PROPAGATORS` and `OTEL_METRICS_EXEMPLAR_FILTER`: which spans, whose context, which
//! exemplars.

use opentelemetry_sdk::trace::Sampler;

use trivium_otlp::InvalidSetting;

use super::read::Lookup;

/// `OTEL_METRICS_EXEMPLAR_FILTER`: which measurements may become exemplars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExemplarFilter {
    /// `trace_based` (default): those made in a sampled span.
    TraceBased,
    /// `always_on`: all. Those made outside of a sampled span name no span: a trace that was not sampled cannot be opened.
    AlwaysOn,
    /// `always_off`: none.
    AlwaysOff,
}

/// One of `OTEL_PROPAGATORS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Propagator {
    TraceContext,
    Baggage,
}

pub(super) fn exemplar_filter(lookup: &Lookup<'_>) -> Result<ExemplarFilter, InvalidSetting> {
    let choices = [
        ("trace_based", ExemplarFilter::TraceBased),
        ("always_on", ExemplarFilter::AlwaysOn),
        ("always_off", ExemplarFilter::AlwaysOff),
    ];
    let variable = "OTEL_METRICS_EXEMPLAR_FILTER";
    lookup.choice(variable, &choices, ExemplarFilter::TraceBased)
}

pub(super) fn propagators(lookup: &Lookup<'_>) -> Result<Vec<Propagator>, InvalidSetting> {
    let variable = "OTEL_PROPAGATORS";
    let list = lookup.get(variable);
    let list = list.as_deref().unwrap_or("tracecontext,baggage");
    let mut propagators = Vec::new();
    let mut is_none = false;
    for name in list.split(',').map(str::trim) {
        let propagator = match name.to_ascii_lowercase().as_str() {
            "tracecontext" => Propagator::TraceContext,
            "baggage" => Propagator::Baggage,
            "none" => {
                is_none = true;
                continue;
            }
            _ => {
                let problem =
                    format!("`{name}` is not built in; use `tracecontext`, `baggage` or `none`");
                return Err(InvalidSetting::new(variable, list, &problem));
            }
        };
        if !propagators.contains(&propagator) {
            propagators.push(propagator);
        }
    }
    if is_none && !propagators.is_empty() {
        let problem = "`none` stands alone: leave it away, or the others";
        return Err(InvalidSetting::new(variable, list, &problem));
    }
    Ok(propagators)
}

/// As the SDK reads it, but a value that cannot be used is an error where the SDK samples everything.
pub(super) fn sampler(lookup: &Lookup<'_>) -> Result<Sampler, InvalidSetting> {
    let variable = "OTEL_TRACES_SAMPLER";
    let name = lookup.get(variable);
    let name = name.as_deref().unwrap_or("parentbased_always_on");
    let lower = name.to_ascii_lowercase();
    let (root, is_parent_based) = match lower.strip_prefix("parentbased_") {
        Some(root) => (root, true),
        None => (lower.as_str(), false),
    };
    let root = match root {
        "always_on" => Sampler::AlwaysOn,
        "always_off" => Sampler::AlwaysOff,
        "traceidratio" => Sampler::TraceIdRatioBased(ratio(lookup)?),
        _ => {
            let problem = "use `always_on`, `always_off` or `traceidratio`, or one of them after `parentbased_`";
            return Err(InvalidSetting::new(variable, name, &problem));
        }
    };
    Ok(if is_parent_based {
        Sampler::ParentBased(Box::new(root))
    } else {
        root
    })
}

fn ratio(lookup: &Lookup<'_>) -> Result<f64, InvalidSetting> {
    let variable = "OTEL_TRACES_SAMPLER_ARG";
    let Some(value) = lookup.get(variable) else {
        return Ok(1.0);
    };
    match value.parse() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ratio),
        _ => Err(InvalidSetting::new(
            variable,
            &value,
            &"give the part of all traces to sample, from 0.0 to 1.0",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::read;

    #[test]
    fn propagators_are_a_list_without_repetition() {
        let of = |value| read(&[("OTEL_PROPAGATORS", value)]).unwrap().propagators;
        let both = [Propagator::TraceContext, Propagator::Baggage];
        assert_eq!(read(&[]).unwrap().propagators, both);
        assert_eq!(of("tracecontext, baggage,tracecontext"), both);
        assert_eq!(of("none"), []);
    }

    #[test]
    fn samplers_are_those_of_the_specification() {
        for (name, argument, expected) in [
            ("always_on", "", "AlwaysOn"),
            ("parentbased_always_off", "", "ParentBased(AlwaysOff)"),
            ("traceidratio", "0.25", "TraceIdRatioBased(0.25)"),
            (
                "parentbased_traceidratio",
                "",
                "ParentBased(TraceIdRatioBased(1.0))",
            ),
        ] {
            let variables = [
                ("OTEL_TRACES_SAMPLER", name),
                ("OTEL_TRACES_SAMPLER_ARG", argument),
            ];
            assert_eq!(format!("{:?}", read(&variables).unwrap().sampler), expected);
        }
    }

    #[test]
    fn what_is_unknown_is_refused_by_name() {
        for (variable, value) in [
            ("OTEL_PROPAGATORS", "tracecontext,b3"),
            ("OTEL_PROPAGATORS", "baggage,none"),
            ("OTEL_TRACES_SAMPLER", "parentbased_jaeger_remote"),
            ("OTEL_METRICS_EXEMPLAR_FILTER", "on"),
        ] {
            let message = read(&[(variable, value)]).unwrap_err().to_string();
            let start = format!("{variable}=`{value}` cannot be used: ");
            assert!(message.starts_with(&start), "{message}");
        }
        let of_ratio = [
            ("OTEL_TRACES_SAMPLER", "traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "25%"),
        ];
        let message = read(&of_ratio).unwrap_err().to_string();
        assert!(message.contains("from 0.0 to 1.0"), "{message}");
    }
}
