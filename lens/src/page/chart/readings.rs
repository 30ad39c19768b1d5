//! What hosts and containers measure, from zero upwards: lines, or areas on top of each other where they are parts of a
//! whole, against their limit where there is one. The legend has each line's value at the marked moment, or the newest; pointing at a step shows all of its
//! values.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::plot::{self, Dot, at, px};
use super::scale::{TimeScale, binary_top, linear_top};
use crate::page::format;
use crate::query::readings::{Chart, Line, Unit};
use crate::query::time::Range;

const HEIGHT: f64 = 140.0;
/// Colours of lines, in `tokens.css` as `hue0` to `hue7`.
const HUES: usize = 8;
/// A limit is drawn when the values come to this share of it; else they would be a line along the bottom.
const NEAR_LIMIT: f64 = 0.1;

/// The class of the colour of the line at `index`.
fn hue(index: usize) -> String {
    format!("hue{}", index % HUES)
}

/// Draws the chart and its legend. `limit_name` says what the limit is.
pub(in crate::page) fn readings(
    chart: &Chart,
    title: &str,
    limit_name: &str,
    range: Range,
    marked_ns: Option<i64>,
) -> Markup {
    let time = TimeScale::new(range);
    let levels = levels(chart);
    let max = levels
        .iter()
        .flatten()
        .map(|(_, upper)| upper.1)
        .fold(0.0, f64::max);
    let limit = chart.limit.filter(|limit| max >= limit * NEAR_LIMIT);
    let top = top(chart.unit, max, limit);
    let label = label_of(chart.unit);
    let ticks = [1.0, 0.5, 0.0].map(|share| {
        (
            HEIGHT * (1.0 - share),
            round_label_of(chart.unit)(top * share),
        )
    });
    let y = |value: f64| HEIGHT * (1.0 - value / top);
    let shapes = html! {
        @for (index, level) in levels.iter().enumerate() {
            @if chart.is_stacked { path class={ "area " (hue(index)) } d=(area(time, chart.step_ms, level, y)) {} }
            path class={ "line " (hue(index)) } d=(outline(time, chart.step_ms, level, y)) {}
        }
    };
    let at_ms = marked_ns.map_or(i64::MAX, |marked_ns| marked_ns / 1_000_000);
    let is_line_drawn = chart.unit != Unit::Ratio;
    let content = html! {
        (plot::stretched(HEIGHT, &shapes))
        @if let Some(limit) = limit.filter(|_| is_line_drawn) {
            line.limit x1="0" x2="100%" y1=(px(y(limit))) y2=(px(y(limit))) {}
        }
        @if let Some(marked_ns) = marked_ns {
            @let x = at(time.percent(marked_ns));
            line.marked x1=(x) x2=(x) y1="0" y2=(px(HEIGHT)) data-testid="marked" {
                title { "The moment you came from, " (format::clock(marked_ns)) }
            }
        }
        (readouts(chart, time))
    };
    html! {
        (plot::frame(title, HEIGHT, time, &ticks, &content))
        ul.legend {
            @for (index, line) in chart.lines.iter().enumerate() {
                li { span class={ "swatch line " (hue(index)) } {} (line.name)
                    @if let Some(value) = line.at(at_ms) { b { (label(value)) } } }
            }
            @if let Some(limit) = chart.limit.filter(|_| is_line_drawn) {
                li { span.swatch.line.limit {} (limit_name) b { (label(limit)) } }
            }
        }
    }
}

/// Of each line, by the end of the step: where it begins and where it ends, both in the chart's unit.
type Level = Vec<(i64, (f64, f64))>;

fn levels(chart: &Chart) -> Vec<Level> {
    let mut below: BTreeMap<i64, f64> = BTreeMap::new();
    let level = |line: &Line| {
        let points = line.points.iter().map(|point| {
            let lower = if chart.is_stacked {
                below.get(&point.end_ms).copied().unwrap_or(0.0)
            } else {
                0.0
            };
            below.insert(point.end_ms, lower + point.value);
            (point.end_ms, (lower, lower + point.value))
        });
        points.collect()
    };
    chart.lines.iter().map(level).collect()
}

fn top(unit: Unit, max: f64, limit: Option<f64>) -> f64 {
    let free = match unit {
        Unit::Bytes | Unit::BytesPerSecond => binary_top(max),
        Unit::Ratio | Unit::PerSecond | Unit::Cpus | Unit::Seconds | Unit::Number => {
            linear_top(max)
        }
    };
    match limit {
        Some(limit) if max <= limit => limit,
        _ => free,
    }
}

/// The moment in the middle of the step that ends at `end_ms`.
fn middle_ns(end_ms: i64, step_ms: i64) -> i64 {
    (end_ms - step_ms / 2) * 1_000_000
}

fn outline(time: TimeScale, step_ms: i64, level: &Level, y: impl Fn(f64) -> f64) -> String {
    let dots = level
        .iter()
        .map(|&(end_ms, (_, upper))| (middle_ns(end_ms, step_ms), y(upper)));
    plot::path(time, &dots.collect::<Vec<Dot>>(), step_ms * 1_000_000)
}

fn area(time: TimeScale, step_ms: i64, level: &Level, y: impl Fn(f64) -> f64) -> String {
    let step_ns = step_ms * 1_000_000;
    let pieces = level.chunk_by(|(before, _), (after, _)| after - before <= step_ms * 5 / 2);
    let areas = pieces.map(|piece| {
        let dot = |end_ms: i64, value: f64| (middle_ns(end_ms, step_ms), y(value));
        let there = piece.iter().map(|&(end_ms, (_, upper))| dot(end_ms, upper));
        let back = piece
            .iter()
            .rev()
            .map(|&(end_ms, (lower, _))| dot(end_ms, lower));
        plot::path(time, &there.chain(back).collect::<Vec<Dot>>(), step_ns)
    });
    areas.collect()
}

/// One invisible bar for each step, with what all lines had there.
fn readouts(chart: &Chart, time: TimeScale) -> Markup {
    let label = label_of(chart.unit);
    let mut steps: BTreeMap<i64, Vec<(&str, f64)>> = BTreeMap::new();
    for line in &chart.lines {
        for point in &line.points {
            let step = steps.entry(point.end_ms).or_default();
            step.push((&line.name, point.value));
        }
    }
    html! {
        g.readouts {
            @for (end_ms, values) in steps {
                @let left = time.percent((end_ms - chart.step_ms) * 1_000_000).max(0.0);
                @let right = time.percent(end_ms * 1_000_000).min(100.0);
                rect x=(at(left)) width=(at((right - left).max(0.0))) y="0" height=(px(HEIGHT)) data-tip {
                    title {
                        (format::clock(middle_ns(end_ms, chart.step_ms))) " UTC"
                        @for (name, value) in values { "\n" (name) " " (label(value)) }
                    }
                }
            }
        }
    }
}

/// Writes a value of the unit.
pub(in crate::page) fn label_of(unit: Unit) -> fn(f64) -> String {
    match unit {
        Unit::Ratio => format::percent,
        Unit::Bytes => format::bytes,
        Unit::BytesPerSecond => |value| format::bytes_rate_or_dash(Some(value)),
        Unit::PerSecond => format::rate,
        Unit::Cpus => format::cpus,
        Unit::Seconds => format::duration,
        Unit::Number => format::number,
    }
}

/// Writes a round value of the unit, for an axis.
pub(super) fn round_label_of(unit: Unit) -> fn(f64) -> String {
    match unit {
        Unit::Ratio => format::round_percent,
        Unit::Bytes => format::round_bytes,
        Unit::BytesPerSecond => |value| format!("{}/s", format::round_bytes(value)),
        Unit::PerSecond => format::round_rate,
        Unit::Seconds => format::round_duration,
        Unit::Cpus | Unit::Number => |value| ((value * 1e4).round() / 1e4).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::readings::Point;

    fn line(name: &str, values: &[(i64, f64)]) -> Line {
        let points = values
            .iter()
            .map(|&(end_ms, value)| Point { end_ms, value });
        Line {
            name: name.to_owned(),
            points: points.collect(),
        }
    }

    fn chart(unit: Unit, limit: Option<f64>) -> Chart {
        Chart {
            name: "memory",
            unit,
            is_stacked: true,
            limit,
            step_ms: 10,
            lines: vec![
                line("used", &[(10, 3.0), (20, 4.0)]),
                line("cached", &[(20, 2.0)]),
            ],
        }
    }

    #[test]
    fn stacked_lines_begin_where_those_below_them_end() {
        let levels = levels(&chart(Unit::Bytes, None));
        assert_eq!(levels[0], [(10, (0.0, 3.0)), (20, (0.0, 4.0))]);
        assert_eq!(levels[1], [(20, (4.0, 6.0))]);
    }

    #[test]
    fn a_limit_far_above_all_values_is_written_but_not_drawn() {
        let range = Range {
            since_ns: 0,
            until_ns: 20_000_000,
        };
        let drawn = |limit| {
            let chart = chart(Unit::Bytes, Some(limit));
            readings(&chart, "Memory", "limit", range, None).into_string()
        };
        assert!(drawn(8.0).contains("line class=\"limit\""));
        assert!(!drawn(1_000.0).contains("line class=\"limit\""));
        assert!(drawn(1_000.0).contains("limit<b>0.98 KiB</b>"));
    }
}
