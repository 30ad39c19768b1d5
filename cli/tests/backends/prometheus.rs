//! Prometheus and `VictoriaMetrics`, and the API that both have.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::Command,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::Value;

use crate::{here::free, install::installed, part::Part, start::ready, suite::Counts};

pub(crate) struct Prometheus {
    pub(crate) address: SocketAddr,
    client: reqwest::Client,
    _part: Part,
}

impl Prometheus {
    /// Of the version that compose/ has. `None` when it can't be had, and this is not CI.
    pub(crate) async fn start(folder: &Path) -> Option<Self> {
        let program = installed("prometheus")?;
        let [address] = free();
        let config = folder.join("prometheus.yaml");
        fs::write(
            &config,
            "storage: {tsdb: {out_of_order_time_window: 10m}}\n",
        )
        .unwrap();
        let mut command = Command::new(program);
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--web.listen-address={address}"))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.join("tsdb").display()
            ))
            .args([
                "--web.enable-otlp-receiver",
                "--web.enable-remote-write-receiver",
            ])
            .arg("--enable-feature=exemplar-storage");
        let part = Part::start(&mut command, folder, "prometheus");
        Some(Self::at(
            address,
            ready(part, format!("http://{address}/-/ready")).await,
        ))
    }

    /// `VictoriaMetrics`, which shows at once what it took.
    pub(crate) async fn start_victoria_metrics(folder: &Path) -> Option<Self> {
        let program = installed("victoria-metrics")?;
        let [address] = free();
        let mut command = Command::new(program);
        command
            .arg(format!("-httpListenAddr={address}"))
            .arg(format!(
                "-storageDataPath={}",
                folder.join("victoria").display()
            ))
            .args(["-search.latencyOffset=0s", "-search.disableCache"]);
        let part = Part::start(&mut command, folder, "victoria-metrics");
        Some(Self::at(
            address,
            ready(part, format!("http://{address}/health")).await,
        ))
    }

    fn at(address: SocketAddr, part: Part) -> Self {
        Self {
            address,
            client: reqwest::Client::new(),
            _part: part,
        }
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Vec<Value> {
        let mut url = url::Url::parse(&format!("http://{}{path}", self.address)).unwrap();
        url.query_pairs_mut().extend_pairs(query);
        let answer = self.client.get(url).send().await.unwrap();
        let mut answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["status"], "success", "{path}: {answer}");
        let data = answer["data"].take();
        let list = if data.is_array() {
            data
        } else {
            data["result"].clone()
        };
        serde_json::from_value(list).unwrap()
    }

    /// Sums of any expression by route and status.
    pub(crate) async fn counts(&self) -> Counts {
        let expression = "sum by (http_route, http_response_status_code) \
                          (http_server_request_duration_seconds_count{service_name=\"auth\", job=\"trivium/auth\"})";
        let series = self.get("/api/v1/query", &[("query", expression)]).await;
        let counts = series.iter().map(|of| {
            let labels = &of["metric"];
            let route = labels["http_route"].as_str().unwrap_or_default().to_owned();
            let status = labels["http_response_status_code"].as_str().unwrap();
            let value = of["value"][1].as_str().unwrap();
            ((route, status.parse().unwrap()), value.parse().unwrap())
        });
        counts.collect()
    }

    pub(crate) async fn exemplars(&self) -> Vec<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let start = now.saturating_sub(Duration::from_secs(3600));
        let (start, end) = (start.as_secs().to_string(), (now.as_secs() + 1).to_string());
        let query = [
            ("query", "http_server_request_duration_seconds_bucket"),
            ("start", &start),
            ("end", &end),
        ];
        let series = self.get("/api/v1/query_exemplars", &query).await;
        let exemplars = series
            .iter()
            .flat_map(|of| of["exemplars"].as_array().unwrap());
        let trace_ids = exemplars.map(|exemplar| exemplar["labels"]["trace_id"].as_str().unwrap());
        trace_ids.map(str::to_owned).collect()
    }
}
