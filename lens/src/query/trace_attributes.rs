//! The search for traces by attributes. No index holds attributes: it would cost ingest more than everything else together.
//! Instead the spans of the traces that match otherwise are read, newest first, until [`EXAMINED_SPANS`] were looked at; the
//! answer says how many those were and how far back they go.
//!
//! Attributes are stored as compact JSON text, so a condition is a piece of that text, such as `"user.id":"u-7"`: quotes
//! within a string are escaped there, so it is found nowhere else. Attributes nested in another are found too.

use opentelemetry::TraceId;
use sqlx::{QueryBuilder, Sqlite, SqlitePool};

use super::QueryError;
use super::traces::{EXAMINED, Wanted, examined_since, matching};

/// Spans whose attributes one search looks at.
pub const EXAMINED_SPANS: i64 = 40_000;
/// Traces whose spans are read by one statement.
const CHUNK: usize = 500;

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
    let limit = usize::try_from(EXAMINED).unwrap_or(usize::MAX);
    let candidates = matching(pool, wanted, limit).await?;
    let mut narrowed = Narrowed {
        trace_ids: Vec::new(),
        searched_spans: 0,
        searched_since_ns: examined_since(pool, wanted.range).await?,
    };
    for chunk in candidates.chunks(CHUNK) {
        let left = EXAMINED_SPANS - narrowed.searched_spans;
        let read = read(pool, chunk, wanted.attributes, left).await?;
        for (index, spans, is_match) in &read {
            narrowed.searched_spans += spans;
            if let Some((trace_id, _)) = chunk.get(*index).filter(|_| *is_match) {
                narrowed.trace_ids.push(*trace_id);
            }
        }
        if narrowed.searched_spans >= EXAMINED_SPANS {
            let last = read.last().and_then(|(index, ..)| chunk.get(*index));
            narrowed.searched_since_ns = last.map(|(_, start_ns)| *start_ns);
            break;
        }
    }
    Ok(Some(narrowed))
}

/// Reads at most `limit` spans of `traces`: the index of each trace reached, its spans that were read, and whether one matches.
async fn read(
    pool: &SqlitePool,
    traces: &[(TraceId, i64)],
    conditions: &[Condition],
    limit: i64,
) -> Result<Vec<(usize, i64, bool)>, QueryError> {
    let ids = serde_json::Value::from_iter(traces.iter().map(|(id, _)| id.to_string()));
    let mut query = QueryBuilder::<Sqlite>::new(
        "SELECT place, count(*), max(is_match) FROM (SELECT wanted.key AS place, ",
    );
    for (index, condition) in conditions.iter().enumerate() {
        query.push(if index == 0 { "(" } else { " AND (" });
        for needle in condition.needles() {
            query.push("instr(attributes, ").push_bind(needle.clone());
            query
                .push(") > 0 OR resource_id IN (SELECT id FROM resources WHERE instr(attributes, ");
            query.push_bind(needle).push(") > 0) OR ");
        }
        query.push("0)");
    }
    query
        .push(" AS is_match FROM json_each(")
        .push_bind(ids.to_string());
    query
        .push(") AS wanted CROSS JOIN spans ON trace_id = unhex(wanted.value) LIMIT ")
        .push_bind(limit);
    query.push(") GROUP BY place ORDER BY place");
    let rows: Vec<(i64, i64, bool)> = query.build_query_as().fetch_all(pool).await?;
    Ok(rows
        .into_iter()
        .map(|(place, spans, is_match)| {
            (
                usize::try_from(place).unwrap_or(usize::MAX),
                spans,
                is_match,
            )
        })
        .collect())
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
