//! `/traces`: the search for traces: the filters, what was found as dots over time and duration, and as a list. With `compare`
//! in the address it chooses the trace to compare that one with.

use axum::extract::State;
use http::Uri;
use maud::{Markup, html};

use super::address::Address;
use super::error::PageError;
use super::layout::{self, Section};
use super::parts;
use super::traces_chart;
use super::view::{SHARED, View};
use crate::AppState;
use crate::api::{Params, TRACE_FILTERS, wanted_traces};
use crate::query::services;
use crate::query::trace_attributes;
use crate::query::traces::{self, Found};
use crate::query::traces_scatter::{Scatter, scatter};

const STATUSES: [&str; 4] = ["ok", "error", "4xx", "5xx"];

pub(super) async fn page(
    State(state): State<AppState>,
    uri: Uri,
    params: Params,
) -> Result<Markup, PageError> {
    let own = [&TRACE_FILTERS[..], &["limit", "compare"]].concat();
    let view = View::read(&uri, params, &own)?;
    let pool = state.store.readers();
    let params = &view.params;
    let attributes = params.attributes()?;
    let wanted = wanted_traces(params, &attributes, view.range)?;
    let compare = params.trace("compare")?.map(|id| id.to_string());
    let narrowed = trace_attributes::narrowed(pool, &wanted).await?;
    let (found, scatter, services) = tokio::try_join!(
        traces::found(pool, &wanted, narrowed.as_ref()),
        scatter(pool, &wanted, narrowed.as_ref()),
        services::names(pool, view.range),
    )?;
    let services: Vec<&str> = services.iter().map(String::as_str).collect();
    let link = |trace_id: &str| match &compare {
        Some(first) => view
            .link("/traces/compare")
            .with("a", first)
            .with("b", trace_id),
        None => parts::trace_link(&view, &trace_id),
    };
    let content = html! {
        h1 { "Traces" }
        (choosing(&view, compare.as_deref()))
        (filters(&view, &services))
        div #traces data-live { (results(&view, &found, &scatter, &link)) }
    };
    Ok(layout::page(
        "Traces",
        Section::Traces,
        &view,
        true,
        &content,
    ))
}

/// Says that a trace is being chosen.
fn choosing(view: &View, compare: Option<&str>) -> Markup {
    html! {
        @if let Some(first) = compare {
            p.chips {
                span.chip data-testid="choosing" {
                    "Click the trace to compare with "
                    a href=(parts::trace_link(view, &first)) { (first.get(..8).unwrap_or(first)) "…" }
                    a.close href=(view.address.clone().without("compare")) title="Compare no traces" { "×" }
                }
            }
        }
    }
}

fn filters(view: &View, services: &[&str]) -> Markup {
    let params = &view.params;
    html! {
        form.filters method="get" action="/traces" {
            (parts::kept_range(view))
            @if let Some(first) = params.text("compare") { input type="hidden" name="compare" value=(first); }
            (parts::choice("service", "Service", params.text("service"), "all", services))
            (parts::field("route", "Route", params.text("route"), "/users/{id}"))
            (parts::choice("status", "Status", params.text("status"), "any", &STATUSES))
            (parts::field("min_duration", "At least", params.text("min_duration"), "100ms"))
            (parts::field("max_duration", "At most", params.text("max_duration"), "2s"))
            (parts::field("attribute", "Attributes", params.text("attribute"), "user.id=u-7 db.system.name=sqlite"))
            button type="submit" { "Search" }
            @if is_filtered(view) { a.reset href=(unfiltered(view)) { "Reset" } }
        }
    }
}

fn is_filtered(view: &View) -> bool {
    let kept = |name: &str| SHARED.contains(&name) || name == "compare";
    view.params.pairs().any(|(name, _)| !kept(name))
}

fn unfiltered(view: &View) -> Address {
    let all = view.link("/traces");
    all.with_some("compare", view.params.text("compare"))
}

fn results(
    view: &View,
    found: &Found,
    scatter: &Scatter,
    link: &dyn Fn(&str) -> Address,
) -> Markup {
    html! {
        @if found.traces.is_empty() { (nothing(view)) }
        @else {
            section.card { (traces_chart::chart(view, scatter, link)) }
            (parts::trace_choice(&found.traces, &|trace| link(&trace.trace_id.to_string())))
        }
        @if let Some(spans) = found.searched_spans {
            p.note data-testid="searched-spans" { "Looked for attributes in " (super::format::counted(spans, "span")) "." }
        }
        (parts::searched_since(view, found.searched_since.as_deref(), "traces"))
    }
}

fn nothing(view: &View) -> Markup {
    if !is_filtered(view) {
        return parts::empty(view, "No traces in this range", &parts::start_something());
    }
    parts::empty(
        view,
        "No trace in this range matches",
        &html! {
            @if view.params.text("attribute").is_some() {
                p { "An attribute is the whole value of a span's or a resource's, in the case it was sent: " code { "http.request.method=POST" } ". "
                    "Several must be those of one span." }
            }
            @if view.params.text("route").is_some() {
                p { "A route is written as the service names it, such as " code { "/users/{id}" } "; the page of a service lists its routes." }
            }
            p { a href=(unfiltered(view)) { "Show all traces of this range" } }
        },
    )
}
