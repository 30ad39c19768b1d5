//! The options of `trivium load`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, builder::NonEmptyStringValueParser};
use reqwest::Url;

use super::{
    links::TraceLinks,
    scenario::{Plan, Scenario},
    threshold::Threshold,
};

/// `trivium load`
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Numbers of users, spawn rate and duration, each of which can be overridden
    #[arg(long, value_enum, default_value_t = Scenario::Normal)]
    scenario: Scenario,
    /// Base address of the service under load
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8000")]
    target: Url,
    /// Number of users at the same time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    users: Option<u32>,
    /// Users that start per second
    #[arg(long, value_name = "N", value_parser = positive)]
    spawn_rate: Option<f64>,
    /// How long the run takes, like 90s or 5m
    #[arg(long, value_name = "T", value_parser = lasting)]
    duration: Option<Duration>,
    /// Open model: so many requests per second are due, however slow the target is; each waits for a user that is free
    #[arg(long, value_name = "R", value_parser = positive)]
    rate: Option<f64>,
    /// Exit with 1 when this holds after the run, like `p95>200ms`, `p99(GET /users/me/)>20ms`, `error_rate>1%` or
    /// `rate<50`; may be given several times
    #[arg(long, value_name = "CONDITION")]
    pub(super) fail_if: Vec<Threshold>,
    /// Write the report into this file, as a page (.html) or as JSON (.json); may be given several times
    #[arg(long, value_name = "FILE")]
    pub(super) report: Vec<PathBuf>,
    /// Address of lens's page, for links to the slowest traces
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:3000",
        conflicts_with = "traces_url"
    )]
    lens: Url,
    /// Address of a trace elsewhere, Grafana for one, with `{trace_id}` where its id belongs
    #[arg(long, value_name = "TEMPLATE", value_parser = NonEmptyStringValueParser::new())]
    traces_url: Option<String>,
    /// Print the summary as JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Options that are understood, but cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OptionError {
    #[error(
        "--target {0}: only plain http:// is supported; give an address like http://127.0.0.1:8000"
    )]
    Target(Url),
    #[error(
        "--target: a user or a password in it would stand in the report and in each span; leave them out, each user of the load \
         signs up and logs in"
    )]
    TargetCredentials,
    #[error(
        "--traces-url {0}: {{trace_id}} is missing; write it where the id of a trace belongs, like http://127.0.0.1:3000/traces/{{trace_id}}"
    )]
    TracesUrl(String),
    #[error("--report {}: the name must end in .html or .json", .0.display())]
    Report(PathBuf),
}

impl Options {
    pub(super) fn target(&self) -> Result<Url, OptionError> {
        if !self.target.username().is_empty() || self.target.password().is_some() {
            return Err(OptionError::TargetCredentials);
        }
        match self.target.scheme() {
            "http" => Ok(self.target.clone()),
            _ => Err(OptionError::Target(self.target.clone())),
        }
    }

    pub(super) fn links(&self) -> Result<TraceLinks, OptionError> {
        match &self.traces_url {
            None => Ok(TraceLinks::to_lens(&self.lens)),
            Some(template) => TraceLinks::from_template(template)
                .ok_or_else(|| OptionError::TracesUrl(template.clone())),
        }
    }

    pub(super) fn plan(&self) -> Plan {
        let scenario = self.scenario.plan();
        Plan {
            users: self.users.unwrap_or(scenario.users),
            spawn_rate: self.spawn_rate.unwrap_or(scenario.spawn_rate),
            duration: self.duration.unwrap_or(scenario.duration),
            rate: self.rate,
            ..scenario
        }
    }
}

fn lasting(text: &str) -> Result<Duration, &'static str> {
    match humantime::parse_duration(text) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("give a time with a unit, like 90s or 5m"),
    }
}

fn positive(text: &str) -> Result<f64, &'static str> {
    match text.parse() {
        Ok(number) if number > 0.0 && f64::is_finite(number) => Ok(number),
        _ => Err("give a number above 0, like 2 or 0.5"),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        options: Options,
    }

    fn options(arguments: &str) -> Options {
        let words = std::iter::once("load").chain(arguments.split_whitespace());
        Command::try_parse_from(words).unwrap().options
    }

    #[test]
    fn options_override_a_scenario_one_by_one() {
        let plan = options("--scenario spike --users 7 --duration 90s --rate 12.5").plan();
        assert_eq!(
            (plan.users, plan.spawn_rate, plan.duration, plan.rate),
            (7, 10.0, Duration::from_secs(90), Some(12.5))
        );
        assert_eq!(options("").plan(), Scenario::Normal.plan());
    }

    #[test]
    fn a_duration_is_a_time_with_a_unit_and_not_none() {
        for text in ["0s", "abc", "5"] {
            let error = lasting(text).unwrap_err();
            assert_eq!(error, "give a time with a unit, like 90s or 5m", "{text}");
        }
        assert_eq!(lasting("1m 30s"), Ok(Duration::from_secs(90)));
    }

    #[test]
    fn a_password_in_the_target_is_refused_and_not_shown() {
        for target in ["http://:secret@127.0.0.1:8000", "https://secret@127.0.0.1"] {
            let options = options(&format!("--target {target}"));
            let error = options.target().unwrap_err().to_string();
            assert!(
                error.starts_with("--target: a user or a password"),
                "{error}"
            );
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_template_without_the_place_of_the_id_is_refused() {
        let options = options("--traces-url http://grafana/explore");
        let error = options.links().unwrap_err().to_string();
        assert!(error.contains("{trace_id} is missing"), "{error}");
    }

    #[test]
    fn a_spawn_rate_must_be_above_zero() {
        for wrong in ["0", "-1", "inf", "NaN", "x"] {
            assert!(positive(wrong).is_err(), "{wrong}");
        }
        assert_eq!(positive("0.5"), Ok(0.5));
    }
}
