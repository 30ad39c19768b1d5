//! Names of metrics and labels in two spellings: OpenTelemetry's (`http.server.request.duration`) and what the Collector's
//! remote write exporter makes of it (`http_server_request_duration_seconds`): each character outside `[a-zA-Z0-9_:]`
//! becomes `_`, then come the unit and, on counters, `_total`. The way back is a search among the stored families,
//! because the stored name alone does not tell where the OpenTelemetry name ends.

use serde::Serialize;

/// Unit suffixes of the Collector's translation (`BuildCompliantName` of its Prometheus translator).
const UNITS: [&str; 17] = [
    "milliseconds",
    "microseconds",
    "nanoseconds",
    "seconds",
    "minutes",
    "hours",
    "days",
    "bytes",
    "kibibytes",
    "mebibytes",
    "gibibytes",
    "ratio",
    "percent",
    "celsius",
    "hertz",
    "volts",
    "meters",
];

/// Remote write 1.0 stores no types here, so a family's kind is read from the names of its series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// `NAME_bucket` is stored.
    Histogram,
    /// The name ends in `_total`.
    Counter,
    /// Anything else.
    Gauge,
}

/// The series that make up one metric.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Family {
    /// As Prometheus has it, without `_bucket`, `_sum` and `_count`.
    pub name: String,
    /// What its values mean.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// `seconds`, `bytes`; absent when the name has none.
    pub unit: Option<&'static str>,
    /// Distinct label sets; of a histogram, not counting one for each bucket.
    pub series: i64,
}

/// Folds the stored sample names, each with its number of series, into families. `stored` is sorted by name.
pub fn fold(stored: &[(String, i64)]) -> Vec<Family> {
    let count_of = |name: &str| {
        stored
            .binary_search_by(|(stored, _)| stored.as_str().cmp(name))
            .ok()
            .map(|index| stored[index].1)
    };
    let is_histogram = |name: &str| count_of(&format!("{name}_bucket")).is_some();
    let mut families: Vec<Family> = stored
        .iter()
        .filter_map(|(name, series)| {
            if let Some(base) = name.strip_suffix("_bucket") {
                let series = count_of(&format!("{base}_count")).unwrap_or(*series);
                return Some(family(base, Kind::Histogram, series));
            }
            let base = name
                .strip_suffix("_sum")
                .or_else(|| name.strip_suffix("_count"));
            if base.is_some_and(is_histogram) {
                return None;
            }
            let kind = if name.ends_with("_total") {
                Kind::Counter
            } else {
                Kind::Gauge
            };
            Some(family(name, kind, *series))
        })
        .collect();
    families.sort_by(|a, b| a.name.cmp(&b.name));
    families
}

fn family(name: &str, kind: Kind, series: i64) -> Family {
    let stem = name.strip_suffix("_total").unwrap_or(name);
    let unit = UNITS.into_iter().find(|unit| {
        stem.strip_suffix(unit)
            .is_some_and(|rest| rest.ends_with('_'))
    });
    Family {
        name: name.to_owned(),
        kind,
        unit,
        series,
    }
}

/// The family that `asked` names in either spelling; a histogram also by the name of one of its three samples.
pub fn find<'a>(families: &'a [Family], asked: &str) -> Option<&'a Family> {
    let asked = sanitize(asked);
    let named = |wanted: &str| families.iter().find(|family| family.name == wanted);
    named(&asked)
        .or_else(|| {
            families
                .iter()
                .find(|family| stems(family).any(|stem| stem == asked))
        })
        .or_else(|| {
            let base = ["_bucket", "_count", "_sum"]
                .into_iter()
                .find_map(|suffix| asked.strip_suffix(suffix))?;
            named(base).filter(|family| family.kind == Kind::Histogram)
        })
}

/// What remains of a stored name when the exporter's additions are taken off, the shorter first.
fn stems(family: &Family) -> impl Iterator<Item = &str> {
    let without_total = family.name.strip_suffix("_total").unwrap_or(&family.name);
    let without_unit = family
        .unit
        .and_then(|unit| without_total.strip_suffix(unit)?.strip_suffix('_'));
    without_unit.into_iter().chain([without_total])
}

/// A metric or label name in Prometheus's spelling; one that is so already stays as it is.
pub fn sanitize(name: &str) -> String {
    name.replace(
        |c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':',
        "_",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn families() -> Vec<Family> {
        let stored = [
            ("auth_signups_total", 2),
            ("http_server_active_requests", 3),
            ("http_server_request_duration_seconds_bucket", 45),
            ("http_server_request_duration_seconds_count", 3),
            ("http_server_request_duration_seconds_sum", 3),
            ("process_cpu_time_seconds_total", 2),
            ("queue_count", 1),
        ];
        fold(&stored.map(|(name, series)| (name.to_owned(), series)))
    }

    #[test]
    fn folds_a_histogram_into_one_family_and_leaves_a_gauge_called_count_alone() {
        let folded: Vec<_> = families()
            .into_iter()
            .map(|f| (f.name, f.kind, f.unit, f.series))
            .collect();
        let expected = [
            ("auth_signups_total", Kind::Counter, None, 2),
            ("http_server_active_requests", Kind::Gauge, None, 3),
            (
                "http_server_request_duration_seconds",
                Kind::Histogram,
                Some("seconds"),
                3,
            ),
            (
                "process_cpu_time_seconds_total",
                Kind::Counter,
                Some("seconds"),
                2,
            ),
            ("queue_count", Kind::Gauge, None, 1),
        ];
        assert_eq!(
            folded,
            expected.map(|(name, kind, unit, series)| (name.to_owned(), kind, unit, series))
        );
    }

    #[test]
    fn finds_a_family_by_either_spelling() {
        let families = families();
        let found = |asked| find(&families, asked).map(|family| family.name.as_str());
        let duration = Some("http_server_request_duration_seconds");
        assert_eq!(found("http.server.request.duration"), duration);
        assert_eq!(found("http_server_request_duration_seconds"), duration);
        assert_eq!(
            found("http_server_request_duration_seconds_bucket"),
            duration
        );
        assert_eq!(found("auth.signups"), Some("auth_signups_total"));
        assert_eq!(
            found("process.cpu.time"),
            Some("process_cpu_time_seconds_total")
        );
        assert_eq!(
            found("http.server.active_requests"),
            Some("http_server_active_requests")
        );
        assert_eq!(found("http.server"), None);
    }
}
