//! What a configuration says, what is wrong with one, and the texts about both.

use super::*;

mod errors;
mod texts;
mod values;

fn no_variables(_: &str) -> Option<String> {
    None
}

fn parse(text: &str) -> Config {
    Config::parse(text, "agent.yaml", no_variables).unwrap_or_else(|error| panic!("{error}"))
}
