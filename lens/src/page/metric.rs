//! `/metrics/{name}`: one metric over time. Counters are shown as rates, gauges as values, histograms as heat map and quantiles
//! with their exemplars; narrowed by `where` and split by `by`, as `/api/metrics/{name}` has them.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use http::Uri;
use maud::{Markup, html};

use super::address::Address;
use super::chart::{Latency, label_of, latency, readings};
use super::error::PageError;
use super::layout::{self, Section};
use super::metric_labels::{self, Chosen};
use super::metrics as list;
use super::view::View;
use super::{format, parts};
use crate::AppState;
use crate::api::{ApiError, Params};
use crate::query::exemplars::Exemplar;
use crate::query::histogram::Buckets;
use crate::query::metrics::{self, QUANTILES};
use crate::query::names::{Family, Kind};
use crate::query::readings::{Chart, Line, Point, Unit};
use crate::query::selection::Selection;
use crate::query::series::Labels;

/// Exemplars that are read for the chart; it thins them out.
const EXEMPLARS: i64 = 5_000;
/// Groups that are drawn: as many as there are colours. The table has more.
const LINES: usize = 8;
const ROWS: usize = 200;

pub(super) async fn page(
    State(state): State<AppState>,
    Path(name): Path<String>,
    uri: Uri,
    params: Params,
) -> Result<Markup, PageError> {
    let (view, at_ns) = View::read_around(&uri, params, &["by", "where"])?;
    let pool = state.store.readers();
    let family = metrics::family(pool, &name)
        .await?
        .ok_or(ApiError::UnknownMetric { name })?;
    let filter = view.params.filter()?;
    let chosen = Chosen::read(&view);
    let (selection, exemplars) = tokio::try_join!(
        Selection::read(pool, &family, &filter, view.range, None),
        metrics::exemplars(pool, &family, &filter, view.range, EXEMPLARS),
    )?;
    let groups = Groups::read(&family, &selection, &chosen.by);
    let content = html! {
        div.heading {
            h1 { (list::broken(&family.name)) }
            nav.jumps { a href=(view.link("/metrics")) { "All metrics" } a href=(api_link(&view, &family)) { "As JSON" } }
        }
        p.facts {
            span { "type " b { (list::kind(family.kind)) } }
            span { "unit " b { (family.unit.unwrap_or("none in its name")) } }
            span { "label sets " b { (format::count(family.series)) } }
            @if at_ns.is_some() { (parts::around_chip(&view, at_ns)) }
        }
        (chosen.chips(&view))
        div #metric data-live {
            @if groups.rows.is_empty() {
                (parts::empty(&view, "No value of it in this range", &html! {
                    p { "It is stored, but nobody sent it in this range"
                        @if view.params.text("where").is_some() { " with these labels. " a href=(view.address.clone().without("where")) { "With any labels" } }
                        @else { "." } }
                }))
            } @else {
                @if family.kind == Kind::Histogram { (distribution(&view, &family, &selection, &exemplars, at_ns)) }
                (lines(&view, &family, &groups, at_ns))
                @if family.kind != Kind::Histogram && !exemplars.is_empty() { (exemplar_list(&view, &family, &exemplars)) }
                div.below-chart {
                    @if !chosen.by.is_empty() { (table(&view, &family, &chosen, &groups)) }
                    (metric_labels::list(&view, &chosen, &metrics::label_values(&selection)))
                }
            }
        }
    };
    Ok(layout::page(
        &family.name,
        Section::Metrics,
        &view,
        true,
        &content,
    ))
}

fn api_link(view: &View, family: &Family) -> Address {
    let address = view
        .link("/api/metrics")
        .segment(&family.name)
        .without("live");
    address
        .with_some("by", view.params.text("by"))
        .with_some("where", view.params.text("where"))
}

/// The unit of a family's values, as histograms and gauges have it.
fn unit_of_values(family: &Family) -> Unit {
    match family.unit {
        Some("seconds") => Unit::Seconds,
        Some("bytes") => Unit::Bytes,
        Some("ratio") => Unit::Ratio,
        _ => Unit::Number,
    }
}

/// The unit of what its lines show.
fn unit_of_lines(family: &Family) -> Unit {
    match (family.kind, family.unit) {
        (Kind::Gauge, _) => unit_of_values(family),
        (Kind::Counter, Some("bytes")) => Unit::BytesPerSecond,
        // Seconds per second: of a CPU's time, CPUs.
        (Kind::Counter, Some("seconds")) => Unit::Cpus,
        (Kind::Counter | Kind::Histogram, _) => Unit::PerSecond,
    }
}

/// What the groups had, the largest first.
struct Groups {
    step_ms: i64,
    rows: Vec<Group>,
}

struct Group {
    labels: Labels,
    points: Vec<Point>,
    /// Of a histogram, over the whole range.
    quantiles: Option<[f64; 3]>,
}

impl Group {
    fn last(&self) -> f64 {
        self.points.last().map_or(0.0, |point| point.value)
    }

    fn mean(&self) -> f64 {
        let count = u32::try_from(self.points.len()).unwrap_or(u32::MAX).max(1);
        self.points.iter().map(|point| point.value).sum::<f64>() / f64::from(count)
    }
}

impl Groups {
    fn read(family: &Family, selection: &Selection, by: &[String]) -> Self {
        let mut totals = match family.kind {
            Kind::Histogram => selection.totals(by),
            Kind::Counter | Kind::Gauge => BTreeMap::new(),
        };
        let groups = selection.values(by).into_iter().map(|(labels, values)| {
            let points = values.into_iter().filter_map(|value| {
                let number = match family.kind {
                    Kind::Gauge => Some(value.value),
                    Kind::Counter | Kind::Histogram => value.rate,
                };
                Some(Point {
                    end_ms: value.step_end_ms,
                    value: number?,
                })
            });
            let buckets = totals.remove(&labels).map(|total| total.buckets);
            Group {
                points: points.collect(),
                quantiles: buckets.and_then(|buckets| quantiles(&buckets)),
                labels,
            }
        });
        let mut rows: Vec<Group> = groups.filter(|group| !group.points.is_empty()).collect();
        rows.sort_by(|a, b| {
            b.mean()
                .total_cmp(&a.mean())
                .then_with(|| a.labels.cmp(&b.labels))
        });
        Self {
            step_ms: selection.steps.step_ms,
            rows,
        }
    }
}

fn quantiles(buckets: &Buckets) -> Option<[f64; 3]> {
    match QUANTILES.map(|q| buckets.quantile(q)) {
        [Some(p50), Some(p95), Some(p99)] => Some([p50, p95, p99]),
        _ => None,
    }
}

fn distribution(
    view: &View,
    family: &Family,
    selection: &Selection,
    exemplars: &[Exemplar],
    at_ns: Option<i64>,
) -> Markup {
    let buckets = selection.buckets(&[]);
    let steps = buckets
        .into_iter()
        .next()
        .map(|(_, steps)| steps)
        .unwrap_or_default();
    let link = |exemplar: &Exemplar| trace_of(view, exemplar);
    html! {
        section.card {
            h2 { "Distribution" }
            (latency(&Latency {
                title: &format!("Distribution of {} over time", family.name),
                unit: unit_of_values(family),
                range: view.range,
                step_ms: selection.steps.step_ms,
                steps: &steps,
                exemplars,
                marked_ns: at_ns,
                link: &link,
            }))
        }
    }
}

fn trace_of(view: &View, exemplar: &Exemplar) -> Address {
    parts::trace_link(view, &exemplar.trace_id).with("span", &exemplar.span_id.to_string())
}

fn lines(view: &View, family: &Family, groups: &Groups, at_ns: Option<i64>) -> Markup {
    let title = match family.kind {
        Kind::Gauge => "Value",
        Kind::Counter => "Rate",
        Kind::Histogram => "Values counted per second",
    };
    let drawn = groups.rows.iter().take(LINES).map(|group| Line {
        name: name_of(&group.labels),
        points: group.points.clone(),
    });
    let chart = Chart {
        name: "metric",
        unit: unit_of_lines(family),
        is_stacked: false,
        limit: None,
        step_ms: groups.step_ms,
        lines: drawn.collect(),
    };
    html! {
        section.card {
            div.heading { h2 { (title) }
                @if groups.rows.len() > LINES { span.muted { "the " (LINES) " largest of " (groups.rows.len()) } }
            }
            (readings(&chart, &format!("{title} of {} over time", family.name), "", view.range, at_ns))
        }
    }
}

fn name_of(labels: &Labels) -> String {
    if labels.is_empty() {
        return "all".to_owned();
    }
    labels
        .values()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(" · ")
}

fn exemplar_list(view: &View, family: &Family, exemplars: &[Exemplar]) -> Markup {
    const SHOWN: usize = 12;
    html! {
        section.card {
            h2 { "Exemplars" }
            ul.chips { @for exemplar in exemplars.iter().take(SHOWN) {
                li.chip {
                    a href=(trace_of(view, exemplar)) data-testid="exemplar" {
                        (format::clock(exemplar.time_ms * 1_000_000)) " " b { (label_of(unit_of_values(family))(exemplar.value)) }
                    }
                }
            } }
        }
    }
}

fn table(view: &View, family: &Family, chosen: &Chosen, groups: &Groups) -> Markup {
    let (of_lines, of_values) = (
        label_of(unit_of_lines(family)),
        label_of(unit_of_values(family)),
    );
    let is_histogram = family.kind == Kind::Histogram;
    html! {
        table.groups {
            thead { tr {
                @for label in &chosen.by { th { (label) } }
                th.number { "Now" } th.number { "Mean" }
                @if is_histogram { @for name in ["p50", "p95", "p99"] { th.number { (name) } } }
            } }
            tbody {
                @for group in groups.rows.iter().take(ROWS) {
                    tr data-key=(name_of(&group.labels)) data-testid="group" {
                        @for label in &chosen.by {
                            td data-label=(label) {
                                @match group.labels.get(label) {
                                    Some(value) => (chosen.narrowing(view, label, value)),
                                    None => span.muted { "–" },
                                }
                            }
                        }
                        td.number data-label="Now" { (of_lines(group.last())) }
                        td.number data-label="Mean" { (of_lines(group.mean())) }
                        @if is_histogram {
                            @for (index, name) in ["p50", "p95", "p99"].into_iter().enumerate() {
                                td.number data-label=(name) { (group.quantiles.map_or_else(|| "–".to_owned(), |q| of_values(q[index]))) }
                            }
                        }
                    }
                }
            }
        }
        @if groups.rows.len() > ROWS { p.note { "The " (ROWS) " largest of " (groups.rows.len()) " groups." } }
    }
}
