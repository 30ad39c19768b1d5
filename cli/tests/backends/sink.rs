//! A backend that takes OTLP from those who know a token, and keeps what it got: a Collector that writes files.

use std::{fs, net::SocketAddr, path::Path, path::PathBuf, process::Command};

use serde_json::Value;

use crate::{
    here::free,
    part::Part,
    start::ready,
    suite::{Counts, Request},
};

/// `authorization: Bearer …` of each request to the port with a token.
pub(crate) const TOKEN: &str = "the-token-of-the-sink";

pub(crate) struct Sink {
    pub(crate) grpc: SocketAddr,
    pub(crate) http: SocketAddr,
    /// HTTP, only with [`TOKEN`].
    pub(crate) http_with_token: SocketAddr,
    folder: PathBuf,
    _part: Option<Part>,
}

impl Sink {
    pub(crate) async fn start(collector: &Path, folder: &Path) -> Self {
        let [grpc, http, http_with_token, health] = free();
        let folder = folder.join("sink");
        fs::create_dir(&folder).unwrap();
        let file = |signal| {
            let folder = folder.display();
            format!("\x20 file/{signal}: {{path: {folder}/{signal}.json, flush_interval: 200ms}}\n")
        };
        let pipeline = |signal| {
            format!(
                "\x20   {signal}: {{receivers: [otlp, otlp/token], exporters: [file/{signal}]}}\n"
            )
        };
        let signals = ["metrics", "logs", "traces"];
        let text = format!(
            "receivers:\n\
             \x20 otlp: {{protocols: {{grpc: {{endpoint: '{grpc}'}}, http: {{endpoint: '{http}'}}}}}}\n\
             \x20 otlp/token: {{protocols: {{http: {{endpoint: '{http_with_token}', auth: {{authenticator: bearertokenauth}}}}}}}}\n\
             extensions: {{health_check: {{endpoint: '{health}'}}, bearertokenauth: {{token: {TOKEN}}}}}\n\
             exporters:\n{}\
             service:\n\
             \x20 extensions: [health_check, bearertokenauth]\n\
             \x20 telemetry: {{metrics: {{level: none}}}}\n\
             \x20 pipelines:\n{}",
            signals.map(file).concat(),
            signals.map(pipeline).concat(),
        );
        let config = folder.join("sink.yaml");
        fs::write(&config, text).unwrap();
        let mut command = Command::new(collector);
        command.arg("--config").arg(config);
        let part = Part::start(&mut command, &folder, "sink");
        let part = ready(part, format!("http://{health}/")).await;
        Self {
            grpc,
            http,
            http_with_token,
            folder,
            _part: Some(part),
        }
    }

    /// The same sink, for another signal's questions.
    pub(crate) fn again(&self) -> Self {
        Self {
            folder: self.folder.clone(),
            _part: None,
            ..*self
        }
    }

    /// The items of a signal, each with its resource. The last request of a file may not be whole yet.
    fn items(&self, signal: &str, names: [&str; 3]) -> Vec<(Value, Value)> {
        let text = fs::read_to_string(self.folder.join(format!("{signal}.json"))).unwrap();
        let requests = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        let mut items = Vec::new();
        for request in requests {
            let request: Value = request;
            for of_resource in list(&request[names[0]]) {
                let scopes = list(&of_resource[names[1]]).iter();
                let of_scopes = scopes.flat_map(|scope| list(&scope[names[2]]));
                items.extend(of_scopes.map(|item| (of_resource["resource"].clone(), item.clone())));
            }
        }
        items
    }

    /// The points of the requests' durations, oldest first.
    fn durations(&self) -> Vec<Value> {
        let metrics = self.items("metrics", ["resourceMetrics", "scopeMetrics", "metrics"]);
        let durations = metrics.iter().filter(|(resource, metric)| {
            metric["name"] == crate::lens::DURATION
                && attribute(resource, "service.name").as_deref() == Some("auth")
        });
        durations
            .flat_map(|(_, metric)| list(&metric["histogram"]["dataPoints"]).to_vec())
            .collect()
    }

    pub(crate) fn counts(&self) -> Counts {
        let mut counts = Counts::new();
        for point in self.durations() {
            let route = attribute(&point, "http.route").unwrap_or_default();
            let status = attribute(&point, "http.response.status_code").unwrap();
            let count = point["count"].as_str().unwrap().parse().unwrap();
            counts.insert((route, status.parse().unwrap()), count);
        }
        counts
    }

    pub(crate) fn exemplars(&self) -> Vec<String> {
        let durations = self.durations();
        let exemplars = durations.iter().flat_map(|point| list(&point["exemplars"]));
        let trace_ids = exemplars.map(|exemplar| exemplar["traceId"].as_str().unwrap());
        trace_ids.map(str::to_owned).collect()
    }

    pub(crate) fn request(&self, trace_id: &str) -> Option<Request> {
        const SERVER: u64 = 2;
        let spans = self.items("traces", ["resourceSpans", "scopeSpans", "spans"]);
        let (resource, span) = spans
            .iter()
            .find(|(_, span)| span["traceId"] == trace_id && span["kind"] == SERVER)?;
        Some(Request {
            service: attribute(resource, "service.name")?,
            method: attribute(span, "http.request.method")?,
            route: attribute(span, "http.route"),
            status: attribute(span, "http.response.status_code")?.parse().ok()?,
        })
    }

    pub(crate) fn log_count(&self, trace_id: &str) -> usize {
        let records = self.items("logs", ["resourceLogs", "scopeLogs", "logRecords"]);
        let of_trace = records
            .iter()
            .filter(|(_, record)| record["traceId"] == trace_id);
        of_trace.count()
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// As text, whatever its type.
fn attribute(of: &Value, key: &str) -> Option<String> {
    let mut attributes = list(&of["attributes"]).iter();
    let value = &attributes.find(|attribute| attribute["key"] == key)?["value"];
    match value.as_object()?.values().next()? {
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
