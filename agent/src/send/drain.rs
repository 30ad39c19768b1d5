//! Delivers what was kept, oldest first.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;

use super::{backoff::Backoff, kept::Kept, link::Link};
use crate::{
    ledger::{Loss, LossReason},
    spool::Frame,
    stats::Stats,
};

/// After the disk failed.
const DISK_PAUSE: Duration = Duration::from_secs(1);

/// Delivers for as long as the runtime lives.
pub async fn drain(kept: Kept, link: Link, stats: Arc<Stats>) {
    let mut backoff = Backoff::new("what was kept on disk");
    loop {
        kept.filled().await;
        match kept.front().await {
            Ok(Some(frame)) => deliver(&kept, &link, &stats, &mut backoff, frame).await,
            Ok(None) => {}
            Err(error) => {
                tracing::warn!("{error}");
                sleep(DISK_PAUSE).await;
            }
        }
    }
}

async fn deliver(kept: &Kept, link: &Link, stats: &Stats, backoff: &mut Backoff, frame: Frame) {
    let Frame {
        seq, signal, items, ..
    } = frame;
    loop {
        match link.send(signal, frame.body.clone()).await {
            Ok(partial_success) => {
                backoff.succeeded();
                stats.taken(signal, items, partial_success);
                break;
            }
            Err(error) if error.is_retryable => sleep(backoff.failed(&error)).await,
            Err(error) => {
                tracing::warn!("the Collector refuses a request of {items} {signal}: {error}");
                stats.lost_for_good(Loss {
                    path: format!("spool frame {seq}"),
                    bytes: 0..frame.body.len() as u64,
                    reason: LossReason::Rejected,
                });
                break;
            }
        }
    }
    if let Err(error) = kept.acknowledge(seq).await {
        // It may be delivered again after a crash; nothing is lost.
        tracing::warn!("{error}");
    }
}
