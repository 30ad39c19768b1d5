//! One OTLP request for logs while it is written, and which bytes of which files it covers.
//!
//! Records of one source follow each other in one `ResourceLogs`; another source opens another one. When the request is
//! acknowledged, every file may move its checkpoint to where the batch [covers](LogBatch::cover) it.

use std::mem;

use crate::wire::protobuf::{Open, bytes, close, open};

/// Names a file for as long as the process lives; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileKey(pub u64);

/// Names a source (what shares one resource) for as long as the process lives; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceKey(pub u64);

/// All bytes of `file` before `up_to` are in this batch, in one before it, or declared lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cover {
    /// The file.
    pub file: FileKey,
    /// An offset in bytes.
    pub up_to: u64,
}

/// An `ExportLogsServiceRequest` and what it covers.
#[derive(Debug, Default)]
pub struct LogBatch {
    request: Vec<u8>,
    records: u64,
    covers: Vec<Cover>,
    run: Option<Run>,
}

/// The `ResourceLogs` that is being written.
#[derive(Debug)]
struct Run {
    source: SourceKey,
    resource_logs: Open,
    scope_logs: Open,
}

impl LogBatch {
    /// Writes a `LogRecord` of `source`: `write` gets the buffer to write the record's fields into. `resource` are the
    /// encoded fields of the source's `Resource`, `scope` those of its `InstrumentationScope`; both are written only when
    /// the record before was of another source.
    #[inline]
    pub fn record(
        &mut self,
        source: SourceKey,
        resource: &[u8],
        scope: &[u8],
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        if self.run.as_ref().is_none_or(|run| run.source != source) {
            self.start_run(source, resource, scope);
        }
        let record = open(&mut self.request, 2);
        write(&mut self.request);
        close(&mut self.request, record);
        self.records += 1;
    }

    /// Notes how far a file is covered; never less far than before.
    pub fn cover(&mut self, file: FileKey, up_to: u64) {
        match self
            .covers
            .iter_mut()
            .rev()
            .find(|cover| cover.file == file)
        {
            Some(cover) => cover.up_to = cover.up_to.max(up_to),
            None => self.covers.push(Cover { file, up_to }),
        }
    }

    /// The bytes of the request so far.
    pub fn len(&self) -> usize {
        self.request.len()
    }

    /// Whether there is nothing to send; it may cover lines all the same, which were dropped as configured.
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// The number of records.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// How far each file is covered.
    pub fn covers(&self) -> &[Cover] {
        &self.covers
    }

    /// Ends the request; nothing may be written after this until [`clear`](Self::clear).
    pub fn finish(&mut self) -> &[u8] {
        self.end_run();
        &self.request
    }

    /// Makes it empty and keeps its memory.
    pub fn clear(&mut self) {
        self.request.clear();
        self.covers.clear();
        self.records = 0;
        self.run = None;
    }

    /// Takes the finished request out.
    pub fn take_request(&mut self) -> Vec<u8> {
        self.end_run();
        mem::take(&mut self.request)
    }

    /// Gives the memory of a request that was taken out back, for the next one.
    pub fn give_back(&mut self, memory: Vec<u8>) {
        self.request = memory;
        self.request.clear();
    }

    fn start_run(&mut self, source: SourceKey, resource: &[u8], scope: &[u8]) {
        self.end_run();
        let resource_logs = open(&mut self.request, 1);
        bytes(&mut self.request, 1, resource);
        let scope_logs = open(&mut self.request, 2);
        bytes(&mut self.request, 1, scope);
        self.run = Some(Run {
            source,
            resource_logs,
            scope_logs,
        });
    }

    fn end_run(&mut self) {
        if let Some(run) = self.run.take() {
            close(&mut self.request, run.scope_logs);
            close(&mut self.request, run.resource_logs);
        }
    }
}
