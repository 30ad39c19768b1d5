//! `/`: what one looks at first: who calls whom, what changed in the last minutes, the services, and the latest traces.

use axum::extract::State;
use http::Uri;
use maud::{Markup, html};

use super::error::PageError;
use super::layout::{self, Section};
use super::view::View;
use super::{changes, map, parts, services as service_page};
use crate::AppState;
use crate::api::Params;
use crate::query::traces::{self, Wanted};
use crate::query::{self, services};

const LATEST_TRACES: usize = 12;

pub(super) async fn page(
    State(state): State<AppState>,
    uri: Uri,
    params: Params,
) -> Result<Markup, PageError> {
    let view = View::read(&uri, params, &[])?;
    let pool = state.store.readers();
    let wanted = Wanted::all(view.range, LATEST_TRACES);
    // At once: each has its own connection.
    let ((services, requests), latest, edges, changes) = tokio::try_join!(
        services::services(pool, view.range),
        traces::search(pool, wanted),
        query::map::edges(pool, view.range),
        query::changes::changes(pool, view.range.until_ns),
    )?;
    let content = html! {
        h1.unseen { "Overview" }
        div #overview data-live {
            @if services.is_empty() && latest.traces.is_empty() { (nothing_yet()) }
            @else {
                div.first-sight {
                    section.card { h2 { "Service map" }
                        @if edges.is_empty() {
                            p.note { "No calls between services in the stored traces of this range. They show when services send spans "
                                "and pass their trace on in the header " code { "traceparent" } "." }
                        } @else { div.map-frame { (map::map(&view, &edges, &services)) } }
                    }
                    section.card { h2 { "What changed" } (changes::list(&view, &changes)) }
                }
                h2 { "Services" }
                (service_page::table(&view, services, &requests))
                div.heading { h2 { "Latest traces" } a href=(view.link("/traces")) { "All traces" } }
                @if latest.traces.is_empty() { p.note { "No traces in this range." } }
                (parts::trace_list(&view, &latest.traces))
            }
        }
    };
    Ok(layout::page(
        "Overview",
        Section::Overview,
        &view,
        true,
        &content,
    ))
}

fn nothing_yet() -> Markup {
    html! {
        section.empty data-testid="empty" {
            h2 { "Nothing has arrived in this range" }
            (parts::start_something())
            p.note { "This page refreshes itself. A longer range may show what came before." }
        }
    }
}
