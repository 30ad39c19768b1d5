//! `trivium load`: simulated users against a target, a live view, and a summary.
//!
//! Closed model: a user sends the next request when the last one was answered and the pause is over, so a slow target
//! gets fewer requests. The run ends after its duration or on Ctrl-C; requests under way are finished first, so the
//! summary holds exactly the requests that were sent. A second Ctrl-C ends it at once.

mod live;
mod options;
mod stats;
mod summary;

use std::{
    io,
    time::{Duration, Instant},
};

use tokio::{
    net::TcpStream,
    sync::mpsc,
    task::JoinSet,
    time::{MissedTickBehavior, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    journey::{Client, Sample, user::User},
    signals::{SignalError, StopSignals},
};
use live::Live;
pub(crate) use options::Options;
use options::{Plan, TargetError};
use stats::Stats;
use summary::Summary;

/// How long the target may take to accept the first connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why there was no load, or no summary.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(
        "nothing answers at {target}: {source}; start it with `trivium up`, or name another with --target"
    )]
    Unreachable { target: String, source: io::Error },
    #[error("{target} accepts connections but answered no request; is it an HTTP server?")]
    NoAnswer { target: String },
    #[error("cannot make an HTTP client: {0}")]
    Client(#[from] reqwest::Error),
    #[error(transparent)]
    Signal(#[from] SignalError),
    #[error("cannot print the summary: {0}")]
    Print(#[from] io::Error),
}

/// Runs the load and prints its summary on stdout; progress goes to stderr.
pub(crate) async fn run(options: Options) -> Result<(), LoadError> {
    let target = options.target()?;
    let plan = options.plan();
    reach(&target).await?;

    let started = Instant::now();
    let stats = drive(Client::new(target.clone())?, &plan, started).await?;
    let summary = Summary::new(
        &target,
        &plan,
        options.lens.as_ref(),
        started.elapsed(),
        &stats,
    );
    if options.json {
        summary.write_json(&mut io::stdout())?;
    } else {
        summary.write_text(&mut io::stdout())?;
    }
    if stats.all.requests > 0 && stats.answered() == 0 {
        return Err(LoadError::NoAnswer {
            target: target.to_string(),
        });
    }
    Ok(())
}

/// Connects once without a request, so that the target counts only what the summary counts.
async fn reach(target: &reqwest::Url) -> Result<(), LoadError> {
    let unreachable = |source| LoadError::Unreachable {
        target: target.to_string(),
        source,
    };
    let host = target
        .host_str()
        .unwrap_or_default()
        .trim_matches(['[', ']']);
    let port = target.port_or_known_default().unwrap_or(80);
    match timeout(CONNECT_TIMEOUT, TcpStream::connect((host, port))).await {
        Ok(connected) => connected.map(drop).map_err(unreachable),
        Err(_) => Err(unreachable(io::ErrorKind::TimedOut.into())),
    }
}

async fn drive(client: Client, plan: &Plan, started: Instant) -> Result<Stats, LoadError> {
    let mut signals = StopSignals::listen()?;
    let stop = CancellationToken::new();
    let (_users, mut received) = spawn_users(&client, plan, &stop);

    let mut stats = Stats::default();
    let mut live = Live::start();
    let mut ticks = tokio::time::interval(live.interval());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let end = tokio::time::sleep(plan.duration);
    tokio::pin!(end);
    loop {
        tokio::select! {
            sample = received.recv() => match sample {
                Some(sample) => stats.add(sample),
                None => return Ok(stats),
            },
            _ = ticks.tick() => live.show(&stats, plan, started.elapsed()),
            () = &mut end, if !stop.is_cancelled() => stop.cancel(),
            () = signals.next() => {
                if stop.is_cancelled() {
                    return Ok(stats);
                }
                stop.cancel();
            }
        }
    }
}

/// Each user is a task that starts when its turn comes. The samples end when the last user has ended.
fn spawn_users(
    client: &Client,
    plan: &Plan,
    stop: &CancellationToken,
) -> (JoinSet<()>, mpsc::Receiver<Sample>) {
    let (samples, received) = mpsc::channel(1024);
    let mut users = JoinSet::new();
    for number in 0..plan.users {
        let (user, samples, stop) = (User::new(client.clone()), samples.clone(), stop.clone());
        let turn = plan.start_of(number);
        users.spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(turn) => user.run(samples, stop).await,
                () = stop.cancelled() => {}
            }
        });
    }
    (users, received)
}
