//! `/traces/compare?a=…&b=…`: two traces side by side, by service and span name, and what makes the second one longer.

use axum::extract::State;
use http::Uri;
use maud::{Markup, html};
use opentelemetry::TraceId;

use super::error::PageError;
use super::layout::{self, Section};
use super::parts::{self, Colours};
use super::view::View;
use super::{address::Address, format};
use crate::AppState;
use crate::api::{ApiError, Params};
use crate::query::time::seconds;
use crate::query::trace::{self, Span};
use crate::query::trace_compare::{Pair, Sum, pairs};
use crate::query::trace_tree::Tree;

pub(super) async fn page(
    State(state): State<AppState>,
    uri: Uri,
    params: Params,
) -> Result<Markup, PageError> {
    let view = View::read(&uri, params, &["a", "b"])?;
    let (a, b) = (view.params.trace("a")?, view.params.trace("b")?);
    let content = match (a, b) {
        (Some(a), Some(b)) => {
            let pool = state.store.readers();
            let (spans_a, spans_b) =
                tokio::try_join!(trace::spans(pool, a), trace::spans(pool, b))?;
            for (trace_id, spans) in [(a, &spans_a), (b, &spans_b)] {
                if spans.is_empty() {
                    return Err(ApiError::UnknownTrace { trace_id }.into());
                }
            }
            compared(&view, (a, &spans_a), (b, &spans_b))
        }
        (one, other) => chosen_half(&view, one.or(other)),
    };
    Ok(layout::page(
        "Compare traces",
        Section::Traces,
        &view,
        false,
        &content,
    ))
}

/// What to do where a trace is missing.
fn chosen_half(view: &View, known: Option<TraceId>) -> Markup {
    let known = known.map(|id| id.to_string());
    let traces = view.link("/traces").with_some("compare", known.as_deref());
    html! {
        h1 { "Compare traces" }
        section.empty.small data-testid="empty" {
            h2 { @if known.is_some() { "Compare it with which trace?" } @else { "Which traces?" } }
            p { a href=(traces) { @if known.is_some() { "Choose the other one" } @else { "Open the first one" } }
                @if known.is_none() { ", then click Compare" } ", or give their ids:" }
            form.filters action="/traces/compare" {
                (parts::kept_range(view))
                (parts::field("a", "First trace", known.as_deref(), "32 hex digits"))
                (parts::field("b", "Second trace", None, "32 hex digits"))
                button { "Compare" }
            }
        }
    }
}

fn compared(
    view: &View,
    (a, spans_a): (TraceId, &[Span]),
    (b, spans_b): (TraceId, &[Span]),
) -> Markup {
    let (tree_a, tree_b) = (Tree::of(spans_a), Tree::of(spans_b));
    let services = spans_a
        .iter()
        .chain(spans_b)
        .map(|span| span.service.as_str());
    let colours = Colours::of(services);
    let pairs = pairs(&tree_a, &tree_b);
    let swapped = view
        .address
        .clone()
        .with("a", &b.to_string())
        .with("b", &a.to_string());
    html! {
        div.heading {
            h1 { "Compare traces" }
            nav.jumps aria-label="Of this comparison" {
                a href=(swapped) { "Swap" }
                a href=(choose(view, a, &tree_a)) { "Choose another B" }
            }
        }
        div.pair.compared { (side(view, "A", a, &tree_a)) (side(view, "B", b, &tree_b)) }
        p.verdict data-testid="verdict" { (verdict(&tree_a, &tree_b, &pairs)) }
        (table(&pairs, &colours))
        p.note { "Self: time in which none of a span's children ran. Its differences explain that of the traces, as far as spans ran one after another." }
    }
}

/// Where the second trace is chosen, among those like the first.
fn choose(view: &View, a: TraceId, tree: &Tree<'_>) -> Address {
    let root = tree.root();
    let like_it = view.link("/traces").with("service", &root.service);
    like_it
        .with_some("route", root.route.as_deref())
        .with("compare", &a.to_string())
}

fn length_ns(tree: &Tree<'_>) -> i64 {
    tree.end_ns - tree.start_ns
}

fn side(view: &View, letter: &str, trace_id: TraceId, tree: &Tree<'_>) -> Markup {
    let root = tree.root();
    let spans = i64::try_from(tree.nodes.len()).unwrap_or(i64::MAX);
    html! {
        section.card aria-label={ "Trace " (letter) } {
            h2 { span.letter { (letter) } a href=(parts::trace_link(view, &trace_id)) data-testid="side" { (root.name) } " "
                (parts::status(root.http_status, root.status)) }
            p.facts {
                span { b { (format::duration(seconds(length_ns(tree)))) } }
                span { (format::counted(spans, "span")) }
                span { time datetime=(root.start) title=(root.start) { (format::moment(root.start_ns, view.now_ns)) } }
                span { code { (trace_id) } }
            }
        }
    }
}

/// One sentence: how much longer the second took, and which span has most of it.
fn verdict(a: &Tree<'_>, b: &Tree<'_>, pairs: &[Pair<'_>]) -> Markup {
    let difference_ns = length_ns(b) - length_ns(a);
    let most = pairs
        .iter()
        .max_by_key(|pair| pair.own_difference_ns() * difference_ns.signum());
    html! {
        @if difference_ns == 0 { "Both took equally long." }
        @else {
            "B took " b { (format::duration(seconds(difference_ns.abs()))) } " " (if difference_ns > 0 { "longer" } else { "less" })
            @if let Some(pair) = most.filter(|pair| pair.own_difference_ns().signum() == difference_ns.signum()) {
                ", most of it in " b { (pair.name) } ": " (signed(pair.own_difference_ns())) " of its own time"
            }
            "."
        }
    }
}

/// `+12 ms`, `−3 ms`, `0 s`.
fn signed(ns: i64) -> String {
    let sign = match ns {
        0 => "",
        1.. => "+",
        _ => "−",
    };
    format!("{sign}{}", format::duration(seconds(ns.abs())))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a bar needs no more than three digits"
)]
fn table(pairs: &[Pair<'_>], colours: &Colours) -> Markup {
    let largest = pairs
        .iter()
        .map(|pair| pair.own_difference_ns().abs())
        .max();
    let largest = largest.unwrap_or_default().max(1) as f64;
    let time = |sum: Sum, ns: i64| {
        if sum.spans > 0 {
            format::duration(seconds(ns))
        } else {
            "–".to_owned()
        }
    };
    html! {
        table.comparison {
            thead {
                tr {
                    th scope="col" rowspan="2" { "Span" }
                    th.group scope="colgroup" colspan="2" { "Count" }
                    th.group scope="colgroup" colspan="3" { "Total" }
                    th.group scope="colgroup" colspan="4" { "Self" }
                }
                tr {
                    th.number scope="col" { "A" } th.number scope="col" { "B" }
                    th.number scope="col" { "A" } th.number scope="col" { "B" } th.number scope="col" { "Difference" }
                    th.number scope="col" { "A" } th.number scope="col" { "B" } th.number scope="col" { "Difference" }
                    th scope="col" { span.unseen { "Difference of self time as a bar" } }
                }
            }
            tbody {
                @for pair in pairs {
                    @let own = pair.own_difference_ns();
                    @let half = own.abs() as f64 / largest * 50.0;
                    @let class = direction(own);
                    tr data-testid="compared" {
                        td.name { (colours.name(pair.service)) span.span-name { (pair.name) } }
                        td.number data-label="Count A" { (count(pair.a)) }
                        td.number data-label="Count B" { (count(pair.b)) }
                        td.number data-label="Total A" { (time(pair.a, pair.a.total_ns)) }
                        td.number data-label="Total B" { (time(pair.b, pair.b.total_ns)) }
                        td.number data-label="Difference" { (signed(pair.total_difference_ns())) }
                        td.number data-label="Self A" { (time(pair.a, pair.a.own_ns)) }
                        td.number data-label="Self B" { (time(pair.b, pair.b.own_ns)) }
                        td.number data-label="Difference" class=(class) { (signed(own)) }
                        td.diverging {
                            svg width="100%" height="12" aria-hidden="true" {
                                line.middle x1="50%" x2="50%" y1="0" y2="12" {}
                                rect class=(class) y="2" height="8" rx="1"
                                    x=(format!("{:.2}%", if own < 0 { 50.0 - half } else { 50.0 })) width=(format!("{half:.2}%")) {}
                            }
                        }
                    }
                }
            }
        }
    }
}

fn direction(difference_ns: i64) -> &'static str {
    if difference_ns > 0 {
        "slower"
    } else {
        "faster"
    }
}

fn count(sum: Sum) -> Markup {
    html! {
        @if sum.errors > 0 { span.status.failed { (format::counted(sum.errors, "error")) } " " }
        @if sum.spans == 0 { "–" } @else { (format::count(sum.spans)) }
    }
}
