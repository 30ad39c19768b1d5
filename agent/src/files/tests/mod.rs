//! The engine on real folders, with an outlet and a state folder that the test controls.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    ops::Range,
    os::fd::{AsFd, BorrowedFd},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use nix::sys::eventfd::{EfdFlags, EventFd};
use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest, common::v1::any_value::Value,
};
use prost::Message as _;

use super::{Assembler, Assemblers, Outcome, Outlet, Settings, Source, StartAt, engine::Engine};
use crate::{
    batch::{FileKey, LogBatch, SourceKey},
    ledger::{Loss, LossReason},
    state_dir::{StateDir, StateFile},
    wire::protobuf::{bytes, close, open},
};

mod model;
mod scenarios;
mod speed;
mod threaded;

/// One record per line; with `starts`, a record begins with a line that starts so, and goes on until the next one.
struct Lines {
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
    fn write(line: &[u8], batch: &mut LogBatch) {
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

struct MakeLines(Option<&'static [u8]>);

impl Assemblers for MakeLines {
    fn assembler(&mut self, _: &Path, _: usize) -> Option<Box<dyn Assembler>> {
        Some(Box::new(Lines {
            starts: self.0,
            held: None,
        }))
    }
}

/// What became of batches.
#[derive(Default)]
struct Sent {
    in_flight: Option<LogBatch>,
    is_kept: bool,
    outcomes: Vec<Outcome>,
    delivered: Vec<String>,
    /// Those of `delivered` that went into the spool.
    kept: Vec<String>,
    acknowledges_at_once: bool,
}

#[derive(Clone)]
struct TestOutlet {
    sent: Arc<Mutex<Sent>>,
    waker: Arc<EventFd>,
}

impl TestOutlet {
    fn new() -> Self {
        let flags = EfdFlags::EFD_NONBLOCK;
        Self {
            sent: Arc::default(),
            waker: Arc::new(EventFd::from_flags(flags).unwrap()),
        }
    }

    fn finish(&self, result: Result<(), LossReason>) -> bool {
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
struct MemoryDir(Arc<Mutex<Memory>>);

#[derive(Default)]
struct Memory {
    files: BTreeMap<String, Arc<Mutex<MemoryFile>>>,
    durable: BTreeMap<String, Vec<u8>>,
}

#[derive(Default)]
struct MemoryFile {
    bytes: Vec<u8>,
    synced: usize,
}

impl MemoryDir {
    fn crash(&self) {
        let mut memory = self.0.lock().unwrap();
        let durable = memory.durable.clone().into_iter();
        memory.files = durable
            .map(|(name, bytes)| {
                let synced = bytes.len();
                (name, Arc::new(Mutex::new(MemoryFile { bytes, synced })))
            })
            .collect();
    }

    fn damage(&self, name: &str) {
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

/// An engine, its surroundings, and a clock that moves only when it is told to.
struct Rig {
    root: tempfile::TempDir,
    dir: MemoryDir,
    outlet: TestOutlet,
    losses: Arc<Mutex<Vec<Loss>>>,
    settings: Settings,
    starts: Option<&'static [u8]>,
    engine: Option<Engine<MemoryDir, TestOutlet>>,
    now: Instant,
    seen: usize,
}

impl Rig {
    fn new(include: &[&str]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let include = include
            .iter()
            .map(|pattern| format!("{}/{pattern}", root.path().display()))
            .collect();
        let settings = Settings {
            sources: vec![Source {
                include,
                exclude: Vec::new(),
                start_at: StartAt::Beginning,
            }],
            record_wait: Duration::from_secs(120),
            ..Settings::default()
        };
        Self {
            root,
            dir: MemoryDir::default(),
            outlet: TestOutlet::new(),
            losses: Arc::default(),
            settings,
            starts: None,
            engine: None,
            now: Instant::now(),
            seen: 0,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn append(&self, name: &str, text: &str) {
        let mut options = OpenOptions::new();
        let mut file = options
            .create(true)
            .append(true)
            .open(self.path(name))
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    fn truncate(&self, name: &str) {
        let mut options = OpenOptions::new();
        options
            .write(true)
            .truncate(true)
            .open(self.path(name))
            .unwrap();
    }

    fn engine(&mut self) -> &mut Engine<MemoryDir, TestOutlet> {
        let Self {
            engine,
            settings,
            dir,
            outlet,
            losses,
            starts,
            now,
            ..
        } = self;
        engine.get_or_insert_with(|| {
            let losses = Arc::clone(losses);
            Engine::new(
                settings.clone(),
                dir.clone(),
                Box::new(MakeLines(*starts)),
                outlet.clone(),
                Box::new(move |loss, _| losses.lock().unwrap().push(loss)),
                *now,
            )
            .unwrap()
        })
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
    }

    /// Steps until there is nothing to do but to wait.
    fn steps(&mut self) {
        for _ in 0..10_000 {
            let now = self.now;
            let engine = self.engine();
            if now >= engine.reconcile_at {
                engine.reconcile(now);
            }
            engine.step(now);
            if !engine.is_busy() {
                return;
            }
        }
        panic!("it never comes to rest");
    }

    /// A reconciliation and what follows from it.
    fn look(&mut self) {
        self.reconcile();
        // What asked for another one soon gets it.
        self.wait(Duration::from_millis(500));
        self.steps();
        self.sweep();
    }

    fn reconcile(&mut self) {
        let now = self.now;
        self.engine().reconcile(now);
        self.steps();
    }

    /// What the thread does every second while there are files that were removed.
    fn sweep(&mut self) {
        let now = self.now;
        let engine = self.engine();
        if engine.has_vanished() {
            engine.sweep(now);
            engine.keep_vanished(now);
            self.steps();
        }
    }

    /// All that can be read is read, sent, acknowledged and saved; returns the lines that the Collector got since.
    fn deliver(&mut self) -> Vec<String> {
        self.look();
        loop {
            self.wait(Duration::from_secs(1));
            self.steps();
            if !self.outlet.finish(Ok(())) {
                break;
            }
        }
        self.wait(Duration::from_secs(1));
        self.steps();
        self.delivered()
    }

    fn delivered(&mut self) -> Vec<String> {
        let sent = self.outlet.sent.lock().unwrap();
        let new = sent.delivered[self.seen..].to_vec();
        self.seen = sent.delivered.len();
        new
    }

    fn losses(&mut self) -> Vec<(String, Range<u64>, LossReason)> {
        let root = format!("{}/", self.root.path().display());
        std::mem::take(&mut *self.losses.lock().unwrap())
            .into_iter()
            .map(|loss| (loss.path.replace(&root, ""), loss.bytes, loss.reason))
            .collect()
    }

    /// The process ends without a word.
    fn crash(&mut self) {
        self.engine = None;
        self.dir.crash();
        let mut sent = self.outlet.sent.lock().unwrap();
        sent.in_flight = None;
        sent.is_kept = false;
        sent.outcomes.clear();
    }

    /// The offset of each path in the durable checkpoint.
    fn saved(&self) -> Vec<(String, u64)> {
        let root = format!("{}/", self.root.path().display());
        let entries = match super::checkpoint::Checkpoints::load(self.dir.clone()).1 {
            super::checkpoint::Saved::Newest(entries) => entries,
            other => panic!("{other:?}"),
        };
        entries
            .into_iter()
            .map(|entry| {
                let path = entry.path.display().to_string().replace(&root, "");
                (path, entry.position.offset)
            })
            .collect()
    }
}
