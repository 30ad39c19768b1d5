//! The containers that were seen in a range. Who a container is comes from three places,
//! joined by its id: the labels of its metrics, `target_info` with the other attributes of their resource, and the resources
//! of spans and log records. Metrics that carry the name but no id belong to the container that had the name last.
//!
//! When a container sent its last metric is known to the millisecond, when its last span or log record, to the minute; of
//! the latter, also those that came after the range's end count.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use sqlx::SqlitePool;

use super::readings::HOST_NAME;
use super::series::{Filter, Labels};
use super::time::{Range, rfc3339_ms};
use super::{QueryError, from_json, names};

const ID: &str = "container_id";
const NAME: &str = "container_name";
/// Labels that tell the series of one container from those of another.
pub(super) const IDENTITY: [&str; 3] = [ID, NAME, HOST_NAME];
/// Digits of an abbreviated id, as Docker prints it.
pub const SHORT_ID: usize = 12;

/// Who a container is.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Container {
    /// `container.id`, or the name when nothing has told the id: what addresses it.
    pub id: String,
    /// `container.name`, or the name of the Kubernetes container, or the abbreviated id.
    pub name: String,
    /// `host.name`.
    pub host: Option<String>,
    /// `container.image.name` with its first tag.
    pub image: Option<String>,
    /// Project of Docker Compose.
    pub compose_project: Option<String>,
    /// Service of Docker Compose.
    pub compose_service: Option<String>,
    /// `k8s.namespace.name`.
    pub k8s_namespace: Option<String>,
    /// `k8s.pod.name`.
    pub k8s_pod: Option<String>,
    /// When something of it was seen last.
    pub last_seen: String,
    /// The same in nanoseconds since the Unix epoch.
    #[serde(skip)]
    pub last_seen_ns: i64,
    /// The labels that its metrics have in common; absent when it has sent none.
    #[serde(skip)]
    pub metrics: Option<Labels>,
}

impl Container {
    /// Lets through the metrics that are its own; absent when it has sent none.
    pub fn filter(&self) -> Option<Filter> {
        let identity = self.metrics.as_ref()?.iter();
        Some(identity.fold(Filter::default(), |filter, (label, value)| {
            filter.and(label, value)
        }))
    }
}

/// One place that tells of a container.
struct Sighting {
    facts: Labels,
    seen_ms: i64,
    is_metric: bool,
}

impl Sighting {
    fn id(&self) -> Option<&str> {
        self.facts.get(ID).map(String::as_str)
    }
}

/// The containers seen in the range, by name.
pub async fn containers(pool: &SqlitePool, range: Range) -> Result<Vec<Container>, QueryError> {
    let mut containers = joined(sightings(pool, range).await?);
    containers.sort_by(|a, b| (&a.name, &a.host, &a.id).cmp(&(&b.name, &b.host, &b.id)));
    Ok(containers)
}

/// The one that `asked` means: an id, an abbreviated id, or a name, then the one that had it last.
pub fn find<'a>(containers: &'a [Container], asked: &str) -> Option<&'a Container> {
    let by_id = containers
        .iter()
        .find(|container| is_same_id(&container.id, asked));
    by_id.or_else(|| {
        let named = containers
            .iter()
            .filter(|container| container.name == asked);
        named.max_by_key(|container| container.last_seen_ns)
    })
}

/// Whether both are the same id, one of them perhaps abbreviated.
fn is_same_id(a: &str, b: &str) -> bool {
    a == b || (a.len().min(b.len()) >= SHORT_ID && (a.starts_with(b) || b.starts_with(a)))
}

async fn sightings(pool: &SqlitePool, range: Range) -> Result<Vec<Sighting>, QueryError> {
    /// Precision of `resources.seen_ms`.
    const SEEN_WITHIN_MS: i64 = 60_000;
    // The labels are those of the row with the maximum, as SQLite promises.
    let metrics: Vec<(String, i64)> = sqlx::query_as(
        "SELECT labels, max(seen_ms) FROM (
           SELECT metric = 'target_info' AS is_info, labels,
                  (SELECT max(time_ms) FROM samples WHERE series_id = id AND time_ms BETWEEN ?1 AND ?2) AS seen_ms
           FROM series WHERE metric = 'target_info' OR (metric >= 'container_' AND metric < 'container`'))
         WHERE seen_ms IS NOT NULL AND coalesce(labels ->> '$.container_id', labels ->> '$.container_name') IS NOT NULL
         GROUP BY is_info, labels ->> '$.container_id', labels ->> '$.container_name', labels ->> '$.host_name'",
    )
    .bind(range.since_ms())
    .bind(range.until_ms())
    .fetch_all(pool)
    .await?;
    let resources: Vec<(String, i64)> = sqlx::query_as(
        r#"SELECT attributes, seen_ms FROM resources
           WHERE seen_ms > ?1 - ?2
             AND coalesce(attributes ->> '$."container.id"', attributes ->> '$."container.name"') IS NOT NULL"#,
    )
    .bind(range.since_ms())
    .bind(SEEN_WITHIN_MS)
    .fetch_all(pool)
    .await?;
    let mut sightings = Vec::with_capacity(metrics.len() + resources.len());
    for (labels, seen_ms) in metrics {
        let facts: Labels = from_json("series.labels", &labels)?;
        let is_metric = facts
            .get("__name__")
            .is_some_and(|name| name != "target_info");
        sightings.push(Sighting {
            facts,
            seen_ms,
            is_metric,
        });
    }
    for (attributes, seen_ms) in resources {
        let attributes: BTreeMap<String, Value> = from_json("resources.attributes", &attributes)?;
        let facts = attributes.into_iter().map(|(key, value)| {
            let text = value.as_str().map(str::to_owned);
            (
                names::sanitize(&key),
                text.unwrap_or_else(|| value.to_string()),
            )
        });
        sightings.push(Sighting {
            facts: facts.collect(),
            seen_ms,
            is_metric: false,
        });
    }
    Ok(sightings)
}

fn joined(mut sightings: Vec<Sighting>) -> Vec<Container> {
    // Long ids before abbreviated ones before none; of equal ones the newest first, whose facts stand.
    sightings.sort_by_key(|sighting| {
        let digits = sighting.id().map_or(0, str::len);
        std::cmp::Reverse((digits, sighting.seen_ms))
    });
    let mut joined: Vec<(Sighting, Option<Labels>)> = Vec::new();
    for sighting in sightings {
        let place = place_of(&joined, &sighting);
        let metrics = sighting.is_metric.then(|| {
            let identity = IDENTITY.into_iter().filter_map(|label| {
                let (label, value) = sighting.facts.get_key_value(label)?;
                Some((label.clone(), value.clone()))
            });
            identity.collect()
        });
        match place {
            Some(index) => {
                let (of, known_metrics) = &mut joined[index];
                of.seen_ms = of.seen_ms.max(sighting.seen_ms);
                for (label, value) in sighting.facts {
                    of.facts.entry(label).or_insert(value);
                }
                if known_metrics.is_none() {
                    *known_metrics = metrics;
                }
            }
            None => joined.push((sighting, metrics)),
        }
    }
    joined
        .into_iter()
        .map(|(sighting, metrics)| container(&sighting, metrics))
        .collect()
}

/// Where the container of `sighting` is among those that are known.
fn place_of(known: &[(Sighting, Option<Labels>)], sighting: &Sighting) -> Option<usize> {
    if let Some(id) = sighting.id() {
        return known
            .iter()
            .position(|(known, _)| known.id().is_some_and(|known| is_same_id(known, id)));
    }
    let differs = |known: &Sighting, label: &str| {
        let (known, own) = (known.facts.get(label), sighting.facts.get(label));
        known.is_some() && own.is_some() && known != own
    };
    let namesakes = known.iter().enumerate().filter(|(_, (known, _))| {
        known.facts.get(NAME) == sighting.facts.get(NAME) && !differs(known, HOST_NAME)
    });
    namesakes
        .max_by_key(|(_, (known, _))| known.seen_ms)
        .map(|(index, _)| index)
}

fn container(sighting: &Sighting, metrics: Option<Labels>) -> Container {
    let fact = |label: &str| sighting.facts.get(label).cloned();
    let short = |id: &str| id.get(..SHORT_ID).unwrap_or(id).to_owned();
    let name = fact(NAME).or_else(|| fact("k8s_container_name"));
    let id = sighting.id().map(str::to_owned);
    Container {
        name: name
            .clone()
            .or_else(|| id.as_deref().map(short))
            .unwrap_or_default(),
        id: id.or(name).unwrap_or_default(),
        host: fact(HOST_NAME),
        image: fact("container_image_name")
            .map(|image| with_tag(image, fact("container_image_tags").as_deref())),
        compose_project: fact("container_label_com_docker_compose_project"),
        compose_service: fact("container_label_com_docker_compose_service"),
        k8s_namespace: fact("k8s_namespace_name"),
        k8s_pod: fact("k8s_pod_name"),
        last_seen: rfc3339_ms(sighting.seen_ms),
        last_seen_ns: sighting.seen_ms.saturating_mul(1_000_000),
        metrics,
    }
}

/// `auth` with the tags `["1.2"]` is `auth:1.2`; an image that names its tag or digest stays as it is.
fn with_tag(image: String, tags: Option<&str>) -> String {
    let last = image.rsplit('/').next().unwrap_or_default();
    let tags: Option<Vec<String>> = tags.and_then(|tags| serde_json::from_str(tags).ok());
    match tags.as_deref() {
        Some([tag, ..]) if !last.contains([':', '@']) => format!("{image}:{tag}"),
        _ => image,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sighting(facts: &[(&str, &str)], seen_ms: i64, is_metric: bool) -> Sighting {
        let facts = facts
            .iter()
            .map(|&(label, value)| (label.to_owned(), value.to_owned()));
        Sighting {
            facts: facts.collect(),
            seen_ms,
            is_metric,
        }
    }

    #[test]
    fn places_that_tell_of_one_container_are_joined_by_its_id() {
        let (old, new) = ("a".repeat(64), "b".repeat(64));
        let found = joined(vec![
            sighting(
                &[(ID, &old), (NAME, "shop-auth-1"), (HOST_NAME, "h")],
                1_000,
                false,
            ),
            sighting(
                &[(ID, &new), (NAME, "shop-auth-1"), (HOST_NAME, "h")],
                2_000,
                false,
            ),
            sighting(&[(ID, &new[..12]), ("k8s_pod_name", "pod")], 3_000, false),
            sighting(&[(NAME, "shop-auth-1"), (HOST_NAME, "h")], 4_000, true),
            sighting(&[(NAME, "shop-auth-1"), (HOST_NAME, "other")], 5_000, true),
        ]);
        let told: Vec<_> = found
            .iter()
            .map(|c| {
                (
                    c.id.as_str(),
                    c.k8s_pod.as_deref(),
                    c.last_seen_ns,
                    c.metrics.is_some(),
                )
            })
            .collect();
        let expected = [
            (new.as_str(), Some("pod"), 4_000_000_000, true),
            (old.as_str(), None, 1_000_000_000, false),
            ("shop-auth-1", None, 5_000_000_000, true),
        ];
        assert_eq!(told, expected);
        assert_eq!(find(&found, &old[..12]).map(|c| &c.id), Some(&old));
        let last = find(&found, "shop-auth-1").and_then(|c| c.host.as_deref());
        assert_eq!(last, Some("other"), "the one that had the name last");
        assert!(
            find(&found, "aaaaaaaaaaa").is_none(),
            "too short to be an id"
        );
    }

    #[test]
    fn an_image_gets_its_tag_unless_it_names_one() {
        let tags = Some(r#"["1.2","latest"]"#);
        assert_eq!(
            with_tag("reg:5000/auth".to_owned(), tags),
            "reg:5000/auth:1.2"
        );
        assert_eq!(with_tag("auth:7".to_owned(), tags), "auth:7");
        assert_eq!(with_tag("auth".to_owned(), None), "auth");
    }
}
