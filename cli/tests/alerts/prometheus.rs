//! Prometheus with the rules, and what its HTTP API says.

use std::{fs, net::SocketAddr, path::Path, process::Command};

use serde_json::Value;

use crate::{
    here::until,
    part::Part,
    rules,
    stack::{GRAFANA_URL, REPOSITORY_URL},
    start::ready,
};

/// A query at an instant does not look further back; the default is 5 minutes, of the clock that is not made faster.
const LOOKBACK: &str = "10s";

pub(crate) struct Prometheus {
    address: SocketAddr,
    client: reqwest::Client,
    part: Part,
}

impl Prometheus {
    /// With the rules of a faster clock; alerts go to `alertmanager`.
    pub(crate) async fn start(
        folder: &Path,
        address: SocketAddr,
        alertmanager: SocketAddr,
    ) -> Self {
        rules::write_faster(folder);
        let config = folder.join("prometheus.yaml");
        let text = format!(
            "global:\n\
             \x20 evaluation_interval: 500ms\n\
             \x20 external_labels: {{grafana_url: '{GRAFANA_URL}', repository_url: '{REPOSITORY_URL}'}}\n\
             rule_files: [recording.yaml, alerts.yaml]\n\
             storage: {{tsdb: {{out_of_order_time_window: 10m}}}}\n\
             alerting:\n\
             \x20 alert_relabel_configs: [{{action: labeldrop, regex: grafana_url|repository_url}}]\n\
             \x20 alertmanagers: [{{static_configs: [{{targets: ['{alertmanager}']}}]}}]\n"
        );
        fs::write(&config, text).unwrap();
        let mut command = Command::new("prometheus");
        command
            .arg("--config.file")
            .arg(config)
            .arg(format!("--web.listen-address={address}"))
            .arg(format!("--query.lookback-delta={LOOKBACK}"))
            .arg("--web.enable-remote-write-receiver")
            .arg("--storage.tsdb.path")
            .arg(folder.join("prometheus"));
        let part = Part::start(&mut command, folder, "prometheus");
        let part = ready(part, format!("http://{address}/-/ready")).await;
        Self {
            address,
            client: reqwest::Client::new(),
            part,
        }
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Value {
        let mut url = url::Url::parse(&format!("http://{}{path}", self.address)).unwrap();
        url.query_pairs_mut().extend_pairs(query);
        let answer = self.client.get(url).send().await.unwrap();
        let mut answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["status"], "success", "{path}: {answer}");
        answer["data"].take()
    }

    /// The value of an expression that has at most one.
    pub(crate) async fn value(&self, expression: &str) -> Option<f64> {
        let data = self.get("/api/v1/query", &[("query", expression)]).await;
        data["result"][0]["value"][1].as_str()?.parse().ok()
    }

    /// The labels and annotations of each alert that fires.
    pub(crate) async fn firing(&self) -> Vec<Value> {
        let data = self.get("/api/v1/alerts", &[]).await;
        let alerts = data["alerts"].as_array().unwrap().iter();
        let fires = alerts.filter(|alert| alert["state"] == "firing");
        fires.cloned().collect()
    }

    /// Every rule of every group.
    pub(crate) async fn rules(&self) -> Vec<Value> {
        let data = self.get("/api/v1/rules", &[]).await;
        let groups = data["groups"].as_array().unwrap().iter();
        let rules = groups.flat_map(|group| group["rules"].as_array().unwrap());
        rules.cloned().collect()
    }

    /// Waits until an alert with these labels fires, and gives it.
    pub(crate) async fn until_fires(&mut self, labels: &[(&str, &str)]) -> Value {
        self.part.assert_runs();
        until(&format!("firing: {labels:?}"), || async {
            let firing = self.firing().await;
            firing
                .into_iter()
                .find(|alert| has_labels(&alert["labels"], labels))
        })
        .await
    }
}

/// Whether all of `labels` are among those of an alert.
pub(crate) fn has_labels(alert_labels: &Value, labels: &[(&str, &str)]) -> bool {
    labels
        .iter()
        .all(|(name, value)| alert_labels[*name] == *value)
}
