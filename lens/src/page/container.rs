//! `/containers/{id}`: one container: who it is, what it used over time, and its latest log records. Whoever comes from a span
//! sees both around that moment.

use axum::extract::{Path, State};
use http::Uri;
use maud::{Markup, html};

use super::error::PageError;
use super::layout::{self, Section};
use super::view::View;
use super::{format, logs as log_page, machines, parts};
use crate::AppState;
use crate::api::{ApiError, Params};
use crate::query::container::{self, DetailedContainer, Used};
use crate::query::logs::{self, Wanted};
use crate::query::time::{Range, rfc3339};

/// Log records that the page shows.
const LOGS: i64 = 30;
/// Of records around a moment, how far after it the newest may be.
const LOGS_AFTER_NS: i64 = 10 * 1_000_000_000;

pub(super) async fn page(
    State(state): State<AppState>,
    Path(id): Path<String>,
    uri: Uri,
    params: Params,
) -> Result<Markup, PageError> {
    let (view, at_ns) = View::read_around(&uri, params, &[])?;
    let pool = state.store.readers();
    let Some(found) = container::container(pool, &id, view.range, at_ns).await? else {
        return Err(ApiError::UnknownContainer { id }.into());
    };
    let DetailedContainer { used, charts } = found;
    let until_ns = at_ns.map_or(view.range.until_ns, |at_ns| {
        view.range.until_ns.min(at_ns + LOGS_AFTER_NS)
    });
    let wanted = Wanted {
        trace_id: None,
        span_id: None,
        service: None,
        host: None,
        container: Some(&used.container.id),
        file: None,
        event: None,
        min_severity: 0,
        text: None,
        range: Range {
            until_ns,
            ..view.range
        },
        limit: LOGS,
    };
    let records = logs::search(pool, wanted).await?.logs;
    let all_logs = match at_ns {
        Some(_) => view
            .link("/logs")
            .with("since", &rfc3339(view.range.since_ns))
            .with("until", &rfc3339(view.range.until_ns)),
        None => view.link("/logs"),
    };
    let all_logs = all_logs.with("container", &used.container.id);
    let content = html! {
        div.heading {
            h1 data-testid="container-name" { (used.container.name) }
            nav.jumps {
                a href=(all_logs) data-testid="container-logs" { "Logs" }
                @if let Some(host) = &used.container.host {
                    @let of_host = match at_ns {
                        Some(at_ns) => machines::host_at(host, at_ns),
                        None => machines::host_link(&view, host),
                    };
                    a href=(of_host) data-testid="container-host" { "Host " (host) }
                }
            }
        }
        (identity(&used))
        (parts::around(&view, at_ns))
        div #container data-live {
            @if used.container.metrics.is_none() { (machines::no_agent("this container")) }
            @else {
                (figures(&used))
                @if charts.is_empty() { p.note { "It sent no metrics in this range." } }
                (machines::charts(&view, &charts, false, at_ns))
            }
            h2 { @if at_ns.is_some() { "Log records up to then" } @else { "Latest log records" } }
            @if records.is_empty() { p.note data-testid="no-logs" { "No log record of it in this range." } }
            @else { div.below { (log_page::list(&view, &records)) } }
        }
    };
    Ok(layout::page(
        &used.container.name,
        Section::Containers,
        &view,
        true,
        &content,
    ))
}

fn identity(used: &Used) -> Markup {
    let container = &used.container;
    let facts = [
        ("image", container.image.as_deref()),
        ("Compose project", container.compose_project.as_deref()),
        ("service", container.compose_service.as_deref()),
        ("namespace", container.k8s_namespace.as_deref()),
        ("pod", container.k8s_pod.as_deref()),
    ];
    html! {
        p.facts {
            span { "id " code title=(container.id) { (machines::short(&container.id)) } }
            @for (name, value) in facts { @if let Some(value) = value { span { (name) " " b { (value) } } } }
            span { "last seen " time datetime=(container.last_seen) title=(container.last_seen) {
                (format::clock(container.last_seen_ns)) } }
        }
    }
}

fn figures(used: &Used) -> Markup {
    let usage = &used.usage;
    let memory = usage.memory_bytes.zip(usage.memory_limit_bytes);
    html! {
        dl.figures {
            div { dt { "CPUs" } dd data-testid="cpu" { (format::cpus_or_dash(usage.cpu)) } }
            @if let Some(seconds) = usage.throttled_seconds_per_second {
                div { dt { "Throttled" } dd data-testid="throttled" { (format::duration(seconds)) small { " a second" } } }
            }
            div { dt { "Memory" } dd data-testid="memory" {
                (format::bytes_or_dash(usage.memory_bytes))
                @if let Some((used, limit)) = memory { small { " / " (format::bytes(limit)) ", " (format::percent(used / limit)) } }
            } }
            div { dt { "Received" } dd { (format::bytes_rate_or_dash(usage.network_receive_bytes_per_second)) } }
            div { dt { "Sent" } dd { (format::bytes_rate_or_dash(usage.network_transmit_bytes_per_second)) } }
            div { dt { "Read" } dd { (format::bytes_rate_or_dash(usage.disk_read_bytes_per_second)) } }
            div { dt { "Written" } dd { (format::bytes_rate_or_dash(usage.disk_write_bytes_per_second)) } }
            @if let Some(pids) = usage.pids { div { dt { "Processes" } dd data-testid="pids" { (pids) } } }
            div { dt { "Up" } dd { (format::uptime_or_dash(usage.uptime_seconds)) } }
        }
    }
}
