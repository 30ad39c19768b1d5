//! Small charts of one value over time, from zero upwards: an area for a page, a sparkline for a table row.

use maud::{Markup, html};

use super::plot::{self, Dot};
use super::scale::{TimeScale, linear_top};
use crate::query::selection::Value;
use crate::query::time::Range;

const HEIGHT: f64 = 110.0;
const SPARK_HEIGHT: f64 = 28.0;

/// A value at the end of a step, in milliseconds since the Unix epoch.
pub(in crate::page) type Point = (i64, f64);

/// The rates of a group, as points.
pub(in crate::page) fn rates(values: &[Value]) -> Vec<Point> {
    values
        .iter()
        .filter_map(|value| Some((value.step_end_ms, value.rate?)))
        .collect()
}

/// A chart with axes. `class` gives the colour, `label` writes a value of the vertical axis.
pub(in crate::page) fn area(
    title: &str,
    class: &str,
    range: Range,
    step_ms: i64,
    points: &[Point],
    label: fn(f64) -> String,
) -> Markup {
    let time = TimeScale::new(range);
    let top = linear_top(points.iter().map(|(_, value)| *value).fold(0.0, f64::max));
    let y_ticks = [1.0, 0.5, 0.0].map(|share| (HEIGHT * (1.0 - share), label(top * share)));
    let content = shape(class, time, step_ms, points, top, HEIGHT);
    plot::frame(title, HEIGHT, time, &y_ticks, &content)
}

/// The same without axes.
pub(in crate::page) fn sparkline(range: Range, step_ms: i64, points: &[Point]) -> Markup {
    let top = points
        .iter()
        .map(|(_, value)| *value)
        .fold(f64::MIN_POSITIVE, f64::max);
    html! {
        svg.spark width="100%" height=(SPARK_HEIGHT) aria-hidden="true" {
            (shape("rate", TimeScale::new(range), step_ms, points, top, SPARK_HEIGHT))
        }
    }
}

fn shape(
    class: &str,
    time: TimeScale,
    step_ms: i64,
    points: &[Point],
    top: f64,
    height: f64,
) -> Markup {
    let (step_ns, line_px) = (step_ms * 1_000_000, 1.5);
    let dots: Vec<Dot> = points
        .iter()
        .map(|&(end_ms, value)| {
            (
                end_ms * 1_000_000 - step_ns / 2,
                line_px + (height - line_px) * (1.0 - value / top),
            )
        })
        .collect();
    let areas = plot::pieces(&dots, step_ns).filter_map(|piece| {
        let (first, last) = (piece.first()?.0, piece.last()?.0);
        let bottom = |time_ns| [(time_ns, height)].into_iter();
        let corners: Vec<Dot> = bottom(first)
            .chain(piece.iter().copied())
            .chain(bottom(last))
            .collect();
        Some(plot::path(time, &corners, step_ns))
    });
    let areas: String = areas.collect();
    plot::stretched(
        height,
        &html! {
            path class={ "area " (class) } d=(areas) {}
            path class={ "line " (class) } d=(plot::path(time, &dots, step_ns)) {}
        },
    )
}
