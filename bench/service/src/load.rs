//! Clients that each keep one HTTP/1.1 connection and one request on it, all on one thread. Small on purpose, for the
//! receiver has the same core: one read and one write for each request, of bytes that were made before.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use crate::Failure;

/// An answer that takes longer is a defect.
const PATIENCE_MS: u16 = 30_000;
/// No answer is longer.
const ANSWER_BYTES: usize = 8192;

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
    /// Takes the thread for so long, and until the last answers have come. Every answer must be a 200.
    pub(crate) fn run(&self, length: Duration) -> Result<Outcome, Failure> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let mut clients = Vec::with_capacity(self.clients);
        for index in 0..self.clients {
            let client = Client::connect(self.address)?;
            let readable = EpollEvent::new(EpollFlags::EPOLLIN, index as u64);
            epoll.add(&client.stream, readable)?;
            clients.push(client);
        }
        let started = Instant::now();
        for client in &mut clients {
            client.send(&self.request, started)?;
        }
        let mut latencies = Histogram::new(3)?;
        let mut waiting = clients.len();
        let mut events = vec![EpollEvent::empty(); clients.len()];
        while waiting > 0 {
            let ready = epoll.wait(&mut events, EpollTimeout::from(PATIENCE_MS))?;
            if ready == 0 {
                return Err(format!("no answer within {PATIENCE_MS} ms").into());
            }
            for event in &events[..ready] {
                let client = &mut clients[event.data() as usize];
                if !client.receive()? {
                    continue;
                }
                let now = Instant::now();
                latencies.record((now - client.sent).as_micros() as u64)?;
                if now - started < length {
                    client.send(&self.request, now)?;
                } else {
                    waiting -= 1;
                }
            }
        }
        Ok(Outcome {
            requests: latencies.len(),
            elapsed: started.elapsed(),
            latencies,
        })
    }
}

struct Client {
    stream: TcpStream,
    sent: Instant,
    answer: Box<[u8; ANSWER_BYTES]>,
    received: usize,
}

impl Client {
    fn connect(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            sent: Instant::now(),
            answer: Box::new([0; ANSWER_BYTES]),
            received: 0,
        })
    }

    fn send(&mut self, request: &[u8], now: Instant) -> Result<(), Failure> {
        self.sent = now;
        self.received = 0;
        // It does not block: nothing else is on its way to the service.
        Ok(self.stream.write_all(request)?)
    }

    /// Reads once what is there; whether the answer is whole.
    fn receive(&mut self) -> Result<bool, Failure> {
        let length = self.stream.read(&mut self.answer[self.received..])?;
        if length == 0 {
            return Err("the service closed the connection, or its answer is too long".into());
        }
        self.received += length;
        let answer = &self.answer[..self.received];
        match whole_length(answer)? {
            Some(length) if answer.len() >= length => {}
            _ => return Ok(false),
        }
        if answer.starts_with(b"HTTP/1.1 200") {
            Ok(true)
        } else {
            Err(format!("not a 200: {}", String::from_utf8_lossy(answer)).into())
        }
    }
}

/// Of head and body, once the head is there.
fn whole_length(answer: &[u8]) -> Result<Option<usize>, Failure> {
    const NAME: &[u8] = b"content-length:";
    let mut content_length = None;
    let mut rest = answer;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let line = rest[..end].trim_ascii_end();
        rest = &rest[end + 1..];
        if line.is_empty() {
            let body: usize = content_length.ok_or("an answer has no content-length")?;
            return Ok(Some(answer.len() - rest.len() + body));
        }
        if let Some((name, value)) = line.split_at_checked(NAME.len())
            && name.eq_ignore_ascii_case(NAME)
        {
            content_length = Some(std::str::from_utf8(value)?.trim().parse()?);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;

    #[test]
    fn an_answer_is_whole_with_the_last_byte_of_its_body() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\ndate: now\r\n\r\nbody";
        let head = answer.len() - 4;
        assert_eq!(whole_length(&answer[..head - 1]).unwrap(), None);
        assert_eq!(whole_length(&answer[..head]).unwrap(), Some(head + 4));
        assert_eq!(whole_length(answer).unwrap(), Some(head + 4));
        whole_length(b"HTTP/1.1 200 OK\r\n\r\n").unwrap_err();
    }

    /// A service that answers every request of one connection in two parts.
    fn serve(status: &'static str) -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_nodelay(true).unwrap();
            let mut request = [0; 1024];
            while stream.read(&mut request).is_ok_and(|length| length > 0) {
                let head = format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\n");
                stream.write_all(head.as_bytes()).unwrap();
                thread::sleep(Duration::from_millis(2));
                stream.write_all(b"{}").unwrap();
            }
        });
        address
    }

    fn load(status: &'static str) -> Load {
        Load {
            address: serve(status),
            request: get("/", "token"),
            clients: 1,
        }
    }

    #[test]
    fn one_answer_in_two_parts_is_one_request_with_the_time_of_both() {
        let outcome = load("200 OK").run(Duration::from_millis(50)).unwrap();
        assert!((2..=25).contains(&outcome.requests), "{outcome:?}");
        assert!(outcome.latencies.min() >= 2000, "{outcome:?}");
        assert_eq!(outcome.latencies.len(), outcome.requests);
    }

    #[test]
    fn an_answer_that_is_no_200_ends_the_run_and_is_shown() {
        let error = load("429 Too Many Requests").run(Duration::from_secs(5));
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with("not a 200: HTTP/1.1 429 "), "{error}");
    }
}
