//! What `trivium doctor` is told: where the parts are, and which store keeps which signal.
//!
//! The addresses' variables are those that `trivium up`, compose and Grafana's provisioning read, so that who moved a part has
//! told it here as well.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};
use reqwest::Url;

use super::stores::{LogStore, MetricStore, TraceStore};

/// `trivium doctor`
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Options {
    /// What the Collector writes to
    #[arg(long, value_name = "NAME", value_enum, default_value_t = Backends::Lens)]
    backends: Backends,
    /// Where the metrics are, when elsewhere than --backends says
    #[arg(long, value_name = "STORE", value_enum)]
    metrics: Option<MetricsIn>,
    /// Where the logs are, when elsewhere than --backends says
    #[arg(long, value_name = "STORE", value_enum)]
    logs: Option<LogsIn>,
    /// Where the traces are, when elsewhere than --backends says
    #[arg(long, value_name = "STORE", value_enum)]
    traces: Option<TracesIn>,
    /// `service.name` of the app
    #[arg(long, value_name = "NAME", default_value = "auth")]
    pub(super) service: String,
    /// How long a signal may take; longer than the app's `OTEL_METRIC_EXPORT_INTERVAL`
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration, default_value = "30s")]
    pub(super) wait: Duration,
    /// Report as JSON
    #[arg(long)]
    pub(super) json: bool,
    /// File with the token that the Collector wants to see, and nothing else in it
    #[arg(
        long,
        value_name = "FILE",
        env = "OTEL_EXPORTER_OTLP_BEARER_TOKEN_FILE"
    )]
    pub(super) token_file: Option<PathBuf>,
    /// File with the token of lens, and nothing else in it
    #[arg(long, value_name = "FILE", env = "LENS_TOKEN_FILE")]
    pub(super) lens_token_file: Option<PathBuf>,
    /// File with the password of Grafana's user `admin`
    #[arg(long, value_name = "FILE", env = "GRAFANA_PASSWORD_FILE")]
    pub(super) grafana_password_file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) addresses: Addresses,
}

/// Each as `HOST:PORT` or a URL.
#[derive(Debug, Args)]
#[command(next_help_heading = "Addresses (HOST:PORT, or a URL)")]
pub(super) struct Addresses {
    /// The app; the marked request is a GET of this, whose path must be a route's template
    #[arg(long, value_name = "URL", env = "APP_LISTEN", value_parser = url, default_value = "127.0.0.1:8000")]
    pub(super) app: Url,
    /// The Collector's OTLP/HTTP receiver
    #[arg(long, value_name = "URL", env = "OTELCOL_OTLP_HTTP", value_parser = url, default_value = "127.0.0.1:4318")]
    pub(super) otlp_http: Url,
    /// The page and API of lens
    #[arg(long, value_name = "URL", env = "LENS_LISTEN", value_parser = url, default_value = "127.0.0.1:3000")]
    pub(super) lens: Url,
    /// Prometheus
    #[arg(long, value_name = "URL", env = "PROMETHEUS_URL", value_parser = url, default_value = "127.0.0.1:9090")]
    prometheus: Url,
    /// Loki
    #[arg(long, value_name = "URL", env = "LOKI_URL", value_parser = url, default_value = "127.0.0.1:3100")]
    loki: Url,
    /// Tempo
    #[arg(long, value_name = "URL", env = "TEMPO_URL", value_parser = url, default_value = "127.0.0.1:3200")]
    tempo: Url,
    /// Grafana; without it, one at 127.0.0.1:3000 is asked if one is there and nothing is in lens
    #[arg(long, value_name = "URL", env = "GRAFANA_URL", value_parser = url)]
    grafana: Option<Url>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Backends {
    /// lens keeps all three signals
    Lens,
    /// Prometheus, Loki and Tempo
    Lgtm,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum MetricsIn {
    Lens,
    Prometheus,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogsIn {
    Lens,
    Loki,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum TracesIn {
    Lens,
    Tempo,
}

const EXIT_CODES: &str = "\
Exit codes:
  0   every hop is well
  1   the doctor could not do its work
  2   wrong usage
  11  app: it does not answer
  12  app_export: the app does not export a signal
  13  collector: it does not accept
  14  collector_export: what it accepted is not in the store
  15  metric: not there, or with the wrong labels
  16  exemplar: not there
  17  trace: not there
  18  logs: not there
  19  grafana: a data source does not answer";

/// Where Grafana is, and whether it must be there.
#[derive(Debug)]
pub(super) struct GrafanaAt {
    pub(super) url: Url,
    pub(super) is_expected: bool,
}

impl Options {
    pub(super) fn metric_store(&self) -> MetricStore {
        let addresses = &self.addresses;
        let store = self.metrics.unwrap_or(match self.backends {
            Backends::Lens => MetricsIn::Lens,
            Backends::Lgtm => MetricsIn::Prometheus,
        });
        match store {
            MetricsIn::Lens => MetricStore::Lens(addresses.lens.clone()),
            MetricsIn::Prometheus => MetricStore::Prometheus(addresses.prometheus.clone()),
        }
    }

    pub(super) fn log_store(&self) -> LogStore {
        let addresses = &self.addresses;
        let store = self.logs.unwrap_or(match self.backends {
            Backends::Lens => LogsIn::Lens,
            Backends::Lgtm => LogsIn::Loki,
        });
        match store {
            LogsIn::Lens => LogStore::Lens(addresses.lens.clone()),
            LogsIn::Loki => LogStore::Loki(addresses.loki.clone()),
        }
    }

    pub(super) fn trace_store(&self) -> TraceStore {
        let addresses = &self.addresses;
        let store = self.traces.unwrap_or(match self.backends {
            Backends::Lens => TracesIn::Lens,
            Backends::Lgtm => TracesIn::Tempo,
        });
        match store {
            TracesIn::Lens => TraceStore::Lens(addresses.lens.clone()),
            TracesIn::Tempo => TraceStore::Tempo(addresses.tempo.clone()),
        }
    }

    /// `None` where there is none to expect: lens has a page of its own, by default at the same address.
    pub(super) fn grafana(&self) -> Option<GrafanaAt> {
        if let Some(given) = &self.addresses.grafana {
            return Some(GrafanaAt {
                url: given.clone(),
                is_expected: true,
            });
        }
        let is_lens_there = matches!(self.metric_store(), MetricStore::Lens(_))
            || matches!(self.log_store(), LogStore::Lens(_))
            || matches!(self.trace_store(), TraceStore::Lens(_));
        (!is_lens_there).then(|| GrafanaAt {
            url: url("127.0.0.1:3000").expect("a socket address is a valid authority"),
            is_expected: false,
        })
    }
}

/// Why an address cannot be used.
#[derive(Debug, thiserror::Error)]
enum AddressError {
    #[error("not HOST:PORT or a URL: {0}")]
    Invalid(String),
    #[error("{0} is not spoken here, only http: name an address behind the encryption")]
    Scheme(String),
}

fn url(text: &str) -> Result<Url, AddressError> {
    let full = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    let url = Url::parse(&full).map_err(|error| AddressError::Invalid(error.to_string()))?;
    if url.scheme() != "http" {
        return Err(AddressError::Scheme(url.scheme().to_owned()));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        options: Options,
    }

    fn parse(arguments: &[&str]) -> Options {
        let arguments = ["doctor"].iter().chain(arguments);
        Command::try_parse_from(arguments).unwrap().options
    }

    #[test]
    fn a_signal_may_be_elsewhere_than_the_others() {
        let mixed = parse(&["--metrics", "prometheus", "--prometheus", "http://p:9/x"]);
        assert_eq!(
            mixed.metric_store().to_string(),
            "Prometheus at http://p:9/x"
        );
        assert_eq!(mixed.trace_store().name(), "lens");
        let lgtm = parse(&["--backends", "lgtm"]);
        assert_eq!(lgtm.log_store().name(), "Loki");
        assert!(!lgtm.grafana().unwrap().is_expected);
        assert!(parse(&[]).grafana().is_none());
        let lens_too = parse(&["--backends", "lgtm", "--traces", "lens"]);
        assert!(lens_too.grafana().is_none());
    }

    #[test]
    fn an_address_is_a_host_and_port_or_a_url_of_http() {
        assert_eq!(url("[::1]:80").unwrap().as_str(), "http://[::1]/");
        let error = url("https://a").unwrap_err().to_string();
        assert!(error.starts_with("https is not spoken here"), "{error}");
        assert!(url("http://").is_err());
    }
}
