//! The thread that samples: the host, the containers and the agent itself, each in its interval.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tokio::runtime::Handle;
use trivium_otlp::Signal;

use super::{StartError, host::Attributes, own_metrics::OwnMetrics};
use crate::{
    clock::unix_nano,
    config::Config,
    containers::ContainerDirectory,
    files::Files,
    metrics::{containers::Containers, host},
    relay::count_items,
    send::Uplink,
};

/// Of the agent's own metrics where nothing else is measured.
const OWN_INTERVAL: Duration = Duration::from_secs(15);

/// The running thread; dropped, it ends.
pub(super) struct Sampler {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Samples {
    host: Option<(host::Host, Every)>,
    containers: Option<(Containers, Every)>,
    own: (OwnMetrics, Every),
    directory: Arc<ContainerDirectory>,
    files: Arc<Files>,
    uplink: Uplink,
    runtime: Handle,
}

/// Something to be done in an interval.
struct Every {
    interval: Duration,
    next: Instant,
}

impl Every {
    fn new(interval: Duration) -> Self {
        Self {
            interval,
            next: Instant::now(),
        }
    }

    /// Whether its time has come; then the next one is set, those that were missed left out.
    fn is_due(&mut self, now: Instant) -> bool {
        let is_due = now >= self.next;
        if is_due {
            self.next += self.interval;
            if self.next <= now {
                self.next = now + self.interval;
            }
        }
        is_due
    }
}

impl Sampler {
    /// To be called inside the runtime that sends. None when `metrics` is off altogether.
    pub(super) fn start(
        config: &Config,
        host: &Attributes,
        directory: Arc<ContainerDirectory>,
        own: OwnMetrics,
        files: Arc<Files>,
        uplink: Uplink,
    ) -> Result<Option<Self>, StartError> {
        let metrics = &config.metrics;
        let intervals = [metrics.host.as_ref(), metrics.containers.as_ref()];
        let Some(shortest) = intervals
            .into_iter()
            .flatten()
            .map(|every| every.interval)
            .min()
        else {
            return Ok(None);
        };
        let resource: Arc<[u8]> = host.encoded().into();
        let host_settings = host::Settings {
            root: config.root.clone(),
            is_per_cpu: false,
        };
        let samples = Samples {
            host: metrics.host.as_ref().map(|every| {
                let host = host::Host::new(&host_settings, Arc::clone(&resource));
                (host, Every::new(every.interval))
            }),
            containers: metrics.containers.as_ref().map(|every| {
                let containers = Containers::new(&config.root, Arc::clone(&resource));
                (containers, Every::new(every.interval))
            }),
            own: (own, Every::new(shortest.max(OWN_INTERVAL))),
            directory,
            files,
            uplink,
            runtime: Handle::current(),
        };
        let (stop, stopped) = sync_channel(0);
        let thread = thread::Builder::new()
            .name("metrics".to_owned())
            .spawn(move || samples.run(&stopped))
            .map_err(StartError::Thread)?;
        Ok(Some(Self {
            stop: Some(stop),
            thread: Some(thread),
        }))
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It ended by a panic, if at all; the rest goes on.
            let _ = thread.join();
        }
    }
}

impl Samples {
    fn run(mut self, stopped: &Receiver<()>) {
        loop {
            let wait = self.next().saturating_duration_since(Instant::now());
            match stopped.recv_timeout(wait) {
                Err(RecvTimeoutError::Timeout) => self.sample(),
                _ => return,
            }
        }
    }

    fn next(&self) -> Instant {
        let host = self.host.iter().map(|(_, every)| every.next);
        let containers = self.containers.iter().map(|(_, every)| every.next);
        host.chain(containers).fold(self.own.1.next, Instant::min)
    }

    fn sample(&mut self) {
        let now = Instant::now();
        let now_unix_nano = unix_nano();
        let mut out = Vec::new();
        if let Some((host, every)) = &mut self.host
            && every.is_due(now)
        {
            host.sample(now_unix_nano, &mut out);
        }
        if let Some((containers, every)) = &mut self.containers
            && every.is_due(now)
        {
            let directory = &self.directory;
            containers.sample(now_unix_nano, &|id| directory.resource(id), &mut out);
        }
        if self.own.1.is_due(now) {
            // Without its thread the files are gone, and so is what there is to say about them.
            let files = self.files.status().map(|status| status.files);
            self.own.0.sample(&files.unwrap_or_default(), &mut out);
        }
        if out.is_empty() {
            return;
        }
        let points = count_items(Signal::Metrics, &out).unwrap_or_default();
        let uplink = self.uplink.clone();
        self.runtime.spawn(async move {
            if let Err(error) = uplink.deliver(Signal::Metrics, points, out.into()).await {
                tracing::warn!("{points} data points are lost: {error}");
            }
        });
    }
}
