//! `/search`: one box for everything. A trace id opens its trace, a name opens its page, a part of names lists what it may mean,
//! and any other text is looked for in the logs.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::Uri;
use maud::{Markup, html};

use super::address::Address;
use super::error::PageError;
use super::layout::{self, Section};
use super::machines;
use super::parts;
use super::view::View;
use crate::AppState;
use crate::api::Params;
use crate::query::ids;
use crate::query::search::{self, Place};

pub(super) async fn page(
    State(state): State<AppState>,
    uri: Uri,
    params: Params,
) -> Result<Response, PageError> {
    let view = View::read(&uri, params, &["q"])?;
    let text = view.params.text("q").unwrap_or_default().trim();
    if text.is_empty() {
        return Ok(to(&view.link("/")));
    }
    if let Some((trace_id, span_id)) = ids::parse_trace_reference(text) {
        let span_id = span_id.map(|id| id.to_string());
        return Ok(to(
            &parts::trace_link(&view, &trace_id).with_some("span", span_id.as_deref())
        ));
    }
    let places = search::places(state.store.readers(), text, view.range).await?;
    let logs = view.link("/logs").with("q", text);
    match places.as_slice() {
        [] => Ok(to(&logs)),
        [only] if only.is_named(text) => Ok(to(&link(&view, only))),
        places => {
            let content = results(&view, text, places, &logs);
            Ok(layout::page("Search", None::<Section>, &view, true, &content).into_response())
        }
    }
}

fn to(address: &Address) -> Response {
    Redirect::to(&address.to_string()).into_response()
}

/// The page of a place.
fn link(view: &View, place: &Place) -> Address {
    match place {
        Place::Service { name } => view.service_link(name),
        Place::Route { service, route } => view.service_link(service).with("route", route),
        Place::Metric { name } => view.link("/metrics").segment(name),
        Place::Host { name } => machines::host_link(view, name),
        Place::Container { id, .. } => machines::container_link(view, id),
    }
}

fn results(view: &View, text: &str, places: &[Place], logs: &Address) -> Markup {
    html! {
        h1 { "Search: " (text) }
        ul.found {
            @for place in places {
                li { a href=(link(view, place)) data-testid="found" { (words(place)) } }
            }
            li { a href=(logs) data-testid="found-logs" {
                span { "Log records that contain “" (text) "”" } span.muted { "logs" }
            } }
        }
    }
}

fn words(place: &Place) -> Markup {
    html! {
        @match place {
            Place::Service { name } => { span { (name) } span.muted { "service" } },
            Place::Route { service, route } => { span { (route) } span.muted { "route of " (service) } },
            Place::Metric { name } => { span { (name) } span.muted { "metric" } },
            Place::Host { name } => { span { (name) } span.muted { "host" } },
            Place::Container { name, .. } => { span { (name) } span.muted { "container" } },
        }
    }
}
