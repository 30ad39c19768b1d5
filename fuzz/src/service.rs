//! The app as it is, on a free port of this process, with one account; and requests to it, byte by byte.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};

use clap::Parser;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;
use trivium_app::{App, Server, Settings};

pub(crate) const EMAIL: &str = "ada@example.com";
pub(crate) const PASSWORD: &str = "correct horse battery";

static RUNNING: Mutex<Option<Service>> = Mutex::new(None);

/// Runs until [`stop`].
struct Service {
    address: SocketAddr,
    token: String,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
    _folder: TempDir,
}

/// What came back, and is what every answer promises to be.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// None when the head was no HTTP, and hyper refused it by itself.
    pub(crate) request_id: Option<String>,
    body: String,
}

/// The access token of the account.
pub(crate) fn token() -> String {
    with(|service| service.token.clone())
}

/// Sends a request whose head says `connection: close`.
pub(crate) fn send(request: &[u8]) -> Answer {
    with(|service| exchange(service.address, request))
}

/// A `POST` with this body.
pub(crate) fn post(path: &str, content_type: &str, body: &[u8]) -> Answer {
    with(|service| exchange(service.address, &posting(path, content_type, body)))
}

/// Stops the service, if it was started, and removes its folder.
pub fn stop() {
    let running = RUNNING
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    if let Some(service) = running {
        // When the other end is gone, it has stopped.
        let _ = service.stop.send(());
        let _ = service.thread.join();
    }
}

fn with<T>(ask: impl FnOnce(&Service) -> T) -> T {
    let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    ask(running.get_or_insert_with(Service::start))
}

impl Service {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let database = folder.path().join("app.db");
        let settings = Settings::parse_from([
            "trivium-app".to_owned(),
            "--listen=127.0.0.1:0".to_owned(),
            format!("--database={}", database.display()),
            "--bcrypt-cost=4".to_owned(),
            // So that the addresses they name are read.
            "--trusted-proxies=127.0.0.0/8".to_owned(),
            "--token-ttl=365d".to_owned(),
            // All requests count as one client's.
            "--login-rate-client=1000000/1s".to_owned(),
            "--login-rate-account=1000000/1s".to_owned(),
        ]);
        let (stop, stopped) = oneshot::channel();
        let (bound, address) = mpsc::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let app = Arc::new(App::open(settings).await.expect("the app opens"));
                let server = Server::bind(Arc::clone(&app)).await.expect("a free port");
                bound.send(server.address()).expect("`start` waits for it");
                server.run(async { drop(stopped.await) }).await;
                app.close().await;
            });
        });
        let address = address.recv().expect("the app starts");
        let account = json!({"email": EMAIL, "password": PASSWORD}).to_string();
        let ask = |path| {
            exchange(
                address,
                &posting(path, "application/json", account.as_bytes()),
            )
        };
        assert_eq!(ask("/signup/").status, 201);
        let login: Value = serde_json::from_str(&ask("/login/").body).expect("JSON");
        Self {
            address,
            token: login["access_token"].as_str().expect("a token").to_owned(),
            stop,
            thread,
            _folder: folder,
        }
    }
}

fn posting(path: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn exchange(address: SocketAddr, request: &[u8]) -> Answer {
    let mut connection = TcpStream::connect(address).expect("the service listens");
    connection
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a time above zero");
    let mut answer = Vec::new();
    // A service that has refused the head may close before all of the body was sent; its answer counts.
    let _ = connection.write_all(request);
    let _ = connection.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    Answer::read(&answer).unwrap_or_else(|| panic!("no good answer: {answer:?}"))
}

impl Answer {
    /// A successful answer, an error in the one shape, or hyper's own refusal of a head that is not HTTP.
    fn read(answer: &str) -> Option<Self> {
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
        let request_id = head
            .lines()
            .find_map(|line| line.strip_prefix("x-request-id: "))
            .map(str::to_owned);
        let is_good = match (status, &request_id) {
            (200..400, Some(_)) => true,
            (400..500, Some(id)) => serde_json::from_str::<Value>(body).is_ok_and(|body| {
                body["error"]["code"].is_string() && body["error"]["request_id"] == **id
            }),
            (400 | 414 | 431 | 505, None) => body.is_empty(),
            _ => false,
        };
        is_good.then(|| Self {
            status,
            request_id,
            body: body.to_owned(),
        })
    }
}
