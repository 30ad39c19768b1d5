//! Simulated users at work, in one of two models.
//!
//! - Closed: a user sends the next request when the last one was answered and its pause is over, so a slow target gets
//!   fewer requests. Users start at the spawn rate.
//! - Open: requests are due at a fixed rate, evenly spaced, however slow the target is. Each is sent by a user that is free;
//!   where none is, it waits, and its latency counts from when it was due. All users have signed up and logged in before
//!   the first one is due; what they sent for that is not part of the run.
//!
//! Both end when `stop` is cancelled; requests under way are finished first.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::{
    sync::{Mutex, mpsc},
    task::JoinSet,
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use super::scenario::Plan;
use crate::journey::{Client, Failure, Sample, user::User};

/// Samples that may wait to be counted.
const SAMPLES: usize = 4096;
/// Requests that may be due before the thread that makes them waits; their times stay those of the schedule.
const BACKLOG: usize = 1024;

/// Load under way: ends when its samples do.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) samples: mpsc::Receiver<Sample>,
    _users: JoinSet<()>,
    schedule: Option<Schedule>,
}

/// What the open model has sent of what was due.
#[derive(Debug)]
struct Schedule {
    rate: f64,
    sent: Arc<AtomicU64>,
}

impl Run {
    /// Starts the closed model.
    pub(super) fn closed(client: &Client, plan: &Plan, stop: &CancellationToken) -> Self {
        let (samples, received) = mpsc::channel(SAMPLES);
        let mut users = JoinSet::new();
        for number in 0..plan.users {
            let user = User::new(client.clone(), plan.journey);
            let (samples, stop) = (samples.clone(), stop.clone());
            let turn = plan.start_of(number);
            users.spawn(async move {
                tokio::select! {
                    () = sleep(turn) => user.run(samples, stop).await,
                    () = stop.cancelled() => {}
                }
            });
        }
        Self {
            samples: received,
            _users: users,
            schedule: None,
        }
    }

    /// Starts the open model with users that are logged in.
    pub(super) fn open(users: Vec<User>, rate: f64, plan: &Plan, stop: &CancellationToken) -> Self {
        let (samples, received) = mpsc::channel(SAMPLES);
        let (due, dues) = mpsc::channel(BACKLOG);
        let duration = plan.duration;
        // A thread of its own: Tokio's timers are of whole milliseconds.
        thread::spawn(move || keep_schedule(rate, duration, &due));
        let dues = Arc::new(Mutex::new(dues));
        let sent = Arc::new(AtomicU64::new(0));
        let mut tasks = JoinSet::new();
        for user in users {
            let (dues, sent) = (dues.clone(), sent.clone());
            tasks.spawn(serve(user, dues, sent, samples.clone(), stop.clone()));
        }
        Self {
            samples: received,
            _users: tasks,
            schedule: Some(Schedule { rate, sent }),
        }
    }

    /// Requests that were due in `elapsed` and that nobody has sent.
    pub(super) fn unsent(&self, elapsed: Duration) -> u64 {
        self.schedule.as_ref().map_or(0, |schedule| {
            // The first is due at once. The cast saturates.
            let due = (elapsed.as_secs_f64() * schedule.rate).ceil() as u64;
            due.saturating_sub(schedule.sent.load(Ordering::Relaxed))
        })
    }
}

/// Lets all users sign up and log in, each when its turn comes.
pub(super) async fn prepare(client: &Client, plan: &Plan) -> Result<Vec<User>, Failure> {
    let mut preparing = JoinSet::new();
    for number in 0..plan.users {
        let mut user = User::new(client.clone(), plan.journey);
        let turn = plan.start_of(number);
        preparing.spawn(async move {
            sleep(turn).await;
            user.prepare().await.map(|()| user)
        });
    }
    preparing.join_all().await.into_iter().collect()
}

/// Says when each request is due, until the run is over or nobody listens.
fn keep_schedule(rate: f64, duration: Duration, due: &mpsc::Sender<Instant>) {
    let started = Instant::now();
    for number in 0_u64.. {
        let after = Duration::try_from_secs_f64(number as f64 / rate).unwrap_or(Duration::MAX);
        let at = started + after.min(duration);
        thread::sleep(at.saturating_duration_since(Instant::now()));
        // The last wait is for the end: users who find nothing due before it would end the run early.
        if after >= duration || due.blocking_send(at).is_err() {
            return;
        }
    }
}

/// Sends what is due, one request after the other.
async fn serve(
    mut user: User,
    dues: Arc<Mutex<mpsc::Receiver<Instant>>>,
    sent: Arc<AtomicU64>,
    samples: mpsc::Sender<Sample>,
    stop: CancellationToken,
) {
    loop {
        let next = async { dues.lock().await.recv().await };
        let due = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            due = next => due,
        };
        let Some(due) = due else { return };
        sent.fetch_add(1, Ordering::Relaxed);
        if samples.send(user.step(due).await).await.is_err() {
            return;
        }
    }
}
