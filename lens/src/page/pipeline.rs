//! `/pipeline`: the way of telemetry from left to right, hop by hop, with what each took in, handed on and lost.

use std::collections::BTreeMap;

use axum::extract::State;
use http::Uri;
use maud::{Markup, html};

use super::error::PageError;
use super::layout::{self, Section};
use super::view::View;
use super::{format, parts};
use crate::AppState;
use crate::api::Params;
use crate::query::pipeline::{self, Hop, HopKind};

/// A queue that is so full loses soon.
const NEARLY_FULL: f64 = 0.8;
/// What waits so long is behind, in seconds.
const LATE_SECONDS: f64 = 30.0;

const STAGES: [(HopKind, &str, &str); 6] = [
    (HopKind::Sdk, "Programs", "their SDKs"),
    (HopKind::Agent, "Agents", "files, hosts, containers"),
    (HopKind::CollectorReceiver, "Receivers", "of the Collector"),
    (
        HopKind::CollectorProcessor,
        "Processors",
        "of the Collector",
    ),
    (HopKind::CollectorExporter, "Exporters", "of the Collector"),
    (HopKind::Lens, "lens", "ingest"),
];

pub(super) async fn page(
    State(state): State<AppState>,
    uri: Uri,
    params: Params,
) -> Result<Markup, PageError> {
    let view = View::read(&uri, params, &[])?;
    let hops = pipeline::hops(state.store.readers(), view.range).await?;
    let content = html! {
        h1 { "Pipeline" }
        div #pipeline data-live {
            @if hops.is_empty() {
                (parts::empty(&view, "No hop said anything of itself in this range", &html! {
                    p { "The Collector, the agent and programs that use trivium-telemetry send metrics of themselves every ten seconds; "
                        "they show here as soon as those arrive. See what runs:" }
                    pre { code { "trivium status" } }
                }))
            } @else {
                (verdict(&hops))
                (picture(&view, &hops))
                (table(&view, &hops))
            }
        }
    };
    Ok(layout::page(
        "Pipeline",
        Section::Pipeline,
        &view,
        true,
        &content,
    ))
}

/// Whether something was lost, and where: in one sentence.
fn verdict(hops: &[Hop]) -> Markup {
    let mut lost: BTreeMap<(HopKind, &str), f64> = BTreeMap::new();
    for hop in hops.iter().filter(|hop| hop.lost() > 0.0) {
        *lost.entry((hop.kind, &hop.hop)).or_default() += hop.lost();
    }
    html! {
        @if lost.is_empty() {
            p.verdict data-testid="verdict" { span.status.succeeded { "no loss" } " Every hop handed on what it took in." }
        } @else {
            p.verdict data-testid="verdict" {
                span.status.failed { "loss" }
                @for (index, ((kind, hop), count)) in lost.iter().enumerate() {
                    @if index > 0 { ", " } @else { " " }
                    b.failed { (items(*count)) } " at " (noun(*kind)) " " code { (hop) }
                }
                "."
            }
        }
    }
}

fn noun(kind: HopKind) -> &'static str {
    match kind {
        HopKind::Sdk => "program",
        HopKind::Agent => "agent",
        HopKind::CollectorReceiver => "receiver",
        HopKind::CollectorProcessor => "processor",
        HopKind::CollectorExporter => "exporter",
        HopKind::Lens => "lens",
    }
}

fn picture(view: &View, hops: &[Hop]) -> Markup {
    let seconds = view.range.seconds().max(1.0);
    html! {
        ol.pipeline {
            @for (kind, title, of) in STAGES {
                @let of_kind: Vec<&Hop> = hops.iter().filter(|hop| hop.kind == kind).collect();
                @if !of_kind.is_empty() {
                    li.stage {
                        h2 { (title) " " span.muted { (of) } }
                        @for (name, hops) in by_name(&of_kind) { (card(view, name, &hops, seconds)) }
                    }
                }
            }
        }
    }
}

fn by_name<'a>(hops: &[&'a Hop]) -> BTreeMap<&'a str, Vec<&'a Hop>> {
    let mut by_name: BTreeMap<&str, Vec<&Hop>> = BTreeMap::new();
    for hop in hops {
        by_name.entry(&hop.hop).or_default().push(hop);
    }
    by_name
}

/// One hop, all of its instances together.
fn card(view: &View, name: &str, hops: &[&Hop], seconds: f64) -> Markup {
    let mut signals: BTreeMap<_, Vec<&Hop>> = BTreeMap::new();
    for hop in hops {
        signals.entry(hop.signal).or_default().push(hop);
    }
    let instances = hops.iter().map(|hop| &hop.instance);
    let instances = instances.collect::<std::collections::BTreeSet<_>>().len();
    let is_lossy = hops.iter().any(|hop| hop.lost() > 0.0);
    let is_program = matches!(hops.first(), Some(hop) if hop.kind == HopKind::Sdk);
    html! {
        section.hop.lossy[is_lossy] data-key=(name) data-testid="hop" {
            h3 {
                @if is_program { a href=(view.service_link(name)) { (name) } } @else { (name) }
                @if instances > 1 { span.muted { " × " (instances) } }
            }
            @for (signal, hops) in &signals {
                @let sum = |number: fn(&Hop) -> Option<f64>| hops.iter().filter_map(|hop| number(hop)).reduce(|a, b| a + b);
                @let lost: f64 = hops.iter().map(|hop| hop.lost()).sum();
                @let through = sum(|hop| hop.counts.sent).or(sum(|hop| hop.counts.accepted));
                @let waits = waiting(hops);
                // What is of no one signal is only what waits, and mostly nothing does.
                @if signal.is_some() || !waits.0.is_empty() { div.flow {
                    span.signal { (signal.map_or("in hand", |signal| signal.name())) }
                    @if let Some(through) = through { b { (format::rate(through / seconds)) } }
                    @if lost > 0.0 { span.failed { (items(lost)) " lost" } }
                    @if let Some(refused) = sum(|hop| hop.counts.refused).filter(|refused| *refused > 0.0 && lost == 0.0) {
                        span.refused { (items(refused)) " refused" }
                    }
                    (waits)
                } }
            }
        }
    }
}

/// The fullest queue and the longest lag of some hops.
fn waiting(hops: &[&Hop]) -> Markup {
    let most = |values: &mut dyn Iterator<Item = Option<f64>>| values.flatten().reduce(f64::max);
    let share = most(&mut hops.iter().map(|hop| hop.queue_share()));
    let bytes = most(&mut hops.iter().map(|hop| hop.counts.lag_bytes)).filter(|bytes| *bytes > 0.0);
    let seconds =
        most(&mut hops.iter().map(|hop| hop.counts.lag_seconds)).filter(|seconds| *seconds >= 1.0);
    html! {
        @if let Some(share) = share {
            span.queue title={ "The fullest queue: " (format::percent(share)) } {
                span.unseen { "queue " (format::percent(share)) }
                svg width="100%" height="4" aria-hidden="true" {
                    rect.whole width="100%" height="4" rx="2" {}
                    rect.part.failed[share >= NEARLY_FULL] width=(format!("{:.1}%", share * 100.0)) height="4" rx="2" {}
                }
            }
        }
        @if bytes.is_some() || seconds.is_some() {
            span.lag.late[seconds.is_some_and(|seconds| seconds >= LATE_SECONDS)] {
                @if let Some(bytes) = bytes { (format::bytes(bytes)) " waiting" @if seconds.is_some() { ", " } }
                @if let Some(seconds) = seconds { (format::duration(seconds)) " behind" }
            }
        }
    }
}

fn table(view: &View, hops: &[Hop]) -> Markup {
    html! {
        div.heading { h2 { "Counts of this range" } a href=(view.link("/api/pipeline").without("live")) { "As JSON" } }
        table.hops {
            thead { tr {
                th { "Hop" } th { "Signal" } th.number { "Accepted" } th.number { "Refused" } th.number { "Dropped" }
                th.number { "Sent" } th.number { "Failed" } th.number { "Queue" } th.number { "Lag" }
            } }
            tbody {
                @for hop in hops {
                    @let counts = &hop.counts;
                    @let is_lossy = hop.lost() > 0.0;
                    tr data-key={ (noun(hop.kind)) (hop.hop) (hop.instance) (hop.signal.map_or("", |signal| signal.name())) } data-testid="hop-row" {
                        td.name { (hop.hop) span.sub title=(hop.instance) { (noun(hop.kind)) " " (hop.instance.get(..8).unwrap_or(&hop.instance)) } }
                        td data-label="Signal" { (hop.signal.map_or("all", |signal| signal.name())) }
                        (number("Accepted", counts.accepted, false))
                        (number("Refused", counts.refused, hop.kind == HopKind::Lens))
                        (number("Dropped", counts.dropped, is_lossy))
                        (number("Sent", counts.sent, false))
                        (number("Failed", counts.failed, is_lossy))
                        td.number data-label="Queue" {
                            @match (counts.queue_size, counts.queue_capacity) {
                                (Some(size), Some(capacity)) => { (items(size)) " of " (items(capacity)) }
                                (Some(size), None) => (items(size)),
                                (None, _) => span.muted { "–" },
                            }
                        }
                        td.number data-label="Lag" {
                            @match (counts.lag_seconds, counts.lag_bytes) {
                                (Some(seconds), bytes) => { (format::duration(seconds)) @if let Some(bytes) = bytes { ", " (format::bytes(bytes)) } }
                                (None, Some(bytes)) => (format::bytes(bytes)),
                                (None, None) => span.muted { "–" },
                            }
                        }
                    }
                }
            }
        }
    }
}

fn number(label: &str, value: Option<f64>, is_loss: bool) -> Markup {
    html! {
        td.number.failed[is_loss && value.is_some_and(|value| value > 0.0)] data-label=(label) {
            @match value {
                Some(value) => (items(value)),
                None => span.muted { "–" },
            }
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "counts of items lie far below 2^63"
)]
fn items(count: f64) -> String {
    format::count(count.round() as i64)
}
