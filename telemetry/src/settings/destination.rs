//! Where one signal goes: `OTEL_EXPORTER_OTLP_*`, of which `OTEL_EXPORTER_OTLP_{TRACES,METRICS,LOGS}_*` wins.
//!
//! Two values that the specification would let pass are refused, for both lose data without a word: an endpoint without
//! a scheme (unless `_INSECURE` says what is meant), and an OTLP/gRPC endpoint with a path.
//!
//! <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>

use std::fs;

use http::{
    HeaderMap, HeaderName, HeaderValue, Uri,
    header::{AUTHORIZATION, USER_AGENT},
};
use trivium_otlp::{Compression, Destination, InvalidSetting, PemFile, Protocol, Signal, TlsFiles};

use super::read::Lookup;

/// `None` when `OTEL_{TRACES,METRICS,LOGS}_EXPORTER` is `none`.
pub(super) fn destination(
    lookup: &Lookup<'_>,
    signal: Signal,
) -> Result<Option<Destination>, InvalidSetting> {
    let of_signal = OfSignal { lookup, signal };
    let exporter = format!("OTEL_{}_EXPORTER", of_signal.name());
    if !lookup.choice(&exporter, &[("otlp", true), ("none", false)], true)? {
        return Ok(None);
    }
    let protocols = [("grpc", Protocol::Grpc), ("http/protobuf", Protocol::Http)];
    let compressions = [("gzip", Compression::Gzip), ("none", Compression::None)];
    let protocol = lookup.choice(&of_signal.variable("PROTOCOL"), &protocols, Protocol::Grpc)?;
    Ok(Some(Destination {
        protocol,
        endpoint: of_signal.endpoint(protocol)?,
        headers: of_signal.headers()?,
        timeout: lookup.millis(&of_signal.variable("TIMEOUT"), 10_000)?,
        compression: lookup.choice(
            &of_signal.variable("COMPRESSION"),
            &compressions,
            Compression::None,
        )?,
        tls: of_signal.tls()?,
    }))
}

/// Reads the variables of one signal, and the common ones where they are unset.
struct OfSignal<'a> {
    lookup: &'a Lookup<'a>,
    signal: Signal,
}

impl OfSignal<'_> {
    /// As in `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` and `OTEL_TRACES_EXPORTER`.
    fn name(&self) -> String {
        self.signal.name().to_ascii_uppercase()
    }

    fn own(&self, what: &str) -> String {
        format!("OTEL_EXPORTER_OTLP_{}_{what}", self.name())
    }

    fn variable(&self, what: &str) -> String {
        let own = self.own(what);
        match self.lookup.get(&own) {
            Some(_) => own,
            None => format!("OTEL_EXPORTER_OTLP_{what}"),
        }
    }

    fn endpoint(&self, protocol: Protocol) -> Result<Uri, InvalidSetting> {
        let variable = self.variable("ENDPOINT");
        let value = self.lookup.get(&variable).unwrap_or_else(|| {
            match protocol {
                Protocol::Grpc => "http://localhost:4317",
                Protocol::Http => "http://localhost:4318",
            }
            .to_owned()
        });
        let invalid =
            |problem: &dyn std::fmt::Display| InvalidSetting::new(&variable, &value, problem);
        let uri: Uri = self
            .with_scheme(&value, protocol)?
            .parse()
            .map_err(|error| invalid(&error))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(invalid(
                &"give a scheme, host and port, such as http://localhost:4317",
            ));
        }
        let is_base = variable != self.own("ENDPOINT");
        match protocol {
            Protocol::Grpc if uri.path() != "/" => Err(invalid(
                &"OTLP/gRPC has no path: leave it away, or set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
            )),
            Protocol::Http if is_base => {
                let base = uri.to_string();
                let full = format!("{}{}", base.trim_end_matches('/'), self.signal.http_path());
                full.parse().map_err(|error| invalid(&error))
            }
            Protocol::Grpc | Protocol::Http => Ok(uri),
        }
    }

    /// `_INSECURE` decides for an OTLP/gRPC endpoint like `localhost:4317`.
    fn with_scheme(&self, value: &str, protocol: Protocol) -> Result<String, InvalidSetting> {
        if value.contains("://") || protocol == Protocol::Http {
            return Ok(value.to_owned());
        }
        Ok(match self.lookup.boolean(&self.variable("INSECURE"))? {
            Some(true) => format!("http://{value}"),
            Some(false) => format!("https://{value}"),
            None => value.to_owned(),
        })
    }

    fn headers(&self) -> Result<HeaderMap, InvalidSetting> {
        let variable = self.variable("HEADERS");
        let pairs = self.lookup.pairs(&variable)?;
        let agent = concat!("trivium-telemetry/", env!("CARGO_PKG_VERSION"));
        let mut headers = HeaderMap::from_iter([(USER_AGENT, HeaderValue::from_static(agent))]);
        for (key, value) in pairs {
            // The value may be a secret: only the key is shown.
            let invalid = |problem: &str| InvalidSetting::new(&variable, &key, &problem);
            let name = HeaderName::try_from(key.to_ascii_lowercase())
                .map_err(|_| invalid("this is no header name"))?;
            let mut value = HeaderValue::try_from(value)
                .map_err(|_| invalid("its value holds characters a header cannot carry"))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        if let Some(value) = self.bearer_token()? {
            headers.insert(AUTHORIZATION, value);
        }
        Ok(headers)
    }

    /// Of `_BEARER_TOKEN_FILE`, which is no variable of the specification: a secret in a variable is seen by whoever may
    /// inspect the process or its container, and orchestrators hand secrets out as files.
    fn bearer_token(&self) -> Result<Option<HeaderValue>, InvalidSetting> {
        let variable = self.variable("BEARER_TOKEN_FILE");
        let Some(path) = self.lookup.get(&variable) else {
            return Ok(None);
        };
        let invalid =
            |problem: &dyn std::fmt::Display| InvalidSetting::new(&variable, &path, problem);
        let token = fs::read_to_string(&path).map_err(|error| invalid(&error))?;
        let value = match token.trim() {
            "" => return Err(invalid(&"the file is empty: write the token into it")),
            token => HeaderValue::try_from(format!("Bearer {token}")),
        };
        let mut value = value.map_err(|_| invalid(&"it holds characters a header cannot carry"))?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    fn tls(&self) -> Result<TlsFiles, InvalidSetting> {
        let file = |what| {
            let setting = self.variable(what);
            let path = self.lookup.get(&setting)?.into();
            Some(PemFile { setting, path })
        };
        let alone = |file: PemFile, missing: &str| {
            let problem = format!("set {} as well", self.variable(missing));
            InvalidSetting::new(&file.setting, &file.path.display().to_string(), &problem)
        };
        Ok(TlsFiles {
            certificate: file("CERTIFICATE"),
            client: match (file("CLIENT_CERTIFICATE"), file("CLIENT_KEY")) {
                (Some(certificate), Some(key)) => Some((certificate, key)),
                (None, None) => None,
                (Some(file), None) => return Err(alone(file, "CLIENT_KEY")),
                (None, Some(file)) => return Err(alone(file, "CLIENT_CERTIFICATE")),
            },
            client_setting: "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{path::PathBuf, time::Duration};

    use trivium_otlp::{Clients, Transport};

    use super::*;
    use crate::settings::tests::read;

    fn destination(
        signal: Signal,
        variables: &[(&str, &str)],
    ) -> Result<Option<Destination>, InvalidSetting> {
        let settings = read(variables)?;
        Ok(match signal {
            Signal::Traces => settings.traces,
            Signal::Logs => settings.logs,
            Signal::Metrics => settings.metrics,
        })
    }

    fn endpoint(signal: Signal, variables: &[(&str, &str)]) -> String {
        let destination = destination(signal, variables).unwrap().unwrap();
        destination.endpoint.to_string()
    }

    #[test]
    fn http_appends_the_signal_s_path_to_a_base_and_to_nothing_else() {
        let http = ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
        let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://otel:4318/intake/");
        let own = ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://logs:9/in");
        assert_eq!(
            endpoint(Signal::Metrics, &[http]),
            "http://localhost:4318/v1/metrics"
        );
        assert_eq!(
            endpoint(Signal::Traces, &[http, base, own]),
            "https://otel:4318/intake/v1/traces"
        );
        assert_eq!(
            endpoint(Signal::Logs, &[http, base, own]),
            "http://logs:9/in"
        );
        let bare = ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://logs:9");
        assert_eq!(endpoint(Signal::Logs, &[http, bare]), "http://logs:9/");
    }

    #[test]
    fn a_signal_s_own_variable_wins_over_the_common_one() {
        let variables = [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "GRPC"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "3000"),
            ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "20"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "none"),
            ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "gzip"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "a=1,b=2"),
            ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "c=3"),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem"),
            ("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "/traces.pem"),
        ];
        let traces = destination(Signal::Traces, &variables).unwrap().unwrap();
        let logs = destination(Signal::Logs, &variables).unwrap().unwrap();
        assert_eq!(traces.protocol, Protocol::Grpc);
        assert_eq!(logs.protocol, Protocol::Http);
        assert_eq!(traces.timeout, Duration::from_millis(20));
        assert_eq!(logs.timeout, Duration::from_secs(3));
        assert_eq!(traces.compression, Compression::Gzip);
        assert_eq!(logs.compression, Compression::None);
        let keys = |destination: &Destination| {
            let keys = destination.headers.keys().map(ToString::to_string);
            keys.collect::<Vec<_>>()
        };
        assert_eq!(keys(&traces), ["user-agent", "c"]);
        assert_eq!(keys(&logs), ["user-agent", "a", "b"]);
        let path = |destination: &Destination| destination.tls.certificate.clone().unwrap().path;
        assert_eq!(path(&traces), PathBuf::from("/traces.pem"));
        assert_eq!(path(&logs), PathBuf::from("/ca.pem"));
    }

    #[test]
    fn a_bearer_token_comes_from_a_file_and_is_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let file = (
            "OTEL_EXPORTER_OTLP_BEARER_TOKEN_FILE",
            path.to_str().unwrap(),
        );
        let headers = ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Basic%20x,a=1");
        let read = || destination(Signal::Logs, &[headers, file]);

        let missing = read().unwrap_err().to_string();
        assert!(
            missing.starts_with(&format!("{}=`{}`", file.0, file.1)),
            "{missing}"
        );
        assert!(missing.contains("No such file"), "{missing}");
        fs::write(&path, "\n").unwrap();
        let empty = read().unwrap_err().to_string();
        assert!(empty.contains("write the token into it"), "{empty}");
        fs::write(&path, "se\0cret").unwrap();
        let wrong = read().unwrap_err().to_string();
        assert!(!wrong.contains("cret"), "{wrong}");

        fs::write(&path, "secret\n").unwrap();
        let sent = read().unwrap().unwrap().headers;
        assert_eq!(sent[AUTHORIZATION], "Bearer secret");
        assert!(sent[AUTHORIZATION].is_sensitive());
        assert_eq!(sent["a"], "1");
    }

    #[test]
    fn a_signal_can_be_turned_off() {
        let off = [
            ("OTEL_LOGS_EXPORTER", "none"),
            ("OTEL_TRACES_EXPORTER", "otlp"),
        ];
        assert_eq!(destination(Signal::Logs, &off).unwrap(), None);
        assert!(destination(Signal::Traces, &off).unwrap().is_some());
    }

    #[test]
    fn insecure_decides_for_a_grpc_endpoint_without_a_scheme_only() {
        let bare = ("OTEL_EXPORTER_OTLP_ENDPOINT", "otel:4317");
        let insecure = |value| ("OTEL_EXPORTER_OTLP_INSECURE", value);
        let of = |variables: &[_]| endpoint(Signal::Traces, variables);
        assert_eq!(of(&[bare, insecure("true")]), "http://otel:4317/");
        assert_eq!(of(&[bare, insecure("false")]), "https://otel:4317/");
        let schemed = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://otel:4317");
        assert_eq!(of(&[schemed, insecure("true")]), "https://otel:4317/");
    }

    #[test]
    fn a_wrong_value_is_named_with_what_to_write() {
        for (variable, value, fix) in [
            (
                "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL",
                "http/json",
                "`http/protobuf`",
            ),
            ("OTEL_METRICS_EXPORTER", "prometheus", "`otlp` or `none`"),
            (
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                "otel:4317",
                "http://localhost:4317",
            ),
            (
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                "http://otel/v1",
                "leave it away",
            ),
            (
                "OTEL_EXPORTER_OTLP_CLIENT_KEY",
                "/k.pem",
                "_CLIENT_CERTIFICATE as well",
            ),
            (
                "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
                "zstd",
                "`gzip` or `none`",
            ),
        ] {
            let message = read(&[(variable, value)]).unwrap_err().to_string();
            let start = format!("{variable}=`{value}` cannot be used: ");
            assert!(message.starts_with(&start), "{message}");
            assert!(message.contains(fix), "{message}");
        }
    }

    #[test]
    fn signals_of_equal_settings_share_one_client() {
        let clients = |variables: &[_]| {
            let mut clients = Clients::default();
            for signal in [Signal::Traces, Signal::Logs, Signal::Metrics] {
                let destination = destination(signal, variables).unwrap().unwrap();
                Transport::new(signal, destination, &mut clients).unwrap();
            }
            clients.count()
        };
        let grpc = ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "grpc");
        let http = ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
        assert_eq!(clients(&[]), 1);
        assert_eq!(clients(&[grpc]), 1);
        assert_eq!(clients(&[http]), 1);
        assert_eq!(clients(&[http, grpc]), 2);
    }
}
