//! The spool as tasks share it: a request is kept when [`keep`](Kept::keep) says so, and then it is synced.
//!
//! Requests that come while a sync runs are synced by the next one together: a thousand programs cost one sync at a time.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use bytes::Bytes;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::spawn_blocking,
};
use trivium_otlp::Signal;

use crate::{
    spool::{Frame, Spool, SpoolError, SpoolLoss},
    state_dir::RealDir,
};

/// How many requests wait for their sync; each is in memory.
const WAITING: usize = 16;

/// Why a request is not kept.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The spool or its disk says no.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The agent stops.
    #[error("the agent stops, and keeps nothing more")]
    Stopped,
}

/// The spool. Cloned, it is the same one.
#[derive(Debug, Clone)]
pub struct Kept {
    spool: Arc<Mutex<Spool<RealDir>>>,
    requests: mpsc::Sender<Request>,
    has_backlog: watch::Sender<bool>,
}

#[derive(Debug)]
struct Request {
    signal: Signal,
    items: u64,
    body: Bytes,
    done: oneshot::Sender<Result<(), SpoolError>>,
}

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub struct KeptStats {
    /// On disk.
    pub bytes: u64,
    /// When the oldest request was kept; none when none is.
    pub oldest: Option<SystemTime>,
}

impl Kept {
    /// Spawns the task that writes; to be called inside the runtime.
    pub fn new(spool: Spool<RealDir>) -> Self {
        let (requests, received) = mpsc::channel(WAITING);
        let has_backlog = watch::Sender::new(spool.oldest().is_some());
        let kept = Self {
            spool: Arc::new(Mutex::new(spool)),
            requests,
            has_backlog,
        };
        tokio::spawn(write(
            Arc::clone(&kept.spool),
            kept.has_backlog.clone(),
            received,
        ));
        kept
    }

    /// Keeps a request: it is on disk when this returns.
    ///
    /// # Errors
    /// When it is not.
    pub async fn keep(&self, signal: Signal, items: u64, body: Bytes) -> Result<(), KeepError> {
        let (done, is_done) = oneshot::channel();
        let request = Request {
            signal,
            items,
            body,
            done,
        };
        let sent = self.requests.send(request).await;
        sent.map_err(|_| KeepError::Stopped)?;
        Ok(is_done.await.map_err(|_| KeepError::Stopped)??)
    }

    /// Whether something is kept that was not delivered yet.
    pub fn has_backlog(&self) -> bool {
        *self.has_backlog.borrow()
    }

    /// Waits until nothing is kept.
    pub(super) async fn emptied(&self) {
        // The sender is in `self`: it can't be gone.
        let _ = self.has_backlog.subscribe().wait_for(|has| !has).await;
    }

    /// Waits until something is kept.
    pub(super) async fn filled(&self) {
        let _ = self.has_backlog.subscribe().wait_for(|has| *has).await;
    }

    /// The oldest request.
    pub(super) async fn front(&self) -> Result<Option<Frame>, SpoolError> {
        let has_backlog = self.has_backlog.clone();
        self.blocking(move |spool| {
            let front = spool.front()?;
            if front.is_none() {
                has_backlog.send_replace(false);
            }
            Ok(front)
        })
        .await
    }

    pub(super) async fn acknowledge(&self, seq: u64) -> Result<(), SpoolError> {
        self.blocking(move |spool| spool.acknowledge(seq)).await
    }

    /// What was lost since this was last asked.
    pub fn losses(&self) -> Vec<SpoolLoss> {
        lock(&self.spool).losses()
    }

    /// How much is kept now.
    pub fn stats(&self) -> KeptStats {
        let spool = lock(&self.spool);
        KeptStats {
            bytes: spool.bytes(),
            oldest: spool.oldest(),
        }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Spool<RealDir>) -> Result<T, SpoolError> + Send + 'static,
    ) -> Result<T, SpoolError> {
        let spool = Arc::clone(&self.spool);
        let done = spawn_blocking(move || work(&mut lock(&spool))).await;
        done.unwrap_or_else(|error| Err(interrupted(error.into())))
    }
}

fn interrupted(source: io::Error) -> SpoolError {
    SpoolError::Io {
        action: crate::spool::Action::Write,
        name: String::new(),
        source,
    }
}

fn lock(spool: &Mutex<Spool<RealDir>>) -> MutexGuard<'_, Spool<RealDir>> {
    spool.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes what waits and syncs it at once, again and again.
async fn write(
    spool: Arc<Mutex<Spool<RealDir>>>,
    has_backlog: watch::Sender<bool>,
    mut requests: mpsc::Receiver<Request>,
) {
    let mut group = Vec::new();
    while requests.recv_many(&mut group, WAITING).await > 0 {
        let spool = Arc::clone(&spool);
        let has_backlog = has_backlog.clone();
        let requests = std::mem::take(&mut group);
        // When it is cancelled, the answers are dropped with it.
        let _ = spawn_blocking(move || commit(&mut lock(&spool), &has_backlog, requests)).await;
    }
}

fn commit(spool: &mut Spool<RealDir>, has_backlog: &watch::Sender<bool>, requests: Vec<Request>) {
    let mut written = Vec::with_capacity(requests.len());
    for request in requests {
        let mut appended = spool.append(request.signal, request.items, &request.body);
        if matches!(appended, Err(SpoolError::SyncFirst)) {
            settle(spool, has_backlog, &mut written);
            appended = spool.append(request.signal, request.items, &request.body);
        }
        match appended {
            Ok(()) => written.push(request.done),
            // Who asked may have gone.
            Err(error) => drop(request.done.send(Err(error))),
        }
    }
    settle(spool, has_backlog, &mut written);
}

fn settle(
    spool: &mut Spool<RealDir>,
    has_backlog: &watch::Sender<bool>,
    written: &mut Vec<oneshot::Sender<Result<(), SpoolError>>>,
) {
    let mut synced = spool.sync();
    // Under the lock of the spool, so that `front` can't find it empty in between; and before anybody hears of it, so that
    // nothing overtakes what is kept.
    has_backlog.send_replace(spool.oldest().is_some());
    for done in written.drain(..) {
        // The first one gets the error itself, the others what it says.
        let result = std::mem::replace(&mut synced, Ok(()));
        synced = result
            .as_ref()
            .map(|&()| ())
            .map_err(|error| interrupted(io::Error::other(error.to_string())));
        let _ = done.send(result);
    }
}
