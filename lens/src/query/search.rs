//! What a text may mean: services, routes, hosts and containers seen in a range, and stored metrics. Names are compared without
//! regard to case; the best matches come first.

use std::collections::BTreeSet;

use sqlx::SqlitePool;

use super::services::{self, REQUEST_DURATION};
use super::time::Range;
use super::{QueryError, containers, hosts, metrics, names};

/// Places of one kind that a search lists.
const MOST_OF_A_KIND: usize = 12;

/// Something that has a page.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A service.
    Service {
        /// `service.name`.
        name: String,
    },
    /// A route of a service.
    Route {
        /// `service.name`.
        service: String,
        /// `http.route`.
        route: String,
    },
    /// A metric.
    Metric {
        /// As Prometheus has it.
        name: String,
    },
    /// A host.
    Host {
        /// `host.name`.
        name: String,
    },
    /// A container.
    Container {
        /// What addresses it.
        id: String,
        /// `container.name`.
        name: String,
    },
}

impl Place {
    /// What it is called.
    fn name(&self) -> &str {
        match self {
            Self::Service { name }
            | Self::Metric { name }
            | Self::Host { name }
            | Self::Container { name, .. } => name,
            Self::Route { route, .. } => route,
        }
    }

    /// Whether `text` is its whole name; a metric's in either spelling.
    pub fn is_named(&self, text: &str) -> bool {
        self.rank(text) == Some(Rank::Whole)
    }

    fn rank(&self, text: &str) -> Option<Rank> {
        let (name, text) = (self.name().to_lowercase(), text.to_lowercase());
        match self {
            Self::Metric { .. } => Rank::of(&name, &names::sanitize(&text)),
            Self::Container { id, .. } if id.starts_with(&text) && text.len() >= 12 => {
                Some(Rank::Whole)
            }
            _ => Rank::of(&name, &text),
        }
    }
}

/// How well a name matches, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Whole,
    Beginning,
    Within,
}

impl Rank {
    fn of(name: &str, text: &str) -> Option<Self> {
        match name.find(text)? {
            0 if name.len() == text.len() => Some(Self::Whole),
            0 => Some(Self::Beginning),
            _ => Some(Self::Within),
        }
    }
}

/// The places that `text` may mean: only the ones that it names wholly, when there are such, else those that contain it.
pub async fn places(pool: &SqlitePool, text: &str, range: Range) -> Result<Vec<Place>, QueryError> {
    let services = services::names(pool, range).await?;
    let containers = containers::containers(pool, range).await?;
    let hosts = hosts::seen(pool, range, &containers).await?.into_iter();
    let services = services.into_iter().map(|name| Place::Service { name });
    let metrics = metrics::families(pool).await?.into_iter();
    let kinds: [Vec<Place>; 5] = [
        services.collect(),
        routes(pool).await?,
        metrics
            .map(|family| Place::Metric { name: family.name })
            .collect(),
        hosts.map(|host| Place::Host { name: host.name }).collect(),
        containers
            .into_iter()
            .map(|container| Place::Container {
                id: container.id,
                name: container.name,
            })
            .collect(),
    ];
    Ok(best(text, kinds))
}

fn best(text: &str, kinds: [Vec<Place>; 5]) -> Vec<Place> {
    let mut ranked: Vec<(Rank, Place)> = Vec::new();
    for places in kinds {
        let matching: BTreeSet<(Rank, Place)> = places
            .into_iter()
            .filter_map(|place| Some((place.rank(text)?, place)))
            .collect();
        ranked.extend(matching.into_iter().take(MOST_OF_A_KIND));
    }
    if ranked.iter().any(|(rank, _)| *rank == Rank::Whole) {
        ranked.retain(|(rank, _)| *rank == Rank::Whole);
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, place)| place).collect()
}

/// The routes that any server has counted requests of.
async fn routes(pool: &SqlitePool) -> Result<Vec<Place>, QueryError> {
    let routes: Vec<(String, String)> = sqlx::query_as(
        "SELECT DISTINCT labels ->> '$.service_name' AS service, labels ->> '$.http_route' AS route FROM series
         WHERE metric = ? || '_seconds_count' AND service IS NOT NULL AND route IS NOT NULL",
    )
    .bind(names::sanitize(REQUEST_DURATION))
    .fetch_all(pool)
    .await?;
    let places = routes
        .into_iter()
        .map(|(service, route)| Place::Route { service, route });
    Ok(places.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Place {
        Place::Service {
            name: name.to_owned(),
        }
    }

    fn metric(name: &str) -> Place {
        Place::Metric {
            name: name.to_owned(),
        }
    }

    #[test]
    fn a_whole_name_hides_what_only_contains_it() {
        let kinds = || {
            let metrics = vec![metric("auth_signups_total"), metric("http_requests_total")];
            [
                vec![named("auth"), named("auth-worker")],
                vec![],
                metrics,
                vec![],
                vec![],
            ]
        };
        assert_eq!(best("Auth", kinds()), [named("auth")]);
        assert_eq!(
            best("aut", kinds()),
            [
                named("auth"),
                named("auth-worker"),
                metric("auth_signups_total")
            ]
        );
        assert_eq!(best("worker", kinds()), [named("auth-worker")]);
        assert_eq!(
            best("signups.total", kinds()),
            [metric("auth_signups_total")]
        );
        assert_eq!(best("nothing", kinds()), []);
    }

    #[test]
    fn a_container_is_meant_by_its_id_or_the_short_form_of_it() {
        let container = Place::Container {
            id: "0123456789abcdef".to_owned(),
            name: "db".to_owned(),
        };
        assert!(container.is_named("0123456789ab"));
        assert!(container.is_named("DB"));
        assert!(!container.is_named("0123"));
    }
}
