//! `/hosts`: the hosts, and how busy each was last.

use axum::extract::State;
use http::Uri;
use maud::{Markup, html};

use super::chart::lines;
use super::error::PageError;
use super::format;
use super::layout::{self, Section};
use super::machines::{self, number};
use super::view::View;
use crate::AppState;
use crate::api::Params;
use crate::query::hosts::{self, Host};

pub(super) async fn page(
    State(state): State<AppState>,
    uri: Uri,
    params: Params,
) -> Result<Markup, PageError> {
    let view = View::read(&uri, params, &[])?;
    let hosts = hosts::hosts(state.store.readers(), view.range).await?;
    let content = html! {
        div #hosts data-live {
            @if !hosts.is_empty() {
                h1 { "Hosts" }
                (table(&view, &hosts))
            }
            @if !hosts.iter().any(|host| host.usage.is_known()) { (machines::no_agent("a host")) }
        }
    };
    Ok(layout::page("Hosts", Section::Hosts, &view, true, &content))
}

fn table(view: &View, hosts: &[Host]) -> Markup {
    html! {
        table.hosts {
            thead { tr {
                th { "Host" } th { "CPU" } th.number { "Busy" } th.number { "Load" } th { "Memory" }
                th.number { "Received" } th.number { "Sent" } th.number { "Containers" } th.number { "Up" } th.number { "Last seen" }
            } }
            tbody {
                @for host in hosts {
                    @let usage = &host.usage;
                    tr data-testid="host" data-key=(host.name) {
                        td.name { a href=(machines::host_link(view, &host.name)) { (host.name) } }
                        td.spark { (lines::sparkline(view.range, usage.step_ms, &machines::pairs(&usage.cpu_points))) }
                        (number("Busy", &format::percent_or_dash(usage.cpu_ratio)))
                        td.number data-label="Load" {
                            (format::cpus_or_dash(usage.load_average_1m))
                            @if let Some(cpus) = usage.cpus { span.muted { " / " (cpus) } }
                        }
                        td.meters data-label="Memory" { (machines::meter(usage.memory_used_bytes, usage.memory_limit_bytes)) }
                        (number("Received", &format::bytes_rate_or_dash(usage.network_receive_bytes_per_second)))
                        (number("Sent", &format::bytes_rate_or_dash(usage.network_transmit_bytes_per_second)))
                        (number("Containers", &host.containers.to_string()))
                        (number("Up", &format::uptime_or_dash(usage.uptime_seconds)))
                        td.number data-label="Last seen" title=(host.last_seen) { (format::ago(host.last_seen_ns, view.now_ns)) }
                    }
                }
            }
        }
    }
}
