//! The chart of a search: each dot a trace, its duration over the time it started. A click opens it; `traces.js` makes a
//! rectangle drawn over it the range of time and of durations.

use std::collections::HashSet;

use maud::{Markup, html};

use super::address::Address;
use super::chart::plot::{self, at, px};
use super::chart::scale::{LogScale, TimeScale};
use super::format;
use super::view::View;
use crate::query::traces::Status;
use crate::query::traces_scatter::{Dot, Scatter};

const HEIGHT: f64 = 200.0;
/// Dots nearer than this, across and down, lie on each other; the failed and the slowest are drawn.
const DOT_PX: (f64, f64) = (8.0, 6.0);
/// The width that dots are thinned for.
const USUAL_WIDTH_PX: f64 = 1_200.0;

/// Draws the chart and its legend.
pub(super) fn chart(view: &View, scatter: &Scatter, link: &dyn Fn(&str) -> Address) -> Markup {
    let time = TimeScale::new(view.range);
    let durations = scatter.dots.iter().map(|dot| dot.duration_seconds);
    let (low, high) = durations.fold((f64::MAX, 0.0_f64), |(low, high), seconds| {
        (low.min(seconds), high.max(seconds))
    });
    let scale = LogScale::around(low.min(high), high, HEIGHT);
    let y_ticks: Vec<(f64, String)> = scale
        .ticks()
        .into_iter()
        .map(|tick| (scale.y(tick), format::round_duration(tick)))
        .collect();
    let dots = thinned(&scatter.dots, time, scale);
    let (bottom, top) = scale.ends();
    let content = html! {
        g.exemplars.of-search { @for dot in &dots { (mark(dot, time, scale, link)) } }
    };
    html! {
        div.scatter data-testid="scatter" data-bottom-seconds=(bottom) data-top-seconds=(top) {
            (plot::frame("Duration of traces over time", HEIGHT, time, &y_ticks, &content))
        }
        (legend(view, scatter))
    }
}

/// `refused` when the client was at fault, `failed` when the service was.
fn outcome(dot: &Dot) -> &'static str {
    match (dot.http_status, dot.status) {
        (Some(500..), _) | (_, Status::Error) => "failed",
        (Some(400..), _) => "refused",
        _ => "succeeded",
    }
}

/// Of dots that would lie on each other, the one that says most; the failed last, so that they are drawn on top.
fn thinned(dots: &[Dot], time: TimeScale, scale: LogScale) -> Vec<&Dot> {
    let mut by_weight: Vec<&Dot> = dots.iter().collect();
    by_weight.sort_by(|a, b| {
        let (failed_a, failed_b) = (outcome(a) == "failed", outcome(b) == "failed");
        failed_b
            .cmp(&failed_a)
            .then(b.duration_seconds.total_cmp(&a.duration_seconds))
    });
    let mut taken = HashSet::new();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a cell of a grid over a few thousand pixels"
    )]
    by_weight.retain(|dot| {
        let x = time.percent(dot.start_ns) / 100.0 * USUAL_WIDTH_PX;
        let y = scale.y(dot.duration_seconds);
        taken.insert(((x / DOT_PX.0) as i32, (y / DOT_PX.1) as i32))
    });
    by_weight.sort_by_key(|dot| (outcome(dot) == "failed", dot.start_ns));
    by_weight
}

fn mark(dot: &Dot, time: TimeScale, scale: LogScale, link: &dyn Fn(&str) -> Address) -> Markup {
    let trace_id = dot.trace_id.to_string();
    let (x, y) = (
        at(time.percent(dot.start_ns)),
        px(scale.y(dot.duration_seconds)),
    );
    html! {
        // The list below is for the keyboard.
        a class=(outcome(dot)) href=(link(&trace_id)) tabindex="-1" data-testid="dot" data-tip data-key=(trace_id) {
            title {
                (format::duration(dot.duration_seconds)) " · " (dot.service) " · " (dot.name)
                @if let Some(status) = dot.http_status { " · " (status) }
                "\n" (format::clock(dot.start_ns)) " UTC"
            }
            circle.hit cx=(x) cy=(y) r="6" {}
            circle.dot cx=(x) cy=(y) r="2.8" {}
        }
    }
}

fn legend(view: &View, scatter: &Scatter) -> Markup {
    html! {
        ul.legend {
            @for (class, meaning) in [("succeeded", "trace"), ("refused", "4xx"), ("failed", "failed")] {
                li { span class={ "swatch dot " (class) } {} (meaning) }
            }
            li.note {
                @if let Some(since_ns) = scatter.searched_since_ns {
                    "Back to " (format::moment(since_ns, view.now_ns)) " only. "
                }
                "Where many lie on each other, the slowest is drawn. Click opens, a drawn box narrows."
            }
        }
    }
}
