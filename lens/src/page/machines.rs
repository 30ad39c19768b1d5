//! Parts that the pages of hosts and containers share: their charts, meters, the table of containers, and what to do when no
//! agent has sent anything yet.

use maud::{Markup, html};

use super::address::Address;
use super::chart::{self, lines};
use super::format;
use super::view::View;
use crate::query::container::{Listing, Used};
use crate::query::containers::SHORT_ID;
use crate::query::readings::Chart;
use crate::query::time::rfc3339;

/// Shares of a limit from which a meter warns and alarms.
const NEARLY_FULL: (f64, f64) = (0.8, 0.95);

/// Title of a chart, the metric it shows, and what its limit is called.
fn words(chart: &Chart, of_host: bool) -> (&'static str, &'static str, &'static str) {
    match (chart.name, of_host) {
        ("cpu", true) => ("CPU by mode", "system.cpu.time", ""),
        ("load", _) => ("Load average", "system.cpu.load_average", "CPUs"),
        ("memory", true) => ("Memory", "system.memory.usage", "all memory"),
        ("pressure", _) => (
            "Pressure: time in which tasks waited",
            "system.linux.psi.time",
            "",
        ),
        ("paging", _) => ("Paging to and from disk", "system.paging.operations", ""),
        ("network", true) => ("Network", "system.network.io", ""),
        ("disk", true) => ("Disks", "system.disk.io", ""),
        ("cpu", false) => ("CPUs in use", "container.cpu.time", "limit"),
        ("memory", false) => ("Memory", "container.memory.usage", "limit"),
        ("network", false) => ("Network", "container.network.io", ""),
        ("disk", false) => ("Disks", "container.disk.io", ""),
        ("process-cpu", _) => ("CPUs in use", "process.cpu.time", ""),
        ("process-memory", _) => ("Memory", "process.memory.usage", ""),
        ("workers", _) => (
            "Runtime: workers",
            "tokio.worker.busy_duration",
            "all workers",
        ),
        ("tasks", _) => ("Runtime: tasks", "tokio.alive_tasks", ""),
        ("pool", _) => (
            "Database connections",
            "db.client.connection.count",
            "at most",
        ),
        (name, _) => (name, name, "limit"),
    }
}

/// The charts, two beside each other where there is room.
pub(super) fn charts(
    view: &View,
    charts: &[Chart],
    of_host: bool,
    marked_ns: Option<i64>,
) -> Markup {
    html! {
        div.pair {
            @for chart in charts {
                @let (title, metric, limit_name) = words(chart, of_host);
                section.card data-testid={ "chart-" (chart.name) } {
                    div.heading { h2 { (title) } code.metric { (metric) } }
                    (chart::readings(chart, title, limit_name, view.range, marked_ns))
                }
            }
        }
    }
}

/// A bar that is as full as `used` of `limit`, with both in words.
pub(super) fn meter(used: Option<f64>, limit: Option<f64>) -> Markup {
    let share = used
        .zip(limit.filter(|limit| *limit > 0.0))
        .map(|(used, limit)| (used / limit).clamp(0.0, 1.0));
    let class = match share {
        Some(share) if share >= NEARLY_FULL.1 => "failed",
        Some(share) if share >= NEARLY_FULL.0 => "refused",
        _ => "rate",
    };
    html! {
        span.meter {
            span { (format::bytes_or_dash(used))
                @if let Some(limit) = limit { span.muted { " of " (format::bytes(limit)) } } }
            @if let Some(share) = share {
                svg width="100%" height="5" aria-hidden="true" {
                    rect.all width="100%" height="5" rx="2" {}
                    rect class=(class) width=(format!("{:.1}%", share * 100.0)) height="5" rx="2" {}
                }
            }
        }
    }
}

/// A cell that keeps its heading where the table has none.
pub(super) fn number(label: &str, text: &str) -> Markup {
    html! { td.number data-label=(label) { (text) } }
}

/// A container's page.
pub(super) fn container_link(view: &View, id: &str) -> Address {
    view.link("/containers").segment(id)
}

/// A host's page.
pub(super) fn host_link(view: &View, host: &str) -> Address {
    view.link("/hosts").segment(host)
}

/// A container's page around a moment.
pub(super) fn container_at(id: &str, time_ns: i64) -> Address {
    let containers = Address::new("/containers").segment(id);
    containers.with("at", &rfc3339(time_ns))
}

/// A host's page around a moment.
pub(super) fn host_at(host: &str, time_ns: i64) -> Address {
    Address::new("/hosts")
        .segment(host)
        .with("at", &rfc3339(time_ns))
}

/// The container and the host that a resource names, as links to them around a moment.
pub(super) fn where_it_ran(resource: &serde_json::Value, time_ns: i64) -> Markup {
    let attribute = |key: &str| resource.get(key).and_then(serde_json::Value::as_str);
    let container = attribute("container.id").or_else(|| attribute("container.name"));
    html! {
        @if let Some(id) = container {
            @let name = attribute("container.name").unwrap_or_else(|| short(id));
            span { "container " a href=(container_at(id, time_ns)) { (name) } }
        }
        @if let Some(host) = attribute("host.name") {
            span { "host " a href=(host_at(host, time_ns)) { (host) } }
        }
    }
}

/// An id as Docker abbreviates it.
pub(super) fn short(id: &str) -> &str {
    id.get(..SHORT_ID).unwrap_or(id)
}

/// `shop / auth` of Compose, or namespace and pod of Kubernetes.
pub(super) fn belongs_to(used: &Used) -> Option<String> {
    let container = &used.container;
    let compose = [&container.compose_project, &container.compose_service];
    let kubernetes = [&container.k8s_namespace, &container.k8s_pod];
    [compose, kubernetes]
        .into_iter()
        .map(|names| {
            let names: Vec<&str> = names.into_iter().flatten().map(String::as_str).collect();
            names.join(" / ")
        })
        .find(|names| !names.is_empty())
}

/// A table of containers; `with_host` where they may be on several.
pub(super) fn container_table(view: &View, listing: &Listing, with_host: bool) -> Markup {
    html! {
        table.containers {
            thead { tr {
                th { "Container" } th { "Belongs to" }
                @if with_host { th { "Host" } }
                th { "CPU" } th.number { "CPUs" } th { "Memory" } th.number { "Received" } th.number { "Sent" }
                th.number { "Last seen" }
            } }
            tbody { @for used in &listing.containers { (container_row(view, used, listing.step_ms, with_host)) } }
        }
    }
}

fn container_row(view: &View, used: &Used, step_ms: i64, with_host: bool) -> Markup {
    let Used { container, usage } = used;
    html! {
        tr data-testid="container" data-key=(container.id) {
            td.name {
                a href=(container_link(view, &container.id)) { (container.name) }
                @if let Some(image) = &container.image { span.sub { (image) } }
            }
            td.of data-label="Belongs to" { (belongs_to(used).unwrap_or_default()) }
            @if with_host {
                td.of data-label="Host" {
                    @if let Some(host) = &container.host { a href=(host_link(view, host)) { (host) } }
                }
            }
            td.spark { (lines::sparkline(view.range, step_ms, &pairs(&usage.cpu_points))) }
            (number("CPUs", &format::cpus_or_dash(usage.cpu)))
            td.meters data-label="Memory" { (meter(usage.memory_bytes, usage.memory_limit_bytes)) }
            (number("Received", &format::bytes_rate_or_dash(usage.network_receive_bytes_per_second)))
            (number("Sent", &format::bytes_rate_or_dash(usage.network_transmit_bytes_per_second)))
            td.number data-label="Last seen" title=(container.last_seen) {
                (format::ago(container.last_seen_ns, view.now_ns))
            }
        }
    }
}

/// Points as sparklines take them.
pub(super) fn pairs(points: &[crate::query::readings::Point]) -> Vec<lines::Point> {
    points
        .iter()
        .map(|point| (point.end_ms, point.value))
        .collect()
}

/// How to get metrics of hosts and containers.
pub(super) fn no_agent(what: &str) -> Markup {
    html! {
        section.empty data-testid="no-agent" {
            h1 { "No agent has sent metrics of " (what) " in this range" }
            p { "lens shows what " code { "trivium-agent" } " on each host sends through the Collector; " code { "trivium up" }
                " starts one. On another host write " code { "agent.yaml" } ":" }
            pre { code {
                "endpoint: http://127.0.0.1:4317\n"
                "logs:\n"
                "  containers: {docker: /var/lib/docker/containers}\n"
                "metrics: {host: {interval: 15s}, containers: {interval: 15s}}"
            } }
            p { "and start it there:" }
            pre { code { "trivium-agent run --config agent.yaml" } }
            p.note { "This page refreshes itself; rates come with the second interval. A longer range may show what came before." }
        }
    }
}
