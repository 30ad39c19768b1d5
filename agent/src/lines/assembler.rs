//! Joins the lines of one log to records: parts of a line first, then lines of a record, each per stream.
//!
//! A log is a live path with the files that it was rotated to, so what is joined may begin in one file and end in the next.

use std::{cell::RefCell, ops::Range, sync::Arc};

use super::{
    counts::count,
    emit::{Emit, Log, emit},
    frame::{Stream, unframe},
    held::{Held, Line, Stamp, Start},
    inspect::Step,
    lift::Fields,
    source::Source,
};
use crate::batch::{FileKey, LogBatch};

/// What one line needs at a time.
#[derive(Debug, Default)]
struct Buffers {
    frame: Vec<u8>,
    fields: Fields,
}

thread_local! {
    /// One for all logs of the thread, so that a thousand idle ones keep none, and no lock is taken for a line.
    static BUFFERS: RefCell<Buffers> = RefCell::default();
}

/// Makes records of the lines of one log.
#[derive(Debug)]
pub struct Assembler {
    source: Arc<Source>,
    log: Log,
    parts: [Held; Stream::COUNT],
    records: [Held; Stream::COUNT],
    offered: u64,
    /// What each stage did, for whoever asked to see it.
    steps: Option<Vec<Step>>,
}

impl Assembler {
    pub(super) fn new(source: Arc<Source>, log: Log) -> Self {
        Self {
            source,
            log,
            parts: Default::default(),
            records: Default::default(),
            offered: 0,
            steps: None,
        }
    }

    /// Offers one whole line without its newline; `at` are its bytes in the file, with the newline. What is complete by it
    /// is written into `batch`.
    pub fn offer(
        &mut self,
        file: FileKey,
        at: Range<u64>,
        line: &[u8],
        observed_unix_nano: u64,
        batch: &mut LogBatch,
    ) {
        let start = Start {
            file,
            offset: at.start,
            ordinal: self.offered,
        };
        self.offered += 1;
        BUFFERS.with_borrow_mut(|buffers| {
            self.offer_at(start, line, observed_unix_nano, batch, buffers);
        });
    }

    #[inline]
    fn offer_at(
        &mut self,
        start: Start,
        line: &[u8],
        observed_unix_nano: u64,
        batch: &mut LogBatch,
        buffers: &mut Buffers,
    ) {
        let Self {
            source,
            log,
            parts,
            records,
            steps,
            ..
        } = self;
        count(&source.counts.lines);
        let framed = unframe(source.settings.format, line, &mut buffers.frame);
        if !framed.is_well_formed {
            count(&source.counts.malformed);
        }
        log.set_attrs(framed.attrs, source);
        note(steps, || Step::framed(&framed));
        let line = Line {
            text: framed.text,
            stamp: Stamp {
                stream: framed.stream,
                time: framed.time,
                observed_unix_nano,
            },
            start,
        };
        let mut next = Next {
            records,
            emit: Emit {
                source,
                log,
                fields: &mut buffers.fields,
                batch,
                steps,
            },
        };
        let held = &mut parts[framed.stream as usize];
        if !framed.is_part && held.is_empty() {
            next.take(&line);
            return;
        }
        count(&source.counts.parts);
        if held.text().len() + line.text.len() > source.settings.max_record_bytes
            && let Some(joined) = held.line()
        {
            count(&source.counts.split);
            next.take(&joined);
            held.clear();
        }
        held.add(b"", &line);
        note(next.emit.steps, || Step::PartHeld {
            parts: held.lines(),
            bytes: held.text().len(),
        });
        if !framed.is_part
            && let Some(joined) = held.line()
        {
            note(next.emit.steps, || Step::joined(held.lines(), joined.text));
            next.take(&joined);
            held.clear();
        }
    }

    /// The start of the earliest line that was offered and is neither in a batch nor shed.
    pub fn held(&self) -> Option<(FileKey, u64)> {
        let held = self.parts.iter().chain(&self.records);
        let earliest = held
            .filter_map(Held::start)
            .min_by_key(|start| start.ordinal)?;
        Some((earliest.file, earliest.offset))
    }

    /// Writes records of several lines whose last line was observed before that time. `u64::MAX` writes all that is held, also
    /// parts of a line whose end has not come, which are no record by themselves.
    pub fn flush(&mut self, older_than_unix_nano: u64, batch: &mut LogBatch) {
        let Self {
            source,
            log,
            parts,
            records,
            steps,
            ..
        } = self;
        if parts.iter().chain(&*records).all(Held::is_empty) {
            return;
        }
        BUFFERS.with_borrow_mut(|buffers| {
            let mut next = Next {
                records,
                emit: Emit {
                    source,
                    log,
                    fields: &mut buffers.fields,
                    batch,
                    steps,
                },
            };
            if older_than_unix_nano == u64::MAX {
                for held in parts {
                    if let Some(joined) = held.line() {
                        note(next.emit.steps, || Step::joined(held.lines(), joined.text));
                        next.take(&joined);
                        held.clear();
                    }
                }
            }
            for held in next.records {
                if held.last_observed_unix_nano() < older_than_unix_nano {
                    write(held, &mut next.emit);
                }
            }
        });
    }

    /// From now on keeps what each stage does.
    pub(super) fn inspect(&mut self) {
        self.steps = Some(Vec::new());
    }

    /// What each stage did since the last call.
    pub(super) fn take_steps(&mut self) -> Vec<Step> {
        self.steps.replace(Vec::new()).unwrap_or_default()
    }
}

/// What comes after the joining of parts.
struct Next<'a> {
    records: &'a mut [Held; Stream::COUNT],
    emit: Emit<'a>,
}

impl Next<'_> {
    #[inline]
    fn take(&mut self, line: &Line<'_>) {
        let settings = &self.emit.source.settings;
        let Some(start) = &settings.multiline else {
            emit(&mut self.emit, line.text, line.stamp);
            return;
        };
        let held = &mut self.records[line.stamp.stream as usize];
        if start.is_match(line.text) {
            write(held, &mut self.emit);
        } else if !held.is_empty()
            && held.text().len() + 1 + line.text.len() > settings.max_record_bytes
        {
            count(&self.emit.source.counts.split);
            write(held, &mut self.emit);
        }
        held.add(b"\n", line);
        note(self.emit.steps, || Step::LineHeld {
            lines: held.lines(),
        });
    }
}

/// Writes a record of several lines, if there is one.
fn write(held: &mut Held, emit_to: &mut Emit<'_>) {
    if let Some(joined) = held.line() {
        note(emit_to.steps, || Step::joined(held.lines(), joined.text));
        emit(emit_to, joined.text, joined.stamp);
        held.clear();
    }
}

#[inline]
pub(super) fn note(steps: &mut Option<Vec<Step>>, step: impl FnOnce() -> Step) {
    if let Some(steps) = steps {
        steps.push(step());
    }
}

#[cfg(test)]
mod tests;
