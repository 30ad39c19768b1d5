//! Promtail's client: where the lines go, and as whom.

use http::{HeaderName, Uri};

use super::{Importer, literal, sample, with_variables};
use crate::config::yaml::Node;

const PUSH: &str = "/loki/api/v1/push";

impl Importer {
    pub(super) fn client(&mut self, client: &Node) {
        for (key, value) in client.entries() {
            let text = value.text().map(str::to_owned);
            match (key.text.as_str(), text) {
                ("url", Some(url)) => self.url(key.line, &url),
                ("tenant_id", Some(tenant)) => {
                    self.header("X-Scope-OrgID", with_variables(&tenant));
                }
                ("external_labels", None) => {
                    let labels = self.labels(value, false);
                    self.draft.resource.extend(labels);
                }
                ("bearer_token_file", Some(file)) if file.starts_with('/') => {
                    self.draft.bearer_token_file = Some(with_variables(&file));
                }
                ("bearer_token" | "bearer_token_file" | "authorization" | "oauth2", _) => self
                    .lost(
                        key.line,
                        format!("client.{}", key.text),
                        "write the token to a file and its absolute path to bearer_token_file",
                    ),
                ("basic_auth", _) => {
                    self.header("authorization", "Basic ${LOKI_BASIC_AUTH}".to_owned());
                    self.changed(
                        key.line,
                        "client.basic_auth",
                        "headers reads the variable LOKI_BASIC_AUTH; set it to `printf USER:PASSWORD | base64`",
                    );
                }
                ("tls_config", None) => self.tls(value),
                ("headers", None) => {
                    for (name, value) in value.entries() {
                        match value.text() {
                            Some(text)
                                if HeaderName::try_from(&name.text).is_ok()
                                    && !text.contains(|c: char| c.is_control()) =>
                            {
                                self.header(&name.text, with_variables(text));
                            }
                            _ => self.lost(
                                name.line,
                                "a header",
                                "write it to headers as name: value",
                            ),
                        }
                    }
                }
                (
                    "name" | "batchwait" | "batchsize" | "timeout" | "follow_redirects"
                    | "enable_http2",
                    _,
                ) => {}
                ("backoff_config" | "drop_rate_limited_batches", _) => self.changed(
                    key.line,
                    format!("client.{}", key.text),
                    "the agent tries again until the receiver takes the lines; it never gives up",
                ),
                (other, _) => {
                    let what = format!("client.{other}");
                    self.lost(
                        key.line,
                        what,
                        "let a Collector do that, and send to the Collector",
                    );
                }
            }
        }
    }

    fn url(&mut self, line: u64, url: &str) {
        let url = with_variables(url);
        let without_push = url.trim_end_matches('/').strip_suffix(PUSH);
        let (base, user) = without_user(without_push.unwrap_or(&url));
        if user {
            self.header("authorization", "Basic ${LOKI_BASIC_AUTH}".to_owned());
            self.changed(
                line,
                "the user in client.url",
                "headers reads the variable LOKI_BASIC_AUTH; set it to `printf USER:PASSWORD | base64`",
            );
        }
        let endpoint = format!("{base}/otlp");
        let uri: Result<Uri, _> = sample(&endpoint).parse();
        let is_usable = uri.is_ok_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.host().is_some_and(|host| !host.is_empty())
                && uri.query().is_none()
        });
        if without_push.is_none() || !is_usable {
            self.lost(
                line,
                format!("client.url `{}`", literal(&base)),
                "this is no address of Loki's push API; write the endpoint of a Collector, or Loki's with /otlp",
            );
            return;
        }
        self.draft.endpoint = Some(endpoint);
        self.draft.is_loki = true;
        self.changed(
            line,
            "client.url",
            "lines go to Loki by OTLP, which Loki takes from version 3.0 on; better, send to a Collector (endpoint: http://127.0.0.1:4317, without protocol), which takes metrics and traces too",
        );
    }

    fn header(&mut self, name: &str, value: String) {
        if !value.contains(|c: char| c.is_control()) {
            self.draft.headers.insert(name.to_lowercase(), value);
        }
    }

    fn tls(&mut self, tls: &Node) {
        for (key, value) in tls.entries() {
            let ours = match key.text.as_str() {
                "ca_file" => "ca",
                "cert_file" => "cert",
                "key_file" => "key",
                other => {
                    let what = format!("client.tls_config.{other}");
                    let instead = "the receiver's certificate has to be valid for its name; name its authority in tls.ca";
                    self.lost(key.line, what, instead);
                    continue;
                }
            };
            match value.text() {
                Some(file) if file.starts_with('/') => {
                    self.draft.tls.insert(ours, with_variables(file));
                }
                _ => {
                    let what = format!("client.tls_config.{}", key.text);
                    self.lost(
                        key.line,
                        what,
                        format!("write an absolute path to tls.{ours}"),
                    );
                }
            }
        }
    }

    /// What cannot stand together is taken out again when everything is known.
    pub(super) fn settle_client(&mut self) {
        let draft = &mut self.draft;
        let is_https = draft
            .endpoint
            .as_deref()
            .is_some_and(|url| url.starts_with("https://"));
        let is_half = draft.tls.contains_key("cert") != draft.tls.contains_key("key");
        if !draft.tls.is_empty() && (!is_https || is_half) {
            draft.tls.clear();
            self.lost(
                1,
                "client.tls_config",
                "tls needs an https:// endpoint, and cert and key together; write tls when you have them",
            );
        }
    }
}

/// A URL without `user:password@`, and whether it had that.
fn without_user(url: &str) -> (String, bool) {
    let Some((scheme, rest)) = url.split_once("://") else {
        return (url.to_owned(), false);
    };
    let host = rest.split('/').next().unwrap_or(rest);
    match host.rfind('@') {
        Some(at) => (format!("{scheme}://{}", &rest[at + 1..]), true),
        None => (url.to_owned(), false),
    }
}
