//! The spans of a trace as an indented tree with a bar for each, in the order in which they started.

use std::collections::{HashMap, HashSet};

use maud::{Markup, html};
use opentelemetry::{SpanId, TraceId};

use super::address::Address;
use super::parts::{self, Colours};
use super::trace::logs_link;
use super::{format, machines};
use crate::query::time::{rfc3339, seconds};
use crate::query::trace::{Event, Span};
use crate::query::traces::Status;

/// Indentations that are drawn; deeper ones stay at this one, so that names remain readable.
const MAX_DEPTH: usize = 12;

/// A trace in drawing order.
pub(super) struct Tree<'a> {
    rows: Vec<Row<'a>>,
    /// Start of the earliest span.
    pub(super) start_ns: i64,
    /// End of the latest one.
    pub(super) end_ns: i64,
}

struct Row<'a> {
    span: &'a Span,
    depth: usize,
    /// Service and route of the HTTP metric that the span is part of.
    route: Option<(&'a str, &'a str)>,
}

impl<'a> Row<'a> {
    fn below(parent: Option<&Self>, span: &'a Span) -> Self {
        let own = span
            .route
            .as_deref()
            .map(|route| (span.service.as_str(), route));
        Self {
            span,
            depth: parent.map_or(0, |parent| parent.depth + 1),
            route: own.or(parent.and_then(|parent| parent.route)),
        }
    }
}

impl<'a> Tree<'a> {
    /// Orders `spans`, at least one, sorted by start. A span is a root when its parent is not among them; those in a circle of
    /// parents, which no root leads to, come last.
    pub(super) fn of(spans: &'a [Span]) -> Self {
        let stored: HashSet<SpanId> = spans.iter().map(|span| span.span_id).collect();
        let mut children: HashMap<Option<SpanId>, Vec<&Span>> = HashMap::new();
        for span in spans {
            let parent = span.parent_span_id.filter(|parent| stored.contains(parent));
            children.entry(parent).or_default().push(span);
        }
        let mut rows: Vec<Row<'a>> = Vec::with_capacity(spans.len());
        // Depth first without recursion: a trace may be thousands deep.
        let roots = children.remove(&None).unwrap_or_default();
        let mut waiting: Vec<Row<'a>> = roots
            .into_iter()
            .rev()
            .map(|root| Row::below(None, root))
            .collect();
        while let Some(row) = waiting.pop() {
            let below = children.remove(&Some(row.span.span_id)).unwrap_or_default();
            waiting.extend(
                below
                    .into_iter()
                    .rev()
                    .map(|child| Row::below(Some(&row), child)),
            );
            rows.push(row);
        }
        let mut circular: Vec<&Span> = children.into_values().flatten().collect();
        circular.sort_by_key(|span| span.start_ns);
        rows.extend(circular.into_iter().map(|span| Row::below(None, span)));
        Self {
            rows,
            start_ns: spans
                .iter()
                .map(|span| span.start_ns)
                .min()
                .unwrap_or_default(),
            end_ns: spans
                .iter()
                .map(|span| span.start_ns + span.duration_ns)
                .max()
                .unwrap_or_default(),
        }
    }

    /// The earliest root.
    pub(super) fn root(&self) -> &'a Span {
        self.rows[0].span
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a bar needs no more than four digits"
    )]
    fn percent(&self, nanoseconds: i64) -> f64 {
        nanoseconds as f64 / (self.end_ns - self.start_ns).max(1) as f64 * 100.0
    }
}

/// Draws the tree. `logs` are the numbers of log records by span; `chosen` is marked, and opened unless it is the root,
/// whose detail would push the spans below it out of sight.
pub(super) fn waterfall(
    trace_id: TraceId,
    tree: &Tree<'_>,
    colours: &Colours,
    logs: &HashMap<SpanId, i64>,
    chosen: Option<SpanId>,
) -> Markup {
    let in_containers = tree.rows.iter().any(|row| container_of(row.span).is_some());
    html! {
        section class={ "waterfall" @if in_containers { " in-containers" } } aria-label="Spans" {
            div.ruler aria-hidden="true" { span.ticks {
                @for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
                    span { (format::duration(seconds(tree.end_ns - tree.start_ns) * share)) }
                }
            }
            }
            @for row in &tree.rows {
                @let is_chosen = chosen == Some(row.span.span_id);
                details class={ "span" @if is_chosen { " chosen" } @if row.span.status == Status::Error { " failed" } }
                    id={ "span-" (row.span.span_id) } open[is_chosen && row.depth > 0]
                    data-testid="span" data-span-id=(row.span.span_id) {
                    summary { (summary(trace_id, tree, row, colours, logs.get(&row.span.span_id).copied())) }
                    (detail(row.span, tree.start_ns))
                }
            }
        }
    }
}

fn summary(
    trace_id: TraceId,
    tree: &Tree<'_>,
    row: &Row<'_>,
    colours: &Colours,
    logs: Option<i64>,
) -> Markup {
    let Row { span, depth, .. } = row;
    let left = tree.percent(span.start_ns - tree.start_ns);
    let width = tree.percent(span.duration_ns);
    html! {
        span class={ "label depth" (depth.min(&MAX_DEPTH)) } {
            (colours.name(&span.service))
            span.name { (span.name) }
            @if span.status == Status::Error { span.status.failed { "error" } }
        }
        span.track {
            svg width="100%" height="14" aria-hidden="true" {
                rect class=(colours.class(&span.service)) rx="2" y="2" height="10"
                    x=(format!("{left:.3}%")) width=(format!("{:.3}%", width.max(0.15))) {}
                @for event in &span.events {
                    @let x = tree.percent(event.time_ns - tree.start_ns);
                    circle.event cx=(format!("{x:.3}%")) cy="7" r="2.5" {}
                }
            }
        }
        span.duration { (format::duration(span.duration_seconds)) }
        span.jumps {
            @if let Some(logs) = logs {
                a href=(logs_link(trace_id).with("span_id", &span.span_id.to_string())) data-testid="span-logs" {
                    (format::counted(logs, "log"))
                }
            }
            @if let Some(metric) = metric_link(row) {
                a href=(metric) data-testid="span-metric" title="The latency of its route at that time" { "metric" }
            }
            @if let Some(id) = container_of(span) {
                a href=(machines::container_at(id, span.start_ns)) data-testid="span-container"
                    title="The container it ran in, at that time" { "container" }
            }
        }
    }
}

/// The id of the container that a span ran in.
fn container_of(span: &Span) -> Option<&str> {
    span.resource.get("container.id")?.as_str()
}

/// The latency of the span's route around its start.
fn metric_link(row: &Row<'_>) -> Option<Address> {
    let (service, route) = row.route?;
    let services = Address::new("/services").segment(service);
    Some(
        services
            .with("route", route)
            .with("at", &rfc3339(row.span.start_ns)),
    )
}

fn detail(span: &Span, trace_start_ns: i64) -> Markup {
    let kind = serde_json::to_value(span.kind).unwrap_or_default();
    html! {
        div.detail {
            p.facts {
                span { "starts at " b { (format::duration(seconds(span.start_ns - trace_start_ns))) } }
                span { "kind " b { (kind.as_str().unwrap_or_default()) } }
                span { "scope " b { (span.scope) } }
                span { "span " code { (span.span_id) } }
                (machines::where_it_ran(&span.resource, span.start_ns))
            }
            @if !span.status_message.is_empty() { p.failed { (span.status_message) } }
            (parts::attributes("Attributes", &span.attributes))
            @for event in &span.events { (event_of(event, trace_start_ns)) }
            @for link in span.links.as_array().into_iter().flatten() { (link_of(link)) }
            (parts::attributes("Resource", &span.resource))
        }
    }
}

fn event_of(event: &Event, trace_start_ns: i64) -> Markup {
    let at = format::duration(seconds(event.time_ns - trace_start_ns));
    html! {
        h4 { "Event " (event.name) " at " (at) }
        (parts::attributes("", &event.attributes))
    }
}

fn link_of(link: &serde_json::Value) -> Markup {
    let id = |key: &str| link[key].as_str().unwrap_or_default();
    let address = Address::new("/traces")
        .segment(id("trace_id"))
        .with("span", id("span_id"));
    html! { h4 { "Link to " a href=(address) { "trace " (id("trace_id")) } } }
}
