//! Ids of resources and series by their canonical attributes, in bounded memory. A miss costs one statement, no more:
//! the database is the truth, this is a cache.

use std::collections::HashMap;

use sqlx::sqlite::SqliteConnection;

use crate::model::{Resource, Series};

/// `resources.seen_ms` is moved at most this often.
pub(super) const SEEN_STEP_MS: i64 = 60 * 1000;
/// Two generations of at most this many entries each; about 20 MiB of label sets at worst.
const GENERATION: usize = 20_000;

/// A map from canonical JSON to the row's id that forgets what was not used lately.
///
/// New and used entries live in `young`; when it is full it becomes `old`, and the old `old` is dropped. That is close to
/// least-recently-used at the price of a plain map.
#[derive(Debug)]
pub(super) struct IdCache<V> {
    young: HashMap<String, V, foldhash::fast::RandomState>,
    old: HashMap<String, V, foldhash::fast::RandomState>,
}

impl<V> Default for IdCache<V> {
    fn default() -> Self {
        Self {
            young: HashMap::default(),
            old: HashMap::default(),
        }
    }
}

impl<V: Copy> IdCache<V> {
    pub(super) fn get(&mut self, key: &str) -> Option<V> {
        if let Some(value) = self.young.get(key) {
            return Some(*value);
        }
        let (key, value) = self.old.remove_entry(key)?;
        self.insert(key, value);
        Some(value)
    }

    pub(super) fn insert(&mut self, key: String, value: V) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    /// Forgets everything: after a rollback or a deletion the ids may not exist.
    pub(super) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }
}

/// A resource's id, and when it was last written down that it is seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct SeenResource {
    id: i64,
    seen_ms: i64,
}

/// The id of a resource, which is made when it is new.
pub(super) async fn resource_id(
    connection: &mut SqliteConnection,
    known: &mut IdCache<SeenResource>,
    resource: &Resource,
    now_ms: i64,
) -> sqlx::Result<i64> {
    if let Some(seen) = known.get(&resource.attributes)
        && now_ms - seen.seen_ms < SEEN_STEP_MS
    {
        return Ok(seen.id);
    }
    let id = sqlx::query_scalar(
        "INSERT INTO resources (service_name, service_namespace, service_instance_id, attributes, seen_ms)
         VALUES (?, ?, ?, ?, ?) ON CONFLICT (attributes) DO UPDATE SET seen_ms = excluded.seen_ms RETURNING id",
    )
    .bind(resource.service_name.clone())
    .bind(resource.service_namespace.clone())
    .bind(resource.service_instance_id.clone())
    .bind(resource.attributes.clone())
    .bind(now_ms)
    .fetch_one(connection)
    .await?;
    known.insert(
        resource.attributes.clone(),
        SeenResource {
            id,
            seen_ms: now_ms,
        },
    );
    Ok(id)
}

/// The id of a series, which is made when it is new.
pub(super) async fn series_id(
    connection: &mut SqliteConnection,
    known: &mut IdCache<i64>,
    series: &Series,
) -> sqlx::Result<i64> {
    if let Some(id) = known.get(&series.labels) {
        return Ok(id);
    }
    // An update that changes nothing, because DO NOTHING returns no row.
    let id = sqlx::query_scalar(
        "INSERT INTO series (metric, labels) VALUES (?, ?)
         ON CONFLICT (labels) DO UPDATE SET metric = excluded.metric RETURNING id",
    )
    .bind(series.metric.clone())
    .bind(series.labels.clone())
    .fetch_one(connection)
    .await?;
    known.insert(series.labels.clone(), id);
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::{GENERATION, IdCache};

    #[test]
    fn what_is_used_stays_and_what_is_not_goes() {
        let mut cache = IdCache::default();
        cache.insert("used".to_owned(), 1);
        cache.insert("unused".to_owned(), 2);
        for n in 0..2 * GENERATION {
            cache.insert(n.to_string(), 3);
            assert_eq!(cache.get("used"), Some(1));
        }
        assert_eq!(cache.get("unused"), None);
    }
}
