//! Asks each address several times, one request at a time, and prints how long the whole answers took.

use std::time::{Duration, Instant};

use crate::Failure;

/// An address and what it shows.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) title: &'static str,
    /// `{n}` stands for two digits that differ from time to time, where a program would answer from a cache.
    pub(crate) path: String,
    /// A piece of the answer that shows that it is not an empty one.
    pub(crate) holds: String,
}

impl Question {
    pub(crate) fn new(
        title: &'static str,
        path: impl Into<String>,
        holds: impl Into<String>,
    ) -> Self {
        Self {
            title,
            path: path.into(),
            holds: holds.into(),
        }
    }
}

pub(crate) async fn all(
    name: &str,
    origin: &str,
    questions: &[Question],
    times: usize,
) -> Result<(), Failure> {
    println!("\n| {name} shows | p50 | max | KiB |");
    println!("|---|---|---|---|");
    let client = reqwest::Client::new();
    for question in questions {
        let mut took: Vec<Duration> = Vec::with_capacity(times);
        let mut bytes = 0;
        for n in 0..times {
            let path = question.path.replace("{n}", &format!("{:02}", n % 100));
            let started = Instant::now();
            let answer = client.get(format!("{origin}{path}")).send().await?;
            let status = answer.status();
            let text = answer.text().await?;
            took.push(started.elapsed());
            bytes = text.len();
            if !status.is_success() || !text.contains(&question.holds) {
                let start: String = text.chars().take(500).collect();
                return Err(format!(
                    "{name}: {} answered {status} without `{}`: {start}",
                    path, question.holds
                )
                .into());
            }
        }
        took.sort();
        println!(
            "| {} | {:.1} ms | {:.1} ms | {} |",
            question.title,
            took[took.len() / 2].as_secs_f64() * 1e3,
            took[took.len() - 1].as_secs_f64() * 1e3,
            bytes >> 10,
        );
    }
    Ok(())
}
