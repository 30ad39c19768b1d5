//! The thread: waits for events, outcomes and timers, and lets the engine work.

use std::{
    io,
    os::fd::AsFd,
    sync::{
        Arc,
        mpsc::{self, Receiver, Sender},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::eventfd::{EfdFlags, EventFd},
};

use super::{Assemblers, Ledger, Outlet, PatternError, Settings, Status, engine::Engine};
use crate::state_dir::StateDir;

/// After events, the next ones are awaited for this long, so that one wake-up serves many lines.
const GATHER: Duration = Duration::from_millis(50);
/// How often removed files that are still open, and what is in flight of them, are looked at.
const VANISHED_EVERY: Duration = Duration::from_secs(1);

/// Why the thread can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A pattern is no pattern.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// The kernel gave no descriptor to wake the thread by.
    #[error(
        "can't make an eventfd to wake the thread that reads files; raise the limit of open files (ulimit -n)"
    )]
    Wake(#[source] Errno),
    /// The kernel gave no thread.
    #[error("can't start the thread that reads files")]
    Thread(#[source] io::Error),
}

/// Why nothing can be asked of the thread any more.
#[derive(Debug, thiserror::Error)]
#[error("the thread that reads files has ended")]
pub struct StopError;

/// The running thread.
#[derive(Debug)]
pub struct Files {
    commands: Sender<Command>,
    waker: Arc<EventFd>,
    thread: JoinHandle<()>,
}

#[derive(Debug)]
enum Command {
    Status(Sender<Status>),
    Stop(Instant),
}

impl Files {
    /// Starts reading from where the checkpoint in `dir` says.
    ///
    /// # Errors
    /// When a pattern is wrong, or the kernel gives no descriptor or thread.
    pub fn start<D: StateDir>(
        settings: Settings,
        dir: D,
        assemblers: Box<dyn Assemblers>,
        outlet: impl Outlet + 'static,
        ledger: Ledger,
    ) -> Result<Self, StartError> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let waker = Arc::new(EventFd::from_flags(flags).map_err(StartError::Wake)?);
        let engine = Engine::new(settings, dir, assemblers, outlet, ledger, Instant::now())?;
        let (commands, received) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("files".to_owned())
            .spawn({
                let waker = Arc::clone(&waker);
                move || Loop { engine, waker }.run(&received)
            })
            .map_err(StartError::Thread)?;
        Ok(Self {
            commands,
            waker,
            thread,
        })
    }

    /// What is known of each file. Waits until the thread answers: up to a few milliseconds, or a disk's time.
    ///
    /// # Errors
    /// When the thread has ended.
    pub fn status(&self) -> Result<Status, StopError> {
        let (answer, answered) = mpsc::channel();
        self.tell(Command::Status(answer))?;
        answered.recv().map_err(|_| StopError)
    }

    /// Stops reading, waits at most `patience` for what is in flight, saves the checkpoint, and ends the thread.
    ///
    /// # Errors
    /// When the thread had ended before.
    pub fn stop(self, patience: Duration) -> Result<(), StopError> {
        self.tell(Command::Stop(Instant::now() + patience))?;
        self.thread.join().map_err(|_| StopError)
    }

    fn tell(&self, command: Command) -> Result<(), StopError> {
        self.commands.send(command).map_err(|_| StopError)?;
        // It fails only when the counter is full, and then the thread is awake.
        let _ = self.waker.write(1);
        Ok(())
    }
}

struct Loop<D: StateDir, O> {
    engine: Engine<D, O>,
    waker: Arc<EventFd>,
}

impl<D: StateDir, O: Outlet> Loop<D, O> {
    fn run(mut self, commands: &Receiver<Command>) {
        let mut gather_until = Instant::now();
        let mut vanished_at = Instant::now();
        loop {
            while let Ok(command) = commands.try_recv() {
                match command {
                    // Who asked may have gone.
                    Command::Status(answer) => drop(answer.send(self.engine.status())),
                    Command::Stop(deadline) => return self.drain(deadline),
                }
            }
            let now = Instant::now();
            if now >= gather_until {
                let told = self.engine.take_events();
                if told.is_anything {
                    gather_until = now + GATHER;
                }
                if told.is_structural {
                    self.engine.reconcile_soon();
                }
            }
            if now >= self.engine.reconcile_at {
                self.engine.reconcile(now);
            }
            let has_vanished = self.engine.has_vanished();
            if has_vanished && now >= vanished_at + VANISHED_EVERY {
                self.engine.sweep(now);
                self.engine.keep_vanished(now);
                vanished_at = now;
            }
            self.engine.step(now);
            let mut until = self.engine.next_due();
            if has_vanished {
                until = until.min(vanished_at + VANISHED_EVERY);
            }
            if self.engine.is_busy() {
                until = now;
            }
            self.wait(until, gather_until);
        }
    }

    /// Sleeps until then, or until there are outcomes, commands or (not before `gather_until`) events.
    fn wait(&self, until: Instant, gather_until: Instant) {
        let now = Instant::now();
        let is_gathering = gather_until > now;
        let until = if is_gathering {
            until.min(gather_until)
        } else {
            until
        };
        let mut polled = vec![
            PollFd::new(self.waker.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.engine.outlet.waker_fd(), PollFlags::POLLIN),
        ];
        if let Some(inotify) = self.engine.watch.fd().filter(|_| !is_gathering) {
            polled.push(PollFd::new(inotify, PollFlags::POLLIN));
        }
        let pause = until.saturating_duration_since(now);
        // Rounded up, or the last part of a millisecond would be spent in a busy loop.
        let millis = pause.as_micros().div_ceil(1000);
        let timeout = PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX);
        // An interrupted wait is only a shorter one.
        let _ = poll(&mut polled, timeout);
        let _ = self.waker.read();
    }

    /// Hands the last batch over and waits for what is in flight; reads on only what is in no folder any more.
    fn drain(mut self, deadline: Instant) {
        let mut has_read = false;
        loop {
            let now = Instant::now();
            self.engine.settle();
            if !has_read {
                has_read = self.engine.read_vanished(now);
            }
            self.engine.hand_over(now, true);
            self.engine.keep_vanished(now);
            if now >= deadline || (has_read && self.engine.is_settled()) {
                return self.engine.save(now);
            }
            self.wait(deadline.min(now + GATHER), now + GATHER);
        }
    }
}
