//! `trivium doctor`: send a marked request → tell the Collector of it as any service would → look for both in the stores →
//! judge each hop → report, and name the first that is broken.
//!
//! It asks over HTTP only, changes nothing but by its own three signals (service `trivium-doctor`), and needs no port of
//! anybody's own numbers: [`judge`] says how it knows. It follows one way; with two backend files it is run once for each.

mod ask;
mod evidence;
mod fix;
mod grafana;
mod hop;
mod judge;
mod marked;
mod options;
mod report;
mod signal;
mod stores;

use std::{
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    process::ExitCode,
};

use reqwest::Client;

use crate::progress::Step;
use evidence::{Evidence, Stores, Watch};
use hop::{Hop, Place, State};
use marked::{Delivery, Marked};
pub(crate) use options::Options;
use report::{Clock, Report, Where};
use signal::Case;

/// Why a run was not a success.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DoctorError {
    #[error("the first broken link: {}", .0.title())]
    Broken(Place),
    #[error("cannot read {}: {source}; give the file that holds it with {option}", path.display())]
    Secret {
        path: PathBuf,
        option: &'static str,
        source: io::Error,
    },
    #[error("cannot make an HTTP client: {0}")]
    Client(#[from] reqwest::Error),
    #[error("cannot print the report: {0}")]
    Print(#[from] io::Error),
}

impl DoctorError {
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Broken(place) => ExitCode::from(place.exit_code()),
            Self::Secret { .. } | Self::Client(_) | Self::Print(_) => ExitCode::FAILURE,
        }
    }
}

/// Follows one request and reports; an error when a hop is broken.
pub(crate) async fn run(mut options: Options) -> Result<(), DoctorError> {
    let token = secret(options.token_file.as_deref(), "--token-file")?;
    let password = secret(
        options.grafana_password_file.as_deref(),
        "--grafana-password-file",
    )?;
    if let Some(token) = secret(options.lens_token_file.as_deref(), "--lens-token-file")? {
        ask::set_token(&mut options.addresses.lens, &token);
    }
    let client = ask::client()?;
    let stores = Stores {
        metrics: options.metric_store(),
        logs: options.log_store(),
        traces: options.trace_store(),
    };
    let step = Step::start("following one request");
    let report = examine(
        &client,
        &options,
        &stores,
        token.as_deref(),
        password.as_deref(),
    )
    .await;
    drop(step);
    if options.json {
        report.write_json(&mut io::stdout())?;
    } else {
        report.write_text(&mut anstream::stdout(), io::stdout().is_terminal())?;
    }
    match report.first_broken {
        Some(place) => Err(DoctorError::Broken(place)),
        None => Ok(()),
    }
}

async fn examine(
    client: &Client,
    options: &Options,
    stores: &Stores,
    token: Option<&str>,
    password: Option<&str>,
) -> Report {
    let collector = &options.addresses.otlp_http;
    let marked = Marked::send(client, &options.addresses.app).await;
    let delivery = marked.tell(client, collector, token).await;
    let watch = Watch {
        client,
        stores,
        marked: &marked,
        service: &options.service,
        route: options.addresses.app.path(),
    };
    let seen = watch.run(options.wait).await;
    let case = Case {
        marked: &marked,
        delivery: &delivery,
        seen: &seen,
        stores,
        is_token_wanted: token.is_some() && marked::is_token_wanted(client, collector).await,
        service: &options.service,
    };
    let mut hops = case.hops();
    if let Some(grafana) = options.grafana() {
        hops.extend(grafana::check(client, &grafana, password, &marked.trace_id()).await);
    }
    Report {
        trace_id: marked.trace_id(),
        stores: Where {
            metrics: stores.metrics.to_string(),
            logs: stores.logs.to_string(),
            traces: stores.traces.to_string(),
        },
        first_broken: first_broken(&hops),
        clocks: clocks(&marked, &delivery, &seen),
        hops,
    }
}

fn first_broken(hops: &[Hop]) -> Option<Place> {
    let broken = hops.iter().find(|hop| hop.state == State::Broken);
    broken.map(|hop| hop.hop)
}

/// Those that are wrong; two stores on one host have the same.
fn clocks(marked: &Marked, delivery: &Delivery, seen: &Evidence) -> Vec<Clock> {
    let app = marked.answer.as_ref().ok();
    let clocks = [
        ("the app", app.and_then(|answer| answer.clock_ahead_seconds)),
        ("the Collector", delivery.traces.clock_ahead_seconds),
        ("the metrics' store", seen.metrics.clock_ahead_seconds),
        ("the logs' store", seen.logs.clock_ahead_seconds),
        ("the traces' store", seen.traces.clock_ahead_seconds),
    ];
    let wrong = clocks.into_iter().filter_map(|(who, ahead)| {
        Some(Clock {
            who,
            ahead_seconds: ahead?,
        })
    });
    wrong.collect()
}

/// The secret in the file that this option names, if it names one.
fn secret(path: Option<&Path>, option: &'static str) -> Result<Option<String>, DoctorError> {
    let secret = path.map(|path| {
        crate::secret::read(path).map_err(|source| DoctorError::Secret {
            path: path.to_owned(),
            option,
            source,
        })
    });
    secret.transpose()
}
