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
use crate::query::hosts::{self, Host};

pub(super) async fn page(
    State(state): State<AppState>,
    uri: Uri,
    params: Params,
) -> Result<Markup, PageError> {
    let view = View::read(&uri, params, &["host"])?;
    let host = view.params.text("host");
    let listing = container::listing(state.store.readers(), view.range, None, host).await?;
    let sends_metrics = |used: &Used| used.container.metrics.is_some();
    let hosts = hosts::hosts(state.store.readers(), view.range).await?;
    let is_measured =
        |seen: &Host| seen.usage.is_known() && host.is_none_or(|host| host == seen.name);
    let has_agent = hosts.iter().any(is_measured);
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
            @if listing.containers.iter().any(sends_metrics) {}
            @else if has_agent { (no_container()) }
            @else { (machines::no_agent("a container")) }
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

/// What to say where an agent measures the host and found none.
fn no_container() -> Markup {
    html! {
        section.empty data-testid="no-container" {
            h1 { "No container ran in this range" }
            p { "The agent measures each container that has a cgroup of Docker, Podman, containerd or Kubernetes on its host." }
            p.note { "This page refreshes itself. A longer range may show what ran before." }
        }
    }
}
