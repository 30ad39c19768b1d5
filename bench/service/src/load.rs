//! Clients that each keep one HTTP/1.1 connection and one request on it. Small on purpose: what it costs, the receiver and
//! the service next to it do not get.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

use crate::Failure;

/// Closed-loop load on one address.
pub(crate) struct Load {
    pub(crate) address: SocketAddr,
    /// The bytes of one whole request.
    pub(crate) request: Vec<u8>,
    pub(crate) clients: usize,
}

/// What came of it. `latencies` in microseconds.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) requests: u64,
    pub(crate) elapsed: Duration,
    pub(crate) latencies: Histogram<u64>,
}

impl Outcome {
    pub(crate) fn rate(&self) -> f64 {
        self.requests as f64 / self.elapsed.as_secs_f64()
    }

    pub(crate) fn p99_ms(&self) -> f64 {
        self.latencies.value_at_quantile(0.99) as f64 / 1000.0
    }
}

/// A GET with a bearer token.
pub(crate) fn get(path: &str, token: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\n\r\n").into()
}

/// A POST of JSON.
pub(crate) fn post(path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
        .into()
}

impl Load {
    /// Every answer must be a 200.
    pub(crate) async fn run(&self, length: Duration) -> Result<Outcome, Failure> {
        let started = Instant::now();
        let end = started + length;
        let mut clients = JoinSet::new();
        for _ in 0..self.clients {
            clients.spawn(client(self.address, self.request.clone(), end));
        }
        let mut latencies = Histogram::new(3)?;
        while let Some(client) = clients.join_next().await {
            latencies.add(client??)?;
        }
        Ok(Outcome {
            requests: latencies.len(),
            elapsed: started.elapsed(),
            latencies,
        })
    }
}

async fn client(
    address: SocketAddr,
    request: Vec<u8>,
    end: Instant,
) -> Result<Histogram<u64>, Failure> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut latencies = Histogram::new(3)?;
    let mut buffer = Vec::with_capacity(4096);
    loop {
        let sent = Instant::now();
        if sent >= end {
            return Ok(latencies);
        }
        stream.write_all(&request).await?;
        answer(&mut stream, &mut buffer).await?;
        latencies.record(sent.elapsed().as_micros() as u64)?;
    }
}

async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<(), Failure> {
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err("the service closed the connection".into());
        }
        if is_complete(buffer) {
            break;
        }
    }
    if buffer.starts_with(b"HTTP/1.1 200") {
        Ok(())
    } else {
        Err(format!("not a 200: {}", String::from_utf8_lossy(buffer)).into())
    }
}

fn is_complete(answer: &[u8]) -> bool {
    let Some(head) = answer.windows(4).position(|end| end == b"\r\n\r\n") else {
        return false;
    };
    let text = String::from_utf8_lossy(&answer[..head]).to_ascii_lowercase();
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok())
        .unwrap_or(0);
    answer.len() >= head + 4 + length
}
