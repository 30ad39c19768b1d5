//! `/hosts/{name}`: what a host did: CPU, load, memory, pressure, network and disks over time, its filesystems, disks and
//! interfaces, and its containers.

use axum::extract::{Path, State};
use http::Uri;
use maud::{Markup, html};

use super::error::PageError;
use super::layout::{self, Section};
use super::machines::{self, number};
use super::view::View;
use super::{format, parts};
use crate::AppState;
use crate::api::{ApiError, Params};
use crate::query::container;
use crate::query::host::{self, Detail, DetailedHost};
use crate::query::hosts::{Host, Usage};

pub(super) async fn page(
    State(state): State<AppState>,
    Path(name): Path<String>,
    uri: Uri,
    params: Params,
) -> Result<Markup, PageError> {
    let (view, at_ns) = View::read_around(&uri, params, &[])?;
    let pool = state.store.readers();
    let Some(DetailedHost { host, detail }) = host::host(pool, &name, view.range, at_ns).await?
    else {
        return Err(ApiError::UnknownHost { name }.into());
    };
    let listing = container::listing(pool, view.range, at_ns, Some(&name)).await?;
    let content = html! {
        div.heading {
            h1 { (host.name) }
            nav.jumps {
                a href=(view.link("/logs").with("host", &host.name)) { "Logs" }
                a href=(view.link("/containers").with("host", &host.name)) { "Containers" }
            }
        }
        (parts::around(&view, at_ns))
        div #host data-live {
            @if host.usage.is_known() { (figures(&host)) (machines::charts(&view, &detail.charts, true, at_ns)) }
            @else { (machines::no_agent("this host")) }
            (tables(&detail))
            @if !listing.containers.is_empty() {
                h2 { "Containers" }
                (machines::container_table(&view, &listing, false))
            }
        }
    };
    Ok(layout::page(&name, Section::Hosts, &view, true, &content))
}

fn figures(host: &Host) -> Markup {
    let Usage {
        cpus,
        cpu_ratio,
        load_average_1m,
        memory_used_bytes,
        memory_limit_bytes,
        uptime_seconds,
        ..
    } = host.usage;
    let memory = memory_used_bytes.zip(memory_limit_bytes);
    html! {
        dl.figures {
            div { dt { "CPU busy" } dd data-testid="cpu" { (format::percent_or_dash(cpu_ratio)) } }
            div { dt { "Load, 1 min" } dd {
                (format::cpus_or_dash(load_average_1m))
                @if let Some(cpus) = cpus { small { " / " (cpus) " CPUs" } }
            } }
            div { dt { "Memory used" } dd data-testid="memory" {
                (format::bytes_or_dash(memory_used_bytes))
                @if let Some((used, limit)) = memory { small { " / " (format::bytes(limit)) ", " (format::percent(used / limit)) } }
            } }
            div { dt { "Containers" } dd { (host.containers) } }
            div { dt { "Up" } dd { (format::uptime_or_dash(uptime_seconds)) } }
        }
    }
}

fn tables(detail: &Detail) -> Markup {
    html! {
        @if !detail.filesystems.is_empty() {
            h2 { "Filesystems" }
            table.filesystems {
                thead { tr { th { "Mounted at" } th { "Device" } th { "Type" } th { "Used" } th.number { "Full" } } }
                tbody { @for filesystem in &detail.filesystems {
                    tr data-testid="filesystem" {
                        td.name { (filesystem.mountpoint) }
                        td.of data-label="Device" { (filesystem.device) }
                        td.of data-label="Type" { (filesystem.kind) }
                        td.meters data-label="Used" { (machines::meter(Some(filesystem.used_bytes), Some(filesystem.limit_bytes))) }
                        (number("Full", &format::percent_or_dash(filesystem.used_ratio())))
                    }
                } }
            }
        }
        @if !detail.disks.is_empty() {
            h2 { "Disks" }
            table.disks {
                thead { tr { th { "Disk" } th.number { "Read" } th.number { "Written" } th.number { "Busy" } } }
                tbody { @for disk in &detail.disks {
                    tr {
                        td.name { (disk.name) }
                        (number("Read", &format::bytes_rate_or_dash(disk.read_bytes_per_second)))
                        (number("Written", &format::bytes_rate_or_dash(disk.write_bytes_per_second)))
                        (number("Busy", &format::percent_or_dash(disk.busy_ratio)))
                    }
                } }
            }
        }
        @if !detail.interfaces.is_empty() {
            h2 { "Network interfaces" }
            table.interfaces {
                thead { tr {
                    th { "Interface" } th.number { "Received" } th.number { "Sent" } th.number { "Errors" } th.number { "Dropped" }
                } }
                tbody { @for interface in &detail.interfaces {
                    tr {
                        td.name { (interface.name) }
                        (number("Received", &format::bytes_rate_or_dash(interface.receive_bytes_per_second)))
                        (number("Sent", &format::bytes_rate_or_dash(interface.transmit_bytes_per_second)))
                        (number("Errors", &format::rate_or_dash(interface.errors_per_second)))
                        (number("Dropped", &format::rate_or_dash(interface.dropped_per_second)))
                    }
                } }
            }
        }
    }
}
