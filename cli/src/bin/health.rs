//! `trivium-health HOST:PORT[/PATH]`: asks whether a program is up, for the health checks of images that have no shell.
//!
//! It sends one HTTP request and wants an answer with a status below 500 within three seconds. Exit codes: 0 there is one, 1
//! there is none (the reason is on stderr), 2 wrong usage. It links next to nothing, so that it is small in every image.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{TcpStream, ToSocketAddrs},
    process::ExitCode,
    time::Duration,
};

const TIMEOUT: Duration = Duration::from_secs(3);

/// Why a program is not up.
#[derive(Debug, thiserror::Error)]
enum Unhealthy {
    #[error(
        "{host} does not answer: {source}; it takes HOST:PORT[/PATH], such as 127.0.0.1:8000/readyz"
    )]
    Silent { host: String, source: io::Error },
    #[error("{target} answered: {line}")]
    Failing { target: String, line: String },
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(target), None) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: trivium-health HOST:PORT[/PATH]");
        return ExitCode::from(2);
    };
    match check(&target) {
        Ok(()) => ExitCode::SUCCESS,
        Err(unhealthy) => {
            eprintln!("trivium-health: {unhealthy}");
            ExitCode::FAILURE
        }
    }
}

fn check(target: &str) -> Result<(), Unhealthy> {
    let (host, path) = match target.find('/') {
        Some(slash) => target.split_at(slash),
        None => (target, "/"),
    };
    let line = status_line(host, path).map_err(|source| Unhealthy::Silent {
        host: host.to_owned(),
        source,
    })?;
    if is_up(&line) {
        return Ok(());
    }
    Err(Unhealthy::Failing {
        target: target.to_owned(),
        line,
    })
}

/// The first line of the answer.
fn status_line(host: &str, path: &str) -> io::Result<String> {
    let no_address = || io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    let address = host.to_socket_addrs()?.next().ok_or_else(no_address)?;
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    // In one write: a server may answer what it has read of it, and close.
    let request = format!("GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

/// `HTTP/1.1 404 Not Found` comes from a program that works; 5xx says that it does not.
fn is_up(status_line: &str) -> bool {
    let mut words = status_line.split(' ');
    let is_http = words.next().is_some_and(|word| word.starts_with("HTTP/"));
    let status = words.next().and_then(|word| word.parse::<u16>().ok());
    is_http && status.is_some_and(|status| (200..500).contains(&status))
}

#[cfg(test)]
mod tests {
    use std::{io::Read, net::TcpListener, thread};

    use super::*;

    /// What the check says about a server that answers with `answer`, and the request it got.
    fn ask(answer: &'static str) -> (Result<(), String>, String) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let target = format!("{}/readyz", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let length = stream.read(&mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        let result = check(&target).map_err(|unhealthy| unhealthy.to_string());
        (result, server.join().unwrap())
    }

    #[test]
    fn an_answer_below_500_is_healthy_and_the_path_is_asked_for() {
        let (result, request) = ask("HTTP/1.1 200 OK\r\n\r\n");
        assert_eq!(result, Ok(()));
        assert!(request.starts_with("GET /readyz HTTP/1.0\r\n"), "{request}");
        assert_eq!(ask("HTTP/1.1 404 Not Found\r\n\r\n").0, Ok(()));
    }

    #[test]
    fn a_failure_no_http_and_no_answer_are_unhealthy() {
        let failing = ask("HTTP/1.1 503 Service Unavailable\r\n\r\n")
            .0
            .unwrap_err();
        assert!(
            failing.ends_with("/readyz answered: HTTP/1.1 503 Service Unavailable"),
            "{failing}"
        );
        assert!(ask("hello\r\n").0.is_err());
        assert!(ask("").0.is_err());
        let closed = TcpListener::bind(("127.0.0.1", 0))
            .unwrap()
            .local_addr()
            .unwrap();
        let silent = check(&closed.to_string()).unwrap_err().to_string();
        assert!(
            silent.starts_with(&format!("{closed} does not answer: ")),
            "{silent}"
        );
    }

    #[test]
    fn a_wrong_target_is_named_with_what_to_write() {
        let error = check("127.0.0.1/readyz").unwrap_err().to_string();
        assert!(error.starts_with("127.0.0.1 does not answer: "), "{error}");
        assert!(error.contains("such as 127.0.0.1:8000/readyz"), "{error}");
    }
}
