//! `/services`: the services seen in the range, with how their HTTP servers did. The overview shows the same table.

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
use crate::query::series::Labels;
use crate::query::services::{self, Requests, SERVICE_NAME, Service};
use crate::query::time::Range;

pub(super) async fn page(
    State(state): State<AppState>,
    uri: Uri,
    params: Params,
) -> Result<Markup, PageError> {
    let view = View::read(&uri, params, &[])?;
    let (services, requests) = services::services(state.store.readers(), view.range).await?;
    let content = html! {
        h1 { "Services" }
        div #services data-live {
            @if services.is_empty() {
                (parts::empty(&view, "No service has sent anything in this range", &parts::start_something()))
            } @else { (table(&view, services, &requests)) }
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

/// The table of services, those that serve no HTTP last: the Collector and agents are not what one comes for.
pub(super) fn table(view: &View, mut services: Vec<Service>, requests: &Selection) -> Markup {
    services.sort_by_key(|service| service.requests.request_rate.is_none());
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
                @for service in &services {
                    @let seen_ns = service.last_seen_ns;
                    tr data-testid="service" data-key=(service.name) {
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
        td class={ "number " (failing(requests.error_ratio)) } data-label="Errors" {
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

/// The class of a share of failures.
pub(super) fn failing(error_ratio: Option<f64>) -> &'static str {
    match error_ratio {
        Some(ratio) if ratio > 0.0 => "failed",
        _ => "",
    }
}

fn last_seen(range: Range, seen_ns: i64, now_ns: i64) -> String {
    if range.until_ns < now_ns - 1_000_000_000 {
        format::clock(seen_ns)
    } else {
        format::ago(seen_ns, now_ns)
    }
}
