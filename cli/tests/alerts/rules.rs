//! The rule files, as they are, and with a clock that runs faster, so that a test need not wait for days.

use std::{collections::BTreeSet, fs, path::Path};

use regex::{Captures, Regex};

use crate::here::root;

pub(crate) const FOLDER: &str = "grafana/alerting";

/// How much faster: an hour of the rules is two minutes.
const FACTOR: u64 = 30;

/// The name of each alert.
pub(crate) fn alerts() -> BTreeSet<String> {
    let name = Regex::new(r"(?m)^ +- alert: (\w+)$").unwrap();
    let text = read("alerts.yaml");
    name.captures_iter(&text)
        .map(|found| found[1].to_owned())
        .collect()
}

/// Writes both files into `folder`, with every window, offset, wait and limit in seconds divided.
pub(crate) fn write_faster(folder: &Path) {
    let duration = Regex::new(r"(\[|offset |for: |interval: )(\d+)([mhd])\b").unwrap();
    let seconds = Regex::new(r"(_seconds\) > |24 \* )(\d+)\b").unwrap();
    let left = Regex::new(r"(\[|offset |for: |interval: )\d+[mhd]\b").unwrap();
    for name in ["recording.yaml", "alerts.yaml"] {
        let text = read(name);
        let text = duration.replace_all(&text, |found: &Captures<'_>| {
            let unit_ms = match &found[3] {
                "m" => 60_000,
                "h" => 3_600_000,
                _ => 86_400_000,
            };
            let ms = found[2].parse::<u64>().unwrap() * unit_ms / FACTOR;
            format!("{}{ms}ms", &found[1])
        });
        let text = seconds.replace_all(&text, |found: &Captures<'_>| {
            let seconds = found[2].parse::<u64>().unwrap() / FACTOR;
            format!("{}{seconds}", &found[1])
        });
        assert!(!left.is_match(&text), "{text}");
        fs::write(folder.join(name), text.as_bytes()).unwrap();
    }
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(FOLDER).join(name)).unwrap()
}
