//! A bounded queue of encoded spans or log records, and the task that empties it in batches.
//!
//! Offering never waits: a full queue drops the newcomer and counts it. The task sends one batch at a time; a batch that
//! fails for a passing reason is sent again, with growing pauses, for as long as the process lives, while the queue holds
//! what comes after it. So memory is bounded by the queue's size and one batch.

use std::{
    borrow::Cow,
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{SyncSender, sync_channel},
    },
    time::Duration,
};

use bytes::Bytes;
use opentelemetry::InstrumentationScope;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use tokio::{
    sync::{Notify, mpsc},
    time::sleep,
};

use trivium_otlp::Transport;

use super::encode::{EncodedResource, ScopeItems};
use crate::{diagnostics::Outage, settings::Batching};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The memory of batches that were sent is filled again: new memory of that size costs more than what is written into it.
const MAX_SPARE_BUFFERS: usize = 2;
/// A batch of spans of usual size; a larger one's memory is given back.
const MAX_SPARE_BYTES: usize = 2 << 20;

/// The end of the queue that those who make items hold. Cloned, it is the same queue.
#[derive(Debug, Clone)]
pub(crate) struct BatchQueue {
    shared: Arc<Shared>,
    flushes: mpsc::UnboundedSender<Flush>,
}

/// Asks the task to send all that waits now, and to answer when it has.
type Flush = SyncSender<()>;

#[derive(Debug)]
struct Shared {
    waiting: Mutex<Waiting>,
    resource: EncodedResource,
    batching: Batching,
    is_closed: AtomicBool,
    /// Told when a full batch waits, so that the task need not wake for each item.
    filled: Notify,
    counts: Arc<Counts>,
}

/// The items that wait, in the batches they will be sent in; the last batch still grows.
#[derive(Debug, Default)]
struct Waiting {
    batches: VecDeque<Batch>,
    items: usize,
    spare: Vec<Vec<u8>>,
}

#[derive(Debug, Default)]
struct Batch {
    items: usize,
    scopes: Vec<ScopeItems>,
}

/// What became of the items so far; read by the self metrics.
#[derive(Debug)]
pub(crate) struct Counts {
    /// `otel.component.type` of what sends them.
    pub(crate) exporter: &'static str,
    /// Of the queue; 0 where there is none.
    pub(crate) capacity: usize,
    pub(crate) waiting: AtomicU64,
    /// In the batch that is being sent.
    sending: AtomicU64,
    /// Dropped because the queue was full, or closed.
    pub(crate) dropped: AtomicU64,
    pub(crate) exported: AtomicU64,
    /// Given up, by `error.type`.
    failed: Mutex<BTreeMap<Cow<'static, str>, u64>>,
}

impl Counts {
    pub(crate) fn new(exporter: &'static str, capacity: usize) -> Self {
        Self {
            exporter,
            capacity,
            waiting: AtomicU64::new(0),
            sending: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            exported: AtomicU64::new(0),
            failed: Mutex::default(),
        }
    }

    pub(crate) fn failed(&self) -> MutexGuard<'_, BTreeMap<Cow<'static, str>, u64>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn count_failed(&self, error_type: impl Into<Cow<'static, str>>, items: u64) {
        *self.failed().entry(error_type.into()).or_default() += items;
    }
}

impl BatchQueue {
    /// Makes the queue and spawns its task; to be called inside the runtime that shall run it.
    pub(crate) fn spawn(
        batching: Batching,
        resource: EncodedResource,
        transport: Transport,
    ) -> Self {
        let shared = Arc::new(Shared {
            waiting: Mutex::default(),
            resource,
            batching,
            is_closed: AtomicBool::new(false),
            filled: Notify::new(),
            counts: Arc::new(Counts::new(transport.component_type(), batching.queue_size)),
        });
        let (flushes, requests) = mpsc::unbounded_channel();
        let sender = Sender {
            shared: Arc::clone(&shared),
            transport,
        };
        tokio::spawn(sender.run(requests));
        Self { shared, flushes }
    }

    pub(crate) fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.shared.counts)
    }

    /// `item`: the fields of a span or log record; `name` stands in place of the scope's own. Never waits for the network.
    /// Dropped and counted when the queue is full or closed.
    pub(crate) fn offer(&self, name: &str, scope: &InstrumentationScope, item: &[u8]) {
        let shared = &*self.shared;
        let mut guard = shared.waiting();
        let waiting = &mut *guard;
        if waiting.items >= shared.batching.queue_size || shared.is_closed.load(Ordering::Relaxed) {
            shared.counts.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let batch = growing(&mut waiting.batches, shared.batching.batch_size);
        let spare = &mut waiting.spare;
        let new = || {
            let buffer = spare.pop().unwrap_or_default();
            shared.resource.items(name, scope, buffer)
        };
        batch.of(name, scope, new).push(item);
        batch.items += 1;
        let is_filled = batch.items == shared.batching.batch_size;
        waiting.items += 1;
        let items = waiting.items as u64;
        drop(guard);
        shared.counts.waiting.store(items, Ordering::Relaxed);
        if is_filled {
            shared.filled.notify_one();
        }
    }

    /// Blocks until all that waits now was sent, at most `timeout`.
    pub(crate) fn flush(&self, timeout: Duration) -> OTelSdkResult {
        let (done, is_done) = sync_channel(1);
        self.flushes
            .send(done)
            .map_err(|_| OTelSdkError::AlreadyShutdown)?;
        is_done
            .recv_timeout(timeout)
            .map_err(|_| OTelSdkError::Timeout(timeout))
    }

    /// Takes nothing more, sends what waits, and counts as failed what could not be sent within `timeout`.
    pub(crate) fn close(&self, timeout: Duration) -> OTelSdkResult {
        self.shared.is_closed.store(true, Ordering::Relaxed);
        let result = self.flush(timeout);
        if result.is_err() {
            let left = std::mem::take(&mut *self.shared.waiting()).items as u64;
            let counts = &self.shared.counts;
            counts.count_failed("shutdown", left + counts.sending.load(Ordering::Relaxed));
        }
        result
    }
}

/// The batch that takes the next item.
fn growing(batches: &mut VecDeque<Batch>, batch_size: usize) -> &mut Batch {
    match batches.back() {
        Some(batch) if batch.items < batch_size => {}
        _ => batches.push_back(Batch::default()),
    }
    batches.back_mut().expect("there is one now")
}

impl Waiting {
    /// The oldest batch; `None` when it holds fewer than `at_least` items.
    fn pop(&mut self, at_least: usize) -> Option<Batch> {
        let batch = self.batches.pop_front_if(|batch| batch.items >= at_least)?;
        self.items -= batch.items;
        Some(batch)
    }
}

impl Batch {
    /// Where the items of a scope go; a program has a handful of scopes.
    fn of(
        &mut self,
        name: &str,
        scope: &InstrumentationScope,
        new: impl FnOnce() -> ScopeItems,
    ) -> &mut ScopeItems {
        match self
            .scopes
            .iter()
            .position(|known| known.are_of(name, scope))
        {
            Some(index) => &mut self.scopes[index],
            None => self.scopes.push_mut(new()),
        }
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the memory of a batch that is no longer needed.
    fn recycle(&self, mut buffer: Vec<u8>) {
        let mut waiting = self.waiting();
        if waiting.spare.len() < MAX_SPARE_BUFFERS && buffer.capacity() <= MAX_SPARE_BYTES {
            buffer.clear();
            waiting.spare.push(buffer);
        }
    }

    fn take(&self, at_least: usize) -> Option<Batch> {
        let mut waiting = self.waiting();
        let batch = waiting.pop(at_least)?;
        self.counts
            .waiting
            .store(waiting.items as u64, Ordering::Relaxed);
        Some(batch)
    }
}

/// The task's side.
struct Sender {
    shared: Arc<Shared>,
    transport: Transport,
}

impl Sender {
    async fn run(self, mut flushes: mpsc::UnboundedReceiver<Flush>) {
        let batching = self.shared.batching;
        let mut outage = Outage::new(self.transport.signal());
        loop {
            let mut flush = None;
            let at_least = tokio::select! {
                () = self.shared.filled.notified() => batching.batch_size,
                () = sleep(batching.delay) => 1,
                request = flushes.recv() => match request {
                    Some(request) => { flush = Some(request); 1 }
                    None => return,
                },
            };
            // What arrives meanwhile belongs to the next round, so that a flush under load comes to an end.
            let rounds = self.shared.waiting().batches.len();
            for _ in 0..rounds {
                let Some(batch) = self.shared.take(at_least) else {
                    break;
                };
                self.deliver(batch, &mut outage).await;
            }
            if let Some(done) = flush {
                // The one who asked may have stopped waiting.
                let _ = done.send(());
            }
        }
    }

    async fn deliver(&self, batch: Batch, outage: &mut Outage) {
        let items = batch.items as u64;
        let body = Bytes::from(self.shared.resource.request(batch.scopes));
        let counts = &self.shared.counts;
        counts.sending.store(items, Ordering::Relaxed);
        self.send(items, body.clone(), outage).await;
        counts.sending.store(0, Ordering::Relaxed);
        // A connection that broke may hold it still.
        if let Ok(buffer) = body.try_into_mut() {
            self.shared.recycle(buffer.into());
        }
    }

    /// Tries until the receiver took or refused it.
    async fn send(&self, items: u64, body: Bytes, outage: &mut Outage) {
        let counts = &self.shared.counts;
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match self.transport.send(body.clone()).await {
                Ok(partial_success) => {
                    let rejected = outage.partial(partial_success).min(items);
                    if rejected > 0 {
                        counts.count_failed("rejected", rejected);
                    }
                    counts
                        .exported
                        .fetch_add(items - rejected, Ordering::Relaxed);
                    outage.ended(counts.dropped.load(Ordering::Relaxed));
                    return;
                }
                Err(error) => error,
            };
            outage.failed(&error, counts.dropped.load(Ordering::Relaxed));
            if !error.is_retryable {
                counts.count_failed(error.error_type, items);
                return;
            }
            let jitter = 0.8 + 0.4 * fastrand::f64();
            sleep(error.retry_after.unwrap_or(pause).mul_f64(jitter)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}
