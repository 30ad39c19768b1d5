//! The batches of the files: one at a time to the Collector, or into the spool when what they cover is about to vanish.
//!
//! A batch is tried until the Collector takes or refuses it: its lines are in their files, so there is nothing to save. While
//! the spool holds something that was kept before, it waits. When the files say so, what is in flight is kept instead.

use std::{
    os::fd::{AsFd as _, BorrowedFd},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use nix::{
    errno::Errno,
    sys::eventfd::{EfdFlags, EventFd},
};
use tokio::{sync::mpsc, time::sleep};
use trivium_otlp::{ExportError, PartialSuccess, Signal};

use super::{backoff::Backoff, kept::Kept, link::Link};
use crate::{
    batch::LogBatch,
    files::{Outcome, Outlet},
    ledger::LossReason,
    stats::Stats,
};

/// Between attempts to keep a batch on a disk that fails.
const DISK_PAUSE: Duration = Duration::from_secs(1);

enum Command {
    Send(LogBatch),
    Keep(LogBatch),
    KeepSent,
}

/// The files' end.
pub struct LogOutlet {
    commands: mpsc::UnboundedSender<Command>,
    shared: Arc<Shared>,
}

struct Shared {
    /// What was sent, until its outcome is there.
    is_in_flight: AtomicBool,
    outcomes: Mutex<Vec<Outcome>>,
    waker: EventFd,
}

impl Shared {
    fn push(&self, batch: LogBatch, result: Result<(), LossReason>) {
        let mut outcomes = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        outcomes.push(Outcome { batch, result });
    }

    fn wake(&self) {
        // It fails only when the counter is full, and then the thread is awake.
        let _ = self.waker.write(1);
    }
}

impl Outlet for LogOutlet {
    fn is_free(&self) -> bool {
        !self.shared.is_in_flight.load(Ordering::Acquire)
    }

    fn send(&mut self, batch: LogBatch) {
        self.shared.is_in_flight.store(true, Ordering::Release);
        self.tell(Command::Send(batch));
    }

    fn keep(&mut self, batch: LogBatch) {
        self.tell(Command::Keep(batch));
    }

    fn keep_sent(&mut self) {
        if !self.is_free() {
            self.tell(Command::KeepSent);
        }
    }

    fn outcomes(&mut self) -> Vec<Outcome> {
        // Nothing to read means that nobody woke the thread by it.
        let _ = self.shared.waker.read();
        let mut outcomes = self
            .shared
            .outcomes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *outcomes)
    }

    fn waker_fd(&self) -> BorrowedFd<'_> {
        self.shared.waker.as_fd()
    }
}

impl LogOutlet {
    fn tell(&self, command: Command) {
        // Without a sender the agent stops, and what was not acknowledged is read again at its next start.
        let _ = self.commands.send(command);
    }
}

/// The Collector's end.
pub struct LogSender {
    commands: mpsc::UnboundedReceiver<Command>,
    shared: Arc<Shared>,
    link: Link,
    kept: Kept,
    stats: Arc<Stats>,
    backoff: Backoff,
}

impl LogSender {
    /// Both ends.
    ///
    /// # Errors
    /// When the kernel gives no descriptor to wake the files' thread by.
    pub fn new(link: Link, kept: Kept, stats: Arc<Stats>) -> Result<(Self, LogOutlet), Errno> {
        let (sender, commands) = mpsc::unbounded_channel();
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let shared = Arc::new(Shared {
            is_in_flight: AtomicBool::new(false),
            outcomes: Mutex::default(),
            waker: EventFd::from_flags(flags)?,
        });
        let outlet = LogOutlet {
            commands: sender,
            shared: Arc::clone(&shared),
        };
        let sender = Self {
            commands,
            shared,
            link,
            kept,
            stats,
            backoff: Backoff::new("logs"),
        };
        Ok((sender, outlet))
    }

    /// Sends until the outlet is gone.
    pub async fn run(mut self) {
        while let Some(command) = self.commands.recv().await {
            match command {
                Command::Send(batch) => self.send(batch).await,
                Command::Keep(batch) => self.keep(batch).await,
                // What was in flight is settled.
                Command::KeepSent => {}
            }
        }
    }

    async fn send(&mut self, mut batch: LogBatch) {
        let body = Bytes::from(batch.take_request());
        self.stats.sent.add(Signal::Logs, batch.records());
        loop {
            let attempt = async {
                self.kept.emptied().await;
                self.link.send(Signal::Logs, body.clone()).await
            };
            let settled = tokio::select! {
                answer = attempt => match self.settle(&batch, answer) {
                    Settled::Done(result) => Ok(result),
                    Settled::Again(pause) => tokio::select! {
                        () = sleep(pause) => continue,
                        command = self.commands.recv() => Err(command),
                    },
                },
                command = self.commands.recv() => Err(command),
            };
            match settled {
                Ok(result) => {
                    give_back(&mut batch, body);
                    return self.sent(batch, result);
                }
                // The files are gone, and with them all that waits for an outcome.
                Err(None) => return,
                Err(Some(command)) => {
                    let result = self.store(batch.records(), &body).await;
                    give_back(&mut batch, body);
                    self.sent(batch, result);
                    if let Command::Keep(next) = command {
                        self.keep(next).await;
                    }
                    return;
                }
            }
        }
    }

    fn settle(
        &mut self,
        batch: &LogBatch,
        answer: Result<Option<PartialSuccess>, ExportError>,
    ) -> Settled {
        match answer {
            Ok(partial_success) => {
                self.backoff.succeeded();
                self.stats
                    .taken(Signal::Logs, batch.records(), partial_success);
                Settled::Done(Ok(()))
            }
            Err(error) if error.is_retryable || is_address_wrong(&error) => {
                Settled::Again(self.backoff.failed(&error))
            }
            Err(error) => {
                let records = batch.records();
                tracing::warn!("the Collector refuses a batch of {records} log records: {error}");
                Settled::Done(Err(LossReason::Rejected))
            }
        }
    }

    /// Its outcome is there before the next may be sent.
    fn sent(&self, batch: LogBatch, result: Result<(), LossReason>) {
        self.shared.push(batch, result);
        self.shared.is_in_flight.store(false, Ordering::Release);
        self.shared.wake();
    }

    async fn keep(&mut self, mut batch: LogBatch) {
        let body = Bytes::from(batch.take_request());
        let result = self.store(batch.records(), &body).await;
        give_back(&mut batch, body);
        self.shared.push(batch, result);
        self.shared.wake();
    }

    /// Into the spool; to the Collector when the disk fails and the Collector answers.
    async fn store(&mut self, records: u64, body: &Bytes) -> Result<(), LossReason> {
        loop {
            match self.kept.keep(Signal::Logs, records, body.clone()).await {
                Ok(()) => return Ok(()),
                Err(error) => tracing::warn!("what is about to vanish cannot be kept yet: {error}"),
            }
            match self.link.send(Signal::Logs, body.clone()).await {
                Ok(partial_success) => {
                    self.stats.taken(Signal::Logs, records, partial_success);
                    return Ok(());
                }
                Err(error) if error.is_retryable || is_address_wrong(&error) => {
                    sleep(DISK_PAUSE).await;
                }
                Err(_) => return Err(LossReason::Rejected),
            }
        }
    }
}

/// No receiver of logs is there, which is of the endpoint or of what stands before the Collector, and not of the lines: they are
/// in their files, and wait. Not for requests of programs and the spool: a Collector without a pipeline for a signal answers
/// so, and waiting for one would hold up the others.
fn is_address_wrong(error: &ExportError) -> bool {
    matches!(
        &*error.error_type,
        "UNIMPLEMENTED" | "404" | "405" | "301" | "302" | "303" | "307" | "308"
    )
}

enum Settled {
    Done(Result<(), LossReason>),
    Again(Duration),
}

/// The memory of a request, for the next one.
fn give_back(batch: &mut LogBatch, body: Bytes) {
    if let Ok(memory) = body.try_into_mut() {
        batch.give_back(memory.into());
    }
}
