//! The spans of a trace as an indented tree with a bar for each, in the order in which they started: solid where the span
//! itself was busy, pale where it waited for its children, underlined where the trace waited for it. What is folded and what
//! is open stands in the address, so it works without a script; `traces.js` only spares the way to the server.

use std::collections::{HashMap, HashSet};

use maud::{Markup, html};
use opentelemetry::{SpanId, TraceId};

use super::address::Address;
use super::parts::Colours;
use super::trace::logs_link;
use super::view::View;
use super::waterfall_detail::detail;
use super::{format, machines};
use crate::query::time::{rfc3339, seconds};
use crate::query::trace::Span;
use crate::query::trace_tree::{Interval, Node, Tree};
use crate::query::traces::Status;

/// Indentations that are drawn; deeper ones stay at this one, so that names remain readable.
const MAX_DEPTH: usize = 12;
/// Spans up to which all details are part of the page; of a larger trace, those of the span that is asked for.
const DETAILED_SPANS: usize = 300;
/// What is shorter than this share of the trace, in per cent, would be less than a pixel.
const VISIBLE_PERCENT: f64 = 0.1;

/// What the waterfall of a trace shows.
pub(super) struct Waterfall<'a> {
    pub(super) trace_id: TraceId,
    pub(super) tree: &'a Tree<'a>,
    pub(super) colours: &'a Colours,
    /// Numbers of log records by span.
    pub(super) logs: &'a HashMap<SpanId, i64>,
    pub(super) view: &'a View,
    /// It is marked, and opened unless it is the root, whose detail would push the spans below it out of sight.
    pub(super) chosen: Option<SpanId>,
    /// Spans whose descendants are hidden.
    pub(super) folded: &'a [SpanId],
}

/// Draws it.
pub(super) fn waterfall(shown: &Waterfall<'_>) -> Markup {
    let tree = shown.tree;
    let in_containers = tree
        .nodes
        .iter()
        .any(|node| container_of(node.span).is_some());
    let folded = folded(shown);
    let (hidden, descendants) = (hidden(tree, &folded), descendants(tree));
    let routes = routes(tree);
    html! {
        section #waterfall class={ "waterfall" @if in_containers { " in-containers" } } aria-label="Spans" {
            div.ruler aria-hidden="true" {
                span { "Span" }
                span.ticks {
                    @for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
                        span { (format::duration(seconds(tree.end_ns - tree.start_ns) * share)) }
                    }
                }
                span.number { "Duration" }
                span.number { "Self" }
            }
            @for (index, node) in tree.nodes.iter().enumerate() {
                @let span = node.span;
                @let is_chosen = shown.chosen == Some(span.span_id);
                @let is_open = is_chosen && node.depth > 0;
                details class={ "span" @if is_chosen { " chosen" } @if span.status == Status::Error { " failed" } }
                    id={ "span-" (span.span_id) } open[is_open] hidden[hidden[index]]
                    data-testid="span" data-span-id=(span.span_id) data-depth=(node.depth) {
                    summary {
                        (label(shown, node, descendants[index], folded.contains(&span.span_id)))
                        (track(shown, node))
                        span.duration { (format::duration(span.duration_seconds)) }
                        span.self title="Time in which none of its children ran" { (format::duration(seconds(node.own_ns()))) }
                        (jumps(shown, node, routes[index]))
                    }
                    @if is_open || tree.nodes.len() <= DETAILED_SPANS { (detail(shown.view, node, tree)) }
                    @else {
                        p.detail { a.load href=(shown.view.address.clone().with("span", &span.span_id.to_string())) { "Show its details" } }
                    }
                }
            }
        }
        (legend())
    }
}

/// The spans that are folded: not those above the chosen one, which is to be seen.
fn folded(shown: &Waterfall<'_>) -> HashSet<SpanId> {
    let nodes = &shown.tree.nodes;
    let mut folded: HashSet<SpanId> = shown.folded.iter().copied().collect();
    let chosen = nodes
        .iter()
        .find(|node| Some(node.span.span_id) == shown.chosen);
    let mut above = chosen.and_then(|node| node.parent);
    while let Some(index) = above {
        folded.remove(&nodes[index].span.span_id);
        above = nodes[index].parent;
    }
    folded
}

/// Which nodes lie below a folded one.
fn hidden(tree: &Tree<'_>, folded: &HashSet<SpanId>) -> Vec<bool> {
    let mut hidden: Vec<bool> = Vec::with_capacity(tree.nodes.len());
    for node in &tree.nodes {
        let is_below =
            |parent: usize| hidden[parent] || folded.contains(&tree.nodes[parent].span.span_id);
        hidden.push(node.parent.is_some_and(is_below));
    }
    hidden
}

/// How many spans lie below each.
fn descendants(tree: &Tree<'_>) -> Vec<i64> {
    let mut below = vec![0; tree.nodes.len()];
    for (index, node) in tree.nodes.iter().enumerate().rev() {
        if let Some(parent) = node.parent {
            below[parent] += below[index] + 1;
        }
    }
    below
}

/// Service and route of the HTTP metric that each span is part of: its own, or that of a span above it.
fn routes<'a>(tree: &Tree<'a>) -> Vec<Option<(&'a str, &'a str)>> {
    let mut routes: Vec<Option<(&str, &str)>> = Vec::with_capacity(tree.nodes.len());
    for node in &tree.nodes {
        let own = node.span.route.as_deref();
        let own = own.map(|route| (node.span.service.as_str(), route));
        routes.push(own.or(node.parent.and_then(|parent| routes[parent])));
    }
    routes
}

fn label(shown: &Waterfall<'_>, node: &Node<'_>, below: i64, is_folded: bool) -> Markup {
    let span = node.span;
    html! {
        span class={ "label depth" (node.depth.min(MAX_DEPTH)) } {
            @if below > 0 {
                a.fold href=(toggled(shown, span.span_id)) data-below=(format::count(below)) data-folded[is_folded]
                    aria-label={ "Fold or unfold the " (format::counted(below, "span")) " below " (span.name) } {}
            } @else { span.leaf {} }
            (shown.colours.name(&span.service))
            span.name { (span.name) }
            @if span.status == Status::Error { span.status.failed { "error" } }
        }
    }
}

/// The address with the span folded, or not any more.
fn toggled(shown: &Waterfall<'_>, span: SpanId) -> Address {
    let mut folded: Vec<SpanId> = shown.folded.to_vec();
    folded.retain(|known| *known != span);
    if folded.len() == shown.folded.len() {
        folded.push(span);
    }
    let list: Vec<String> = folded.iter().map(ToString::to_string).collect();
    let unfolded = shown.view.address.clone().without("fold");
    unfolded.with_some(
        "fold",
        Some(list.join(","))
            .filter(|list| !list.is_empty())
            .as_deref(),
    )
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a bar needs no more than four digits"
)]
fn percent(tree: &Tree<'_>, nanoseconds: i64) -> f64 {
    nanoseconds as f64 / (tree.end_ns - tree.start_ns).max(1) as f64 * 100.0
}

fn track(shown: &Waterfall<'_>, node: &Node<'_>) -> Markup {
    let (tree, span) = (shown.tree, node.span);
    let colour = shown.colours.class(&span.service);
    let at = |time_ns: i64| percent(tree, time_ns - tree.start_ns);
    let bars = |intervals: &[Interval]| -> Vec<(String, String)> {
        let drawn = intervals
            .iter()
            .map(|&(from, to)| (at(from), percent(tree, to - from)));
        let visible = drawn.filter(|(_, width)| *width >= VISIBLE_PERCENT);
        visible
            .map(|(left, width)| (format!("{left:.3}%"), format!("{width:.3}%")))
            .collect()
    };
    let width = percent(tree, span.duration_ns).max(VISIBLE_PERCENT * 1.5);
    html! {
        span.track {
            svg width="100%" height="16" aria-hidden="true" {
                rect class={ (colour) " waits" } rx="2" y="2" height="9" x=(format!("{:.3}%", at(span.start_ns))) width=(format!("{width:.3}%")) {}
                @for (x, width) in bars(&node.own) { rect class=(colour) y="2" height="9" x=(x) width=(width) {} }
                @if span.status == Status::Error {
                    rect.error rx="2" y="2" height="9" x=(format!("{:.3}%", at(span.start_ns))) width=(format!("{width:.3}%")) {}
                }
                @for (x, width) in bars(&node.critical) { rect.critical y="13" height="2" x=(x) width=(width) {} }
                @for event in &span.events {
                    g data-tip {
                        title { (event.name) " at " (format::duration(seconds(event.time_ns - tree.start_ns))) }
                        circle.event cx=(format!("{:.3}%", at(event.time_ns))) cy="6.5" r="3" {}
                    }
                }
            }
        }
    }
}

fn jumps(shown: &Waterfall<'_>, node: &Node<'_>, route: Option<(&str, &str)>) -> Markup {
    let span = node.span;
    let id = span.span_id.to_string();
    html! {
        span.jumps {
            @if let Some(logs) = shown.logs.get(&span.span_id) {
                a href=(logs_link(shown.trace_id).with("span_id", &id)) data-testid="span-logs" { (format::counted(*logs, "log")) }
            }
            a href=(metric_link(span, route)) data-testid="span-metric"
                title={ "The latency of its " @if route.is_some() { "route" } @else { "service" } " at that time" } { "metric" }
            @if let Some(container) = container_of(span) {
                a href=(machines::container_at(container, span.start_ns)) data-testid="span-container"
                    title="The container it ran in, at that time" { "container" }
            }
        }
    }
}

/// The id of the container that a span ran in.
fn container_of(span: &Span) -> Option<&str> {
    span.resource.get("container.id")?.as_str()
}

/// The latency of the span's route around its start, or that of its service where no route is known.
fn metric_link(span: &Span, route: Option<(&str, &str)>) -> Address {
    let (service, route) = match route {
        Some((service, route)) => (service, Some(route)),
        None => (span.service.as_str(), None),
    };
    let services = Address::new("/services").segment(service);
    services
        .with_some("route", route)
        .with("at", &rfc3339(span.start_ns))
}

fn legend() -> Markup {
    html! {
        ul.legend.of-waterfall {
            li { span.swatch.bar {} "busy itself" }
            li { span.swatch.bar.waits {} "waits for its children" }
            li { span.swatch.critical {} "critical path: the trace waits for it" }
            li { span.swatch.event {} "event" }
            li.keys-of-waterfall hidden {
                kbd { "↑" } " " kbd { "↓" } " move  " kbd { "←" } " " kbd { "→" } " fold  " kbd { "Enter" } " details  " kbd { "e" } " next error"
            }
        }
    }
}
