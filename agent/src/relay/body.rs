//! Reads a request's body and decompresses it, within a limit for one and a budget for all.

use std::{io::Read, sync::Arc, time::Duration};

use bytes::{Buf, Bytes};
use http_body_util::BodyExt as _;
use hyper::body::Body;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Refusal;

/// The largest request, before and after decompression; a Collector's gRPC receiver takes 4 MiB by default.
pub const MAX_REQUEST_BYTES: usize = 16 << 20;
/// Of all requests that are being received or delivered.
pub const IN_FLIGHT_BYTES: usize = 32 << 20;

/// Who is refused for want of room may come back then: running requests are answered by that time, or the next is refused too.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// A larger window would let a frame of a few bytes ask for as much memory.
const ZSTD_WINDOW_LOG: u32 = 24;

/// The bytes that may be in flight.
#[derive(Debug, Clone)]
pub(super) struct Budget(Arc<Semaphore>);

/// Bytes of the budget, given back when dropped.
#[derive(Debug)]
pub(super) struct Held {
    budget: Budget,
    permit: Option<OwnedSemaphorePermit>,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(IN_FLIGHT_BYTES)))
    }

    pub(super) fn hold(&self) -> Held {
        Held {
            budget: self.clone(),
            permit: None,
        }
    }
}

impl Held {
    fn add(&mut self, bytes: usize) -> Result<(), Refusal> {
        let full = Refusal::Full {
            retry_after: RETRY_AFTER,
        };
        let count = u32::try_from(bytes).map_err(|_| full.clone())?;
        let semaphore = Arc::clone(&self.budget.0);
        let more = semaphore.try_acquire_many_owned(count).map_err(|_| full)?;
        match &mut self.permit {
            Some(permit) => permit.merge(more),
            None => self.permit = Some(more),
        }
        Ok(())
    }
}

/// The whole body, as it was sent.
pub(super) async fn read<B>(mut body: B, held: &mut Held) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes, Error: std::error::Error> + Unpin,
{
    let expected = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if expected > MAX_REQUEST_BYTES {
        return Err(too_large());
    }
    let mut whole = Bytes::new();
    let mut parts = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(broken_off)?.into_data() else {
            continue;
        };
        held.add(data.len())?;
        if whole.is_empty() && parts.is_empty() {
            // Mostly this is all, and it need not be copied.
            whole = data;
            continue;
        }
        if parts.is_empty() {
            parts.reserve(expected.max(whole.len() + data.len()));
            parts.extend_from_slice(&std::mem::take(&mut whole));
        }
        parts.extend_from_slice(&data);
        if parts.len() > MAX_REQUEST_BYTES {
            return Err(too_large());
        }
    }
    Ok(if parts.is_empty() {
        whole
    } else {
        parts.into()
    })
}

/// Undoes a compression by its name in HTTP and gRPC.
pub(super) fn decompress(body: Bytes, encoding: &str, held: &mut Held) -> Result<Bytes, Refusal> {
    let decompressed = match encoding {
        "identity" | "" => return Ok(body),
        "gzip" => read_limited(flate2::read::MultiGzDecoder::new(body.reader())),
        "zstd" => zstd::Decoder::new(body.reader())
            .and_then(|mut decoder| {
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                Ok(decoder)
            })
            .map_err(|error| invalid(&error))
            .and_then(read_limited),
        _ => {
            return Err(Refusal::UnknownCompression {
                encoding: encoding.to_owned(),
            });
        }
    }?;
    held.add(decompressed.len())?;
    Ok(decompressed.into())
}

fn read_limited(decoder: impl Read) -> Result<Vec<u8>, Refusal> {
    let mut decompressed = Vec::new();
    decoder
        .take(MAX_REQUEST_BYTES as u64 + 1)
        .read_to_end(&mut decompressed)
        .map_err(|error| invalid(&error))?;
    if decompressed.len() > MAX_REQUEST_BYTES {
        return Err(too_large());
    }
    Ok(decompressed)
}

pub(super) fn too_large() -> Refusal {
    Refusal::TooLarge {
        limit: MAX_REQUEST_BYTES,
    }
}

pub(super) fn invalid(error: &dyn std::error::Error) -> Refusal {
    Refusal::Invalid {
        reason: error.to_string(),
    }
}

/// Whoever sends it again may get through.
fn broken_off(_: impl std::error::Error) -> Refusal {
    Refusal::Unavailable { retry_after: None }
}
