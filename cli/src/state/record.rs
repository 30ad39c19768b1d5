//! state.json: what runs, and where it answers.
//!
//! ```json
//! {"pid": 71, "start_ticks": 9182, "since": "2026-11-24T12:00:00Z", "is_ready": true, "backends": ["lens"],
//!  "agent_config": "/…/agent.yaml", "lens_token_file": null,
//!  "parts": [{"name": "lens", "pid": 72, "start_ticks": 9190, "since": "2026-11-24T12:00:00Z", "log": "/…/logs/lens.log",
//!             "addresses": {"page": "http://127.0.0.1:3000/"}, "ended": null}]}
//! ```
//!
//! Times are RFC 3339 in UTC. `ended` of a part that is gone: `{"status": "signal: 9 (SIGKILL)", "at": "…"}`.

use std::{collections::BTreeMap, path::PathBuf, time::SystemTime};

use serde::{Deserialize, Serialize};

use crate::process::ProcessId;

/// A stack: the process that watches it, and its parts in the order of their start.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    #[serde(flatten)]
    pub(crate) process: ProcessId,
    #[serde(with = "rfc3339")]
    pub(crate) since: SystemTime,
    /// Whether all parts have been ready.
    pub(crate) is_ready: bool,
    pub(crate) backends: Vec<String>,
    /// Absent where no agent runs.
    pub(crate) agent_config: Option<PathBuf>,
    /// The file with the token of lens, when it was started with one.
    pub(crate) lens_token_file: Option<PathBuf>,
    pub(crate) parts: Vec<PartRecord>,
}

/// One of the parts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PartRecord {
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) process: ProcessId,
    #[serde(with = "rfc3339")]
    pub(crate) since: SystemTime,
    pub(crate) log: PathBuf,
    /// URLs by label.
    pub(crate) addresses: BTreeMap<String, String>,
    /// Set once it is seen to be gone, while the others run on.
    pub(crate) ended: Option<Ended>,
}

/// How and when a part ended by itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Ended {
    pub(crate) status: String,
    #[serde(with = "rfc3339")]
    pub(crate) at: SystemTime,
}

impl Record {
    /// The URL of a part, with the slash at its end.
    pub(crate) fn address(&self, part: &str, label: &str) -> Option<&str> {
        let part = self.parts.iter().find(|named| named.name == part)?;
        part.addresses.get(label).map(String::as_str)
    }
}

/// Times as text: RFC 3339 in UTC, to the second.
pub(crate) mod rfc3339 {
    use std::time::SystemTime;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(time: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&text(*time))
    }

    /// `2026-11-24T12:00:00Z`
    pub(crate) fn text(time: SystemTime) -> String {
        humantime::format_rfc3339_seconds(time).to_string()
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SystemTime, D::Error> {
        let text = String::deserialize(from)?;
        humantime::parse_rfc3339(&text).map_err(D::Error::custom)
    }
}
