//! Ids of resources and series by their canonical attributes, in bounded memory. A miss costs one statement, no more:
//! the database is the truth, this is a cache.

use std::collections::HashMap;

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
