//! A running service with a folder of its own, and the few ways in which the tests speak to it.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use clap::Parser;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
};
use trivium_app::{App, Server, Settings};

use crate::databases::{Database, Place};

pub(crate) const PASSWORD: &str = "correct horse battery";

/// The service in this process, on a free port, at the lowest cost. Telemetry is not set up.
pub(crate) struct TestApp {
    pub(crate) address: SocketAddr,
    pub(crate) client: Client,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
    pub(crate) place: Place,
}

impl TestApp {
    /// On SQLite, with flags that win over those of all tests.
    pub(crate) async fn start(flags: &[&str]) -> Self {
        Database::Sqlite.start(flags).await
    }

    pub(crate) async fn start_in(place: Place, flags: &[&str]) -> Self {
        let database = place.flag();
        let common = ["trivium-app", "--listen=127.0.0.1:0", &database];
        let cost = if flags.iter().any(|flag| flag.starts_with("--bcrypt-cost")) {
            &[][..]
        } else {
            &["--bcrypt-cost=4"]
        };
        let settings = Settings::try_parse_from(common.iter().chain(cost).chain(flags)).unwrap();
        let app = std::sync::Arc::new(App::open(settings).await.unwrap());
        let server = Server::bind(app.clone()).await.unwrap();
        let address = server.address();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            server.run(async { drop(stopped.await) }).await;
            app.close().await;
        });
        Self {
            address,
            client: client(),
            stop,
            task,
            place,
        }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("http://{}{path}", self.address))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path).send().await.unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::of(
            self.request(Method::POST, path)
                .json(body)
                .send()
                .await
                .unwrap(),
        )
        .await
    }

    pub(crate) async fn signup(&self, email: &str) -> Answer {
        self.post("/signup/", &json!({"email": email, "password": PASSWORD}))
            .await
    }

    pub(crate) async fn login(&self, email: &str, password: &str) -> Answer {
        self.post("/login/", &json!({"email": email, "password": password}))
            .await
    }

    pub(crate) async fn me(&self, token: &str) -> Answer {
        let request = self
            .request(Method::GET, "/users/me/")
            .header("authorization", format!("Bearer {token}"));
        Answer::of(request.send().await.unwrap()).await
    }

    /// The refresh token of a login.
    pub(crate) async fn refresh_token(&self, email: &str) -> String {
        let login = self.login(email, PASSWORD).await;
        login.body["refresh_token"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn refresh(&self, token: &str) -> Answer {
        self.post("/refresh/", &json!({"refresh_token": token}))
            .await
    }

    /// Stops it in order and gives the place of its data back.
    pub(crate) async fn stop(self) -> Place {
        self.stop.send(()).unwrap();
        self.task.await.unwrap();
        self.place
    }
}

/// A client that ignores the proxies of this machine.
pub(crate) fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

/// An answer read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) async fn of(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        assert_eq!(headers["content-type"], "application/json");
        Self {
            status,
            headers,
            body: response.json().await.unwrap(),
        }
    }

    /// Asserts status and code of an error, the shape common to all, and gives its message.
    #[track_caller]
    pub(crate) fn error(&self, status: u16, code: &str) -> &str {
        assert_eq!(
            (self.status.as_u16(), &self.body["error"]["code"]),
            (status, &json!(code)),
            "{}",
            self.body
        );
        assert_eq!(
            self.body["error"]["request_id"],
            self.headers["x-request-id"].to_str().unwrap()
        );
        let mut keys: Vec<_> = self.body["error"]
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        keys.retain(|key| *key != "fields");
        assert_eq!(keys, ["code", "message", "request_id"]);
        self.body["error"]["message"].as_str().unwrap()
    }
}

/// A connection where the bytes matter.
pub(crate) struct Raw(TcpStream);

impl Raw {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    pub(crate) async fn send(&mut self, bytes: &str) {
        self.0.write_all(bytes.as_bytes()).await.unwrap();
    }

    /// What comes until the service closes the connection.
    pub(crate) async fn read_to_end(&mut self) -> String {
        let mut bytes = Vec::new();
        let reading = self.0.read_to_end(&mut bytes);
        tokio::time::timeout(Duration::from_secs(20), reading)
            .await
            .expect("the connection is still open")
            .unwrap();
        String::from_utf8(bytes).unwrap()
    }
}

/// A `POST /signup/` whose body is announced in full; `sent` bytes of it follow the head.
pub(crate) fn signup_in_parts(email: &str) -> (String, String) {
    let body = json!({"email": email, "password": PASSWORD}).to_string();
    let head = format!(
        "POST /signup/ HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let (start, rest) = body.split_at(10);
    (head + start, rest.to_owned())
}

/// Asks again until it is so.
pub(crate) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so().await {
        assert!(Instant::now() < deadline, "{what}: not within 20 s");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
