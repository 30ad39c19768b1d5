//! `/services/{name}`: how a service's HTTP server did: the latency chart with its exemplars, rates, errors by route, routes;
//! what its processes used; where they ran.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::{Path, State};
use http::Uri;
use maud::{Markup, html};

use super::chart::{Latency, latency, lines, readings};
use super::error::PageError;
use super::layout::{self, Section};
use super::services::failing;
use super::view::View;
use super::{format, machines, parts};
use crate::AppState;
use crate::api::Params;
use crate::query::exemplars::{self, Exemplar};
use crate::query::process::{self, Place};
use crate::query::readings::{Chart, Line, Point, Unit};
use crate::query::selection::Selection;
use crate::query::series::Filter;
use crate::query::services::{self, REQUEST_DURATION, Requests, SERVICE_NAME, STATUS_CODE};
use crate::query::{metrics, names};

const METHOD: &str = "http_request_method";
const ROUTE: &str = "http_route";
/// Exemplars that are read for the chart; it thins them out.
const EXEMPLARS: i64 = 5_000;

pub(super) async fn page(
    State(state): State<AppState>,
    Path(service): Path<String>,
    uri: Uri,
    params: Params,
) -> Result<Markup, PageError> {
    let (view, at_ns) = View::read_around(&uri, params, &["route"])?;
    let route = view.params.text("route").map(str::to_owned);
    let pool = state.store.readers();
    let of_service = Filter::default().and(SERVICE_NAME, &service);
    let all = services::request_durations(pool, &of_service, view.range).await?;
    let shown = match &route {
        Some(route) => &all.narrowed(&Filter::default().and(ROUTE, route)),
        None => &all,
    };
    let family = metrics::family(pool, REQUEST_DURATION).await?;
    let exemplars = match &family {
        Some(family) => {
            let (service, route) = (Some(service.as_str()), route.as_deref());
            let (range, limit) = (view.range, EXEMPLARS);
            exemplars::exemplars(
                pool,
                exemplars::Wanted {
                    metric: Some(family),
                    service,
                    route,
                    range,
                    limit,
                },
            )
            .await?
        }
        None => Vec::new(),
    };
    let (charts, places) = tokio::try_join!(
        process::charts(pool, &service, view.range, at_ns),
        process::places(pool, &service, view.range),
    )?;
    let serves = !exemplars.is_empty() || !shown.values(&[]).is_empty();
    let content = html! {
        (heading(&view, &service, route.as_deref(), at_ns))
        div #service data-live {
            (where_it_runs(&view, &places, at_ns))
            @if serves || route.is_some() { (requests(&view, &all, shown, &exemplars, route.as_deref(), at_ns)) }
            @else if charts.is_empty() && places.is_empty() {
                (parts::empty(&view, "This service sent nothing in this range", &html! {
                    p { "Its name may be written differently, or it stopped. " a href=(view.link("/services")) { "All services" } }
                }))
            } @else { p.note { "It counted no HTTP requests in this range." } }
            @if !charts.is_empty() { h2 { "Process" } (machines::charts(&view, &charts, false, at_ns)) }
        }
    };
    Ok(layout::page(
        &service,
        Section::Services,
        &view,
        true,
        &content,
    ))
}

/// All about the HTTP requests of it, or of its one route.
fn requests(
    view: &View,
    all: &Selection,
    shown: &Selection,
    exemplars: &[Exemplar],
    route: Option<&str>,
    at_ns: Option<i64>,
) -> Markup {
    html! {
        (figures(services::requests_by(shown, &[]).into_values().next().unwrap_or_default()))
        section.card {
            div.heading { h2 { "Latency" } code.metric { (names::sanitize(REQUEST_DURATION)) "_seconds" } }
            (latency_chart(view, shown, exemplars, at_ns))
        }
        div.pair {
            section.card { h2 { "Requests" } (rate_chart(view, shown)) }
            section.card.of-errors {
                div.heading { h2 { "Errors by route" } span.muted { "5xx answers per second" } }
                (error_chart(view, shown, at_ns))
            }
        }
        (routes(view, all, route))
    }
}

/// The hosts and containers of its processes, with their versions.
fn where_it_runs(view: &View, places: &BTreeSet<Place>, at_ns: Option<i64>) -> Markup {
    html! {
        p.facts {
            @for place in places {
                span {
                    @if let Some(version) = &place.version { "version " b { (version) } " " }
                    @if let Some((id, name)) = &place.container {
                        @let of_container = match at_ns {
                            Some(at_ns) => machines::container_at(id, at_ns),
                            None => machines::container_link(view, id),
                        };
                        "in " a href=(of_container) { (name) } " "
                    }
                    @if let Some(host) = &place.host {
                        @let of_host = match at_ns {
                            Some(at_ns) => machines::host_at(host, at_ns),
                            None => machines::host_link(view, host),
                        };
                        "on " a href=(of_host) { (host) }
                    }
                }
            }
        }
    }
}

fn heading(view: &View, service: &str, route: Option<&str>, at_ns: Option<i64>) -> Markup {
    let search = |path| view.link(path).with("service", service);
    html! {
        div.heading {
            h1 { (parts::Colours::of([service].into_iter()).name(service)) }
            nav.jumps {
                a href=(search("/traces").with_some("route", route)) { "Traces" }
                a href=(search("/logs")) { "Logs" }
            }
        }
        p.chips {
            @if let Some(route) = route {
                a.chip href=(view.address.clone().without("route")) title="Show all routes" {
                    "route " b { (route) } span.close { "×" }
                }
            }
            (parts::around_chip(view, at_ns))
        }
    }
}

fn figures(requests: Requests) -> Markup {
    let figures = [
        ("Rate", format::rate_or_dash(requests.request_rate)),
        ("Errors", format::percent_or_dash(requests.error_ratio)),
        ("p50", format::duration_or_dash(requests.p50_seconds)),
        ("p95", format::duration_or_dash(requests.p95_seconds)),
        ("p99", format::duration_or_dash(requests.p99_seconds)),
    ];
    html! {
        dl.figures { @for (name, value) in figures { div {
            dt { (name) } dd class=[(name == "Errors").then(|| failing(requests.error_ratio))] { (value) }
        } } }
    }
}

fn latency_chart(
    view: &View,
    shown: &Selection,
    exemplars: &[Exemplar],
    at_ns: Option<i64>,
) -> Markup {
    let steps = shown
        .buckets(&[])
        .into_iter()
        .next()
        .map(|(_, steps)| steps)
        .unwrap_or_default();
    if steps.is_empty() && exemplars.is_empty() {
        return html! { p.note { "No requests in this range." } };
    }
    latency(&Latency {
        title: "Duration of requests over time",
        unit: Unit::Seconds,
        range: view.range,
        step_ms: shown.steps.step_ms,
        steps: &steps,
        exemplars,
        marked_ns: at_ns,
        link: &|exemplar| {
            parts::trace_link(view, &exemplar.trace_id).with("span", &exemplar.span_id.to_string())
        },
    })
}

fn rate_chart(view: &View, shown: &Selection) -> Markup {
    let values = shown
        .values(&[])
        .into_iter()
        .next()
        .map(|(_, values)| values)
        .unwrap_or_default();
    lines::area(
        "Requests per second",
        "rate",
        view.range,
        shown.steps.step_ms,
        &lines::rates(&values),
        format::round_rate,
    )
}

/// The 5xx answers per second of each route, on top of each other.
fn error_chart(view: &View, shown: &Selection, at_ns: Option<i64>) -> Markup {
    let mut by_route = BTreeMap::<String, BTreeMap<i64, f64>>::new();
    for (labels, values) in shown.values(&[STATUS_CODE.to_owned(), ROUTE.to_owned()]) {
        let is_error = labels
            .get(STATUS_CODE)
            .is_some_and(|status| status.starts_with('5'));
        if is_error {
            let route = labels.get(ROUTE).map_or("no route", String::as_str);
            let errors = by_route.entry(route.to_owned()).or_default();
            for (end_ms, rate) in lines::rates(&values) {
                *errors.entry(end_ms).or_default() += rate;
            }
        }
    }
    if by_route.is_empty() {
        return html! { p.note { "No request failed in this range." } };
    }
    let line = |(name, errors): (String, BTreeMap<i64, f64>)| Line {
        name,
        points: errors
            .into_iter()
            .map(|(end_ms, value)| Point { end_ms, value })
            .collect(),
    };
    let chart = Chart {
        name: "errors",
        unit: Unit::PerSecond,
        is_stacked: true,
        limit: None,
        step_ms: shown.steps.step_ms,
        lines: by_route.into_iter().map(line).collect(),
    };
    readings(&chart, "Errors by route", "", view.range, at_ns)
}

fn routes(view: &View, all: &Selection, chosen: Option<&str>) -> Markup {
    let mut routes: Vec<_> = services::requests_by(all, &[METHOD, ROUTE])
        .into_iter()
        .collect();
    routes.retain(|(_, requests)| requests.error_ratio.is_some());
    routes.sort_by(|(_, a), (_, b)| {
        b.request_rate
            .unwrap_or(0.0)
            .total_cmp(&a.request_rate.unwrap_or(0.0))
    });
    html! {
        @if !routes.is_empty() {
            h2 { "Routes" }
            table.routes {
                thead { tr {
                    th { "Route" } th.number { "Rate" } th.number { "Errors" }
                    th.number { "p50" } th.number { "p95" } th.number { "p99" }
                } }
                tbody {
                    @for (labels, requests) in routes {
                        @let route = labels.get(ROUTE).map(String::as_str);
                        tr data-key={ (labels.get(METHOD).map_or("", String::as_str)) " " (route.unwrap_or_default()) } aria-current=[(route.is_some() && route == chosen).then_some("true")] data-testid="route" {
                            td.name {
                                span.method { (labels.get(METHOD).map_or("", String::as_str)) }
                                @match route {
                                    Some(route) => a href=(view.address.clone().with("route", route)) { (route) },
                                    None => span.muted { "no route" },
                                }
                            }
                            td.number data-label="Rate" { (format::rate_or_dash(requests.request_rate)) }
                            td class={ "number " (failing(requests.error_ratio)) } data-label="Errors" {
                                (format::percent_or_dash(requests.error_ratio))
                            }
                            td.number data-label="p50" { (format::duration_or_dash(requests.p50_seconds)) }
                            td.number data-label="p95" { (format::duration_or_dash(requests.p95_seconds)) }
                            td.number data-label="p99" { (format::duration_or_dash(requests.p99_seconds)) }
                        }
                    }
                }
            }
        }
    }
}
