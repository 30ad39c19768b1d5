//! `/`: the services with their request rates, and the latest traces.

use axum::extract::State;
use http::Uri;
use maud::{Markup, html};

use super::chart::lines;
use super::error::PageError;
use super::layout::{self, Section};
use super::view::View;
use super::{format, parts};
use crate::AppState;
use crate::api::Params;
use crate::query::selection::Selection;
use crate::query::series::{Filter, Labels};
use crate::query::services::{self, Requests, SERVICE_NAME, Service};
use crate::query::time::Range;
use crate::query::traces::{self, Wanted};

const LATEST_TRACES: usize = 12;

pub(super) async fn page(
    State(state): State<AppState>,
    uri: Uri,
    params: Params,
) -> Result<Markup, PageError> {
    let view = View::read(&uri, params, &[])?;
    let pool = state.store.readers();
    let requests = services::request_durations(pool, &Filter::default(), view.range).await?;
    let mut services = services::services(pool, view.range, &requests).await?;
    // What serves no HTTP, as the Collector and an agent, is not what one comes for.
    services.sort_by_key(|service| service.requests.request_rate.is_none());
    let wanted = Wanted {
        service: None,
        route: None,
        outcome: None,
        min_duration_ns: 0,
        range: view.range,
        limit: LATEST_TRACES,
    };
    let latest = traces::search(pool, wanted).await?.traces;
    let content = html! {
        div #services data-live {
            @if services.is_empty() && latest.is_empty() { (nothing_yet()) }
            @else {
                h1 { "Services" }
                (table(&view, &services, &requests))
                div.heading { h2 { "Latest traces" } a href=(view.link("/traces")) { "All traces" } }
                @if latest.is_empty() { p.note { "No traces in this range." } }
                (parts::trace_list(&view, &latest))
            }
        }
    };
    Ok(layout::page(
        "Services",
        Section::Services,
        &view,
        true,
        &content,
    ))
}

fn table(view: &View, services: &[Service], requests: &Selection) -> Markup {
    let colours = parts::Colours::of(services.iter().map(|service| service.name.as_str()));
    let by_service = requests.values(&[SERVICE_NAME.to_owned()]);
    let rates = |name: &str| {
        let labels = Labels::from([(SERVICE_NAME.to_owned(), name.to_owned())]);
        let values = by_service.iter().find(|(group, _)| *group == labels);
        values
            .map(|(_, values)| lines::rates(values))
            .unwrap_or_default()
    };
    html! {
        table.services {
            thead { tr {
                th { "Service" } th { "Requests" } th.number { "Rate" } th.number { "Errors" }
                th.number { "p50" } th.number { "p95" } th.number { "p99" } th.number { "Instances" } th.number { "Last seen" }
            } }
            tbody {
                @for service in services {
                    @let seen_ns = service.last_seen_ns;
                    tr data-testid="service" {
                        td.name { a href=(view.service_link(&service.name)) { (colours.name(&service.name)) } }
                        td.spark { (lines::sparkline(view.range, requests.steps.step_ms, &rates(&service.name))) }
                        @if service.requests.request_rate.is_some() { (figures(&service.requests)) }
                        @else { td.none colspan="5" { "serves no HTTP requests" } }
                        (number("Instances", &service.instances.to_string()))
                        td.number data-label="Last seen" title=(service.last_seen) { (last_seen(view.range, seen_ns, view.now_ns)) }
                    }
                }
            }
        }
    }
}

fn figures(requests: &Requests) -> Markup {
    html! {
        (number("Rate", &format::rate_or_dash(requests.request_rate)))
        td.number data-label="Errors" class=[failing(requests.error_ratio)] {
            (format::percent_or_dash(requests.error_ratio))
        }
        (number("p50", &format::duration_or_dash(requests.p50_seconds)))
        (number("p95", &format::duration_or_dash(requests.p95_seconds)))
        (number("p99", &format::duration_or_dash(requests.p99_seconds)))
    }
}

fn number(label: &str, text: &str) -> Markup {
    html! { td.number data-label=(label) { (text) } }
}

fn failing(error_ratio: Option<f64>) -> Option<&'static str> {
    error_ratio
        .is_some_and(|ratio| ratio > 0.0)
        .then_some("failed")
}

fn last_seen(range: Range, seen_ns: i64, now_ns: i64) -> String {
    if range.until_ns < now_ns - 1_000_000_000 {
        format::clock(seen_ns)
    } else {
        format::ago(seen_ns, now_ns)
    }
}

fn nothing_yet() -> Markup {
    html! {
        section.empty data-testid="empty" {
            h1 { "Nothing has arrived in this range" }
            p { "lens shows what programs send through the Collector. Start everything, with a little traffic:" }
            pre { code { "trivium up --traffic" } }
            p { "or ask the demo service something yourself:" }
            pre { code { "curl -i http://127.0.0.1:8000/" } }
            p { "or let a program of yours send OTLP:" }
            pre { code { "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317 your-program" } }
            p.note { "This page refreshes itself. A longer range may show what came before." }
        }
    }
}
