//! Follows the Docker socket, or a read-only proxy of it: names of running containers where Docker's files can't be read.
//!
//! The list is read again with every event, so no event has to be understood, and none can be missed for long.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, StatusCode, header::HOST};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::{net::UnixStream, time};

use super::{directory::ContainerDirectory, resource::Container};

const LIST: &str = "/containers/json";
/// `{"type":["container"],"event":["start","die","destroy","rename"]}`.
const EVENTS: &str = concat!(
    "/events?filters=%7B%22type%22%3A%5B%22container%22%5D%2C",
    "%22event%22%3A%5B%22start%22%2C%22die%22%2C%22destroy%22%2C%22rename%22%5D%7D",
);
const PAUSE: Duration = Duration::from_secs(10);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
const MOST_LIST_BYTES: usize = 16 * 1024 * 1024;

/// Why the socket can't be followed.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Nobody answers there.
    #[error("cannot connect to {}: {source}; is Docker running, and may the agent use its socket?", path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The answer is no HTTP, or stopped.
    #[error("asking Docker for {request}: {source}")]
    Http {
        /// What was asked for.
        request: &'static str,
        /// What went wrong.
        source: hyper::Error,
    },
    /// It was refused.
    #[error("Docker answers {status} to {request}; a proxy has to let it pass")]
    Status {
        /// What was asked for.
        request: &'static str,
        /// The answer.
        status: StatusCode,
    },
    /// No answer in time.
    #[error("Docker does not answer to {request} within {} s", ANSWER_TIMEOUT.as_secs())]
    Timeout {
        /// What was asked for.
        request: &'static str,
    },
    /// The list is not as the API describes it, or too long.
    #[error("the list of containers cannot be read: {0}")]
    List(Box<dyn std::error::Error + Send + Sync>),
    /// Docker closed the stream of events.
    #[error("the stream of events has ended")]
    Ended,
}

/// Keeps the directory informed for as long as the agent runs. Errors are warned of once until it works again.
pub async fn follow(path: PathBuf, directory: &ContainerDirectory) {
    let mut is_warned = false;
    loop {
        let mut has_worked = false;
        if let Err(error) = follow_once(&path, directory, &mut has_worked).await
            && (has_worked || !is_warned)
        {
            tracing::warn!(%error, "containers keep the names that are known; trying again");
        }
        is_warned = true;
        time::sleep(PAUSE).await;
    }
}

async fn follow_once(
    path: &Path,
    directory: &ContainerDirectory,
    has_worked: &mut bool,
) -> Result<(), SocketError> {
    // A proxy that keeps the events to itself leaves the list, which is then read with each new attempt.
    directory.set_running(list(path).await?);
    let mut events = get(path, EVENTS).await?;
    *has_worked = true;
    loop {
        // Again, because containers may have started before the events did.
        directory.set_running(list(path).await?);
        let event = events.frame().await.ok_or(SocketError::Ended)?;
        event.map_err(|source| SocketError::Http {
            request: EVENTS,
            source,
        })?;
    }
}

async fn list(path: &Path) -> Result<Vec<Container>, SocketError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Listed {
        id: String,
        #[serde(default)]
        names: Vec<String>,
        image: Option<String>,
        labels: Option<std::collections::HashMap<String, String>>,
    }
    let body = Limited::new(get(path, LIST).await?, MOST_LIST_BYTES);
    let body = time::timeout(ANSWER_TIMEOUT, body.collect())
        .await
        .map_err(|_| SocketError::Timeout { request: LIST })?
        .map_err(SocketError::List)?
        .to_bytes();
    let listed: Vec<Listed> =
        serde_json::from_slice(&body).map_err(|error| SocketError::List(error.into()))?;
    let containers = listed.into_iter().map(|listed| {
        let mut container = Container {
            id: Some(listed.id),
            name: listed
                .names
                .first()
                .map(|name| name.trim_start_matches('/').to_owned()),
            image: listed.image,
            ..Container::default()
        };
        let labels = listed.labels.unwrap_or_default();
        container.set_labels(|key| labels.get(key).map(String::as_str));
        container
    });
    Ok(containers.collect())
}

/// The body of the answer. Each request has a connection of its own, which ends with the body.
async fn get(path: &Path, request: &'static str) -> Result<Incoming, SocketError> {
    let failed = |source| SocketError::Http { request, source };
    let stream = UnixStream::connect(path)
        .await
        .map_err(|source| SocketError::Connect {
            path: path.to_owned(),
            source,
        })?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(failed)?;
    tokio::spawn(connection);
    let message = Request::get(request)
        .header(HOST, "docker")
        .body(Empty::<Bytes>::new())
        .expect("a constant path and header");
    let answer = time::timeout(ANSWER_TIMEOUT, sender.send_request(message))
        .await
        .map_err(|_| SocketError::Timeout { request })?
        .map_err(failed)?;
    match answer.status() {
        StatusCode::OK => Ok(answer.into_body()),
        status => Err(SocketError::Status { request, status }),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    };

    use tokio::{
        io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
        net::UnixListener,
        sync::Notify,
    };

    use super::*;
    use crate::containers::Settings;

    /// Answers like Docker: the second list has another name, and each `event` is one.
    async fn serve(listener: UnixListener, lists: Arc<AtomicUsize>, event: Arc<Notify>) {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (lists, event) = (Arc::clone(&lists), Arc::clone(&event));
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                let mut request = String::new();
                stream.read_line(&mut request).await.unwrap();
                if request.starts_with("GET /events?") {
                    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
                    stream.write_all(head.as_bytes()).await.unwrap();
                    loop {
                        event.notified().await;
                        stream.write_all(b"2\r\n{}\r\n").await.unwrap();
                    }
                }
                assert!(request.starts_with("GET /containers/json "), "{request}");
                let number = lists.fetch_add(1, SeqCst);
                let id = "ab".repeat(32);
                let body = format!(
                    r#"[{{"Id":"{id}","Names":["/web-{number}"],"Image":"web:1","Labels":{{}},"State":"running"}}]"#
                );
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
            });
        }
    }

    #[tokio::test]
    async fn the_list_is_read_before_the_events_after_they_begin_and_with_each() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("docker.sock");
        let (lists, event) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let server = tokio::spawn(serve(
            UnixListener::bind(&path).unwrap(),
            Arc::clone(&lists),
            Arc::clone(&event),
        ));
        let directory = Arc::new(ContainerDirectory::new(Settings::default(), Vec::new()));
        let following = Arc::clone(&directory);
        let follower = tokio::spawn(async move { follow(path, &following).await });
        for number in 1..4 {
            let name = format!("web-{number}");
            let is_known = async {
                loop {
                    let resource = directory.resource(&"ab".repeat(32));
                    if resource.is_some_and(|resource| {
                        resource.windows(5).any(|window| window == name.as_bytes())
                    }) {
                        break;
                    }
                    time::sleep(Duration::from_millis(2)).await;
                }
            };
            time::timeout(Duration::from_secs(30), is_known)
                .await
                .unwrap();
            event.notify_one();
        }
        follower.abort();
        server.abort();
    }

    #[tokio::test]
    async fn a_socket_that_is_not_there_is_named() {
        let error = get(Path::new("/nowhere/docker.sock"), LIST)
            .await
            .unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("cannot connect to /nowhere/docker.sock: "),
            "{error}"
        );
    }
}
