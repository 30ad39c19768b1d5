//! The counts of a search for log records: bars over time by level, and the values to narrow it by.

use maud::{Markup, html};

use super::chart::plot::{self, at, px};
use super::chart::scale::TimeScale;
use super::format;
use super::view::View;
use crate::query::logs::LEVELS;
use crate::query::logs_tally::{Facets, Tally};
use crate::query::time::rfc3339;

const HEIGHT: f64 = 84.0;

/// The name of the level at `index` of a bar.
fn level(index: usize) -> &'static str {
    index
        .checked_sub(1)
        .and_then(|index| LEVELS.get(index))
        .copied()
        .unwrap_or("unset")
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a bar shows no more than three digits"
)]
fn height(count: i64, top: f64) -> f64 {
    count as f64 / top * HEIGHT
}

/// Bars over time; each opens its time, each level of the legend leaves out those below.
pub(super) fn bars(view: &View, tally: &Tally) -> Markup {
    let time = TimeScale::new(view.range);
    let most = tally
        .bars
        .values()
        .map(|levels| levels.iter().sum::<i64>())
        .max();
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of records lie far below 2^53"
    )]
    let top = most.unwrap_or(0).max(1) as f64;
    let ticks = [1.0, 0.0].map(|share| (HEIGHT * (1.0 - share), format::number(top * share)));
    let content = html! {
        g.bars { @for (slot, levels) in &tally.bars {
            @let from_ns = tally.slots.start_ns + slot * tally.slots.step_ns;
            @let until_ns = from_ns + tally.slots.step_ns;
            @let left = time.percent(from_ns).max(0.0);
            @let width = (time.percent(until_ns).min(100.0) - left).max(0.0);
            a href=(view.ranged(&rfc3339(from_ns), Some(&rfc3339(until_ns)))) data-key=(from_ns) data-tip data-testid="bar" {
                title {
                    (format::clock(from_ns)) " UTC"
                    @for (index, count) in levels.iter().enumerate().rev().filter(|(_, count)| **count > 0) {
                        "\n" (level(index).to_ascii_lowercase()) " " (format::count(*count))
                    }
                }
                rect.hit x=(at(left)) width=(at(width)) y="0" height=(px(HEIGHT)) {}
                @for (index, (y, tall)) in stacked(levels, top) {
                    rect class={ "bar " (level(index).to_ascii_lowercase()) } x=(at(left)) width=(at(width * 0.86)) y=(px(y)) height=(px(tall)) {}
                }
            }
        } }
    };
    let mut sums = [0; crate::query::logs_tally::LEVELS];
    for levels in tally.bars.values() {
        for (sum, count) in sums.iter_mut().zip(levels) {
            *sum += count;
        }
    }
    html! {
        section.card.log-bars {
            (plot::frame("Log records over time by level", HEIGHT, time, &ticks, &content))
            ul.legend {
                @for (index, sum) in sums.iter().enumerate().rev().filter(|(_, sum)| **sum > 0) {
                    li { span class={ "swatch bar " (level(index).to_ascii_lowercase()) } {}
                        @if index > 0 { a href=(view.address.clone().with("severity", level(index))) title={ "At least " (level(index)) } { (level(index).to_ascii_lowercase()) } }
                        @else { "unset" }
                        b { (format::count(*sum)) }
                    }
                }
                @if !tally.has_exact_bars && let Some(since) = &tally.counted_since {
                    li.note { "Counted back to " time { (since) } " only." }
                }
            }
        }
    }
}

/// Of each level that counted something, the highest at the bottom: where its part of the bar begins and how tall it is.
fn stacked(levels: &[i64], top: f64) -> impl Iterator<Item = (usize, (f64, f64))> {
    let mut y = HEIGHT;
    let counted = levels
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, count)| **count > 0);
    counted.map(move |(index, count)| {
        let tall = height(*count, top);
        y -= tall;
        (index, (y, tall))
    })
}

/// Parameter, title, values with their counts.
type Facet<'a> = (&'static str, &'static str, &'a [(String, i64)]);

/// The values that narrow the search, with their counts.
pub(super) fn facets(view: &View, tally: &Tally) -> Markup {
    let Facets {
        service,
        severity,
        event,
        file,
        container,
    } = &tally.facets;
    let all: [Facet<'_>; 5] = [
        ("service", "Service", service),
        ("severity", "At least", severity),
        ("event", "Event", event),
        ("container", "Container", container),
        ("file", "File", file),
    ];
    html! {
        details.facets open {
            summary { "Narrow" }
            @for (name, title, values) in all {
                @if !values.is_empty() {
                    section { h3 { (title) }
                        ul { @for (value, count) in values { li { (choice(view, name, value, *count)) } } }
                    }
                }
            }
            @if let Some(since) = &tally.counted_since {
                p.note { "Counts of the newest records, back to " time { (since) } "." }
            }
        }
    }
}

fn choice(view: &View, name: &str, value: &str, count: i64) -> Markup {
    let is_chosen = view.params.text(name) == Some(value);
    let address = if is_chosen {
        view.address.clone().without(name)
    } else {
        view.address.clone().with(name, value)
    };
    html! {
        // No search asks for records without a level.
        @if name == "severity" && value == "UNSPECIFIED" { span.value { "unset" } span.muted { (format::count(count)) } }
        @else {
            a href=(address) aria-current=[is_chosen.then_some("true")] data-testid="facet" title=(value) {
                span.value { (value) } span.muted { (format::count(count)) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_bar_stand_on_each_other_with_the_gravest_below() {
        let parts: Vec<_> = stacked(&[0, 0, 0, 30, 0, 10, 0], 40.0).collect();
        assert_eq!(parts, [(5, (63.0, 21.0)), (3, (0.0, 63.0))]);
    }
}
