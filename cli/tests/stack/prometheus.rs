//! Prometheus's HTTP API.

use std::{
    collections::BTreeSet,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::Value;

use crate::boards::items;

pub(crate) struct Prometheus {
    url: String,
    client: reqwest::Client,
    started: f64,
}

/// The time in seconds since 1970.
fn now() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_secs_f64()
}

impl Prometheus {
    /// That has nothing from before now.
    pub(crate) fn at(port: u16) -> Self {
        Self {
            url: format!("http://127.0.0.1:{port}"),
            client: reqwest::Client::new(),
            started: now(),
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// The answer's data, or the error that it tells.
    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, String> {
        let mut url = url::Url::parse(&self.url(path)).unwrap();
        url.query_pairs_mut().extend_pairs(query);
        let answer = self.client.get(url).send().await.unwrap();
        let mut answer: Value = answer.json().await.unwrap();
        match answer["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer["data"].take()),
        }
    }

    /// The series of an expression from the start of the test until now.
    ///
    /// # Errors
    /// Why Prometheus does not evaluate it.
    pub(crate) async fn range(&self, expression: &str) -> Result<Vec<Value>, String> {
        let (start, end) = (self.started.to_string(), now().to_string());
        let query = [
            ("query", expression),
            ("start", &start),
            ("end", &end),
            ("step", "1"),
        ];
        let data = self.get("/api/v1/query_range", &query).await?;
        Ok(items(&data["result"]).to_vec())
    }

    /// The labels of each exemplar of an expression since the start of the test.
    pub(crate) async fn exemplars(&self, expression: &str) -> Vec<Value> {
        let (start, end) = (self.started.to_string(), now().to_string());
        let query = [("query", expression), ("start", &start), ("end", &end)];
        let data = self.get("/api/v1/query_exemplars", &query).await.unwrap();
        let exemplars = items(&data)
            .iter()
            .flat_map(|series| items(&series["exemplars"]));
        exemplars
            .map(|exemplar| exemplar["labels"].clone())
            .collect()
    }

    pub(crate) async fn metric_names(&self) -> BTreeSet<String> {
        self.strings("/api/v1/label/__name__/values").await
    }

    pub(crate) async fn label_names(&self) -> BTreeSet<String> {
        self.strings("/api/v1/labels").await
    }

    /// A value of a label of the app's requests.
    pub(crate) async fn a_value_of(&self, label: &str) -> Option<String> {
        let series = self.range("http_server_request_duration_seconds_count");
        let series = series.await.unwrap();
        Some(series.first()?["metric"][label].as_str()?.to_owned())
    }

    async fn strings(&self, path: &str) -> BTreeSet<String> {
        serde_json::from_value(self.get(path, &[]).await.unwrap()).unwrap()
    }
}
