//! Small parts that several pages show: service names with their colour, status badges, attribute tables, trace lists.

use std::collections::BTreeMap;

use maud::{Markup, html};
use serde_json::Value;

use super::address::Address;
use super::format;
use super::view::{SHARED, View};
use crate::query::traces::{Status, Summary};

/// Colours of services, in `tokens.css` as `service0` to `service7`.
const COLOURS: usize = 8;

/// The colours of the services on one page: by name, so that a service keeps its colour from page to page, and
/// distinct as long as there are colours.
#[derive(Debug, Default)]
pub(super) struct Colours(BTreeMap<String, usize>);

impl Colours {
    /// Chooses them.
    pub(super) fn of<'a>(services: impl Iterator<Item = &'a str>) -> Self {
        let mut by_name = BTreeMap::new();
        for service in services {
            if by_name.contains_key(service) {
                continue;
            }
            let wanted = service
                .bytes()
                .fold(0, |sum: usize, byte| (sum * 31 + usize::from(byte)) % 8_191)
                % COLOURS;
            let free = (0..COLOURS)
                .map(|offset| (wanted + offset) % COLOURS)
                .find(|index| !by_name.values().any(|taken| taken == index));
            by_name.insert(service.to_owned(), free.unwrap_or(wanted));
        }
        Self(by_name)
    }

    /// The class that sets the colour.
    pub(super) fn class(&self, service: &str) -> String {
        format!(
            "service{}",
            self.0.get(service).copied().unwrap_or_default()
        )
    }

    /// The name with its colour before it.
    pub(super) fn name(&self, service: &str) -> Markup {
        html! { span class={ "service " (self.class(service)) } { (service) } }
    }
}

/// HTTP status, or the span's own.
pub(super) fn status(http_status: Option<i64>, status: Status) -> Markup {
    let class = match (http_status, status) {
        (Some(500..), _) | (_, Status::Error) => "failed",
        (Some(400..), _) => "refused",
        (Some(_), _) | (_, Status::Ok) => "succeeded",
        (None, Status::Unset) => "unset",
    };
    html! {
        span class={ "status " (class) } {
            @match (http_status, status) {
                (Some(code), _) => (code),
                (None, Status::Error) => "error",
                (None, Status::Ok) => "ok",
                (None, Status::Unset) => "–",
            }
        }
    }
}

/// A table of attributes; nothing when there are none.
pub(super) fn attributes(title: &str, attributes: &Value) -> Markup {
    linked_attributes(title, attributes, &|_, _| html! {})
}

/// The same with what `link` makes of each behind its value.
pub(super) fn linked_attributes(
    title: &str,
    attributes: &Value,
    link: &dyn Fn(&str, &Value) -> Markup,
) -> Markup {
    let pairs = attributes.as_object().filter(|pairs| !pairs.is_empty());
    html! {
        @if let Some(pairs) = pairs {
            h4 { (title) }
            dl.attributes {
                @for (key, value) in pairs {
                    div { dt { (key) } dd { (text_of(value)) (link(key, value)) } }
                }
            }
        }
    }
}

/// A JSON value as people write it: a string without its quotation marks.
pub(super) fn text_of(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// A trace's page.
pub(super) fn trace_link(view: &View, trace_id: &impl ToString) -> Address {
    let traces = view.link("/traces");
    traces.segment(&trace_id.to_string())
}

/// A list of traces with a bar for each duration.
pub(super) fn trace_list(view: &View, traces: &[Summary]) -> Markup {
    trace_choice(traces, &|trace| trace_link(view, &trace.trace_id))
}

/// The same with another link than that to the trace.
pub(super) fn trace_choice(traces: &[Summary], link: &dyn Fn(&Summary) -> Address) -> Markup {
    let colours = Colours::of(
        traces
            .iter()
            .flat_map(|trace| trace.services.iter().map(String::as_str)),
    );
    let longest = traces
        .iter()
        .map(|trace| trace.duration_seconds)
        .fold(f64::MIN_POSITIVE, f64::max);
    html! {
        ol.traces data-hold {
            @for trace in traces {
                li data-key=(trace.trace_id) {
                    a href=(link(trace)) data-testid="trace" {
                        time datetime=(trace.start) title=(trace.start) { (format::clock(trace.start_ns)) }
                        (status(trace.http_status, trace.status))
                        span.name { (trace.name) }
                        span.services { @for service in &trace.services { (colours.name(service)) } }
                        span.size {
                            (format::counted(trace.spans, "span"))
                            @if trace.errors > 0 { span.errors { (format::counted(trace.errors, "error")) } }
                        }
                        svg.bar height="6" width="100%" aria-hidden="true" {
                            rect class=(colours.class(&trace.service)) height="6" rx="2"
                                width=(format!("{:.2}%", trace.duration_seconds / longest * 100.0)) {}
                        }
                        span.duration { (format::duration(trace.duration_seconds)) }
                    }
                }
            }
        }
    }
}

/// The moment that a page is about, and the way back to the latest.
pub(super) fn around_chip(view: &View, at_ns: Option<i64>) -> Markup {
    html! {
        @if let Some(at_ns) = at_ns {
            a.chip href=(view.address.clone().without("at")) title="Back to the latest" {
                "around " b { (format::clock(at_ns)) } " UTC" span.close { "×" }
            }
        }
    }
}

/// The same by itself.
pub(super) fn around(view: &View, at_ns: Option<i64>) -> Markup {
    html! { p.chips { (around_chip(view, at_ns)) } }
}

/// Says that a search stopped before the range's start, and goes on from there.
pub(super) fn searched_since(view: &View, searched_since: Option<&str>, noun: &str) -> Markup {
    html! {
        @if let Some(moment) = searched_since {
            p.note {
                "Only the newest " (noun) " were looked at, back to " time { (moment) } ". "
                a href=(view.address.clone().with("until", moment)) { "Search older ones" }
            }
        }
    }
}

/// A labelled choice of a filter form; the first one means all.
pub(super) fn choice(
    name: &str,
    label: &str,
    chosen: Option<&str>,
    all: &str,
    options: &[&str],
) -> Markup {
    html! {
        label { (label)
            select name=(name) {
                option value="" { (all) }
                @if let Some(other) = chosen.filter(|chosen| !options.contains(chosen)) {
                    option value=(other) selected { (other) }
                }
                @for option in options {
                    option value=(option) selected[chosen == Some(*option)] { (option) }
                }
            }
        }
    }
}

/// A labelled text field of a filter form.
pub(super) fn field(name: &str, label: &str, value: Option<&str>, placeholder: &str) -> Markup {
    html! {
        label { (label) input type="text" name=(name) value=(value.unwrap_or_default()) placeholder=(placeholder); }
    }
}

/// The parameters of the range, kept by a filter form.
pub(super) fn kept_range(view: &View) -> Markup {
    html! {
        @for name in SHARED {
            @if let Some(value) = view.params.text(name) { input type="hidden" name=(name) value=(value); }
        }
    }
}

/// What a page says that has nothing to show in its range: what that means, and what to do about it. The way to a longer
/// range is offered where there is one.
pub(super) fn empty(view: &View, title: &str, next: &Markup) -> Markup {
    html! {
        section.empty.small data-testid="empty" {
            h2 { (title) }
            (next)
            @if view.range.seconds() < 86_400.0 {
                p { a href=(view.ranged("24h", None)) { "Look at the last 24 hours" } }
            }
        }
    }
}

/// How to get something to look at.
pub(super) fn start_something() -> Markup {
    html! {
        p { "lens shows what programs send through the Collector. Start everything, with a little traffic:" }
        pre { code { "trivium up --traffic" } }
        p { "or ask the demo service something yourself:" }
        pre { code { "curl -i http://127.0.0.1:8000/" } }
        p { "or let a program of yours send OTLP:" }
        pre { code { "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317 your-program" } }
    }
}
