//! What all charts have: the frame with its axes, and lines that break where values are missing.

use maud::{Markup, html};

use super::scale::TimeScale;
use crate::page::format;

/// Width of the inner, stretched coordinate system of paths.
pub(in crate::page) const INNER_WIDTH: f64 = 1_000.0;

/// A moment and a value in pixels from the top.
pub(in crate::page) type Dot = (i64, f64);

/// A chart: the labels of the vertical axis beside the plot, the time axis below it. `y_ticks` are pixels and labels.
pub(in crate::page) fn frame(
    title: &str,
    height: f64,
    time: TimeScale,
    y_ticks: &[(f64, String)],
    content: &Markup,
) -> Markup {
    let (ticks, apart_s) = time.ticks();
    let full = height + 22.0;
    html! {
        div.chart data-hold {
            svg.y-axis width="56" height=(full) aria-hidden="true" {
                @for (y, label) in y_ticks {
                    text x="50" y=(px(y + 4.0)) text-anchor="end" { (label) }
                }
            }
            // Dragging over it shows that time only.
            svg.plot width="100%" height=(full) role="group" aria-label=(title)
                data-zoom=(height) data-since-ms=(time.range.since_ms()) data-until-ms=(time.range.until_ms()) {
                @for (y, _) in y_ticks {
                    line.grid x1="0" x2="100%" y1=(px(*y)) y2=(px(*y)) {}
                }
                @for tick in ticks {
                    @let x = time.percent(tick);
                    line.grid x1=(at(x)) x2=(at(x)) y1="0" y2=(px(height)) {}
                    @if (3.0..=97.0).contains(&x) {
                        text x=(at(x)) y=(px(height + 16.0)) text-anchor="middle" { (format::tick(tick, apart_s)) }
                    }
                }
                (content)
            }
        }
    }
}

/// Something drawn in the inner, stretched coordinate system.
pub(in crate::page) fn stretched(height: f64, content: &Markup) -> Markup {
    html! {
        svg.inner width="100%" height=(height) viewBox=(format!("0 0 {INNER_WIDTH} {height}")) preserveAspectRatio="none" {
            (content)
        }
    }
}

/// The `d` of a line through `dots`, broken where a step or more is missing. A dot alone becomes a dash as long as its step.
pub(in crate::page) fn path(time: TimeScale, dots: &[Dot], step_ns: i64) -> String {
    let x = |time_ns: i64| time.percent(time_ns) / 100.0 * INNER_WIDTH;
    let drawn = pieces(dots, step_ns).map(|piece| match piece {
        [(time_ns, y)] => format!(
            "M{:.1} {y:.1}H{:.1}",
            x(time_ns - step_ns / 2),
            x(time_ns + step_ns / 2)
        ),
        piece => {
            let corners: Vec<String> = piece
                .iter()
                .map(|&(time_ns, y)| format!("{:.1} {y:.1}", x(time_ns)))
                .collect();
            format!("M{}", corners.join("L"))
        }
    });
    drawn.collect()
}

/// Runs of dots between which no step is missing; one that comes late does not break a run.
pub(in crate::page) fn pieces(dots: &[Dot], step_ns: i64) -> impl Iterator<Item = &[Dot]> {
    dots.chunk_by(move |(before, _), (after, _)| after - before <= step_ns * 5 / 2)
}

/// A length in pixels.
pub(in crate::page) fn px(value: f64) -> String {
    format!("{value:.1}")
}

/// A position in per cent.
pub(in crate::page) fn at(percent: f64) -> String {
    format!("{percent:.3}%")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::time::Range;

    #[test]
    fn a_line_breaks_at_a_gap_and_a_lone_dot_stays_visible() {
        let time = TimeScale::new(Range {
            since_ns: 0,
            until_ns: 100,
        });
        assert_eq!(
            path(time, &[(10, 1.0), (20, 2.0), (60, 3.0)], 10),
            "M100.0 1.0L200.0 2.0M550.0 3.0H650.0"
        );
        assert_eq!(path(time, &[], 10), "");
    }
}
