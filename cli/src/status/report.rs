//! What `trivium status` tells: each part with its state and its numbers, and what is wrong.
//!
//! As JSON: `{"is_all_up": true, "is_watched": true, "since": "2026-11-24T12:00:00Z", "backends": ["lens"], "no_counts": null,
//! "parts": [{"name": "lens", "state": "up", "pid": 72, "since": "…", "ended": null, "log": "…", "addresses": {…}, "counts":
//! {…}, "hops": […]}]}`; where nothing runs, `{"is_all_up": false, "parts": []}`.

use serde::Serialize;
use serde_json::{Value, json};

use super::counts::{self, Counts, Hop, NoCounts};
use crate::state::{PartRecord, Record, rfc3339};

/// Of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PartState {
    Up,
    /// Its process runs; the stack is not ready yet.
    Starting,
    Down,
}

#[derive(Debug)]
pub(super) struct PartReport {
    pub(super) record: PartRecord,
    pub(super) state: PartState,
    pub(super) counts: Counts,
    hops: Vec<Hop>,
}

/// The stack of a state folder.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) record: Record,
    /// Whether its `trivium up` runs.
    pub(super) is_watched: bool,
    pub(super) parts: Vec<PartReport>,
    pub(super) no_counts: Option<NoCounts>,
}

impl Report {
    pub(super) fn new(record: Record, hops: Result<Vec<Hop>, NoCounts>) -> Self {
        let (hops, no_counts) = match hops {
            Ok(hops) => (hops, None),
            Err(reason) => (Vec::new(), Some(reason)),
        };
        let parts = record.parts.iter().map(|part| {
            let hops = counts::of_part(&part.name, &hops);
            PartReport {
                record: part.clone(),
                state: match part.process.is_alive() {
                    true if record.is_ready => PartState::Up,
                    true => PartState::Starting,
                    false => PartState::Down,
                },
                counts: Counts::sum(&hops),
                hops: hops.into_iter().cloned().collect(),
            }
        });
        Self {
            parts: parts.collect(),
            is_watched: record.process.is_alive(),
            record,
            no_counts,
        }
    }

    pub(super) fn is_all_up(&self) -> bool {
        let is_up = |part: &PartReport| part.state == PartState::Up;
        self.is_watched && self.record.is_ready && self.parts.iter().all(is_up)
    }

    /// What is wrong and what to do about it, a line each.
    pub(super) fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        for part in self
            .parts
            .iter()
            .filter(|part| part.state == PartState::Down)
        {
            let name = &part.record.name;
            let how = match &part.record.ended {
                Some(ended) => format!(
                    "ended by itself at {} ({})",
                    rfc3339::text(ended.at),
                    ended.status
                ),
                None => "does not run".to_owned(),
            };
            remarks.push(format!(
                "{name} {how}: `trivium logs {name}` shows what it printed; `trivium down`, then `up`, starts it again"
            ));
        }
        let pid = self.record.process.pid;
        if !self.is_watched {
            remarks.push(format!(
                "`trivium up` (process {pid}) was killed, and nothing watches these parts: `trivium down` stops them"
            ));
        } else if !self.record.is_ready {
            remarks.push(format!(
                "`trivium up` (process {pid}) is not ready yet: ask again, or see `trivium logs up`"
            ));
        }
        remarks.extend(self.no_counts.iter().map(NoCounts::to_string));
        remarks
    }
}

/// `None`: nothing runs.
pub(super) fn json(report: Option<&Report>) -> Value {
    let Some(report) = report else {
        return json!({"is_all_up": false, "parts": []});
    };
    let parts: Vec<_> = report.parts.iter().map(part_json).collect();
    json!({
        "is_all_up": report.is_all_up(),
        "is_watched": report.is_watched,
        "since": rfc3339::text(report.record.since),
        "backends": report.record.backends,
        "no_counts": report.no_counts.as_ref().map(NoCounts::to_string),
        "parts": parts,
    })
}

fn part_json(part: &PartReport) -> Value {
    let mut json = json!(part.record);
    json["state"] = json!(part.state);
    json["counts"] = json!(part.counts);
    json["hops"] = json!(part.hops);
    json
}
