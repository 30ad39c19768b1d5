//! `/traces`: the search for traces.

use axum::extract::State;
use http::Uri;
use maud::{Markup, html};

use super::error::PageError;
use super::layout::{self, Section};
use super::parts;
use super::view::View;
use crate::AppState;
use crate::api::Params;
use crate::query::services;
use crate::query::time::nanoseconds;
use crate::query::traces::{self, Wanted};

const LIMIT: i64 = 100;
const STATUSES: [&str; 4] = ["ok", "error", "4xx", "5xx"];

pub(super) async fn page(
    State(state): State<AppState>,
    uri: Uri,
    params: Params,
) -> Result<Markup, PageError> {
    let view = View::read(
        &uri,
        params,
        &["service", "route", "status", "min_duration", "limit"],
    )?;
    let pool = state.store.readers();
    let params = &view.params;
    let wanted = Wanted {
        service: params.text("service"),
        route: params.text("route"),
        outcome: params.outcome()?,
        min_duration_ns: params.duration("min_duration")?.map_or(0, nanoseconds),
        range: view.range,
        limit: usize::try_from(params.limit(LIMIT)?).unwrap_or(usize::MAX),
    };
    let found = traces::search(pool, wanted).await?;
    let services = services::names(pool, view.range).await?;
    let services: Vec<&str> = services.iter().map(String::as_str).collect();
    let content = html! {
        h1 { "Traces" }
        form.filters method="get" action="/traces" {
            (parts::kept_range(&view))
            (parts::choice("service", "Service", wanted.service, "all", &services))
            (parts::field("route", "Route", wanted.route, "/users/{id}"))
            (parts::choice("status", "Status", params.text("status"), "any", &STATUSES))
            (parts::field("min_duration", "At least", params.text("min_duration"), "100ms"))
            button type="submit" { "Search" }
            @if params.pairs().any(|(name, _)| !["since", "until", "live"].contains(&name)) {
                a.reset href=(view.link("/traces")) { "Reset" }
            }
        }
        div #traces data-live {
            @if found.traces.is_empty() { p.note data-testid="empty" { "No trace in this range matches." } }
            (parts::trace_list(&view, &found.traces))
            (parts::searched_since(&view, found.searched_since.as_deref(), "traces"))
        }
    };
    Ok(layout::page(
        "Traces",
        Section::Traces,
        &view,
        true,
        &content,
    ))
}
