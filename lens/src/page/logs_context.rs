//! `/logs/{id}`: a log record among what the same source wrote just before and after it.

use axum::extract::{Path, State};
use http::Uri;
use maud::{Markup, html};

use super::error::PageError;
use super::layout::{self, Section};
use super::view::View;
use super::{format, logs, machines, parts};
use crate::AppState;
use crate::api::{ApiError, Params};
use crate::query::logs_context;

const LINES: i64 = 25;
/// How many times more lines the next step shows.
const MORE: i64 = 4;
const MOST: i64 = 1_600;

pub(super) async fn page(
    State(state): State<AppState>,
    Path(id): Path<String>,
    uri: Uri,
    params: Params,
) -> Result<Markup, PageError> {
    let view = View::read(&uri, params, &["limit"])?;
    let lines = view.params.limit(LINES)?.min(MOST);
    let context = match id.parse() {
        Ok(id) => logs_context::context(state.store.readers(), id, lines).await?,
        Err(_) => None,
    };
    let context = context.ok_or(ApiError::UnknownLog { id })?;
    let record = context.record();
    let more = (lines < MOST).then(|| {
        view.address
            .clone()
            .with("limit", &(lines * MORE).min(MOST).to_string())
    });
    let content = html! {
        div.heading {
            h1 { "Before and after " (format::clock(record.time_ns)) }
            nav.jumps {
                @if let Some(trace_id) = record.trace_id {
                    a href=(parts::trace_link(&view, &trace_id)) { "Its trace" }
                }
                a href=(view.link("/logs")) { "All logs" }
            }
        }
        p.facts {
            span { "written by " b { (logs::writer(record)) } }
            (machines::where_it_ran(&record.resource, record.time_ns))
            @if let Some(file) = logs::file(record) { span { "file " b { (file) } } }
        }
        (further(more.as_ref().filter(|_| context.has_before), "Show more before"))
        (logs::list_marked(&view, &context.records, Some(record.id)))
        (further(more.as_ref().filter(|_| context.has_after), "Show more after"))
    };
    Ok(layout::page(
        "Log context",
        Section::Logs,
        &view,
        false,
        &content,
    ))
}

fn further(address: Option<&super::address::Address>, text: &str) -> Markup {
    html! { @if let Some(address) = address { p.note { a href=(address) { (text) } } } }
}
