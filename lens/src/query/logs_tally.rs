//! How many log records there are over time by level, and by service, event, file and container. Without other conditions
//! than time and level the counts over time are exact, from those that the writer keeps; else they are those of the newest records that a search
//! looks at, as the counts by facet always are.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use sqlx::SqlitePool;

use super::logs::{self, Wanted, conditions};
use super::time::{Range, rfc3339};
use super::{QueryError, json_ids};

/// Levels that are told apart: unset, and [`logs::LEVELS`].
pub const LEVELS: usize = 7;
/// Values of a facet.
const VALUES: usize = 10;
const NANOS_PER_SECOND: i64 = 1_000_000_000;
const USUAL_SLOTS: i64 = 60;
const ROUND_SECONDS: [i64; 14] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200,
];

/// The counts of one search.
#[derive(Debug)]
pub struct Tally {
    /// How the range is cut.
    pub slots: Slots,
    /// By the number of the slot and the level, 0 for unset and 1 for TRACE.
    pub bars: BTreeMap<i64, [i64; LEVELS]>,
    /// Value and count, the largest first.
    pub facets: Facets,
    /// Present when not all of the range was looked at: the facets, and without `has_exact_bars` the bars, begin here.
    pub counted_since: Option<String>,
    /// Whether the bars count all of the range.
    pub has_exact_bars: bool,
}

/// Counts by value.
#[derive(Debug, Default)]
pub struct Facets {
    /// `service.name`.
    pub service: Vec<(String, i64)>,
    /// Level names.
    pub severity: Vec<(String, i64)>,
    /// Names of events.
    pub event: Vec<(String, i64)>,
    /// `log.file.path`.
    pub file: Vec<(String, i64)>,
    /// `container.name`, or the id of one without.
    pub container: Vec<(String, i64)>,
}

/// A range cut at multiples of a round length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slots {
    /// Start of the first one, nanoseconds since the Unix epoch.
    pub start_ns: i64,
    /// Length of each.
    pub step_ns: i64,
    /// How many.
    pub count: i64,
}

impl Slots {
    fn cut(range: Range) -> Self {
        let length_ns = range.until_ns.saturating_sub(range.since_ns);
        let round = ROUND_SECONDS
            .into_iter()
            .map(|seconds| seconds * NANOS_PER_SECOND);
        let mut steps = round.filter(|step_ns| length_ns / step_ns <= USUAL_SLOTS);
        let day_ns = 86_400 * NANOS_PER_SECOND;
        let step_ns = steps
            .next()
            .unwrap_or((length_ns / USUAL_SLOTS / day_ns + 1) * day_ns);
        let start_ns = range.since_ns.div_euclid(step_ns) * step_ns;
        Self {
            start_ns,
            step_ns,
            count: (range.until_ns - start_ns) / step_ns + 1,
        }
    }
}

/// One group of the records that were looked at.
#[derive(sqlx::FromRow)]
struct Group {
    slot: i64,
    severity: i64,
    resource_id: i64,
    event_name: String,
    file: Option<String>,
    count: i64,
}

// Most records have no file; to look for its name in the text is cheaper than to read the JSON.
const GROUPS: &str = concat!(
    "SELECT (log.time_ns - ?14) / ?15 AS slot, severity, resource_id, event_name,
       CASE WHEN instr(log.attributes, '\"log.file.path\"') THEN log.attributes ->> '$.\"log.file.path\"' END AS file,
       count(*) AS count
     FROM (SELECT * FROM logs WHERE time_ns BETWEEN ?1 AND ?2 ORDER BY time_ns DESC, id DESC LIMIT ?3) AS log
     CROSS JOIN resources ON resources.id = resource_id
     WHERE (?12 IS NULL OR trace_id = ?12) AND ",
    conditions!(),
    " GROUP BY 1, 2, 3, 4, 5"
);

/// Whole seconds from the counts that the writer keeps, the parts of a second at both ends from the records.
const EXACT: &str = "SELECT slot, severity, sum(count) FROM (
       SELECT (second * 1000000000 - ?3) / ?4 AS slot, severity, count FROM log_counts
       WHERE second * 1000000000 >= ?1 AND second BETWEEN ?1 / 1000000000 AND (?2 + 1) / 1000000000 - 1
       UNION ALL
       SELECT (time_ns - ?3) / ?4, severity, 1 FROM logs
       WHERE time_ns BETWEEN ?1 AND min(?2, (?1 + 999999999) / 1000000000 * 1000000000 - 1)
       UNION ALL
       SELECT (time_ns - ?3) / ?4, severity, 1 FROM logs
       WHERE time_ns BETWEEN max((?2 + 1) / 1000000000, (?1 + 999999999) / 1000000000) * 1000000000 AND ?2)
     WHERE severity >= ?5 GROUP BY slot, severity";

/// Counts what the search `wanted` would find.
pub async fn tally(pool: &SqlitePool, wanted: Wanted<'_>) -> Result<Tally, QueryError> {
    let slots = Slots::cut(wanted.range);
    let is_plain = wanted.trace_id.is_none()
        && wanted.span_id.is_none()
        && [
            wanted.service,
            wanted.host,
            wanted.container,
            wanted.file,
            wanted.event,
            wanted.text,
        ]
        .iter()
        .all(Option::is_none);
    let (groups, since) = tokio::try_join!(
        groups(pool, wanted, slots),
        logs::examined_since(pool, wanted.range),
    )?;
    let mut bars: BTreeMap<i64, [i64; LEVELS]> = BTreeMap::new();
    let has_exact_bars = is_plain && since.is_some();
    if has_exact_bars {
        for (slot, severity, count) in exact(pool, wanted, slots).await? {
            bars.entry(slot).or_default()[level_index(severity)] += count;
        }
    } else {
        for group in &groups {
            bars.entry(group.slot).or_default()[level_index(group.severity)] += group.count;
        }
    }
    Ok(Tally {
        slots,
        bars,
        facets: facets(pool, &groups).await?,
        counted_since: since.map(rfc3339),
        has_exact_bars: has_exact_bars || since.is_none(),
    })
}

async fn groups(
    pool: &SqlitePool,
    wanted: Wanted<'_>,
    slots: Slots,
) -> Result<Vec<Group>, QueryError> {
    Ok(logs::bound(sqlx::query_as(GROUPS), wanted)
        .bind(slots.start_ns)
        .bind(slots.step_ns)
        .fetch_all(pool)
        .await?)
}

async fn exact(
    pool: &SqlitePool,
    wanted: Wanted<'_>,
    slots: Slots,
) -> Result<Vec<(i64, i64, i64)>, QueryError> {
    Ok(sqlx::query_as(EXACT)
        .bind(wanted.range.since_ns)
        .bind(wanted.range.until_ns)
        .bind(slots.start_ns)
        .bind(slots.step_ns)
        .bind(wanted.min_severity)
        .fetch_all(pool)
        .await?)
}

/// 0 for unset, 1 for TRACE, 6 for FATAL.
fn level_index(severity: i64) -> usize {
    let index = usize::try_from((severity + 3).div_euclid(4)).unwrap_or(0);
    if index < LEVELS { index } else { 0 }
}

async fn facets(pool: &SqlitePool, groups: &[Group]) -> Result<Facets, QueryError> {
    let rows: Vec<(i64, String, Option<String>)> = sqlx::query_as(
        r#"SELECT id, service_name, coalesce(attributes ->> '$."container.name"', attributes ->> '$."container.id"')
           FROM resources WHERE id IN (SELECT value FROM json_each(?1))"#,
    )
    .bind(json_ids(groups.iter().map(|group| group.resource_id)))
    .fetch_all(pool)
    .await?;
    let resources: BTreeMap<i64, (String, Option<String>)> = rows
        .into_iter()
        .map(|(id, service, container)| (id, (service, container)))
        .collect();
    let of_resource = |group: &Group| resources.get(&group.resource_id);
    Ok(Facets {
        service: counts(groups, |group| {
            of_resource(group).map(|(service, _)| service.as_str())
        }),
        severity: counts(groups, |group| Some(logs::level(group.severity))),
        event: counts(groups, |group| Some(group.event_name.as_str())),
        file: counts(groups, |group| group.file.as_deref()),
        container: counts(groups, |group| of_resource(group)?.1.as_deref()),
    })
}

fn counts<'a>(
    groups: &'a [Group],
    value: impl Fn(&'a Group) -> Option<&'a str>,
) -> Vec<(String, i64)> {
    let mut by_value: BTreeMap<&str, i64> = BTreeMap::new();
    for group in groups {
        if let Some(value) = value(group).filter(|value| !value.is_empty()) {
            *by_value.entry(value).or_default() += group.count;
        }
    }
    let mut counts: Vec<(&str, i64)> = by_value.into_iter().collect();
    counts.sort_by_key(|(value, count)| (Reverse(*count), *value));
    counts
        .into_iter()
        .take(VALUES)
        .map(|(value, count)| (value.to_owned(), count))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_round_and_few() {
        let minute = 60 * NANOS_PER_SECOND;
        let range = Range {
            since_ns: 100 * minute,
            until_ns: 115 * minute,
        };
        let expected = Slots {
            start_ns: 100 * minute,
            step_ns: 15 * NANOS_PER_SECOND,
            count: 61,
        };
        assert_eq!(Slots::cut(range), expected);
    }

    #[test]
    fn levels_by_number() {
        assert_eq!(
            [0, 1, 4, 5, 9, 13, 17, 21, 24, 25].map(level_index),
            [0, 1, 1, 2, 3, 4, 5, 6, 6, 0]
        );
    }
}
