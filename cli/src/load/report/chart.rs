//! Charts as inline SVG: lines and areas in a plot that stretches with the page, labels beside it as text that does not.

use maud::{Markup, PreEscaped, html};

use super::scale::Axis;

/// The inner coordinate system of a plot.
const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 200.0;

/// A place in a plot: shares of its width from the left, and of its height from below. `None` breaks a line.
pub(super) type Place = (f64, Option<f64>);

/// Something drawn over the whole width.
#[derive(Debug)]
pub(super) struct Series {
    /// Its colour, by the style sheet.
    pub(super) class: String,
    pub(super) shape: Shape,
    pub(super) places: Vec<Place>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Shape {
    Line,
    Dashes,
    /// Down to the axis.
    Area,
}

/// A part of the width that says what is there when pointed at.
#[derive(Debug)]
pub(super) struct Spot {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) text: String,
}

/// `title` says what is drawn to those who cannot see it; `legend` are colours and words.
pub(super) fn chart(
    title: &str,
    legend: &[(String, String)],
    y: &Axis,
    x_ticks: &[(f64, String)],
    series: &[Series],
    spots: &[Spot],
) -> Markup {
    html! {
        section.card {
            div.heading {
                h2 { (title) }
                ul.legend {
                    @for (class, words) in legend { li class=(class) { (words) } }
                }
            }
            div.plot {
                @for (place, label) in &y.ticks {
                    span.y style=(format!("bottom:{:.2}%", place * 100.0)) { (label) }
                }
                svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) preserveAspectRatio="none" role="img" aria-label=(title) {
                    @for (place, _) in &y.ticks {
                        @let height = vertical(*place);
                        line.grid x1="0" x2=(WIDTH) y1=(height) y2=(height) {}
                    }
                    @for series in series { (drawn(series)) }
                    @for spot in spots {
                        rect.spot x=(horizontal(spot.from)) width=(horizontal(spot.to - spot.from)) y="0" height=(HEIGHT) {
                            title { (spot.text) }
                        }
                    }
                }
                @for (place, label) in x_ticks {
                    span.x style=(format!("left:{:.2}%", place * 100.0)) { (label) }
                }
            }
        }
    }
}

fn drawn(series: &Series) -> Markup {
    let shape = match series.shape {
        Shape::Line => "line",
        Shape::Dashes => "dashes",
        Shape::Area => "area",
    };
    let d = path(series);
    // A class and a path of numbers: nothing to escape.
    PreEscaped(format!(
        "<path class=\"{shape} {}\" d=\"{d}\"/>",
        series.class
    ))
}

/// The `d` of a series: one piece for each run of places without a gap.
fn path(series: &Series) -> String {
    let pieces = series.places.split(|(_, height)| height.is_none());
    let mut d = String::new();
    for piece in pieces.filter(|piece| !piece.is_empty()) {
        let points: Vec<_> = piece
            .iter()
            .filter_map(|(x, height)| Some((*x, (*height)?)))
            .collect();
        let (first, last) = (points[0].0, points[points.len() - 1].0);
        let mut command = 'M';
        if series.shape == Shape::Area {
            d += &format!("M{} {HEIGHT}", horizontal(first));
            command = 'L';
        }
        for (x, height) in points {
            d += &format!("{command}{} {}", horizontal(x), vertical(height));
            command = 'L';
        }
        if series.shape == Shape::Area {
            d += &format!("L{} {HEIGHT}Z", horizontal(last));
        } else if piece.len() == 1 {
            // A point alone, as the round cap of a line of no length.
            d += "h0";
        }
    }
    d
}

fn horizontal(place: f64) -> String {
    format!("{:.1}", place * WIDTH)
}

fn vertical(place: f64) -> String {
    format!("{:.1}", (1.0 - place) * HEIGHT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(shape: Shape, places: &[Place]) -> Series {
        Series {
            class: "p50".to_owned(),
            shape,
            places: places.to_vec(),
        }
    }

    #[test]
    fn a_line_breaks_where_there_is_nothing() {
        let places = [
            (0.0, Some(0.0)),
            (0.1, Some(1.0)),
            (0.2, None),
            (0.3, Some(0.5)),
        ];
        assert_eq!(
            path(&series(Shape::Line, &places)),
            "M0.0 200.0L100.0 0.0M300.0 100.0h0"
        );
        assert_eq!(path(&series(Shape::Line, &[(0.0, None)])), "");
    }

    #[test]
    fn an_area_stands_on_the_axis() {
        assert_eq!(
            path(&series(Shape::Area, &[(0.0, Some(0.5)), (1.0, Some(1.0))])),
            "M0.0 200L0.0 100.0L1000.0 0.0L1000.0 200Z"
        );
    }
}
