//! What surrounds an engine in a test: an assembler, an outlet and a state folder that do as they are told.

use std::{
    collections::BTreeMap,
    io,
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
    state_dir::{StateDir, StateFile},
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

/// A folder in memory; a crash leaves of it what was synced.
#[derive(Clone, Default)]
pub(super) struct MemoryDir(Arc<Mutex<Memory>>);

#[derive(Default)]
struct Memory {
    files: BTreeMap<String, Arc<Mutex<MemoryFile>>>,
    durable: BTreeMap<String, Vec<u8>>,
}

#[derive(Default)]
pub(super) struct MemoryFile {
    bytes: Vec<u8>,
    synced: usize,
}

impl MemoryDir {
    pub(super) fn crash(&self) {
        let mut memory = self.0.lock().unwrap();
        let durable = memory.durable.clone().into_iter();
        memory.files = durable
            .map(|(name, bytes)| {
                let synced = bytes.len();
                (name, Arc::new(Mutex::new(MemoryFile { bytes, synced })))
            })
            .collect();
    }

    pub(super) fn damage(&self, name: &str) {
        let memory = self.0.lock().unwrap();
        let mut file = memory.files[name].lock().unwrap();
        let middle = file.bytes.len() / 2;
        file.bytes[middle] ^= 1;
    }

    fn file(&self, name: &str) -> io::Result<Arc<Mutex<MemoryFile>>> {
        let memory = self.0.lock().unwrap();
        let file = memory.files.get(name).map(Arc::clone);
        file.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl StateDir for MemoryDir {
    type File = Arc<Mutex<MemoryFile>>;

    fn create(&self, name: &str) -> io::Result<Self::File> {
        let file = Self::File::default();
        let mut memory = self.0.lock().unwrap();
        memory.files.insert(name.to_owned(), Arc::clone(&file));
        Ok(file)
    }

    fn append(&self, name: &str) -> io::Result<Self::File> {
        self.file(name)
    }

    fn read_at(&self, name: &str, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let file = self.file(name)?;
        let file = file.lock().unwrap();
        let rest = &file.bytes[(offset as usize).min(file.bytes.len())..];
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    fn len(&self, name: &str) -> io::Result<u64> {
        Ok(self.file(name)?.lock().unwrap().bytes.len() as u64)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut memory = self.0.lock().unwrap();
        let file = memory.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        memory.files.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.lock().unwrap().files.remove(name);
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.0.lock().unwrap().files.keys().cloned().collect())
    }

    fn sync(&self) -> io::Result<()> {
        let mut memory = self.0.lock().unwrap();
        memory.durable = memory
            .files
            .iter()
            .map(|(name, file)| {
                let file = file.lock().unwrap();
                (name.clone(), file.bytes[..file.synced].to_vec())
            })
            .collect();
        Ok(())
    }
}

impl StateFile for Arc<Mutex<MemoryFile>> {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.lock().unwrap().bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.lock().unwrap().bytes.truncate(length as usize);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut file = self.lock().unwrap();
        file.synced = file.bytes.len();
        Ok(())
    }
}
