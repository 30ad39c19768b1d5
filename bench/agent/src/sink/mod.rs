//! An OTLP receiver, gRPC and HTTP on one port, that finds out which numbered log lines are missing, came twice or out of order.
//!
//! It can be told to [go away](Sink::leave) and to [answer](Answer) otherwise than with success. It runs on a thread of its
//! own, so it serves programs and tests with and without a runtime, and ends when it is dropped. What it accepted it has
//! counted before it answers. To be light it never decodes more than the way to each record's body and each span's kind;
//! metrics are only counted by requests; told to [keep](Sink::keep) requests, it has them whole for a test to look into. It has the frame size of an ordinary gRPC server (16 KiB), so that it spares the sender nothing.

mod answer;
pub mod control;
mod receive;
mod scan;
mod serve;
mod tally;
#[cfg(test)]
mod tests;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc as reply},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tokio::sync::mpsc;

use self::serve::Command;
pub use self::{
    answer::{Answer, UnknownAnswer},
    tally::{Kept, Tally},
};

/// A running sink.
#[derive(Debug)]
pub struct Sink {
    address: SocketAddr,
    shared: Arc<Shared>,
    commands: Option<mpsc::UnboundedSender<Command>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    answer: Mutex<Answer>,
    tally: Mutex<Tally>,
    changed: Condvar,
}

impl Sink {
    /// On a free port of the loopback.
    pub fn start() -> io::Result<Self> {
        Self::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }

    /// On this address; on a free port when that is 0. Its thread has the affinity of the caller.
    pub fn start_at(address: SocketAddr) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let listener = {
            let _runtime = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let shared = Arc::new(Shared::default());
        let (commands, receiver) = mpsc::unbounded_channel();
        let serve = serve::serve(listener, address, Arc::clone(&shared), receiver);
        let thread = thread::Builder::new()
            .name("sink".to_owned())
            .spawn(move || runtime.block_on(serve))?;
        Ok(Self {
            address,
            shared,
            commands: Some(commands),
            thread: Some(thread),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How it answers from now on.
    pub fn set_answer(&self, answer: Answer) {
        *self.shared.answer() = answer;
    }

    /// Keeps requests whole from now on, which takes memory.
    pub fn keep(&self) {
        self.shared.tally().kept.get_or_insert_default();
    }

    /// Closes its port and all connections; when this returns, connections are refused. The port stays reserved.
    pub fn leave(&self) -> io::Result<()> {
        self.command(Command::Leave)
    }

    /// Listens on the same port again.
    pub fn come_back(&self) -> io::Result<()> {
        self.command(Command::ComeBack)
    }

    /// Reads what arrived so far.
    pub fn with_tally<T>(&self, read: impl FnOnce(&Tally) -> T) -> T {
        read(&self.shared.tally())
    }

    /// Waits until `is_met`, at most so long; returns when it was, or `None`.
    pub fn wait(&self, at_most: Duration, is_met: impl Fn(&Tally) -> bool) -> Option<Instant> {
        let end = Instant::now() + at_most;
        let mut tally = self.shared.tally();
        while !is_met(&tally) {
            let remaining = end.checked_duration_since(Instant::now())?;
            (tally, _) = self
                .shared
                .changed
                .wait_timeout(tally, remaining)
                .unwrap_or_else(PoisonError::into_inner);
        }
        Some(Instant::now())
    }

    /// Waits until all the numbers `0..count` of `source` have arrived, for as long as new ones arrive within `patience`.
    pub fn wait_for_all(&self, source: u32, count: u64, patience: Duration) -> Option<Instant> {
        loop {
            let before = self.with_tally(Tally::distinct);
            let all = self.wait(patience, |tally| {
                // The second is asked only when there are enough of them, since it looks at each.
                tally.distinct() >= count && tally.missing(source, count) == 0
            });
            if all.is_some() || self.with_tally(Tally::distinct) == before {
                return all;
            }
        }
    }

    fn command(
        &self,
        command: impl FnOnce(reply::Sender<io::Result<()>>) -> Command,
    ) -> io::Result<()> {
        let (done, reply) = reply::channel();
        let gone = || io::Error::other("the sink's thread has ended");
        let commands = self.commands.as_ref().ok_or_else(gone)?;
        commands.send(command(done)).map_err(|_| gone())?;
        reply.recv().map_err(|_| gone())?
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // A panic of it was printed; there is nothing left to do about it.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn answer(&self) -> MutexGuard<'_, Answer> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Tally) -> T) -> T {
        let result = change(&mut self.tally());
        self.changed.notify_all();
        result
    }
}
