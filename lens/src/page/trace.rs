//! `/traces/{trace_id}`: one trace.

use std::collections::BTreeSet;

use axum::extract::{Path, State};
use http::Uri;
use maud::{Markup, html};
use opentelemetry::TraceId;

use super::error::PageError;
use super::layout::{self, Section};
use super::parts::{self, Colours};
use super::view::View;
use super::waterfall::{Tree, waterfall};
use super::{address::Address, format};
use crate::AppState;
use crate::api::{ApiError, Params, trace_id_of_path};
use crate::query::logs;
use crate::query::time::seconds;
use crate::query::trace::{self, MAX_SPANS, Span};
use crate::query::traces::Status;

pub(super) async fn page(
    State(state): State<AppState>,
    Path(trace_id): Path<String>,
    uri: Uri,
    params: Params,
) -> Result<Markup, PageError> {
    let view = View::read(&uri, params, &["span"])?;
    let trace_id = trace_id_of_path(&trace_id).map_err(ApiError::from)?;
    let chosen = view.params.span_id("span").map_err(ApiError::from)?;
    let pool = state.store.readers();
    let spans = trace::spans(pool, trace_id).await?;
    if spans.is_empty() {
        return Err(ApiError::UnknownTrace { trace_id }.into());
    }
    let logs = logs::counts_by_span(pool, trace_id).await?;
    let tree = Tree::of(&spans);
    let colours = Colours::of(spans.iter().map(|span| span.service.as_str()));
    let content = html! {
        (heading(trace_id, &tree, &spans, &colours, logs.values().sum()))
        (waterfall(trace_id, &tree, &colours, &logs, chosen))
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

fn heading(
    trace_id: TraceId,
    tree: &Tree<'_>,
    spans: &[Span],
    colours: &Colours,
    logs: i64,
) -> Markup {
    let root = tree.root();
    let services: BTreeSet<&str> = spans.iter().map(|span| span.service.as_str()).collect();
    let errors = spans
        .iter()
        .filter(|span| span.status == Status::Error)
        .count();
    let count = |number: usize| format::count(i64::try_from(number).unwrap_or(i64::MAX));
    html! {
        div.heading {
            h1 { (root.name) " " (parts::status(root.http_status, root.status)) }
            nav.jumps {
                a href=(logs_link(trace_id)) data-testid="trace-logs" { "All logs of this trace (" (format::count(logs)) ")" }
            }
        }
        p.trace-id { code data-testid="trace-id" { (trace_id) } }
        dl.figures {
            div { dt { "Duration" } dd { (format::duration(seconds(tree.end_ns - tree.start_ns))) } }
            div { dt { "Started" } dd { time datetime=(root.start) title=(root.start) { (format::clock(root.start_ns)) } } }
            div { dt { "Spans" } dd { (count(spans.len())) } }
            div { dt { "Errors" } dd class=[(errors > 0).then_some("failed")] { (count(errors)) } }
            div { dt { "Services" } dd.services { @for service in services { (colours.name(service)) } } }
        }
    }
}
