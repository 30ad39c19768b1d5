//! All parts of a running agent, for one configuration.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    sync::oneshot,
    task::{JoinHandle, spawn_blocking},
    time::{sleep, timeout},
};
use trivium_otlp::{PartialSuccess, Signal};

use super::{
    StartError,
    host::Attributes,
    losses::Declarer,
    own_metrics::OwnMetrics,
    sampler::Sampler,
    sources::{LogAssemblers, Sources},
};
use crate::{
    batch::LogBatch,
    clock::unix_nano,
    config::Config,
    containers::socket,
    files::Files,
    relay::{Deliver, HostResource, Refusal, Relay, count_items},
    send::{Kept, Link, LogSender, Refused, Uplink, drain},
    spool::{self, Spool},
    state_dir::RealDir,
    stats::Stats,
};

/// How long what is in flight may take to be acknowledged at the end; it is read again otherwise.
const DRAIN_PATIENCE: Duration = Duration::from_secs(5);
/// How often containers are looked at again for another name, and losses are declared.
const UPKEEP_EVERY: Duration = Duration::from_secs(10);
/// After a request could not be kept.
const FULL_PAUSE: Duration = Duration::from_secs(5);

/// A running agent.
pub struct Pipeline {
    files: Arc<Files>,
    sampler: Option<Sampler>,
    relay: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
    tasks: Vec<JoinHandle<()>>,
    log_sender: JoinHandle<()>,
}

impl Pipeline {
    /// Starts all of it.
    ///
    /// # Errors
    /// When a part can't start; then nothing runs.
    pub async fn start(config: &Config) -> Result<Self, StartError> {
        let host = Attributes::of_host(config);
        let sources = Arc::new(Sources::new(config, &host)?);
        let link = Link::new(config)?;
        let checkpoints = RealDir::lock(&config.state_dir)?;
        let limits = spool::Limits {
            max_bytes: config.spool.max_bytes,
            max_age: config.spool.max_age,
        };
        let spool_dir = RealDir::lock(&config.state_dir.join("spool"))?;
        let (spool, recovery) = Spool::open(spool_dir, limits)?;
        if recovery.frames > 0 {
            tracing::info!("the spool holds {} requests", recovery.frames);
        }
        let relay = Relay::bind(crate::relay::Settings {
            grpc: config.otlp.grpc,
            http: config.otlp.http,
        })
        .await?;

        let stats = Arc::new(Stats::default());
        let kept = Kept::new(spool);
        let uplink = Uplink::new(link.clone(), kept.clone(), Arc::clone(&stats));
        let (log_sender, outlet) = LogSender::new(link.clone(), kept.clone(), Arc::clone(&stats))
            .map_err(StartError::Wake)?;
        let own: Arc<[u8]> = own_attributes(&host).encoded().into();
        let declarer = Declarer::new(Arc::clone(&own));
        let files = Arc::new(Files::start(
            sources.files_settings(),
            checkpoints,
            Box::new(LogAssemblers::new(Arc::clone(&sources))),
            outlet,
            declarer.ledger(Arc::clone(&stats)),
        )?);
        let own_metrics = OwnMetrics {
            resource: own,
            sources: Arc::clone(&sources),
            stats: Arc::clone(&stats),
            kept: kept.clone(),
            started_unix_nano: unix_nano(),
        };
        let sampler = Sampler::start(
            config,
            &host,
            Arc::clone(sources.containers()),
            own_metrics,
            Arc::clone(&files),
            uplink.clone(),
        )?;

        let mut tasks = vec![
            tokio::spawn(drain(kept.clone(), link, Arc::clone(&stats))),
            tokio::spawn(upkeep(
                Arc::clone(&sources),
                kept,
                stats,
                declarer,
                uplink.clone(),
            )),
        ];
        let docker_socket = config
            .logs
            .containers
            .iter()
            .find_map(|source| source.docker_socket.clone());
        if let Some(path) = docker_socket {
            let directory = Arc::clone(sources.containers());
            tasks.push(tokio::spawn(async move {
                socket::follow(path, &directory).await;
            }));
        }
        Ok(Self {
            files,
            sampler,
            relay: serve(relay, &host, uplink),
            tasks,
            log_sender: tokio::spawn(log_sender.run()),
        })
    }

    /// Stops reading and receiving, waits a while for what is in flight, and saves where it is.
    pub async fn stop(self) {
        if let Some((shutdown, served)) = self.relay {
            drop(shutdown);
            // What is not answered by then is sent again by who sent it.
            let _ = timeout(DRAIN_PATIENCE, served).await;
        }
        let (files, sampler) = (self.files, self.sampler);
        let stopped = spawn_blocking(move || {
            drop(sampler);
            if let Some(files) = Arc::into_inner(files) {
                // Its thread had ended only if it panicked.
                let _ = files.stop(DRAIN_PATIENCE);
            }
        });
        let _ = stopped.await;
        for task in self.tasks.into_iter().chain([self.log_sender]) {
            task.abort();
            let _ = task.await;
        }
    }
}

fn own_attributes(host: &Attributes) -> Attributes {
    let mut own = host.clone();
    own.set("service.name", "trivium-agent");
    own.set("service.namespace", "trivium");
    own.set("service.version", env!("CARGO_PKG_VERSION"));
    own.set("service.instance.id", &uuid::Uuid::new_v4().to_string());
    own
}

fn serve(
    relay: Relay,
    host: &Attributes,
    uplink: Uplink,
) -> Option<(oneshot::Sender<()>, JoinHandle<()>)> {
    let addresses = [
        ("grpc", relay.grpc_address()),
        ("http", relay.http_address()),
    ];
    if addresses.iter().all(|(_, address)| address.is_none()) {
        return None;
    }
    for (protocol, address) in addresses {
        if let Some(address) = address {
            tracing::info!("receiving OTLP/{protocol} at {address}");
        }
    }
    let (shutdown, until_dropped) = oneshot::channel::<()>();
    let host: HostResource = host.iter().collect();
    let served = tokio::spawn(relay.serve(uplink, host, async move {
        let _ = until_dropped.await;
    }));
    Some((shutdown, served))
}

impl Deliver for Uplink {
    async fn deliver(
        &self,
        signal: Signal,
        body: Bytes,
    ) -> Result<Option<PartialSuccess>, Refusal> {
        let items = count_items(signal, &body).unwrap_or_default();
        Self::deliver(self, signal, items, body)
            .await
            .map_err(|refused| match refused {
                Refused::Invalid(reason) => Refusal::Invalid { reason },
                Refused::TooLarge(_) => Refusal::TooLarge {
                    limit: spool::frame::MAX_REQUEST_BYTES,
                },
                Refused::Full(error) => {
                    tracing::warn!("a request was refused: {error}");
                    Refusal::Full {
                        retry_after: FULL_PAUSE,
                    }
                }
            })
    }
}

async fn upkeep(
    sources: Arc<Sources>,
    kept: Kept,
    stats: Arc<Stats>,
    declarer: Declarer,
    uplink: Uplink,
) {
    loop {
        sleep(UPKEEP_EVERY).await;
        sources.containers().refresh();
        for lost in kept.losses() {
            stats.lost_for_good(lost.loss);
        }
        let mut batch = LogBatch::default();
        for loss in stats.undeclared() {
            tracing::error!(
                "lost bytes {:?} of {}: {}",
                loss.bytes,
                loss.path,
                loss.reason
            );
            declarer.declare(&loss, &mut batch);
        }
        if batch.is_empty() {
            continue;
        }
        let records = batch.records();
        let body = batch.take_request().into();
        if let Err(error) = uplink.deliver(Signal::Logs, records, body).await {
            tracing::error!("{records} losses were counted and not declared: {error}");
        }
    }
}
