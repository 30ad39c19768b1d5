//! Runs operations that take a core each on the blocking threads: as many at a time as there are cores, in the order they came.
//!
//! A thread that has finished one takes the next itself. Were the next to be started by its request, the core would idle until
//! a worker thread had run, and the workers get their turn late while other cores compute: 4 to 5 % of both cores idled so.
//!
//! An operation whose caller no longer waits is not started; one that was started runs to its end and keeps its core until
//! then. A panic is the operation's own: the thread goes on with the next.

use std::{
    collections::VecDeque,
    num::NonZero,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::{sync::oneshot, task};

type Operation = Box<dyn FnOnce() + Send>;

/// As many operations at a time as there are cores.
pub(super) struct Cores(Arc<Mutex<Queue>>);

struct Queue {
    free: usize,
    waiting: VecDeque<Operation>,
}

/// An operation that was asked for.
pub(super) struct Submitted<T> {
    /// Resolves when it starts, with the time it waited.
    pub(super) started: oneshot::Receiver<Duration>,
    /// What came of it; an error when it panicked, was taken back or the runtime shut down.
    pub(super) result: oneshot::Receiver<T>,
}

impl Cores {
    pub(super) fn new(cores: NonZero<usize>) -> Self {
        Self(Arc::new(Mutex::new(Queue {
            free: cores.get(),
            waiting: VecDeque::new(),
        })))
    }

    /// To be called in a runtime. Dropping `started` before it resolves takes the operation back.
    pub(super) fn submit<T: Send + 'static>(
        &self,
        operation: impl FnOnce() -> T + Send + 'static,
    ) -> Submitted<T> {
        let (start, started) = oneshot::channel();
        let (done, result) = oneshot::channel();
        let asked = Instant::now();
        self.start_or_queue(Box::new(move || {
            if start.send(asked.elapsed()).is_ok()
                && let Ok(result) = catch_unwind(AssertUnwindSafe(operation))
            {
                // Without a receiver the request went away meanwhile.
                let _ = done.send(result);
            }
        }));
        Submitted { started, result }
    }

    fn start_or_queue(&self, operation: Operation) {
        let mut queue = lock(&self.0);
        if queue.free == 0 {
            queue.waiting.push_back(operation);
            return;
        }
        queue.free -= 1;
        drop(queue);
        let queue = Arc::clone(&self.0);
        task::spawn_blocking(move || {
            let mut next = Some(operation);
            while let Some(operation) = next {
                operation();
                next = next_or_leave(&queue);
            }
        });
    }
}

/// What waits longest; with nothing there the core is free.
fn next_or_leave(queue: &Mutex<Queue>) -> Option<Operation> {
    let mut queue = lock(queue);
    let next = queue.waiting.pop_front();
    if next.is_none() {
        queue.free += 1;
    }
    next
}

/// No operation runs while it is held, so a panic leaves it whole.
fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const ONE_CORE: NonZero<usize> = NonZero::<usize>::MIN;

    /// An operation that has the core until its sender is dropped.
    async fn hold(cores: &Cores) -> mpsc::Sender<()> {
        let (release, held) = mpsc::channel();
        let submitted = cores.submit(move || held.recv());
        submitted.started.await.unwrap();
        release
    }

    #[tokio::test]
    async fn what_waits_runs_in_its_order_except_what_was_taken_back() {
        let cores = Cores::new(ONE_CORE);
        let ran = Arc::new(Mutex::new(Vec::new()));
        let submit = |number: u32| {
            let ran = Arc::clone(&ran);
            cores.submit(move || ran.lock().unwrap().push(number))
        };
        let release = hold(&cores).await;
        let (first, second, third) = (submit(1), submit(2), submit(3));
        drop(second.started);
        drop(release);
        third.result.await.unwrap();
        assert_eq!(*ran.lock().unwrap(), [1, 3]);
        first.result.await.unwrap();
        second.result.await.unwrap_err();
        assert!(third.started.await.unwrap() > Duration::ZERO);
    }

    #[tokio::test]
    async fn a_panic_is_its_own_operations_and_the_core_serves_on() {
        let cores = Cores::new(ONE_CORE);
        let release = hold(&cores).await;
        let panics = cores.submit(|| panic!("on purpose"));
        let waits = cores.submit(|| 1);
        drop(release);
        panics.result.await.unwrap_err();
        assert_eq!(waits.result.await, Ok(1));
        assert_eq!(cores.submit(|| 2).result.await, Ok(2));
    }

    #[tokio::test]
    async fn as_many_run_at_once_as_there_are_cores() {
        let cores = Cores::new(NonZero::new(2).unwrap());
        let (one, _other) = (hold(&cores).await, hold(&cores).await);
        let mut third = cores.submit(|| ());
        assert!(third.started.try_recv().is_err());
        drop(one);
        third.result.await.unwrap();
    }
}
