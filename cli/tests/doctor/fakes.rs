//! Loki, Tempo and Grafana as far as the doctor asks them, in the shapes that the real ones answered (docs/verification.md).

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

use crate::server;

/// A stand-in whose answers can be changed.
pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    answer: Arc<Mutex<Answer>>,
}

type Answer = Box<dyn Fn(&str) -> (u16, Value) + Send>;

impl Fake {
    /// `answer` maps `GET /path` to a status and a body.
    pub(crate) async fn start(answer: impl Fn(&str) -> (u16, Value) + Send + 'static) -> Self {
        let answer: Arc<Mutex<Answer>> = Arc::new(Mutex::new(Box::new(answer)));
        let now = answer.clone();
        let address = server::start(move |seen| now.lock().unwrap()(&seen.route)).await;
        Self { address, answer }
    }

    pub(crate) fn answers(&self, answer: impl Fn(&str) -> (u16, Value) + Send + 'static) {
        *self.answer.lock().unwrap() = Box::new(answer);
    }
}

/// Of records of these services in the trace asked for.
pub(crate) fn loki(route: &str, services: &[&str]) -> (u16, Value) {
    if route != "GET /loki/api/v1/query_range" {
        return (404, Value::Null);
    }
    let streams: Vec<_> = services
        .iter()
        .map(|service| {
            json!({
                "stream": {"service_name": service, "service_namespace": "trivium", "severity_text": "INFO"},
                "values": [["1795543200000000000", "request answered"]],
            })
        })
        .collect();
    let data = json!({"resultType": "streams", "result": streams, "stats": {}});
    (200, json!({"status": "success", "data": data}))
}

/// Of a trace with spans of these services; without any it does not know the trace.
pub(crate) fn tempo(route: &str, services: &[&str]) -> (u16, Value) {
    if !route.starts_with("GET /api/v2/traces/") {
        return (404, Value::Null);
    }
    if services.is_empty() {
        return (200, json!({"trace": {}, "metrics": {}}));
    }
    let spans: Vec<_> = services
        .iter()
        .map(|service| {
            let name = json!({"key": "service.name", "value": {"stringValue": service}});
            json!({"resource": {"attributes": [name]}, "scopeSpans": [{"spans": [{"name": "GET /"}]}]})
        })
        .collect();
    (200, json!({"trace": {"resourceSpans": spans}}))
}
