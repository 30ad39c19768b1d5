//! What each backend is asked: whether each request is counted once, has its trace and its logs, and whether each exemplar
//! has its trace.

use std::collections::BTreeMap;

use crate::{
    client::{App, Sent},
    here::until,
    lens::{DURATION, Lens},
    prometheus::Prometheus,
    sink::Sink,
    zipkin::Zipkin,
};

/// Requests by route and status; those of no route are under the empty one.
pub(crate) type Counts = BTreeMap<(String, u16), u64>;

/// What a server's span says of its request.
#[derive(Debug, PartialEq)]
pub(crate) struct Request {
    pub(crate) service: String,
    pub(crate) method: String,
    pub(crate) route: Option<String>,
    pub(crate) status: u16,
}

/// Where metrics are.
pub(crate) enum Metrics {
    Lens(Lens),
    Prometheus(Prometheus),
    /// `VictoriaMetrics` takes remote write and answers as Prometheus does, but keeps no exemplars.
    Victoria(Prometheus),
    Sink(Sink),
}

/// Where traces are.
pub(crate) enum Traces {
    Lens(Lens),
    Zipkin(Zipkin),
    Sink(Sink),
}

/// Where logs are.
pub(crate) enum Logs {
    Lens(Lens),
    Sink(Sink),
}

/// One backend set, with what it does not keep left out.
pub(crate) struct Backend {
    pub(crate) metrics: Option<Metrics>,
    pub(crate) traces: Traces,
    pub(crate) logs: Option<Logs>,
}

impl Backend {
    pub(crate) fn lens(lens: &Lens) -> Self {
        Self {
            metrics: Some(Metrics::Lens(lens.clone())),
            traces: Traces::Lens(lens.clone()),
            logs: Some(Logs::Lens(lens.clone())),
        }
    }
}

/// 43 requests of every kind: created, refused, logged in, looked, found nothing.
pub(crate) async fn send(app: &App) -> Vec<Sent> {
    let mut sent = Vec::new();
    for user in 0..3 {
        let email = format!("user{user}@example.com");
        sent.extend(app.journey(&email, 10).await.sent);
    }
    for _ in 0..3 {
        sent.push(app.get("/").await);
    }
    sent.push(app.get("/no/such/page").await);
    assert_eq!(sent.len(), 43);
    sent
}

/// Waits until a backend has all that was sent, and fails where it says anything else.
pub(crate) async fn assert_has(backend: &Backend, sent: &[Sent]) {
    if let Some(metrics) = &backend.metrics {
        assert_counted(metrics, sent).await;
    }
    for request in sent {
        assert_traced(&backend.traces, request).await;
        if let Some(logs) = &backend.logs {
            until(&format!("the logs of {request:?}"), || async {
                (logs.count(&request.trace_id).await > 0).then_some(())
            })
            .await;
        }
    }
    if let Some(metrics) = &backend.metrics {
        let exemplars = metrics.exemplars().await;
        assert_eq!(exemplars.is_empty(), !metrics.keep_exemplars());
        for trace_id in exemplars {
            until(&format!("the trace of the exemplar {trace_id}"), || {
                backend.traces.request(&trace_id)
            })
            .await;
        }
    }
}

async fn assert_counted(metrics: &Metrics, sent: &[Sent]) {
    let mut expected = Counts::new();
    for request in sent {
        let route = request.route.unwrap_or_default().to_owned();
        *expected.entry((route, request.status)).or_default() += 1;
    }
    let mut last = Counts::new();
    let is_counted = async {
        loop {
            last = metrics.counts().await;
            // The helper that starts the app asks it until it is ready.
            last.retain(|(route, _), _| route != "/readyz");
            if last == expected {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    };
    let waited = tokio::time::timeout(std::time::Duration::from_secs(60), is_counted).await;
    assert!(waited.is_ok(), "{last:?} counted of {expected:?}");
}

async fn assert_traced(traces: &Traces, sent: &Sent) {
    let request = until(&format!("the trace of {sent:?}"), || {
        traces.request(&sent.trace_id)
    })
    .await;
    let expected = Request {
        service: "auth".to_owned(),
        method: sent.method.to_owned(),
        route: sent.route.map(str::to_owned),
        status: sent.status,
    };
    assert_eq!(request, expected, "{sent:?}");
}

impl Metrics {
    async fn counts(&self) -> Counts {
        match self {
            Self::Lens(lens) => lens_counts(lens).await,
            Self::Prometheus(prometheus) | Self::Victoria(prometheus) => prometheus.counts().await,
            Self::Sink(sink) => sink.counts(),
        }
    }

    fn keep_exemplars(&self) -> bool {
        !matches!(self, Self::Victoria(_))
    }

    /// The trace of each exemplar of the requests' durations.
    async fn exemplars(&self) -> Vec<String> {
        match self {
            Self::Lens(lens) => {
                let path = format!("/api/exemplars?metric={DURATION}&since=1h&limit=1000");
                let exemplars = lens.list(&path, "exemplars").await;
                let trace_ids = exemplars.iter().map(|of| of["trace_id"].as_str().unwrap());
                trace_ids.map(str::to_owned).collect()
            }
            Self::Prometheus(prometheus) | Self::Victoria(prometheus) => {
                prometheus.exemplars().await
            }
            Self::Sink(sink) => sink.exemplars(),
        }
    }
}

impl Traces {
    /// The request of a trace, once its server's span is there.
    pub(crate) async fn request(&self, trace_id: &str) -> Option<Request> {
        match self {
            Self::Lens(lens) => lens_request(lens, trace_id).await,
            Self::Zipkin(zipkin) => zipkin.request(trace_id).await,
            Self::Sink(sink) => sink.request(trace_id),
        }
    }
}

impl Logs {
    async fn count(&self, trace_id: &str) -> usize {
        match self {
            Self::Lens(lens) => lens.logs(trace_id).await.len(),
            Self::Sink(sink) => sink.log_count(trace_id),
        }
    }
}

async fn lens_counts(lens: &Lens) -> Counts {
    let path = format!(
        "/api/metrics/{DURATION}?since=1h&by=http_route,http_response_status_code&where=service_name=auth"
    );
    let mut counts = Counts::new();
    // In the order of time: the newest stays.
    for point in lens.list(&path, "points").await {
        let labels = &point["labels"];
        let route = labels["http_route"].as_str().unwrap_or_default().to_owned();
        let status = labels["http_response_status_code"].as_str().unwrap();
        let value = point["value"].as_f64().unwrap_or_default();
        counts.insert((route, status.parse().unwrap()), value as u64);
    }
    counts
}

async fn lens_request(lens: &Lens, trace_id: &str) -> Option<Request> {
    let root = lens.root(trace_id).await?;
    let attributes = &root["attributes"];
    (root["kind"] == "server").then(|| Request {
        service: root["service"].as_str().unwrap().to_owned(),
        method: attributes["http.request.method"]
            .as_str()
            .unwrap()
            .to_owned(),
        route: attributes["http.route"].as_str().map(str::to_owned),
        status: attributes["http.response.status_code"].as_u64().unwrap() as u16,
    })
}
