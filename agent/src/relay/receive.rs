//! What both protocols do with a request: find its service, decompress, enrich and deliver it.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use hyper::body::Body;
use tokio::time::timeout;

use trivium_otlp::Signal;

use super::{
    Deliver, HostResource, PartialSuccess, Refusal,
    body::{self, Budget, Held},
};

/// Longer than a program on this host needs to send what it has.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// What all connections share.
#[derive(Debug, Clone)]
pub(super) struct Receiver<D> {
    pub(super) deliver: D,
    pub(super) host: Arc<HostResource>,
    pub(super) budget: Budget,
}

impl<D: Deliver> Receiver<D> {
    /// The body as it was sent.
    pub(super) async fn read<B>(&self, body: B, held: &mut Held) -> Result<Bytes, Refusal>
    where
        B: Body<Data = Bytes, Error: std::error::Error> + Unpin,
    {
        timeout(READ_TIMEOUT, body::read(body, held))
            .await
            .unwrap_or(Err(Refusal::Unavailable { retry_after: None }))
    }

    /// `encoding` is the compression's name in the protocols; `held` is what the request has of the budget so far.
    pub(super) async fn deliver(
        &self,
        signal: Signal,
        encoding: &str,
        body: Bytes,
        mut held: Held,
    ) -> Result<Option<PartialSuccess>, Refusal> {
        let request = body::decompress(body, encoding, &mut held)?;
        let request = self
            .host
            .add_to(request)
            .map_err(|error| body::invalid(&error))?;
        self.deliver.deliver(signal, request).await
    }
}

/// The signal whose service has this address.
pub(super) fn signal_at(path: &str, address: fn(Signal) -> &'static str) -> Option<Signal> {
    let mut signals = [Signal::Traces, Signal::Metrics, Signal::Logs].into_iter();
    signals.find(|signal| address(*signal) == path)
}
