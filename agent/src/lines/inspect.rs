//! Shows what each stage does to lines, for `tail --inspect`: the stages are the agent's own, so what it shows is what happens.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use super::{
    assembler::Assembler,
    frame::{Framed, Stream},
    lift::{Fields, Value},
    origin::Origin,
    redact::Redactor,
    source::{Settings, Source},
};
use crate::{
    batch::{FileKey, LogBatch},
    lines::Counts,
    wire::logs::Record,
};

/// What one stage did.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// The frame was taken off.
    Framed {
        /// The stream of the container, if the format has one.
        stream: Option<&'static str>,
        /// When the line was written, if the format says so.
        time_unix_nano: Option<u64>,
        /// Whether the next line of the stream goes on where this one ends.
        is_part: bool,
        /// What the program wrote.
        text: String,
    },
    /// The line is not of the format; it is kept as it is.
    Malformed {
        /// All of it.
        text: String,
    },
    /// A part waits for the rest of its line.
    PartHeld {
        /// How many parts wait.
        parts: u32,
        /// How many bytes they have.
        bytes: usize,
    },
    /// A line waits for the rest of its record.
    LineHeld {
        /// How many lines wait.
        lines: u32,
    },
    /// What was held is complete.
    Joined {
        /// Of how many lines of the file.
        lines: u32,
        /// The joined text.
        text: String,
    },
    /// The record is not sent.
    Shed(Shed),
    /// The text is neither JSON nor logfmt, as configured; it is kept as it is.
    NotParsed,
    /// The record is in a batch.
    Written(Written),
}

/// Why a record is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shed {
    /// A pattern says so.
    Dropped,
    /// It is not in the sample.
    SampledOut,
    /// The log is over its rate.
    Limited,
}

/// A record as it is sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// When the line was written, if it says so.
    pub time_unix_nano: Option<u64>,
    /// As in the data model; 0 is none.
    pub severity_number: u8,
    /// The line's own word for it.
    pub severity_text: String,
    /// The text.
    pub body: String,
    /// In hexadecimal digits.
    pub trace_id: Option<String>,
    /// In hexadecimal digits.
    pub span_id: Option<String>,
    /// The stream of the container.
    pub stream: Option<&'static str>,
    /// Attributes that were lifted.
    pub attributes: Vec<(String, String)>,
    /// How many secrets of the body were replaced.
    pub redacted: u64,
}

impl Step {
    pub(super) fn framed(framed: &Framed<'_>) -> Self {
        let text = String::from_utf8_lossy(framed.text).into_owned();
        if !framed.is_well_formed {
            return Self::Malformed { text };
        }
        Self::Framed {
            stream: framed.stream.name(),
            time_unix_nano: framed.time.unix_nano(),
            is_part: framed.is_part,
            text,
        }
    }

    pub(super) fn joined(lines: u32, text: &[u8]) -> Self {
        Self::Joined {
            lines,
            text: String::from_utf8_lossy(text).into_owned(),
        }
    }
}

impl Written {
    pub(super) fn new(
        record: &Record<'_>,
        redacted: u64,
        stream: Stream,
        fields: &Fields,
        redactor: Option<&Redactor>,
    ) -> Self {
        let hex = |id: &[u8]| id.iter().map(|byte| format!("{byte:02x}")).collect();
        let text = |value: &Value| match value {
            Value::String(range) | Value::Json(range) => fields.text()[range.clone()].to_owned(),
            Value::Int(value) => value.to_string(),
            Value::Double(value) => value.to_string(),
            Value::Bool(value) => value.to_string(),
            Value::Null => String::new(),
        };
        Self {
            time_unix_nano: record.time_unix_nano,
            severity_number: record.severity_number,
            severity_text: record.severity_text.to_owned(),
            body: record.body.to_owned(),
            trace_id: record.trace_id.as_ref().map(|id| hex(id)),
            span_id: record.span_id.as_ref().map(|id| hex(id)),
            stream: stream.name(),
            attributes: fields
                .iter()
                .map(|(key, value)| {
                    let value = text(value);
                    let value = redactor.map_or_else(
                        || value.clone(),
                        |redactor| redactor.redact_attribute(key, &value).0.into_owned(),
                    );
                    (key.to_owned(), value)
                })
                .collect(),
            redacted,
        }
    }
}

/// Runs lines through the stages.
#[derive(Debug)]
pub struct Inspector {
    source: Arc<Source>,
    assembler: Assembler,
    batch: LogBatch,
    offset: u64,
}

impl Inspector {
    /// As the agent would with these settings.
    pub fn new(settings: Settings) -> Self {
        let source = Source::new(settings, Arc::new(Counts::default()));
        let mut assembler = source.assembler(Origin::new(Arc::from([])), None);
        assembler.inspect();
        Self {
            source,
            assembler,
            batch: LogBatch::default(),
            offset: 0,
        }
    }

    /// What the stages do to the next line, which comes without its newline.
    pub fn line(&mut self, line: &[u8], observed_unix_nano: u64) -> Vec<Step> {
        let start = self.offset;
        self.offset += line.len() as u64 + 1;
        self.assembler.offer(
            FileKey(0),
            start..self.offset,
            line,
            observed_unix_nano,
            &mut self.batch,
        );
        self.batch.clear();
        self.assembler.take_steps()
    }

    /// What they do to the lines that wait, when no more come.
    pub fn end(&mut self) -> Vec<Step> {
        // All but parts of a line, of which the agent would wait for the end.
        self.assembler.flush(u64::MAX - 1, &mut self.batch);
        self.batch.clear();
        self.assembler.take_steps()
    }

    /// What became of all lines, and of how many bytes at the end nothing, because their line is not complete.
    pub fn summary(&self) -> String {
        let counts = self.source.counts();
        let mut summary = format!(
            "{} lines, {} records",
            counts.lines.load(Relaxed),
            counts.records.load(Relaxed)
        );
        for (counter, name) in [
            (&counts.malformed, "malformed"),
            (&counts.invalid_utf8, "not UTF-8"),
            (&counts.bad_time, "with a bad time"),
            (&counts.redacted, "redacted"),
            (&counts.dropped, "dropped"),
            (&counts.sampled_out, "sampled out"),
            (&counts.limited, "limited"),
        ] {
            let count = counter.load(Relaxed);
            if count > 0 {
                summary += &format!(", {count} {name}");
            }
        }
        if let Some((_, start)) = self.assembler.held() {
            summary += &format!(
                ", {} bytes wait for the end of their line",
                self.offset - start
            );
        }
        summary
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Framed {
                stream,
                time_unix_nano,
                is_part,
                text,
            } => {
                formatter.write_str("frame    ")?;
                show_time(formatter, *time_unix_nano)?;
                if let Some(stream) = stream {
                    write!(formatter, "{stream} ")?;
                }
                write!(formatter, "{}{text:?}", if *is_part { "part " } else { "" })
            }
            Self::Malformed { text } => write!(
                formatter,
                "frame    not of the format, kept as it is: {text:?}"
            ),
            Self::PartHeld { parts, bytes } => write!(
                formatter,
                "join     {parts} parts, {bytes} bytes wait for the rest of the line"
            ),
            Self::LineHeld { lines } => write!(
                formatter,
                "join     {lines} lines wait for the start of the next record"
            ),
            Self::Joined { lines, text } => write!(formatter, "join     {lines} to one: {text:?}"),
            Self::Shed(Shed::Dropped) => formatter.write_str("shed     dropped by a pattern"),
            Self::Shed(Shed::SampledOut) => formatter.write_str("shed     not in the sample"),
            Self::Shed(Shed::Limited) => formatter.write_str("shed     over the rate limit"),
            Self::NotParsed => {
                formatter.write_str("lift     neither read as JSON nor as logfmt, kept as it is")
            }
            Self::Written(written) => written.fmt(formatter),
        }
    }
}

impl fmt::Display for Written {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.redacted > 0 {
            writeln!(formatter, "redact   {} replaced", self.redacted)?;
        }
        formatter.write_str("record   ")?;
        show_time(formatter, self.time_unix_nano)?;
        if self.severity_number > 0 {
            write!(
                formatter,
                "severity {} {} ",
                self.severity_number, self.severity_text
            )?;
        }
        for (name, id) in [("trace", &self.trace_id), ("span", &self.span_id)] {
            if let Some(id) = id {
                write!(formatter, "{name} {id} ")?;
            }
        }
        write!(formatter, "{:?}", self.body)?;
        for (key, value) in &self.attributes {
            write!(formatter, "\n         {key} = {value:?}")?;
        }
        Ok(())
    }
}

fn show_time(formatter: &mut fmt::Formatter<'_>, unix_nano: Option<u64>) -> fmt::Result {
    match unix_nano.and_then(|time| jiff::Timestamp::from_nanosecond(time.into()).ok()) {
        Some(time) => write!(formatter, "{time} "),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::{Format, Parse};

    #[test]
    fn each_stage_shows_what_it_does() {
        let mut inspector = Inspector::new(Settings {
            format: Format::Cri,
            parse: Parse::Auto,
            drop: vec![regex::Regex::new("^debug").unwrap()],
            redactor: Some(Arc::new(Redactor::new(true, Vec::new()).unwrap())),
            ..Settings::default()
        });
        let mut shown = String::new();
        for line in [
            "2026-11-24T11:42:48.5Z stdout P level=warn msg=\"token=",
            "2026-11-24T11:42:49Z stderr F debug it",
            "2026-11-24T11:42:49Z stdout F abc\" password=two n=1",
            "no frame",
            "2026-11-24T11:42:50Z stdout P rest",
        ] {
            for step in inspector.line(line.as_bytes(), 0) {
                shown += &format!("{step}\n");
            }
        }
        assert_eq!(inspector.end(), []);
        shown += &inspector.summary();
        assert_eq!(
            shown,
            r#"frame    2026-11-24T11:42:48.5Z stdout part "level=warn msg=\"token="
join     1 parts, 22 bytes wait for the rest of the line
frame    2026-11-24T11:42:49Z stderr "debug it"
shed     dropped by a pattern
frame    2026-11-24T11:42:49Z stdout "abc\" password=two n=1"
join     2 parts, 43 bytes wait for the rest of the line
join     2 to one: "level=warn msg=\"token=abc\" password=two n=1"
redact   1 replaced
record   2026-11-24T11:42:48.5Z severity 13 warn "token=[redacted:secret]"
         password = "[redacted:secret]"
         n = "1"
frame    not of the format, kept as it is: "no frame"
record   "no frame"
frame    2026-11-24T11:42:50Z stdout part "rest"
join     1 parts, 4 bytes wait for the rest of the line
5 lines, 2 records, 1 malformed, 2 redacted, 1 dropped, 35 bytes wait for the end of their line"#
        );
    }
}
