//! Grafana's data source proxy: whether each of its stores answers through it, with the uids of
//! grafana/provisioning/datasources.

use reqwest::Client;

use super::{
    ask::{NoAnswer, ask, below, shown},
    hop::{Hop, Place},
    options::GrafanaAt,
};

const PROXY: &str = "/api/datasources/proxy/uid";
const USER: &str = "admin";

/// `None` where there is no Grafana and none is expected.
pub(super) async fn check(
    client: &Client,
    grafana: &GrafanaAt,
    password: Option<&str>,
    trace_id: &str,
) -> Option<Hop> {
    let questions = [
        ("Prometheus", "/prometheus/api/v1/query?query=1".to_owned()),
        ("Loki", "/loki/loki/api/v1/labels".to_owned()),
        ("Tempo", format!("/tempo/api/v2/traces/{trace_id}")),
    ];
    let mut slowest = None;
    let mut question = String::new();
    for (name, path) in questions {
        let (path, query) = path.split_once('?').unwrap_or((&path, ""));
        let mut url = below(&grafana.url, &format!("{PROXY}{path}"), &[]);
        url.set_query(Some(query).filter(|query| !query.is_empty()));
        question = shown("GET", &url);
        let mut request = client.get(url).header("accept", "application/json");
        if let Some(password) = password {
            request = request.basic_auth(USER, Some(password));
        }
        let answered = match ask(request).await {
            Ok(answer) => answer.json("a data source").map(|_| answer.took),
            Err(NoAnswer::Refused) if !grafana.is_expected => return None,
            Err(error) => Err(error),
        };
        match answered {
            Ok(took) => slowest = slowest.max(Some(took)),
            Err(error) => {
                let came_back = format!("{name}: {error}");
                return Some(
                    Hop::broken(Place::Grafana, came_back, fix(name, &error)).asked(&question),
                );
            }
        }
    }
    let hop = Hop::well(
        Place::Grafana,
        "Prometheus, Loki and Tempo through its proxy",
    );
    Some(hop.asked(&question).after(slowest.unwrap_or_default()))
}

fn fix(name: &str, error: &NoAnswer) -> String {
    match error {
        NoAnswer::Refused => "start Grafana, or say where it is with --grafana".into(),
        error if error.is_unauthorized() => {
            "give the file with the password of its user admin with --grafana-password-file".into()
        }
        NoAnswer::Status {
            status: 502..=504, ..
        } => format!(
            "Grafana does not reach {name}: compare {}_URL of Grafana with where {name} is",
            name.to_uppercase()
        ),
        _ => format!(
            "is this Grafana, with the data sources of grafana/provisioning, among them the uid {}?",
            name.to_lowercase()
        ),
    }
}
