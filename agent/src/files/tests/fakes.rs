//! What surrounds an engine in a test: an assembler, an outlet and a state folder that do as they are told.

use std::{
    ops::Range,
    os::fd::{AsFd, BorrowedFd},
    path::Path,
    sync::{Arc, Mutex},
};

use nix::sys::eventfd::{EfdFlags, EventFd};
use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest, common::v1::any_value::Value,
};
use prost::Message as _;

use crate::{
    batch::{FileKey, LogBatch, SourceKey},
    files::{Assembler, Assemblers, Outcome, Outlet},
    ledger::LossReason,
    wire::protobuf::{bytes, close, open},
};

/// One record per line; with `starts`, a record begins with a line that starts so, and goes on until the next one.
pub(super) struct Lines {
    starts: Option<&'static [u8]>,
    held: Option<Held>,
}

struct Held {
    file: FileKey,
    start: u64,
    since_unix_nano: u64,
    record: Vec<u8>,
}

impl Lines {
    pub(super) fn write(line: &[u8], batch: &mut LogBatch) {
        batch.record(SourceKey(1), b"", b"", |out| {
            let body = open(out, 5);
            bytes(out, 1, line);
            close(out, body);
        });
    }
}

impl Assembler for Lines {
    fn offer(
        &mut self,
        file: FileKey,
        at: Range<u64>,
        line: &[u8],
        observed_unix_nano: u64,
        batch: &mut LogBatch,
    ) {
        let Some(starts) = self.starts else {
            return Self::write(line, batch);
        };
        match &mut self.held {
            Some(held) if !line.starts_with(starts) => {
                held.record.push(b'+');
                held.record.extend_from_slice(line);
            }
            _ => {
                self.flush(u64::MAX, batch);
                self.held = Some(Held {
                    file,
                    start: at.start,
                    since_unix_nano: observed_unix_nano,
                    record: line.to_vec(),
                });
            }
        }
    }

    fn held(&self) -> Option<(FileKey, u64)> {
        self.held.as_ref().map(|held| (held.file, held.start))
    }

    fn flush(&mut self, older_than_unix_nano: u64, batch: &mut LogBatch) {
        let is_old = |held: &mut Held| held.since_unix_nano < older_than_unix_nano;
        if let Some(held) = self.held.take_if(is_old) {
            Self::write(&held.record, batch);
        }
    }
}

pub(super) struct MakeLines(pub(super) Option<&'static [u8]>);

impl Assemblers for MakeLines {
    fn assembler(&mut self, path: &Path, _: usize) -> Option<Box<dyn Assembler>> {
        // As of a container whose name is not known yet.
        let is_known = !path.with_extension("unknown").exists();
        is_known.then(|| -> Box<dyn Assembler> {
            Box::new(Lines {
                starts: self.0,
                held: None,
            })
        })
    }
}

/// What became of batches.
#[derive(Default)]
pub(super) struct Sent {
    pub(super) in_flight: Option<LogBatch>,
    pub(super) is_kept: bool,
    pub(super) outcomes: Vec<Outcome>,
    pub(super) delivered: Vec<String>,
    /// Those of `delivered` that went into the spool.
    pub(super) kept: Vec<String>,
    pub(super) acknowledges_at_once: bool,
}

#[derive(Clone)]
pub(super) struct TestOutlet {
    pub(super) sent: Arc<Mutex<Sent>>,
    waker: Arc<EventFd>,
}

impl TestOutlet {
    pub(super) fn new() -> Self {
        let flags = EfdFlags::EFD_NONBLOCK;
        Self {
            sent: Arc::default(),
            waker: Arc::new(EventFd::from_flags(flags).unwrap()),
        }
    }

    pub(super) fn finish(&self, result: Result<(), LossReason>) -> bool {
        let mut sent = self.sent.lock().unwrap();
        let Some(mut batch) = sent.in_flight.take() else {
            return false;
        };
        if result.is_ok() && !std::mem::take(&mut sent.is_kept) {
            sent.delivered.extend(bodies(&mut batch));
        }
        sent.outcomes.push(Outcome { batch, result });
        self.waker.write(1).unwrap();
        true
    }
}

impl Outlet for TestOutlet {
    fn is_free(&self) -> bool {
        self.sent.lock().unwrap().in_flight.is_none()
    }

    fn send(&mut self, batch: LogBatch) {
        let mut sent = self.sent.lock().unwrap();
        assert!(sent.in_flight.is_none());
        assert!(!batch.is_empty());
        sent.in_flight = Some(batch);
        let at_once = sent.acknowledges_at_once;
        drop(sent);
        if at_once {
            self.finish(Ok(()));
        }
    }

    fn keep(&mut self, mut batch: LogBatch) {
        let mut sent = self.sent.lock().unwrap();
        let kept = bodies(&mut batch);
        sent.delivered.extend(kept.clone());
        sent.kept.extend(kept);
        sent.outcomes.push(Outcome {
            batch,
            result: Ok(()),
        });
    }

    fn keep_sent(&mut self) {
        let mut guard = self.sent.lock().unwrap();
        let sent = &mut *guard;
        if let (Some(batch), false) = (&mut sent.in_flight, sent.is_kept) {
            let kept = bodies(batch);
            sent.delivered.extend(kept.clone());
            sent.kept.extend(kept);
            sent.is_kept = true;
        }
    }

    fn outcomes(&mut self) -> Vec<Outcome> {
        let _ = self.waker.read();
        std::mem::take(&mut self.sent.lock().unwrap().outcomes)
    }

    fn waker_fd(&self) -> BorrowedFd<'_> {
        self.waker.as_fd()
    }
}

fn bodies(batch: &mut LogBatch) -> Vec<String> {
    let request = ExportLogsServiceRequest::decode(batch.finish()).unwrap();
    let scopes = request
        .resource_logs
        .into_iter()
        .flat_map(|resource| resource.scope_logs);
    scopes
        .flat_map(|scope| scope.log_records)
        .map(|record| match record.body.unwrap().value.unwrap() {
            Value::StringValue(text) => text,
            other => panic!("{other:?}"),
        })
        .collect()
}
