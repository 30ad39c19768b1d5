//! The search for traces by attributes. No index holds attributes: it would cost ingest more than everything else together.
//! Instead the spans of the traces that match otherwise are read, newest first, until [`EXAMINED_SPANS`] or a few more were
//! looked at; the answer says how many those were and how far back they go.
//!
//! Attributes are stored as compact JSON text, so a condition is a piece of that text, such as `"user.id":"u-7"`: quotes
//! within a string are escaped there, so it is found nowhere else. Attributes nested in another are found too.

use std::collections::HashSet;

use opentelemetry::TraceId;
use sqlx::query::QueryAs;
use sqlx::{AssertSqlSafe, SqlitePool};

use super::traces::{EXAMINED, Wanted, bound, examined_since, matching_entries};
use super::{QueryError, ids};

/// Spans whose attributes one search looks at.
pub const EXAMINED_SPANS: i64 = 30_000;
/// Entry spans whose traces are read by one statement.
const CHUNK: usize = 2_000;

/// `key=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    key: String,
    value: String,
}

impl Condition {
    /// Reads conditions that spaces separate; quotation marks keep a value with spaces together:
    /// `db.system.name=sqlite user.name="Ada L."`. All of them must hold. None when the text is anything else.
    pub fn parse_all(text: &str) -> Option<Vec<Self>> {
        let mut conditions = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let (key, after) = rest.split_once('=')?;
            let (value, after) = match after.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"')?,
                None => after.split_once(' ').unwrap_or((after, "")),
            };
            if key.is_empty() || key.contains(char::is_whitespace) || value.is_empty() {
                return None;
            }
            conditions.push(Self {
                key: key.to_owned(),
                value: value.to_owned(),
            });
            rest = after.trim_start();
        }
        Some(conditions)
    }

    /// What stands in the JSON text of attributes that meet it, one or another: the value as text, or as a number or boolean.
    fn needles(&self) -> Vec<String> {
        let text = |text: &str| serde_json::Value::from(text).to_string();
        let key = text(&self.key);
        let mut needles = vec![format!("{key}:{}", text(&self.value))];
        let bare = serde_json::from_str(&self.value);
        if bare.is_ok_and(|bare: serde_json::Value| bare.is_number() || bare.is_boolean()) {
            needles.extend([",", "}"].map(|end| format!("{key}:{}{end}", self.value)));
        }
        needles
    }
}

/// The traces whose attributes match.
#[derive(Debug)]
pub struct Narrowed {
    /// Newest first.
    pub(super) trace_ids: Vec<TraceId>,
    /// Spans that were looked at.
    pub(super) searched_spans: i64,
    /// Nothing older was looked at; absent when all of the range was.
    pub(super) searched_since_ns: Option<i64>,
}

/// Of the traces that match otherwise, those with a span that meets all conditions; none when there are no conditions.
pub async fn narrowed(
    pool: &SqlitePool,
    wanted: &Wanted<'_>,
) -> Result<Option<Narrowed>, QueryError> {
    if wanted.attributes.is_empty() {
        return Ok(None);
    }
    let mut narrowed = Narrowed {
        trace_ids: Vec::new(),
        searched_spans: 0,
        searched_since_ns: examined_since(pool, wanted.range).await?,
    };
    let mut seen = HashSet::new();
    let chunk = i64::try_from(CHUNK).unwrap_or(i64::MAX);
    'all: for offset in (0..EXAMINED).step_by(2 * CHUNK) {
        let left = EXAMINED_SPANS - narrowed.searched_spans;
        // At once: each has its own connection.
        let (newer, older) = tokio::try_join!(
            read(pool, wanted, offset, left),
            read(pool, wanted, offset + chunk, left),
        )?;
        for read in [newer, older] {
            let Some(oldest_ns) = read.iter().map(|row| row.oldest_ns).min() else {
                break 'all;
            };
            for row in read {
                narrowed.searched_spans += row.spans;
                // A trace whose entry spans lie in two chunks is read twice.
                let trace_id = row.trace_id.as_deref().map(ids::trace_id);
                narrowed
                    .trace_ids
                    .extend(trace_id.filter(|id| seen.insert(*id)));
            }
            if narrowed.searched_spans >= EXAMINED_SPANS {
                narrowed.searched_since_ns = Some(oldest_ns);
                break 'all;
            }
        }
    }
    Ok(Some(narrowed))
}

/// A trace that matches, or, without an id, all the others that were read.
#[derive(sqlx::FromRow)]
struct Row {
    trace_id: Option<Vec<u8>>,
    oldest_ns: i64,
    spans: i64,
}

/// Reads at most `limit` spans of the traces of a chunk of entry spans. What matches comes newest first.
async fn read(
    pool: &SqlitePool,
    wanted: &Wanted<'_>,
    offset: i64,
    limit: i64,
) -> Result<Vec<Row>, QueryError> {
    let needles: Vec<Vec<String>> = wanted.attributes.iter().map(Condition::needles).collect();
    // After the parameters of the entry spans, the chunk and the limit.
    let mut parameter = 13;
    let mut conditions = Vec::new();
    for needles in &needles {
        let any = needles.iter().map(|_| {
            parameter += 1;
            format!(
                "instr(attributes, ?{parameter}) > 0
                 OR resource_id IN (SELECT id FROM resources WHERE instr(attributes, ?{parameter}) > 0)"
            )
        });
        conditions.push(format!("({})", any.collect::<Vec<_>>().join(" OR ")));
    }
    let sql = format!(
        "WITH candidates AS (
           SELECT trace_id, max(start_ns) AS start_ns FROM (SELECT trace_id, start_ns {} LIMIT ?11 OFFSET ?12)
           GROUP BY trace_id ORDER BY 2 DESC),
         looked_at AS (
           SELECT spans.trace_id, candidates.start_ns, {} AS is_match
           FROM candidates CROSS JOIN spans ON spans.trace_id = candidates.trace_id LIMIT ?13),
         traces AS (
           SELECT trace_id, start_ns, count(*) AS spans, max(is_match) AS is_match FROM looked_at GROUP BY trace_id)
         SELECT CASE WHEN is_match THEN trace_id END AS trace_id, min(start_ns) AS oldest_ns, sum(spans) AS spans
         FROM traces GROUP BY 1 ORDER BY 2 DESC",
        matching_entries!(),
        conditions.join(" AND ")
    );
    // Numbers of parameters are all that was put into it.
    let query = bound(sqlx::query_as(AssertSqlSafe(sql)), wanted)
        .bind(i64::try_from(CHUNK).unwrap_or(i64::MAX))
        .bind(offset)
        .bind(limit);
    let query = needles.into_iter().flatten().fold(query, QueryAs::bind);
    Ok(query.fetch_all(pool).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_conditions() {
        let read = |text| {
            let conditions = Condition::parse_all(text)?;
            Some(
                conditions
                    .into_iter()
                    .map(|c| (c.key, c.value))
                    .collect::<Vec<_>>(),
            )
        };
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(read(""), Some(vec![]));
        assert_eq!(
            read(" a.b=1  c=\"x = y\" d=http://h/?q=1 "),
            Some(vec![
                pair("a.b", "1"),
                pair("c", "x = y"),
                pair("d", "http://h/?q=1")
            ])
        );
        for wrong in ["a", "=1", "a=", "a=\"x", "a b=1", "a=1 b"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_value_is_looked_for_as_text_and_as_what_else_it_may_be() {
        let needles = |text| Condition::parse_all(text).unwrap()[0].needles();
        assert_eq!(needles("user.id=u-7"), [r#""user.id":"u-7""#]);
        assert_eq!(needles("a=50"), [r#""a":"50""#, r#""a":50,"#, r#""a":50}"#]);
        assert_eq!(needles("a=true").len(), 3);
        assert_eq!(needles("a=null").len(), 1);
        assert_eq!(needles(r"a=C:\x"), [r#""a":"C:\\x""#]);
    }
}
