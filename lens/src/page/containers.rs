//! `/containers`: the containers, and what each of them used last.

use axum::extract::State;
use http::Uri;
use maud::{Markup, html};

use super::error::PageError;
use super::layout::{self, Section};
use super::machines;
use super::view::View;
use crate::AppState;
use crate::api::Params;
use crate::query::container::{self, Used};

pub(super) async fn page(
    State(state): State<AppState>,
    uri: Uri,
    params: Params,
) -> Result<Markup, PageError> {
    let view = View::read(&uri, params, &["host"])?;
    let host = view.params.text("host");
    let listing = container::listing(state.store.readers(), view.range, None, host).await?;
    let sends_metrics = |used: &Used| used.container.metrics.is_some();
    let content = html! {
        @if let Some(host) = host {
            h1 { "Containers" }
            p.chips {
                a.chip href=(view.address.clone().without("host")) title="Show all hosts" {
                    "host " b { (host) } span.close { "×" }
                }
            }
        }
        div #containers data-live {
            @if !listing.containers.is_empty() {
                @if host.is_none() { h1 { "Containers" } }
                (machines::container_table(&view, &listing, host.is_none()))
            }
            @if !listing.containers.iter().any(sends_metrics) { (machines::no_agent("a container")) }
        }
    };
    Ok(layout::page(
        "Containers",
        Section::Containers,
        &view,
        true,
        &content,
    ))
}
