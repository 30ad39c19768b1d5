//! Logins on all cores: whether bcrypt alone bounds them, and whether the service still answers meanwhile.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::{sync::oneshot, task};
use trivium_bench_agent::sink::Sink;

use crate::{
    Failure, Options,
    cores::{self, Watch},
    load::{Load, post},
    service::{Cores, Kind, Service},
};

/// Some 80 ms: long enough to be all that counts, short enough for many in one measurement.
const BCRYPT_COST: u32 = 10;
const CLIENTS: usize = 8;
const PAUSE_BETWEEN_HEALTH: Duration = Duration::from_millis(25);

/// Logins per second, and what the cores verify per second when they do nothing else.
pub(crate) struct Logins {
    pub(crate) rate: f64,
    pub(crate) possible: f64,
    /// What the service and all of the machine used of both cores, 0 to 1.
    pub(crate) service_busy: f64,
    pub(crate) cores_busy: f64,
    pub(crate) health_p99_ms: f64,
    pub(crate) health_max_ms: f64,
}

pub(crate) async fn measure(options: &Options, sink: &Sink) -> Result<Logins, Failure> {
    let length = Duration::from_secs(options.seconds);
    let possible_before = possible_rate(length / 2)?;
    let service =
        Service::start_at_cost(Kind::Trivium, options, sink, Cores::All, BCRYPT_COST).await?;
    service.sign_up_and_log_in().await?;
    let load = Load {
        address: service.address(),
        request: post("/login/", &Service::login_body()),
        clients: CLIENTS,
    };
    let (stop, stopped) = oneshot::channel();
    let url = format!("http://{}/livez", service.address());
    let health = tokio::spawn(watch_health(url, stopped));
    let cpu_before = service.cpu_seconds()?;
    let watches = [Watch::start(cores::SERVICE)?, Watch::start(cores::OWN)?];
    let outcome = task::spawn_blocking(move || load.run(length)).await??;
    let cores_busy = (watches[0].busy()? + watches[1].busy()?) / 2.0;
    let service_busy = (service.cpu_seconds()? - cpu_before) / outcome.elapsed.as_secs_f64() / 2.0;
    drop(stop);
    let health = health.await??;
    service.stop().await?;
    // On both sides, for the machine's speed changes.
    let possible = f64::midpoint(possible_before, possible_rate(length / 2)?);
    Ok(Logins {
        rate: outcome.rate(),
        possible,
        service_busy,
        cores_busy,
        health_p99_ms: health.value_at_quantile(0.99) as f64 / 1000.0,
        health_max_ms: health.max() as f64 / 1000.0,
    })
}

/// Both cores verify at once, one thread on each.
fn possible_rate(length: Duration) -> Result<f64, Failure> {
    let hash = bcrypt::hash("correct horse battery", BCRYPT_COST)?;
    let threads = [cores::SERVICE, cores::OWN].map(|core| {
        let hash = hash.clone();
        std::thread::spawn(move || -> Result<f64, Failure> {
            cores::pin_this_thread(core)?;
            let started = Instant::now();
            let mut verified = 0;
            while started.elapsed() < length {
                verified += u32::from(bcrypt::verify("correct horse battery", &hash)?);
            }
            Ok(f64::from(verified) / started.elapsed().as_secs_f64())
        })
    });
    let mut rate = 0.0;
    for thread in threads {
        rate += thread.join().map_err(|_| "a thread panicked")??;
    }
    Ok(rate)
}

/// Latencies in microseconds, until `stopped`.
async fn watch_health(
    url: String,
    mut stopped: oneshot::Receiver<()>,
) -> Result<Histogram<u64>, Failure> {
    let client = reqwest::Client::new();
    let mut latencies = Histogram::new(3)?;
    while stopped.try_recv() == Err(oneshot::error::TryRecvError::Empty) {
        let sent = Instant::now();
        client.get(&url).send().await?.error_for_status()?;
        latencies.record(sent.elapsed().as_micros() as u64)?;
        tokio::time::sleep(PAUSE_BETWEEN_HEALTH).await;
    }
    Ok(latencies)
}
