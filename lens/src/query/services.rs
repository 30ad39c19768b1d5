//! The services that sent something in a range, with how their HTTP servers did. When a service sent its last metric is
//! known to the millisecond, when its last span or log record, to the minute; of the latter, also those that came after
//! the range's end count.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use sqlx::SqlitePool;

use super::QueryError;
use super::metrics;
use super::names::{self, Family, Kind};
use super::selection::{Selection, Total};
use super::series::{Filter, Labels};
use super::time::{Range, rfc3339};

/// The metric that every HTTP server sends by OpenTelemetry's semantic conventions.
pub const REQUEST_DURATION: &str = "http.server.request.duration";
/// Label of the status code on it.
pub const STATUS_CODE: &str = "http_response_status_code";
/// Label that names the service.
pub const SERVICE_NAME: &str = "service_name";

/// How a group of HTTP requests went; all absent when there were none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Requests {
    /// Requests per second.
    pub request_rate: Option<f64>,
    /// Share of answers with a 5xx status.
    pub error_ratio: Option<f64>,
    /// Median duration.
    pub p50_seconds: Option<f64>,
    /// 95th percentile of the duration.
    pub p95_seconds: Option<f64>,
    /// 99th percentile of the duration.
    pub p99_seconds: Option<f64>,
}

/// One service.
#[derive(Debug, Serialize)]
pub struct Service {
    /// `service.name`.
    pub name: String,
    /// `service.namespace`, or empty.
    pub namespace: String,
    /// Processes seen in the range.
    pub instances: usize,
    /// When it last sent something.
    pub last_seen: String,
    /// The same in nanoseconds since the Unix epoch.
    #[serde(skip)]
    pub last_seen_ns: i64,
    /// How its HTTP server did.
    #[serde(flatten)]
    pub requests: Requests,
}

/// Where something was seen last: name, namespace, instance, nanoseconds.
type Sighting = (String, String, String, i64);

/// The services seen in the range, by name, and the durations of all their requests.
pub async fn services(
    pool: &SqlitePool,
    range: Range,
) -> Result<(Vec<Service>, Selection), QueryError> {
    let durations = request_totals(pool, range).await?;
    let mut by_name: BTreeMap<String, (String, BTreeSet<String>, i64)> = BTreeMap::new();
    for (name, namespace, instance, seen_ns) in sightings(pool, range).await? {
        let seen = by_name.entry(name).or_default();
        if !namespace.is_empty() {
            seen.0 = namespace;
        }
        if !instance.is_empty() {
            seen.1.insert(instance);
        }
        seen.2 = seen.2.max(seen_ns);
    }
    let requests = requests_by(&durations, &[SERVICE_NAME]);
    let services = by_name
        .into_iter()
        .map(|(name, (namespace, instances, seen_ns))| Service {
            requests: requests
                .get(&Labels::from([(SERVICE_NAME.to_owned(), name.clone())]))
                .copied()
                .unwrap_or_default(),
            name,
            namespace,
            instances: instances.len().max(1),
            last_seen: rfc3339(seen_ns),
            last_seen_ns: seen_ns,
        });
    Ok((services.collect(), durations))
}

/// The names of the services seen in the range.
pub async fn names(pool: &SqlitePool, range: Range) -> Result<BTreeSet<String>, QueryError> {
    Ok(sightings(pool, range)
        .await?
        .into_iter()
        .map(|(name, ..)| name)
        .collect())
}

/// When each service seen in the range last sent something, nanoseconds since the Unix epoch.
pub async fn last_seen(
    pool: &SqlitePool,
    range: Range,
) -> Result<BTreeMap<String, i64>, QueryError> {
    let mut last_seen = BTreeMap::new();
    for (name, _, _, seen_ns) in sightings(pool, range).await? {
        let latest = last_seen.entry(name).or_insert(seen_ns);
        *latest = seen_ns.max(*latest);
    }
    Ok(last_seen)
}

/// The request durations in the range of what `filter` lets through; empty when nobody has sent any yet.
pub async fn request_durations(
    pool: &SqlitePool,
    filter: &Filter,
    range: Range,
) -> Result<Selection, QueryError> {
    Selection::read(pool, &request_family(pool).await?, filter, range, None).await
}

/// The same of all, for [`requests_by`] and rates over time.
pub async fn request_totals(pool: &SqlitePool, range: Range) -> Result<Selection, QueryError> {
    let every = Filter::default();
    Selection::read_totals(pool, &request_family(pool).await?, &every, range).await
}

async fn request_family(pool: &SqlitePool) -> Result<Family, QueryError> {
    let family = metrics::family(pool, REQUEST_DURATION).await?;
    Ok(family.unwrap_or_else(|| Family {
        name: names::sanitize(REQUEST_DURATION),
        kind: Kind::Histogram,
        unit: Some("seconds"),
        series: 0,
    }))
}

/// How the requests of each group went.
pub fn requests_by(selection: &Selection, by: &[&str]) -> BTreeMap<Labels, Requests> {
    let labels: Vec<String> = by
        .iter()
        .chain(&[STATUS_CODE])
        .map(|&label| label.to_owned())
        .collect();
    let mut groups: BTreeMap<Labels, (Total, f64)> = BTreeMap::new();
    for (mut labels, total) in selection.totals(&labels) {
        let is_error = labels
            .remove(STATUS_CODE)
            .is_some_and(|status| status.starts_with('5'));
        let (sum, errors) = groups.entry(labels).or_default();
        if is_error {
            *errors += total.count;
        }
        sum.add(&total);
    }
    groups
        .into_iter()
        .map(|(labels, (total, errors))| (labels, requests(&total, errors)))
        .collect()
}

fn requests(total: &Total, errors: f64) -> Requests {
    let [p50_seconds, p95_seconds, p99_seconds] =
        metrics::QUANTILES.map(|q| total.buckets.quantile(q));
    Requests {
        request_rate: (total.seconds > 0.0).then(|| total.count / total.seconds),
        error_ratio: (total.count > 0.0).then(|| errors / total.count),
        p50_seconds,
        p95_seconds,
        p99_seconds,
    }
}

async fn sightings(pool: &SqlitePool, range: Range) -> Result<Vec<Sighting>, QueryError> {
    /// Precision of `resources.seen_ms`.
    const SEEN_WITHIN_MS: i64 = 60_000;
    let mut seen: Vec<Sighting> = sqlx::query_as(
        "SELECT name, coalesce(namespace, ''), coalesce(instance, ''), max(seen_ms) * 1000000 FROM (
           SELECT labels ->> '$.service_name' AS name, labels ->> '$.service_namespace' AS namespace,
                  labels ->> '$.service_instance_id' AS instance,
                  (SELECT max(time_ms) FROM samples WHERE series_id = id AND time_ms BETWEEN ?1 AND ?2) AS seen_ms
           FROM series WHERE metric NOT LIKE '%\\_bucket' ESCAPE '\\')
         WHERE name IS NOT NULL AND seen_ms IS NOT NULL GROUP BY name, namespace, instance",
    )
    .bind(range.since_ms())
    .bind(range.until_ms())
    .fetch_all(pool)
    .await?;
    let senders: Vec<Sighting> = sqlx::query_as(
        "SELECT service_name, service_namespace, service_instance_id, seen_ms * 1000000 FROM resources
         WHERE seen_ms > ?1 - ?2",
    )
    .bind(range.since_ms())
    .bind(SEEN_WITHIN_MS)
    .fetch_all(pool)
    .await?;
    seen.extend(senders);
    Ok(seen)
}
