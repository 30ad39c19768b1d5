//! Runs `trivium doctor --json` and reads its report.

use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

/// The one under test, with the arguments given; the environment's variables do not count.
pub(crate) async fn run(arguments: &[&str]) -> Report {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trivium"));
    command
        .env_clear()
        .args(["doctor", "--json", "--wait", "8s"])
        .args(arguments)
        .stdin(Stdio::null());
    let output = command.output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    let json = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}\n{error}"));
    Report {
        code: output.status.code().unwrap(),
        json,
        error,
    }
}

#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) code: i32,
    pub(crate) json: Value,
    pub(crate) error: String,
}

impl Report {
    pub(crate) fn hop(&self, name: &str) -> &Value {
        let hops = self.json["hops"].as_array().unwrap();
        let found = hops.iter().find(|hop| hop["hop"] == name);
        found.unwrap_or_else(|| panic!("no {name} in {:#}", self.json))
    }

    #[track_caller]
    pub(crate) fn assert_well(&self, hops: &[&str]) {
        assert_eq!(self.code, 0, "{:#}", self.json);
        assert_eq!(self.json["first_broken"], Value::Null);
        let all = self.json["hops"].as_array().unwrap();
        let names: Vec<_> = all.iter().map(|hop| hop["hop"].as_str().unwrap()).collect();
        assert_eq!(names, hops);
        for hop in all {
            assert_eq!(hop["state"], "well", "{:#}", self.json);
        }
    }

    /// That this hop is the first that is broken, that the exit code says so, and that the fix names `fix`.
    #[track_caller]
    pub(crate) fn assert_broken(&self, hop: &str, code: i32, fix: &str) {
        assert_eq!(self.json["first_broken"], hop, "{:#}", self.json);
        assert_eq!(self.code, code, "{:#}", self.json);
        let told = self.hop(hop)["fix"].as_str().unwrap();
        assert!(told.contains(fix), "no {fix:?} in {:#}", self.hop(hop));
        assert!(
            self.error.starts_with("trivium: the first broken link: "),
            "{}",
            self.error
        );
    }

    /// That these say nothing, as they lie behind a broken one.
    #[track_caller]
    pub(crate) fn assert_unknown(&self, hops: &[&str]) {
        for hop in hops {
            assert_eq!(self.hop(hop)["state"], "unknown", "{:#}", self.json);
        }
    }
}
