//! Makes a log record of a complete text: shed, lift, redact, encode.

use std::{
    borrow::Cow,
    io::Write as _,
    ops::Range,
    str,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use super::{
    assembler::note,
    counts::count,
    frame::Time,
    held::Stamp,
    inspect::{Shed, Step, Written},
    lift::{Fields, Lifted, NotLifted, Value, lift},
    origin::{Identity, Origin},
    shed::{Limiter, Sampler},
    source::{Settings, Source},
};
use crate::{
    batch::LogBatch,
    wire::{
        attributes::{self, OF_LOG_RECORD},
        logs::Record,
    },
};

/// What a log is to its records.
#[derive(Debug)]
pub(super) struct Log {
    origin: Arc<Origin>,
    version: u64,
    identity: Identity,
    /// Encoded, on every record.
    attributes: Vec<u8>,
    attrs: Attrs,
    sampler: Sampler,
    limiter: Option<Limiter>,
}

/// What Docker adds to each line; the same for as long as a container lives, so it is encoded once.
#[derive(Debug, Default)]
struct Attrs {
    written: Vec<u8>,
    encoded: Vec<u8>,
}

impl Log {
    pub(super) fn new(origin: Arc<Origin>, attributes: Vec<u8>, settings: &Settings) -> Self {
        Self {
            version: origin.version(),
            identity: origin.identity(),
            origin,
            attributes,
            attrs: Attrs::default(),
            sampler: Sampler::new(settings.sample),
            limiter: settings.rate_limit.map(Limiter::new),
        }
    }

    #[inline]
    pub(super) fn set_attrs(&mut self, written: &[u8], source: &Source) {
        // By length first: glibc's masked comparison of two empty slices reads where nothing is, which costs the processor
        // 60 ns to suppress.
        let are_both_empty = self.attrs.written.is_empty() && written.is_empty();
        if !are_both_empty && self.attrs.written != written {
            self.attrs.set(written, source);
        }
    }

    #[inline]
    fn renew(&mut self) {
        let version = self.origin.version();
        if self.version != version {
            self.version = version;
            self.identity = self.origin.identity();
        }
    }
}

impl Attrs {
    #[cold]
    fn set(&mut self, written: &[u8], source: &Source) {
        self.written.clear();
        self.written.extend_from_slice(written);
        self.encoded.clear();
        // dockerd writes strings only; what is none of that is no attribute.
        let attrs: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(written).unwrap_or_default();
        for (key, value) in &attrs {
            if let Some(value) = value.as_str() {
                let redactor = source.settings.redactor.as_ref();
                let value = redactor.map_or(Cow::Borrowed(value), |redactor| {
                    redactor.redact_attribute(key, value).0
                });
                attributes::string(&mut self.encoded, OF_LOG_RECORD, key, &value);
            }
        }
    }
}

/// Where a record comes from and goes to.
pub(super) struct Emit<'a> {
    pub(super) source: &'a Source,
    pub(super) log: &'a mut Log,
    pub(super) fields: &'a mut Fields,
    pub(super) batch: &'a mut LogBatch,
    pub(super) steps: &'a mut Option<Vec<Step>>,
}

/// Writes the record of a text, or counts why there is none.
#[inline]
pub(super) fn emit(to: &mut Emit<'_>, text: &[u8], stamp: Stamp) {
    let counts = &*to.source.counts;
    let text = match str::from_utf8(text) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => {
            count(&counts.invalid_utf8);
            String::from_utf8_lossy(text)
        }
    };
    if let Some(shed) = shed(to, &text, stamp) {
        count(match shed {
            Shed::Dropped => &counts.dropped,
            Shed::SampledOut => &counts.sampled_out,
            Shed::Limited => &counts.limited,
        });
        note(to.steps, || Step::Shed(shed));
        return;
    }
    let lifted = match lift(to.source.parse, &text, to.fields) {
        Ok(lifted) => lifted,
        Err(reason) => {
            if reason == NotLifted::Malformed {
                count(&counts.malformed);
                note(to.steps, || Step::NotParsed);
            }
            Lifted::default()
        }
    };
    if lifted.has_wrong_time || stamp.time == Time::Wrong {
        count(&counts.bad_time);
    }
    write(to, &text, stamp, &lifted);
}

#[inline]
fn shed(to: &mut Emit<'_>, text: &str, stamp: Stamp) -> Option<Shed> {
    let Log {
        sampler, limiter, ..
    } = to.log;
    if to
        .source
        .settings
        .drop
        .iter()
        .any(|pattern| pattern.is_match(text))
    {
        Some(Shed::Dropped)
    } else if !sampler.is_kept() {
        Some(Shed::SampledOut)
    } else if limiter
        .as_mut()
        .is_some_and(|limiter| !limiter.passes(stamp.observed_unix_nano))
    {
        Some(Shed::Limited)
    } else {
        None
    }
}

#[inline]
fn write(to: &mut Emit<'_>, text: &str, stamp: Stamp, lifted: &Lifted) {
    let Emit {
        source,
        log,
        fields,
        batch,
        steps,
    } = to;
    let redactor = source.settings.redactor.as_deref();
    let lifted_text = |range: &Range<usize>| &fields.text()[range.clone()];
    let body = lifted.body.as_ref().map_or(text, lifted_text);
    let (body, redacted) =
        redactor.map_or((Cow::Borrowed(body), 0), |redactor| redactor.redact(body));
    if redacted > 0 {
        source.counts.redacted.fetch_add(redacted, Relaxed);
    }
    let record = Record {
        time_unix_nano: lifted.time_unix_nano.or(stamp.time.unix_nano()),
        observed_unix_nano: stamp.observed_unix_nano,
        severity_number: lifted.severity_number,
        severity_text: lifted.severity_text.as_ref().map_or("", lifted_text),
        body: &body,
        trace_id: lifted.trace_id,
        span_id: lifted.span_id,
    };
    log.renew();
    batch.record(
        log.identity.key,
        &log.identity.resource,
        &source.scope,
        |out| {
            record.write(out);
            out.extend_from_slice(&log.attributes);
            out.extend_from_slice(&source.iostream[stamp.stream as usize]);
            out.extend_from_slice(&log.attrs.encoded);
            for (key, value) in fields.iter() {
                attribute(out, source, key, value, fields.text());
            }
        },
    );
    count(&source.counts.records);
    note(steps, || {
        Step::Written(Written::new(
            &record,
            redacted,
            stamp.stream,
            fields,
            redactor,
        ))
    });
}

/// Writes an attribute without its secrets.
fn attribute(out: &mut Vec<u8>, source: &Source, key: &str, value: &Value, text: &str) {
    let redact = |value| match &source.settings.redactor {
        Some(redactor) => redactor.redact_attribute(key, value),
        None => (Cow::Borrowed(value), 0),
    };
    let (string, redacted) = match value {
        Value::String(range) | Value::Json(range) => redact(&text[range.clone()]),
        Value::Int(value) => {
            // It may be the number of a card.
            let mut digits = Digits::default();
            let (string, redacted) = redact(digits.of(*value));
            if redacted == 0 {
                attributes::int(out, OF_LOG_RECORD, key, *value);
                return;
            }
            (Cow::Owned(string.into_owned()), redacted)
        }
        Value::Double(value) => {
            attributes::double(out, OF_LOG_RECORD, key, *value);
            return;
        }
        Value::Bool(value) => {
            attributes::boolean(out, OF_LOG_RECORD, key, *value);
            return;
        }
        Value::Null => return,
    };
    if redacted > 0 {
        source.counts.redacted.fetch_add(redacted, Relaxed);
    }
    attributes::string(out, OF_LOG_RECORD, key, &string);
}

/// An integer as text, on the stack.
#[derive(Default)]
struct Digits([u8; 20]);

impl Digits {
    fn of(&mut self, value: i64) -> &str {
        let mut room = &mut self.0[..];
        // The longest integer fits.
        let _ = write!(room, "{value}");
        let length = 20 - room.len();
        str::from_utf8(&self.0[..length]).unwrap_or_default()
    }
}
