//! Zipkin, with its store in memory.

use std::{net::SocketAddr, path::Path};

use serde_json::Value;

use crate::{
    here::free, install::installed_for_java, java::java, part::Part, start::ready, suite::Request,
};

pub(crate) struct Zipkin {
    pub(crate) address: SocketAddr,
    client: reqwest::Client,
    _part: Part,
}

impl Zipkin {
    /// `None` when it can't be had, and this is not CI.
    pub(crate) async fn start(folder: &Path) -> Option<Self> {
        let jar = installed_for_java("zipkin")?;
        let [address] = free();
        let mut command = java();
        command.arg("-jar").arg(jar).args([
            format!("--armeria.ports[0].ip={}", address.ip()),
            format!("--armeria.ports[0].port={}", address.port()),
            "--armeria.ports[0].protocols[0]=http".to_owned(),
        ]);
        let part = Part::start(&mut command, folder, "zipkin");
        Some(Self {
            address,
            client: reqwest::Client::new(),
            _part: ready(part, format!("http://{address}/health")).await,
        })
    }

    /// Of the server's span of a trace.
    pub(crate) async fn request(&self, trace_id: &str) -> Option<Request> {
        let url = format!("http://{}/api/v2/trace/{trace_id}", self.address);
        let answer = self.client.get(url).send().await.ok()?;
        if !answer.status().is_success() {
            return None;
        }
        let spans: Vec<Value> = answer.json().await.unwrap();
        let span = spans.iter().find(|span| span["kind"] == "SERVER")?;
        let tag = |name: &str| span["tags"][name].as_str().map(str::to_owned);
        Some(Request {
            service: span["localEndpoint"]["serviceName"].as_str()?.to_owned(),
            method: tag("http.request.method")?,
            route: tag("http.route"),
            status: tag("http.response.status_code")?.parse().ok()?,
        })
    }
}
