//! `/traces/{trace_id}`: one trace.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::{Path, State};
use http::Uri;
use maud::{Markup, html};
use opentelemetry::TraceId;

use super::error::PageError;
use super::layout::{self, Section};
use super::parts::{self, Colours};
use super::view::View;
use super::waterfall::{Waterfall, waterfall};
use super::{address::Address, format};
use crate::AppState;
use crate::api::{ApiError, Params, trace_id_of_path};
use crate::query::logs;
use crate::query::time::seconds;
use crate::query::trace::{self, MAX_SPANS, Span};
use crate::query::trace_tree::Tree;
use crate::query::traces::Status;

/// Spans that are named as what the trace waited for.
const NAMED: usize = 4;

pub(super) async fn page(
    State(state): State<AppState>,
    Path(trace_id): Path<String>,
    uri: Uri,
    params: Params,
) -> Result<Markup, PageError> {
    let view = View::read(&uri, params, &["span", "fold"])?;
    let trace_id = trace_id_of_path(&trace_id).map_err(ApiError::from)?;
    let chosen = view.params.span_id("span").map_err(ApiError::from)?;
    let folded = view.params.span_ids("fold").map_err(ApiError::from)?;
    let pool = state.store.readers();
    let spans = trace::spans(pool, trace_id).await?;
    if spans.is_empty() {
        return Err(ApiError::UnknownTrace { trace_id }.into());
    }
    let logs = logs::counts_by_span(pool, trace_id).await?;
    let tree = Tree::of(&spans);
    let colours = Colours::of(spans.iter().map(|span| span.service.as_str()));
    let content = html! {
        (heading(&view, trace_id, &tree, logs.values().sum()))
        (figures(&tree, &spans, &colours))
        (waited_for(&tree, &colours))
        (waterfall(&Waterfall {
            trace_id,
            tree: &tree,
            colours: &colours,
            logs: &logs,
            view: &view,
            chosen,
            folded: &folded,
        }))
        @if i64::try_from(spans.len()).is_ok_and(|read| read == MAX_SPANS) {
            p.note { "Only the first " (MAX_SPANS) " spans are shown." }
        }
    };
    Ok(layout::page(
        &tree.root().name,
        Section::Traces,
        &view,
        false,
        &content,
    ))
}

/// All records of a trace.
pub(super) fn logs_link(trace_id: TraceId) -> Address {
    Address::new("/logs").with("trace_id", &trace_id.to_string())
}

fn heading(view: &View, trace_id: TraceId, tree: &Tree<'_>, logs: i64) -> Markup {
    let root = tree.root();
    let similar = view
        .link("/traces")
        .with("service", &root.service)
        .with_some("route", root.route.as_deref());
    let compare = similar.clone().with("compare", &trace_id.to_string());
    html! {
        div.heading {
            h1 { (root.name) " " (parts::status(root.http_status, root.status)) }
            nav.jumps aria-label="From this trace" {
                a href=(logs_link(trace_id)) data-testid="trace-logs" { "All logs of this trace (" (format::count(logs)) ")" }
                a href=(similar) data-testid="trace-similar" { "Traces like it" }
                a href=(compare) data-testid="trace-compare" { "Compare" }
            }
        }
        p.trace-id { code data-testid="trace-id" { (trace_id) } }
    }
}

fn figures(tree: &Tree<'_>, spans: &[Span], colours: &Colours) -> Markup {
    let root = tree.root();
    let services: BTreeSet<&str> = spans.iter().map(|span| span.service.as_str()).collect();
    let errors = spans
        .iter()
        .filter(|span| span.status == Status::Error)
        .count();
    let count = |number: usize| format::count(i64::try_from(number).unwrap_or(i64::MAX));
    html! {
        dl.figures {
            div { dt { "Duration" } dd { (format::duration(seconds(tree.end_ns - tree.start_ns))) } }
            div { dt { "Started" } dd { time datetime=(root.start) title=(root.start) { (format::clock(root.start_ns)) } } }
            div { dt { "Spans" } dd { (count(spans.len())) } }
            div { dt { "Errors" } dd class=[(errors > 0).then_some("failed")] { (count(errors)) } }
            div { dt { "Services" } dd.services { @for service in services { (colours.name(service)) } } }
        }
    }
}

/// The spans that the trace waited for longest, by service and name, as one bar.
#[expect(
    clippy::cast_precision_loss,
    reason = "a share needs no more than three digits"
)]
fn waited_for(tree: &Tree<'_>, colours: &Colours) -> Markup {
    let mut by_name = BTreeMap::<(&str, &str), i64>::new();
    for node in &tree.nodes {
        let name = (node.span.service.as_str(), node.span.name.as_str());
        *by_name.entry(name).or_default() += node.critical_ns();
    }
    let mut by_name: Vec<_> = by_name.into_iter().filter(|(_, ns)| *ns > 0).collect();
    by_name.sort_by_key(|(_, ns)| std::cmp::Reverse(*ns));
    let whole = (tree.end_ns - tree.start_ns).max(1) as f64;
    html! {
        @if tree.nodes.len() > 1 {
            ol.waited aria-label="What the trace waited for" data-testid="waited" {
                li.muted { "Critical path" }
                @for ((service, name), ns) in by_name.iter().take(NAMED) {
                    li {
                        svg width="72" height="8" aria-hidden="true" {
                            rect.sunken width="72" height="8" rx="2" {}
                            rect class=(colours.class(service)) height="8" rx="2" width=(format!("{:.1}", *ns as f64 / whole * 72.0)) {}
                        }
                        b { (format::percent(*ns as f64 / whole)) }
                        " " (name) " " span.muted { (format::duration(seconds(*ns))) }
                    }
                }
            }
        }
    }
}
