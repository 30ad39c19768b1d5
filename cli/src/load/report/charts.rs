//! The charts of a run: requests per second, latencies over time, and how slow how rare requests were.

use maud::{Markup, html};

use super::{
    chart::{Series, Shape, Spot, chart},
    scale::{Axis, rarity},
};
use crate::load::{
    summary::{RouteSummary, Summary},
    text::format_latency,
    timeline::Point,
};

/// What was answered and what failed, over time.
pub(super) fn rate(summary: &Summary) -> Markup {
    let points = &summary.timeline;
    let greatest = points.iter().map(|point| point.rate);
    let greatest = greatest.fold(summary.due_rate.unwrap_or(0.0), f64::max);
    let y = Axis::linear(greatest, |value| format!("{value}"));
    let time = Time::of(points);
    let of = |value: fn(&Point) -> f64| time.places(points, |point| Some(y.place(value(point))));
    let mut drawn = vec![
        series("rate", Shape::Area, of(|point| point.rate)),
        series("rate", Shape::Line, of(|point| point.rate)),
        series("failed", Shape::Area, of(|point| point.failure_rate)),
    ];
    let mut legend = vec![item("rate", "answered"), item("failed", "failed")];
    if let Some(due) = summary.due_rate {
        let place = Some(y.place(due));
        let places = vec![(0.0, place), (1.0, place)];
        drawn.push(series("due", Shape::Dashes, places));
        legend.push(item("due", "due"));
    }
    let spots = time.spots(points, |point| {
        format!(
            "{:.1} requests/s, {:.1} failures/s",
            point.rate, point.failure_rate
        )
    });
    chart(
        "Requests per second",
        &legend,
        &y,
        &time.ticks(),
        &drawn,
        &spots,
    )
}

/// Three quantiles over time; nothing without an answer.
pub(super) fn latency(points: &[Point]) -> Markup {
    type Value = fn(&Point) -> Option<f64>;
    let quantiles: [(&str, Value); 3] = [
        ("p50", |point| point.p50_seconds),
        ("p95", |point| point.p95_seconds),
        ("p99", |point| point.p99_seconds),
    ];
    let values = points
        .iter()
        .flat_map(|point| quantiles.iter().filter_map(move |(_, value)| value(point)));
    let Some(y) = Axis::log(values, latency_label) else {
        return html! {};
    };
    let time = Time::of(points);
    let series: Vec<_> = quantiles
        .iter()
        .rev()
        .map(|(name, value)| {
            let places = time.places(points, |point| value(point).map(|value| y.place(value)));
            series(name, Shape::Line, places)
        })
        .collect();
    let legend = quantiles.map(|(name, _)| item(name, name));
    let spots = time.spots(points, |point| {
        let [p50, p95, p99] = quantiles.map(|(_, value)| format_latency(value(point)));
        format!("p50 {p50}, p95 {p95}, p99 {p99}")
    });
    chart(
        "Latency over time",
        &legend,
        &y,
        &time.ticks(),
        &series,
        &spots,
    )
}

/// Of each route, how slow how rare requests were; dashed, without the correction.
pub(super) fn curve(routes: &[RouteSummary]) -> Markup {
    let points = routes.iter().flat_map(|route| &route.curve);
    let values = points.flat_map(|point| [point.seconds, point.service_seconds]);
    let Some(y) = Axis::log(values, latency_label) else {
        return html! {};
    };
    let most = routes.iter().map(|route| route.requests).max().unwrap_or(1);
    let decades = (most as f64).log10().clamp(1.0, 4.0);
    let mut all = Vec::new();
    let mut legend = Vec::new();
    for (number, route) in routes.iter().enumerate() {
        // What is rarer than one request is no measurement.
        let rarest = 1.0 - 1.0 / (route.requests.max(2)) as f64;
        let known = || {
            route
                .curve
                .iter()
                .filter(move |point| point.share <= rarest)
        };
        let x = |share| rarity(share, decades);
        let class = format!("hue{number}");
        let corrected = known().map(|point| (x(point.share), Some(y.place(point.seconds))));
        let measured = known().map(|point| (x(point.share), Some(y.place(point.service_seconds))));
        all.push(series(&class, Shape::Dashes, measured.collect()));
        all.push(series(&class, Shape::Line, corrected.collect()));
        legend.push(item(&class, &route.route));
    }
    legend.push(item("dashed", "from sending, not corrected"));
    let marks: [(f64, &str); 6] = [
        (0.0, "all"),
        (0.5, "50 %"),
        (0.9, "90 %"),
        (0.99, "99 %"),
        (0.999, "99.9 %"),
        (0.9999, "99.99 %"),
    ];
    let x_ticks: Vec<_> = marks
        .into_iter()
        .filter(|(share, _)| -(1.0 - share).log10() <= decades + 1e-9)
        .map(|(share, label)| (rarity(share, decades), label.to_owned()))
        .collect();
    chart(
        "Latency by share of requests",
        &legend,
        &y,
        &x_ticks,
        &all,
        &[],
    )
}

/// The horizontal axis of a run: seconds from its start.
struct Time {
    end: f64,
}

impl Time {
    fn of(points: &[Point]) -> Self {
        let end = points.last().map_or(1.0, |point| point.end_seconds);
        Self { end }
    }

    /// In the middle of each interval; the first and the last reach the edges.
    fn places(
        &self,
        points: &[Point],
        height: impl Fn(&Point) -> Option<f64>,
    ) -> Vec<(f64, Option<f64>)> {
        let middle = |point: &Point| (point.start_seconds + point.end_seconds) / 2.0 / self.end;
        points
            .iter()
            .map(|point| (middle(point), height(point)))
            .collect()
    }

    fn spots(&self, points: &[Point], words: impl Fn(&Point) -> String) -> Vec<Spot> {
        points
            .iter()
            .map(|point| Spot {
                from: point.start_seconds / self.end,
                to: point.end_seconds / self.end,
                text: format!("{:.0} s: {}", point.start_seconds, words(point)),
            })
            .collect()
    }

    fn ticks(&self) -> Vec<(f64, String)> {
        let is_long = self.end > 300.0;
        let unit = if is_long { 60.0 } else { 1.0 };
        let name = if is_long { "min" } else { "s" };
        // The axis may end behind the run.
        let axis = Axis::linear(self.end / unit, |value| format!("{value} {name}"));
        let last = axis.ticks.len().saturating_sub(1);
        let step = (self.end / unit) / axis.place(self.end / unit) / last.max(1) as f64;
        let at = |number: usize| number as f64 * step * unit / self.end;
        axis.ticks
            .into_iter()
            .enumerate()
            .map(|(number, (_, label))| (at(number), label))
            .filter(|(place, _)| *place <= 1.0)
            .collect()
    }
}

fn series(class: &str, shape: Shape, places: Vec<(f64, Option<f64>)>) -> Series {
    Series {
        class: class.to_owned(),
        shape,
        places,
    }
}

fn item(class: &str, words: &str) -> (String, String) {
    (class.to_owned(), words.to_owned())
}

/// As short as an axis needs it: `500 µs`, `20 ms`, `2 s`.
fn latency_label(seconds: f64) -> String {
    let (value, unit) = if seconds < 0.000_999 {
        (seconds * 1e6, "µs")
    } else if seconds < 0.999 {
        (seconds * 1e3, "ms")
    } else {
        (seconds, "s")
    };
    format!("{} {unit}", (value * 10.0).round() / 10.0)
}

#[cfg(test)]
mod tests;
