//! Sends the rows of one signal: requests of a thousand, at most four open, and waits until each was acknowledged. A refused
//! request is sent again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::shape::{POINTS, Shape};
use crate::{Failure, otlp, remote_write, zipkin};

const OPEN_REQUESTS: usize = 4;
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// What a program takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// OTLP with gzip.
    Spans,
    /// OTLP with gzip.
    Logs,
    /// OTLP with gzip.
    Metrics,
    /// Prometheus remote write 1.0 with snappy.
    RemoteWrite,
    /// Zipkin's protobuf with gzip.
    Zipkin,
}

impl Encoding {
    pub(crate) fn signal(self) -> &'static str {
        match self {
            Self::Spans | Self::Zipkin => "spans",
            Self::Logs => "log records",
            Self::Metrics | Self::RemoteWrite => "samples",
        }
    }

    fn headers(self) -> [(&'static str, &'static str); 2] {
        let encoding = match self {
            Self::RemoteWrite => "snappy",
            _ => "gzip",
        };
        [
            ("content-type", "application/x-protobuf"),
            ("content-encoding", encoding),
        ]
    }
}

/// Where a signal goes.
#[derive(Debug)]
pub(crate) struct Target {
    address: String,
    pub(crate) encoding: Encoding,
}

impl Target {
    pub(crate) fn new(address: String, encoding: Encoding) -> Self {
        Self { address, encoding }
    }
}

/// What was acknowledged.
pub(crate) struct Fed {
    pub(crate) rows: u64,
    pub(crate) seconds: f64,
}

pub(crate) async fn feed(target: &Target, shape: &Shape) -> Result<Fed, Failure> {
    let encoding = target.encoding;
    let (rows, requests): (u64, Vec<_>) = match encoding {
        Encoding::Spans | Encoding::Zipkin => {
            let rows = shape.amount.spans;
            (rows, Shape::requests(rows).map(|rows| (0, rows)).collect())
        }
        Encoding::Logs => {
            let rows = shape.amount.logs;
            (rows, Shape::requests(rows).map(|rows| (0, rows)).collect())
        }
        // Each request is a thousand series at one moment; moments in order, as an exporter sends them.
        Encoding::Metrics | Encoding::RemoteWrite => {
            let rows = shape.amount.series;
            let points =
                (0..POINTS).flat_map(|point| Shape::requests(rows).map(move |rows| (point, rows)));
            (rows * POINTS, points.collect())
        }
    };
    let series = Arc::new(shape.series());
    let client = reqwest::Client::new();
    let open = Arc::new(Semaphore::new(OPEN_REQUESTS));
    let started = Instant::now();
    let mut sent = JoinSet::new();
    let mut point_before = 0;
    for (point, rows) in requests {
        if point != point_before {
            // Samples of a series must not overtake each other.
            while let Some(request) = sent.join_next().await {
                request??;
            }
            point_before = point;
        }
        let permit = Arc::clone(&open).acquire_owned().await?;
        let (client, address) = (client.clone(), target.address.clone());
        let (shape, series) = (shape.clone(), Arc::clone(&series));
        sent.spawn(async move {
            let body = match encoding {
                Encoding::Spans => otlp::spans(&shape, rows)?,
                Encoding::Logs => otlp::logs(&shape, rows)?,
                Encoding::Metrics => otlp::metrics(&shape, &series, point, rows)?,
                Encoding::RemoteWrite => remote_write::write(&shape, &series, point, rows)?,
                Encoding::Zipkin => zipkin::spans(&shape, rows)?,
            };
            loop {
                let request = client.post(&address).body(body.clone());
                let headers = encoding.headers().into_iter();
                let request =
                    headers.fold(request, |request, (key, value)| request.header(key, value));
                let answer = request.send().await?;
                match answer.status().as_u16() {
                    200..300 => break,
                    429 | 503 => tokio::time::sleep(RETRY_AFTER).await,
                    status => {
                        let text = answer.text().await?;
                        return Err(Failure::from(format!(
                            "{address} answered {status}: {text}"
                        )));
                    }
                }
            }
            drop(permit);
            Ok(())
        });
        while let Some(request) = sent.try_join_next() {
            request??;
        }
    }
    while let Some(request) = sent.join_next().await {
        request??;
    }
    Ok(Fed {
        rows,
        seconds: started.elapsed().as_secs_f64(),
    })
}
