//! The chart of a histogram, first of all of latency: a heat map of how many values fell into which bucket, the quantiles as lines above it, and the
//! exemplars as dots that open their trace.

use std::collections::{BTreeMap, HashSet};

use maud::{Markup, html};

use super::plot::{self, Dot, at, px};
use super::readings::{label_of, round_label_of};
use super::scale::{LogScale, TimeScale};
use crate::page::address::Address;
use crate::page::format;
use crate::query::exemplars::Exemplar;
use crate::query::histogram::Buckets;
use crate::query::metrics::QUANTILES;
use crate::query::readings::Unit;
use crate::query::services::STATUS_CODE;
use crate::query::time::Range;

const HEIGHT: f64 = 260.0;
/// Dots nearer than this, across and down, lie on each other; the slowest of them is drawn, failures first.
const DOT_PX: (f64, f64) = (10.0, 7.0);
/// The width that dots are thinned for.
const USUAL_WIDTH_PX: f64 = 1_100.0;
/// Shades of the heat map, in `charts.css` as `heat1` to `heat6`.
const SHADES: f64 = 6.0;
const NAMES: [&str; 3] = ["p50", "p95", "p99"];

/// What the chart shows.
pub(in crate::page) struct Latency<'a> {
    /// What the values are.
    pub(in crate::page) title: &'a str,
    /// Their unit.
    pub(in crate::page) unit: Unit,
    /// The horizontal axis.
    pub(in crate::page) range: Range,
    /// Length of a step.
    pub(in crate::page) step_ms: i64,
    /// What each step counted, by its end.
    pub(in crate::page) steps: &'a BTreeMap<i64, Buckets>,
    /// The dots.
    pub(in crate::page) exemplars: &'a [Exemplar],
    /// A moment to mark.
    pub(in crate::page) marked_ns: Option<i64>,
    /// Makes the link of a dot.
    pub(in crate::page) link: &'a dyn Fn(&Exemplar) -> Address,
}

/// How a request ended, as far as its exemplar tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Failed,
    Refused,
    Succeeded,
}

impl Outcome {
    fn of(exemplar: &Exemplar) -> Self {
        match exemplar
            .labels
            .get(STATUS_CODE)
            .and_then(|status| status.as_bytes().first())
        {
            Some(b'5') => Self::Failed,
            Some(b'4') => Self::Refused,
            _ => Self::Succeeded,
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Succeeded => "succeeded",
        }
    }
}

/// Draws the chart and its legend.
pub(in crate::page) fn latency(chart: &Latency<'_>) -> Markup {
    let time = TimeScale::new(chart.range);
    let scale = value_scale(chart);
    let y_ticks: Vec<(f64, String)> = scale
        .ticks()
        .into_iter()
        .map(|tick| (scale.y(tick), round_label_of(chart.unit)(tick)))
        .collect();
    let dots = thinned(chart.exemplars, time, scale);
    let content = html! {
        (heat_map(chart, time, scale))
        (plot::stretched(HEIGHT, &quantile_lines(chart, time, scale)))
        @if let Some(marked_ns) = chart.marked_ns {
            @let x = at(time.percent(marked_ns));
            line.marked x1=(x) x2=(x) y1="0" y2=(px(HEIGHT)) data-testid="marked" {
                title { "The moment you came from, " (format::clock(marked_ns)) }
            }
        }
        g.exemplars { @for exemplar in &dots { (dot(exemplar, chart, time, scale)) } }
    };
    html! {
        (plot::frame(chart.title, HEIGHT, time, &y_ticks, &content))
        (legend(chart, dots.len()))
    }
}

/// From the lowest to the highest value that is drawn.
fn value_scale(chart: &Latency<'_>) -> LogScale {
    let cells = chart.steps.values().flat_map(|buckets| {
        let counts = buckets.counts();
        counts.scan(None, |below: &mut Option<f64>, (bound, count)| {
            let lower = below.replace(bound);
            let upper = if bound.is_infinite() {
                lower.map(|lower| lower * 2.0)
            } else {
                Some(bound)
            };
            Some((count > 0.0).then_some([lower.or(upper.map(|upper| upper / 5.0)), upper]))
        })
    });
    let bounds = cells.flatten().flatten().flatten();
    let values = bounds.chain(chart.exemplars.iter().map(|exemplar| exemplar.value));
    let (low, high) = values.fold((f64::MAX, 0.0_f64), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    if high > 0.0 {
        LogScale::around(low, high, HEIGHT)
    } else {
        LogScale::around(0.001, 1.0, HEIGHT)
    }
}

fn heat_map(chart: &Latency<'_>, time: TimeScale, scale: LogScale) -> Markup {
    let counts = || chart.steps.values().flat_map(Buckets::counts);
    let most = counts().map(|(_, count)| count).fold(1.0, f64::max);
    html! {
        g.heat aria-hidden="true" {
            @for (end_ms, buckets) in chart.steps {
                @let left = time.percent((end_ms - chart.step_ms) * 1_000_000).max(0.0);
                @let right = time.percent(end_ms * 1_000_000).min(100.0);
                @let bounds: Vec<(f64, f64)> = buckets.counts().collect();
                @for (index, (bound, count)) in bounds.iter().enumerate().filter(|(_, (_, count))| *count > 0.0) {
                    @let bottom = if index == 0 { HEIGHT } else { scale.y(bounds[index - 1].0) };
                    @let top = scale.y(*bound);
                    // The square root keeps a few slow requests visible beside thousands of fast ones.
                    @let shade = ((count / most).sqrt() * SHADES).ceil().clamp(1.0, SHADES);
                    rect class={ "heat" (shade) } x=(at(left)) width=(at((right - left).max(0.0)))
                        y=(px(top)) height=(px(bottom - top)) {}
                }
            }
        }
    }
}

fn quantile_lines(chart: &Latency<'_>, time: TimeScale, scale: LogScale) -> Markup {
    let step_ns = chart.step_ms * 1_000_000;
    let line = |q: f64| -> String {
        let dots = chart.steps.iter().filter_map(|(end_ms, buckets)| {
            Some((
                end_ms * 1_000_000 - step_ns / 2,
                scale.y(buckets.quantile(q)?),
            ))
        });
        plot::path(time, &dots.collect::<Vec<Dot>>(), step_ns)
    };
    html! {
        @for (name, q) in NAMES.into_iter().zip(QUANTILES) {
            path class={ "line " (name) } d=(line(q)) {}
        }
    }
}

/// Of dots that would lie on each other, the one that says most.
fn thinned(exemplars: &[Exemplar], time: TimeScale, scale: LogScale) -> Vec<&Exemplar> {
    let mut by_weight: Vec<&Exemplar> = exemplars.iter().collect();
    by_weight.sort_by(|a, b| {
        Outcome::of(a)
            .cmp(&Outcome::of(b))
            .then(b.value.total_cmp(&a.value))
    });
    let mut taken = HashSet::new();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a cell of a grid over a few thousand pixels"
    )]
    by_weight.retain(|exemplar| {
        let x = time.percent(exemplar.time_ms * 1_000_000) / 100.0 * USUAL_WIDTH_PX;
        taken.insert((
            (x / DOT_PX.0) as i32,
            (scale.y(exemplar.value) / DOT_PX.1) as i32,
        ))
    });
    // In order of time, so that the Tab key goes from left to right.
    by_weight.sort_by_key(|exemplar| exemplar.time_ms);
    by_weight
}

fn dot(exemplar: &Exemplar, chart: &Latency<'_>, time: TimeScale, scale: LogScale) -> Markup {
    let time_ns = exemplar.time_ms * 1_000_000;
    let label = |name: &str| exemplar.labels.get(name).map_or("", String::as_str);
    let request = format!("{} {}", label("http_request_method"), label("http_route"));
    let of = [request.trim(), label("service_name")]
        .into_iter()
        .find(|name| !name.is_empty());
    let known = [of.unwrap_or_default(), label(STATUS_CODE)]
        .into_iter()
        .filter(|name| !name.is_empty());
    let (x, y) = (at(time.percent(time_ns)), px(scale.y(exemplar.value)));
    html! {
        a class=(Outcome::of(exemplar).class()) href=((chart.link)(exemplar)) data-testid="exemplar" data-tip
            data-key=(exemplar.span_id) data-trace-id=(exemplar.trace_id) {
            title {
                (label_of(chart.unit)(exemplar.value)) @for name in known { " · " (name) } "\n"
                (format::clock(time_ns)) " UTC\ntrace " (exemplar.trace_id)
            }
            circle.hit cx=(x) cy=(y) r="9" {}
            circle.dot cx=(x) cy=(y) r="3" {}
        }
    }
}

fn legend(chart: &Latency<'_>, drawn: usize) -> Markup {
    let all = chart.exemplars.len();
    html! {
        ul.legend {
            @for name in NAMES { li { span class={ "swatch line " (name) } {} (name) } }
            @for (outcome, meaning) in
                [(Outcome::Succeeded, "trace"), (Outcome::Refused, "trace, 4xx"), (Outcome::Failed, "trace, 5xx")] {
                li { span class={ "swatch dot " (outcome.class()) } {} (meaning) }
            }
            li { span.swatch.heat {} "few to many" }
            li.note {
                @if all == 0 { "No exemplars in this range." }
                @else if drawn < all { (drawn) " of " (all) " traces drawn; click a dot to open its trace." }
                @else { "Click a dot to open its trace." }
            }
        }
    }
}
