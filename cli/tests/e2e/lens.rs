//! lens's JSON API.

use serde_json::Value;

use crate::{client::Sent, here::until};

pub(crate) const DURATION: &str = "http.server.request.duration";

#[derive(Clone)]
pub(crate) struct Lens {
    url: String,
    token: Option<String>,
    client: reqwest::Client,
}

impl Lens {
    pub(crate) fn at(port: u16) -> Self {
        Self {
            url: format!("http://127.0.0.1:{port}"),
            token: None,
            client: reqwest::Client::new(),
        }
    }

    /// One that asks for a token.
    #[allow(dead_code, reason = "only the container has one")]
    pub(crate) fn with_token(port: u16, token: String) -> Self {
        Self {
            token: Some(token),
            ..Self::at(port)
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// `None` when there is no such thing, or lens is away.
    pub(crate) async fn get(&self, path: &str) -> Option<Value> {
        let mut request = self.client.get(self.url(path));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.ok()?;
        let status = response.status();
        let text = response.text().await.ok()?;
        assert!(
            status.is_success() || status == reqwest::StatusCode::NOT_FOUND,
            "{path}: {status} {text}"
        );
        status
            .is_success()
            .then(|| serde_json::from_str(&text).unwrap())
    }

    pub(crate) async fn list(&self, path: &str, noun: &str) -> Vec<Value> {
        match self.get(path).await {
            Some(mut answer) => serde_json::from_value(answer[noun].take()).unwrap(),
            None => Vec::new(),
        }
    }

    /// The newest count of requests of each route, method and status of one kind.
    pub(crate) async fn count(&self, selection: &str) -> u64 {
        let path = format!("/api/metrics/{DURATION}?since=1h&where={selection}");
        let points = self.list(&path, "points").await;
        let newest = points.last().and_then(|point| point["value"].as_f64());
        newest.unwrap_or_default() as u64
    }

    /// Waits until exactly as many requests of the app are counted as were sent.
    pub(crate) async fn wait_for_count(&self, expected: usize) {
        let expected = expected as u64;
        until(&format!("{expected} requests counted"), || async {
            let count = self.count("service_name=auth").await;
            assert!(count <= expected, "{count} counted of {expected}");
            (count == expected).then_some(())
        })
        .await;
    }

    pub(crate) async fn spans(&self, trace_id: &str) -> Vec<Value> {
        self.list(&format!("/api/traces/{trace_id}"), "spans").await
    }

    pub(crate) async fn logs(&self, trace_id: &str) -> Vec<Value> {
        self.list(&format!("/api/logs?trace_id={trace_id}&limit=1000"), "logs")
            .await
    }

    /// The root: the one span whose parent nobody stored. While two have none, a parent of one of them is on its way.
    pub(crate) async fn root(&self, trace_id: &str) -> Option<Value> {
        let spans = self.spans(trace_id).await;
        let ids: Vec<_> = spans.iter().map(|span| span["span_id"].clone()).collect();
        let mut roots = spans
            .into_iter()
            .filter(|span| !ids.contains(&span["parent_span_id"]));
        let root = roots.next()?;
        roots.next().is_none().then_some(root)
    }

    /// Waits until the request's trace and at least one of its logs are there, and checks them against what was sent.
    pub(crate) async fn assert_observed(&self, sent: &Sent) {
        let root = until(&format!("the trace of {sent:?}"), || async {
            let root = self.root(&sent.trace_id).await?;
            // A span of the server's own may be stored before it.
            (root["kind"] == "server").then_some(root)
        })
        .await;
        let attributes = &root["attributes"];
        assert_eq!(root["service"], "auth");
        assert_eq!(attributes["http.request.method"], sent.method);
        assert_eq!(attributes["http.response.status_code"], sent.status);
        assert_eq!(
            attributes["http.route"].as_str(),
            sent.route,
            "the route of {sent:?}"
        );
        until(&format!("the logs of {sent:?}"), || async {
            let logs = self.logs(&sent.trace_id).await;
            (!logs.is_empty()).then_some(())
        })
        .await;
    }
}
