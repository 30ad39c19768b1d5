//! What was found out, for a person or for a script.
//!
//! JSON: `{"trace_id", "stores": {signal: store}, "first_broken": hop | null, "clocks": [{"who", "ahead_seconds"}], "hops":
//! [{"hop", "state": "well" | "broken" | "unknown", "asked", "came_back", "seconds", "fix"}]}`; what a hop does not have is
//! left out. Hops are named as in `--help`.

use std::io::{self, Write};

use anstyle::Style;
use serde::Serialize;

use super::hop::{Hop, Place, State};
use crate::color::{BAD, DIM, GOOD, paint};

/// The whole run.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) trace_id: String,
    pub(super) stores: Where,
    pub(super) first_broken: Option<Place>,
    pub(super) clocks: Vec<Clock>,
    pub(super) hops: Vec<Hop>,
}

/// Who keeps what.
#[derive(Debug, Serialize)]
pub(super) struct Where {
    pub(super) metrics: String,
    pub(super) logs: String,
    pub(super) traces: String,
}

/// A clock that is not as ours.
#[derive(Debug, Serialize)]
pub(super) struct Clock {
    pub(super) who: &'static str,
    pub(super) ahead_seconds: i64,
}

impl Report {
    pub(super) fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        let json = serde_json::to_string_pretty(self).map_err(io::Error::from)?;
        writeln!(out, "{json}")
    }

    /// With ticks and colours for a terminal, with words elsewhere.
    pub(super) fn write_text(&self, out: &mut impl Write, is_terminal: bool) -> io::Result<()> {
        let Where {
            metrics,
            logs,
            traces,
        } = &self.stores;
        writeln!(out, "trace {}", self.trace_id)?;
        writeln!(
            out,
            "metrics in {metrics}, logs in {logs}, traces in {traces}\n"
        )?;
        for hop in &self.hops {
            let sign = sign(hop.state, is_terminal);
            let seconds = hop.seconds.map_or(String::new(), duration);
            writeln!(
                out,
                "{sign} {:18} {seconds:>8}  {}",
                hop.hop.title(),
                hop.came_back
            )?;
            if !hop.asked.is_empty() {
                let asked = format!("asked  {}", hop.asked);
                let style = if is_terminal { DIM } else { Style::new() };
                writeln!(out, "        {}", paint(style, asked))?;
            }
            if let Some(fix) = &hop.fix {
                writeln!(out, "        fix    {fix}")?;
            }
        }
        for Clock { who, ahead_seconds } in &self.clocks {
            let direction = if *ahead_seconds < 0 {
                "behind"
            } else {
                "ahead of"
            };
            let seconds = ahead_seconds.abs();
            writeln!(
                out,
                "\nThe clock of {who} is {seconds} s {direction} this one."
            )?;
        }
        Ok(())
    }
}

fn sign(state: State, is_terminal: bool) -> String {
    let (style, tick, word) = match state {
        State::Well => (GOOD, "✓", "ok"),
        State::Broken => (BAD, "✗", "BROKEN"),
        State::Unknown => (DIM, "–", "unknown"),
    };
    if is_terminal {
        paint(style, tick)
    } else {
        format!("{word:7}")
    }
}

fn duration(seconds: f64) -> String {
    if seconds < 1.0 {
        format!("{:.0} ms", seconds * 1000.0)
    } else {
        format!("{seconds:.1} s")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn plain_text_has_words_the_question_and_the_fix() {
        let report = Report {
            trace_id: "ab".into(),
            stores: Where {
                metrics: "m".into(),
                logs: "l".into(),
                traces: "t".into(),
            },
            first_broken: Some(Place::Collector),
            clocks: vec![Clock {
                who: "the app",
                ahead_seconds: -90,
            }],
            hops: vec![
                Hop::well(Place::App, "200 OK").after(Duration::from_millis(3)),
                Hop::broken(Place::Collector, "401 Unauthorized", "give a token").asked("POST x"),
            ],
        };
        let mut out = Vec::new();
        report.write_text(&mut out, false).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "trace ab\nmetrics in m, logs in l, traces in t\n\n\
             ok      app answered           3 ms  200 OK\n\
             BROKEN  Collector accepted           401 Unauthorized\n\
             \x20       asked  POST x\n\
             \x20       fix    give a token\n\
             \nThe clock of the app is 90 s behind this one.\n"
        );
    }
}
