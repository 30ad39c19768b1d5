//! `trivium load`: simulated users against a target, a live view, and a summary.
//!
//! The way: options → plan → reach the target → [drive](mod@drive) the users → [count](stats) what they measured → summary on
//! stdout, [reports](report) in files → thresholds, which set the exit code. The run ends after its duration or on Ctrl-C;
//! requests under way are finished first, so the summary holds exactly the requests that were sent. A second Ctrl-C ends it
//! at once.
//!
//! The load is a service of its own in the traces, `trivium-load`: each request begins with its client span, which is
//! exported as the `OTEL_*` variables say. A Collector that is away is said on stderr and fails nothing.

mod drive;
mod links;
mod live;
mod options;
mod report;
mod scenario;
mod stats;
mod summary;
mod text;
mod threshold;
mod timeline;

use std::{
    io::{self, Write as _},
    time::{Duration, Instant},
};

use tokio::{
    net::TcpStream,
    time::{MissedTickBehavior, timeout},
};
use tokio_util::sync::CancellationToken;
use trivium_telemetry::{InitError, Telemetry};

use crate::{
    journey::{Client, Failure},
    signals::{SignalError, StopSignals},
};
use drive::Run;
use live::Live;
use options::OptionError;
pub(crate) use options::Options;
use report::{ReportError, ReportFile};
use scenario::Plan;
use stats::Stats;
use summary::Summary;
use threshold::Verdict;
use timeline::Timeline;

/// How long the target may take to accept the first connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why there was no load, no summary, or why the run counts as failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error(transparent)]
    Option(#[from] OptionError),
    #[error(
        "nothing answers at {target}: {source}; start it with `trivium up`, or name another with --target"
    )]
    Unreachable { target: String, source: io::Error },
    #[error("{target} accepts connections but answered no request; is it an HTTP server?")]
    NoAnswer { target: String },
    #[error(
        "a user could not sign up and log in before the load: {0}; try fewer --users, or a lower --spawn-rate"
    )]
    Preparation(Failure),
    #[error("stopped before the load began")]
    Stopped,
    #[error("cannot make an HTTP client: {0}")]
    Client(#[from] reqwest::Error),
    #[error("cannot set up telemetry: {0}")]
    Telemetry(#[from] InitError),
    #[error(transparent)]
    Signal(#[from] SignalError),
    #[error("cannot print the summary: {0}")]
    Print(#[from] io::Error),
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error("failed, for {}", conditions(.0))]
    Thresholds(Vec<Verdict>),
}

/// Runs the load and prints its summary on stdout; progress goes to stderr.
pub(crate) async fn run(options: Options) -> Result<(), LoadError> {
    let target = options.target()?;
    let links = options.links()?;
    let plan = options.plan();
    let reports = ReportFile::all(&options.report)?;
    for report in &reports {
        report.check_folder()?;
    }
    reach(&target).await?;

    let telemetry = Telemetry::builder("trivium-load")
        .namespace("trivium")
        .version(env!("CARGO_PKG_VERSION"))
        .init()?;
    let driven = drive(&Client::new(target.clone())?, &plan).await;
    if let Err(error) = telemetry.shutdown().await {
        eprintln!("trivium: {error}");
    }
    let Outcome {
        stats,
        timeline,
        elapsed,
    } = driven?;

    let verdicts: Vec<_> = options
        .fail_if
        .iter()
        .map(|threshold| threshold.judge(&stats, elapsed))
        .collect();
    let summary = Summary::new(
        &target, &plan, &links, elapsed, &stats, &timeline, &verdicts,
    );
    if options.json {
        summary.write_json(&mut io::stdout())?;
    } else {
        io::stdout().write_all(text::of(&summary).as_bytes())?;
    }
    for report in &reports {
        report.write(&summary)?;
        eprintln!("report: {}", report.path().display());
    }
    if stats.all.requests > 0 && stats.answered() == 0 {
        return Err(LoadError::NoAnswer {
            target: target.to_string(),
        });
    }
    let met: Vec<_> = verdicts
        .into_iter()
        .filter(|verdict| verdict.is_met)
        .collect();
    if met.is_empty() {
        Ok(())
    } else {
        Err(LoadError::Thresholds(met))
    }
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

/// What a run measured, and how long it took, without its preparation.
struct Outcome {
    stats: Stats,
    timeline: Timeline,
    elapsed: Duration,
}

async fn drive(client: &Client, plan: &Plan) -> Result<Outcome, LoadError> {
    let mut signals = StopSignals::listen()?;
    let stop = CancellationToken::new();
    let mut run = match plan.rate {
        None => Run::closed(client, plan, &stop),
        Some(rate) => {
            eprintln!("{} users sign up and log in", plan.users);
            let users = tokio::select! {
                users = drive::prepare(client, plan) => users.map_err(LoadError::Preparation)?,
                () = signals.next() => return Err(LoadError::Stopped),
            };
            Run::open(users, rate, plan, &stop)
        }
    };

    let started = Instant::now();
    let mut stats = Stats::new(plan.expected_interval());
    let mut timeline = Timeline::of(plan.duration);
    let mut live = Live::start();
    let mut ticks = tokio::time::interval(live.interval());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let end = tokio::time::sleep(plan.duration);
    tokio::pin!(end);
    let mut due_until = plan.duration;
    loop {
        tokio::select! {
            sample = run.samples.recv() => match sample {
                Some(sample) => {
                    stats.add(&sample);
                    timeline.add(started.elapsed(), sample.latency, sample.failure.is_some());
                }
                None => break,
            },
            _ = ticks.tick() => {
                timeline.advance(started.elapsed());
                live.show(&stats, &timeline, plan, started.elapsed());
            }
            () = &mut end, if !stop.is_cancelled() => stop.cancel(),
            () = signals.next() => {
                if stop.is_cancelled() {
                    break;
                }
                due_until = started.elapsed();
                stop.cancel();
            }
        }
    }
    let elapsed = started.elapsed();
    stats.unsent = run.unsent(due_until);
    timeline.finish(elapsed);
    Ok(Outcome {
        stats,
        timeline,
        elapsed,
    })
}

fn conditions(met: &[Verdict]) -> String {
    let each = met
        .iter()
        .map(|verdict| format!("{}: {}", verdict.condition, verdict.measured));
    each.collect::<Vec<_>>().join("; ")
}
