//! What is told of one span when it is opened: facts, events, links to other traces, attributes, and those of its resource.

use maud::{Markup, html};
use serde_json::Value;

use super::address::Address;
use super::view::View;
use super::{format, machines, parts};
use crate::query::time::seconds;
use crate::query::trace::Event;
use crate::query::trace_attributes::Condition;
use crate::query::trace_tree::{Node, Tree};

/// The whole of it.
pub(super) fn detail(view: &View, node: &Node<'_>, tree: &Tree<'_>) -> Markup {
    let span = node.span;
    let kind = serde_json::to_value(span.kind).unwrap_or_default();
    html! {
        div.detail {
            p.facts {
                span { "starts at " b { (format::duration(seconds(span.start_ns - tree.start_ns))) } }
                span { "self " b { (format::duration(seconds(node.own_ns()))) } " " (share(node.own_ns(), span.duration_ns)) }
                span { "on the critical path "
                    b { (format::duration(seconds(node.critical_ns()))) } " " (share(node.critical_ns(), tree.end_ns - tree.start_ns)) }
                span { "kind " b { (kind.as_str().unwrap_or_default()) } }
                @if !span.scope.is_empty() { span { "scope " b { (span.scope) } } }
                span { "span " code { (span.span_id) } }
                (machines::where_it_ran(&span.resource, span.start_ns))
            }
            @if !span.status_message.is_empty() { p.failed { (span.status_message) } }
            @for event in &span.events { (event_of(event, tree.start_ns)) }
            @for link in span.links.as_array().into_iter().flatten() { (link_of(link)) }
            (parts::linked_attributes("Attributes", &span.attributes, &|key, value| find(view, key, value)))
            (parts::linked_attributes("Resource", &span.resource, &|key, value| find(view, key, value)))
        }
    }
}

/// The way to the traces that have the same attribute.
fn find(view: &View, key: &str, value: &Value) -> Markup {
    html! {
        @if let Some(condition) = condition(key, value) {
            a.find href=(view.link("/traces").with("attribute", &condition)) data-testid="find"
                aria-label={ "Traces with this " (key) } { "find" }
        }
    }
}

/// As the search for traces has it; none of what it cannot be asked for.
fn condition(key: &str, value: &Value) -> Option<String> {
    let text = parts::text_of(value);
    let needs_quotes = text.contains(char::is_whitespace);
    let condition = if needs_quotes {
        format!("{key}=\"{text}\"")
    } else {
        format!("{key}={text}")
    };
    let is_plain =
        !value.is_array() && !value.is_object() && !value.is_null() && !text.contains('"');
    let is_read = Condition::parse_all(&condition).is_some_and(|read| read.len() == 1);
    (is_plain && is_read).then_some(condition)
}

/// A part of a whole, as `(12.3 %)`.
#[expect(
    clippy::cast_precision_loss,
    reason = "a share needs no more than three digits"
)]
fn share(part: i64, whole: i64) -> String {
    format!("({})", format::percent(part as f64 / whole.max(1) as f64))
}

fn event_of(event: &Event, trace_start_ns: i64) -> Markup {
    let at = format::duration(seconds(event.time_ns - trace_start_ns));
    html! {
        h4 { "Event " b { (event.name) } " at " (at) }
        (parts::attributes("", &event.attributes))
    }
}

fn link_of(link: &Value) -> Markup {
    let id = |key: &str| link[key].as_str().unwrap_or_default();
    let address = Address::new("/traces")
        .segment(id("trace_id"))
        .with("span", id("span_id"));
    html! {
        h4 { "Link to " a href=(address) data-testid="span-link" { "trace " (id("trace_id")) } }
        (parts::attributes("", &link["attributes"]))
    }
}
