//! The options of `trivium load` and the three scenarios of the seed document.

use std::time::Duration;

use clap::{Args, ValueEnum};
use reqwest::Url;

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
    #[arg(long, value_name = "T", value_parser = humantime::parse_duration)]
    duration: Option<Duration>,
    /// Address of lens's page, to print links to the slowest traces
    #[arg(long, value_name = "URL")]
    pub(super) lens: Option<Url>,
    /// Print the summary as JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Scenario {
    /// 5 users, 1 per second, for 5 minutes
    Normal,
    /// 50 users, 10 per second, for 2 minutes
    Spike,
    /// 20 users, 2 per second, for 30 minutes
    Sustained,
}

/// A target that can't be put under load.
#[derive(Debug, thiserror::Error)]
#[error(
    "--target {0}: only plain http:// is supported; give an address like http://127.0.0.1:8000"
)]
pub(crate) struct TargetError(Url);

/// What a run does.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    pub(crate) scenario: &'static str,
    pub(crate) users: u32,
    /// Users per second.
    pub(crate) spawn_rate: f64,
    pub(crate) duration: Duration,
}

impl Scenario {
    fn plan(self) -> Plan {
        let (scenario, users, spawn_rate, minutes) = match self {
            Self::Normal => ("normal", 5, 1.0, 5),
            Self::Spike => ("spike", 50, 10.0, 2),
            Self::Sustained => ("sustained", 20, 2.0, 30),
        };
        Plan {
            scenario,
            users,
            spawn_rate,
            duration: Duration::from_secs(60 * minutes),
        }
    }
}

impl Options {
    pub(super) fn target(&self) -> Result<Url, TargetError> {
        match self.target.scheme() {
            "http" => Ok(self.target.clone()),
            _ => Err(TargetError(self.target.clone())),
        }
    }

    pub(super) fn plan(&self) -> Plan {
        let scenario = self.scenario.plan();
        Plan {
            users: self.users.unwrap_or(scenario.users),
            spawn_rate: self.spawn_rate.unwrap_or(scenario.spawn_rate),
            duration: self.duration.unwrap_or(scenario.duration),
            ..scenario
        }
    }
}

impl Plan {
    /// When the user of this number, from 0, starts.
    pub(super) fn start_of(&self, number: u32) -> Duration {
        Duration::try_from_secs_f64(f64::from(number) / self.spawn_rate).unwrap_or(Duration::MAX)
    }

    /// How many users have started after this time.
    pub(super) fn users_after(&self, elapsed: Duration) -> u32 {
        // The cast saturates, and the minimum bounds it.
        self.users
            .min((elapsed.as_secs_f64() * self.spawn_rate) as u32 + 1)
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

    fn plan(arguments: &str) -> Plan {
        let words = std::iter::once("load").chain(arguments.split_whitespace());
        Command::try_parse_from(words).unwrap().options.plan()
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_scenarios_have_the_numbers_of_the_seed_document() {
        let plan_of = |scenario, users, spawn_rate, duration| Plan {
            scenario,
            users,
            spawn_rate,
            duration,
        };
        assert_eq!(plan(""), plan_of("normal", 5, 1.0, seconds(300)));
        assert_eq!(
            plan("--scenario spike"),
            plan_of("spike", 50, 10.0, seconds(120))
        );
        assert_eq!(
            plan("--scenario sustained"),
            plan_of("sustained", 20, 2.0, seconds(1800))
        );
    }

    #[test]
    fn options_override_a_scenario_one_by_one() {
        let plan = plan("--scenario spike --users 7 --duration 90s");
        assert_eq!(
            (plan.users, plan.spawn_rate, plan.duration),
            (7, 10.0, seconds(90))
        );
    }

    #[test]
    fn users_start_at_the_spawn_rate() {
        let plan = plan("--scenario sustained");
        assert_eq!(plan.start_of(0), seconds(0));
        assert_eq!(plan.start_of(6), seconds(3));
        assert_eq!(plan.users_after(seconds(3)), 7);
        assert_eq!(plan.users_after(seconds(3600)), 20);
    }

    #[test]
    fn a_spawn_rate_must_be_above_zero() {
        for wrong in ["0", "-1", "inf", "NaN", "x"] {
            assert!(positive(wrong).is_err(), "{wrong}");
        }
        assert_eq!(positive("0.5"), Ok(0.5));
    }
}
