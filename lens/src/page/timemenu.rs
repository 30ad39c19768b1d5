//! The time menu that all pages share: the range in words, steps back and forth, usual ranges, any other, and live mode.
//! It is made of links and forms, so it works without scripts. All times are UTC.

use maud::{Markup, html};

use super::format;
use super::view::View;
use crate::query::time::rfc3339;

/// The ranges that are one click away.
const RANGES: [&str; 8] = ["5m", "15m", "30m", "1h", "3h", "6h", "12h", "24h"];

/// The whole of it.
pub(super) fn menu(view: &View) -> Markup {
    html! {
        div.range {
            (live(view))
            a.shift href=(shifted(view, -1)) aria-label="Earlier" title="Earlier" { "‹" }
            details.time {
                summary title="Time (t)" { (words(view)) }
                div.panel { (panel(view)) }
            }
            @if !view.can_be_live() { a.shift href=(shifted(view, 1)) aria-label="Later" title="Later" { "›" } }
        }
    }
}

/// The range as people say it.
fn words(view: &View) -> String {
    let moment = |time_ns| format::moment(time_ns, view.now_ns);
    match (view.since(), view.at_ns()) {
        (Some(since), _) => match since.strip_suffix(['s', 'm', 'h']) {
            Some(number) if number.parse::<u32>().is_ok() => format!("Last {since}"),
            _ => format!("Since {}", moment(view.range.since_ns)),
        },
        (None, Some(at_ns)) => format!("Around {}", moment(at_ns)),
        (None, None) => {
            format!(
                "{} – {}",
                moment(view.range.since_ns),
                moment(view.range.until_ns)
            )
        }
    }
}

/// The range half its length earlier or later, not beyond now.
fn shifted(view: &View, direction: i64) -> super::address::Address {
    let length = view.range.until_ns - view.range.since_ns;
    let until_ns = (view.range.until_ns + direction * length / 2).min(view.now_ns);
    view.ranged(&rfc3339(until_ns - length), Some(&rfc3339(until_ns)))
}

fn live(view: &View) -> Markup {
    html! {
        @if view.is_live() {
            a.live.on href=(view.address.clone().with("live", "off")) title="Follows what arrives; click to pause (l)" { "Live" }
        } @else if view.can_be_live() {
            a.live href=(view.address.clone().without("live")) title="Click to follow what arrives (l)" { "Paused" }
        } @else {
            a.live href=(view.address.clone().without("live").without("at").without("since").without("until"))
                title="Back to now (l)" { "To now" }
        }
    }
}

fn panel(view: &View) -> Markup {
    let kept = html! {
        @for (name, value) in view.rangeless() { input type="hidden" name=(name) value=(value); }
    };
    html! {
        div.muted { "Last" }
        nav.quick aria-label="Usual ranges" {
            @for range in RANGES {
                a href=(view.ranged(range, None)) aria-current=[(view.since() == Some(range)).then_some("true")] { (range) }
            }
        }
        form {
            (kept)
            label { "Any other, such as 45m or 2days"
                input type="text" name="since" required value=(view.since().unwrap_or_default()) autocomplete="off"; }
            button { "Show" }
        }
        form {
            (kept)
            label.wide { "From (UTC)"
                input type="datetime-local" step="1" name="since" required value=(format::field(view.range.since_ns)); }
            label { "To (UTC)"
                input type="datetime-local" step="1" name="until" required value=(format::field(view.range.until_ns)); }
            button { "Show" }
        }
        p.note { "Or drag over a chart." }
    }
}
