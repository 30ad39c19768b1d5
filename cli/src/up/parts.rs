//! The parts of the stack, as data: what is started, with which settings, and how one knows that it is ready.
//!
//! A new part is one more function here and one more line in [`Stack::parts`]; the order there is the order of the
//! start, and reversed that of the stop: each part stands before those that send to it.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use reqwest::Url;

use super::{
    backends::Backends,
    listen::{Listen, reachable, url},
    programs::Programs,
};

/// A program of the stack.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) name: &'static str,
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<OsString>,
    /// Its settings as environment variables, on top of the ones inherited.
    pub(super) environment: Vec<(&'static str, OsString)>,
    pub(super) ready: Ready,
    /// What state.json tells about where it listens, by label.
    pub(super) addresses: Vec<(&'static str, Url)>,
}

/// How one knows that a part does its work.
#[derive(Debug, Clone)]
pub(super) enum Ready {
    /// This answers 200.
    Answers(Url),
    /// It has printed a line that ends so, as it opens no port.
    Prints(String),
}

/// All that the parts are made from.
#[derive(Debug)]
pub(super) struct Stack<'a> {
    pub(super) root: &'a Path,
    pub(super) backends: &'a Backends,
    pub(super) listen: &'a Listen,
    pub(super) programs: &'a Programs,
    pub(super) collector: &'a Path,
    pub(super) agent_config: &'a Path,
    /// The file with the token of lens, where there is one.
    pub(super) lens_token_file: Option<&'a Path>,
    /// Folder of databases and queues.
    pub(super) data: PathBuf,
}

impl Stack<'_> {
    /// Receivers first.
    pub(super) fn parts(&self) -> Vec<Part> {
        let lens = self
            .programs
            .lens
            .as_ref()
            .map(|program| self.lens(program.clone()));
        let agent = self.programs.agent.as_ref();
        let agent = agent.map(|program| self.agent(program.clone()));
        lens.into_iter()
            .chain([self.collector()])
            .chain(agent)
            .chain([self.app()])
            .collect()
    }

    fn lens(&self, program: PathBuf) -> Part {
        let listen = self.listen;
        let page = url(listen.lens);
        let mut environment = self.telemetry();
        environment.extend([
            ("LENS_LISTEN", text(&listen.lens)),
            ("LENS_INGEST_HTTP", text(&listen.ingest_http)),
            ("LENS_INGEST_GRPC", text(&listen.ingest_grpc)),
            ("LENS_DATA", self.data.join("lens.db").into()),
        ]);
        environment.extend(self.lens_token());
        Part {
            name: "lens",
            program,
            arguments: Vec::new(),
            environment,
            ready: Ready::Answers(at(&page, "/readyz")),
            addresses: vec![
                ("page", page),
                ("ingest_http", url(listen.ingest_http)),
                ("ingest_grpc", url(listen.ingest_grpc)),
            ],
        }
    }

    fn collector(&self) -> Part {
        let listen = self.listen;
        let common = self.root.join("otelcol/config.yaml");
        let configurations = std::iter::once(common).chain(self.backends.files());
        let mut environment = vec![
            ("OTELCOL_OTLP_GRPC", text(&listen.otlp_grpc)),
            ("OTELCOL_OTLP_HTTP", text(&listen.otlp_http)),
            ("OTELCOL_HEALTH", text(&listen.health)),
            ("OTELCOL_STORAGE", self.data.join("otelcol").into()),
        ];
        if self.programs.lens.is_some() {
            let ingest = url(listen.ingest_http);
            environment.extend([
                ("LENS_REMOTE_WRITE", text(&at(&ingest, "/api/v1/write"))),
                ("LENS_LOGS", text(&at(&ingest, "/otlp"))),
                ("LENS_TRACES", text(&reachable(listen.ingest_grpc))),
            ]);
            environment.extend(self.lens_token());
        }
        let health = url(listen.health);
        Part {
            name: "otelcol",
            program: self.collector.to_owned(),
            arguments: configurations
                .flat_map(|file| ["--config".into(), file.into()])
                .collect(),
            environment,
            ready: Ready::Answers(health.clone()),
            addresses: vec![
                ("otlp_grpc", url(listen.otlp_grpc)),
                ("otlp_http", url(listen.otlp_http)),
                ("health", health),
            ],
        }
    }

    fn agent(&self, program: PathBuf) -> Part {
        Part {
            name: "agent",
            program,
            arguments: vec!["run".into(), "--config".into(), self.agent_config.into()],
            environment: Vec::new(),
            ready: Ready::Prints(format!("running; sending to {}", self.otlp_grpc())),
            addresses: Vec::new(),
        }
    }

    fn app(&self) -> Part {
        let http = url(self.listen.app);
        let mut environment = self.telemetry();
        environment.extend([
            ("APP_LISTEN", text(&self.listen.app)),
            ("APP_DATABASE", self.data.join("app.db").into()),
        ]);
        Part {
            name: "app",
            program: self.programs.app.clone(),
            arguments: Vec::new(),
            environment,
            ready: Ready::Answers(at(&http, "/readyz")),
            addresses: vec![("http", http)],
        }
    }

    /// Where our own programs send their telemetry, and how often. The intervals are far below the standard ones, so
    /// that the page is alive at once; a user's own values win.
    fn telemetry(&self) -> Vec<(&'static str, OsString)> {
        let intervals_ms = [
            ("OTEL_METRIC_EXPORT_INTERVAL", "2000"),
            ("OTEL_BSP_SCHEDULE_DELAY", "500"),
            ("OTEL_BLRP_SCHEDULE_DELAY", "500"),
        ];
        let intervals = intervals_ms
            .into_iter()
            .filter(|(variable, _)| std::env::var_os(variable).is_none());
        let mut environment: Vec<_> = intervals
            .map(|(variable, value)| (variable, value.into()))
            .collect();
        environment.push(("OTEL_EXPORTER_OTLP_ENDPOINT", self.otlp_grpc().into()));
        environment
    }

    /// Over the inherited one, which may be relative to a folder that is not a part's.
    fn lens_token(&self) -> Option<(&'static str, OsString)> {
        self.lens_token_file
            .map(|file| ("LENS_TOKEN_FILE", file.into()))
    }

    fn otlp_grpc(&self) -> String {
        origin(self.listen.otlp_grpc)
    }
}

/// `http://ADDRESS` without the slash that [`Url`] puts at the end.
pub(super) fn origin(address: std::net::SocketAddr) -> String {
    format!("http://{}", reachable(address))
}

fn at(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(path);
    url
}

fn text(value: &impl ToString) -> OsString {
    value.to_string().into()
}
