//! The scenarios: the three of the seed document with its numbers, and one that only reads.

use std::time::Duration;

use clap::ValueEnum;

use crate::journey::user::Journey;

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Scenario {
    /// 5 users, 1 per second, for 5 minutes
    Normal,
    /// 50 users, 10 per second, for 2 minutes
    Spike,
    /// 20 users, 2 per second, for 30 minutes
    Sustained,
    /// 20 users, 5 per second, for 2 minutes, with short pauses: reading, hardly a login
    Browse,
}

/// What a run does.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    pub(crate) scenario: &'static str,
    pub(crate) journey: Journey,
    pub(crate) users: u32,
    /// Users per second.
    pub(crate) spawn_rate: f64,
    pub(crate) duration: Duration,
    /// Requests per second of the open model; `None` is the closed one.
    pub(crate) rate: Option<f64>,
}

impl Scenario {
    pub(super) fn plan(self) -> Plan {
        let (scenario, journey, users, spawn_rate, minutes) = match self {
            Self::Normal => ("normal", Journey::Account, 5, 1.0, 5),
            Self::Spike => ("spike", Journey::Account, 50, 10.0, 2),
            Self::Sustained => ("sustained", Journey::Account, 20, 2.0, 30),
            Self::Browse => ("browse", Journey::Browse, 20, 5.0, 2),
        };
        Plan {
            scenario,
            journey,
            users,
            spawn_rate,
            duration: Duration::from_secs(60 * minutes),
            rate: None,
        }
    }
}

impl Plan {
    /// When the user of this number, from 0, starts.
    pub(super) fn start_of(&self, number: u32) -> Duration {
        Duration::try_from_secs_f64(f64::from(number) / self.spawn_rate).unwrap_or(Duration::MAX)
    }

    /// How many users have started after this time. Those of the open model are all there before it begins.
    pub(super) fn users_after(&self, elapsed: Duration) -> u32 {
        if self.rate.is_some() {
            return self.users;
        }
        // The cast saturates, and the minimum bounds it.
        self.users
            .min((elapsed.as_secs_f64() * self.spawn_rate) as u32 + 1)
    }

    /// How long a user of the closed model pauses between two requests, which is how often it would send them to a target
    /// that answers at once.
    pub(super) fn expected_interval(&self) -> Option<Duration> {
        self.rate.is_none().then(|| self.journey.mean_pause())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_scenarios_have_the_numbers_of_the_seed_document() {
        for (scenario, name, users, spawn_rate, duration) in [
            (Scenario::Normal, "normal", 5, 1.0, 300),
            (Scenario::Spike, "spike", 50, 10.0, 120),
            (Scenario::Sustained, "sustained", 20, 2.0, 1800),
        ] {
            let expected = Plan {
                scenario: name,
                journey: Journey::Account,
                users,
                spawn_rate,
                duration: seconds(duration),
                rate: None,
            };
            assert_eq!(scenario.plan(), expected);
        }
    }

    #[test]
    fn users_start_at_the_spawn_rate() {
        let plan = Scenario::Sustained.plan();
        assert_eq!(plan.start_of(0), seconds(0));
        assert_eq!(plan.start_of(6), seconds(3));
        assert_eq!(plan.users_after(seconds(3)), 7);
        assert_eq!(plan.users_after(seconds(3600)), 20);
    }

    #[test]
    fn the_users_of_the_open_model_are_there_from_its_start() {
        let plan = Plan {
            rate: Some(10.0),
            ..Scenario::Sustained.plan()
        };
        assert_eq!(plan.users_after(seconds(0)), 20);
    }
}
