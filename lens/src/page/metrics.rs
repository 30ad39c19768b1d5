//! `/metrics`: all metrics that are stored, to find one by a part of its name.

use axum::extract::State;
use http::Uri;
use maud::{Markup, html};

use super::error::PageError;
use super::layout::{self, Section};
use super::view::View;
use super::{format, parts};
use crate::AppState;
use crate::api::Params;
use crate::query::metrics;
use crate::query::names::{self, Family, Kind};

pub(super) async fn page(
    State(state): State<AppState>,
    uri: Uri,
    params: Params,
) -> Result<Markup, PageError> {
    let view = View::read(&uri, params, &["q"])?;
    let all = metrics::families(state.store.readers()).await?;
    let wanted = view.params.text("q").unwrap_or_default();
    let found: Vec<&Family> = all
        .iter()
        .filter(|family| is_found(family, wanted))
        .collect();
    let content = html! {
        div.heading { h1 { "Metrics" }
            @if !all.is_empty() {
                span.muted { (format::counted(all.len().try_into().unwrap_or(i64::MAX), "metric")) ", "
                    (format::counted(all.iter().map(|family| family.series).sum(), "label set")) }
            }
        }
        @if !all.is_empty() {
            form.filters method="get" action="/metrics" {
                (parts::kept_range(&view))
                (parts::field("q", "Name contains", Some(wanted), "http duration, db.client, cpu"))
                button type="submit" { "Search" }
                @if !wanted.is_empty() { a.reset href=(view.link("/metrics")) { "Reset" } }
            }
        }
        div #metrics data-live { (list(&view, &all, &found, wanted)) }
    };
    Ok(layout::page(
        "Metrics",
        Section::Metrics,
        &view,
        true,
        &content,
    ))
}

/// Whether the name has each word of `wanted` in it, in either spelling.
fn is_found(family: &Family, wanted: &str) -> bool {
    wanted.split_whitespace().all(|word| {
        family
            .name
            .to_ascii_lowercase()
            .contains(&names::sanitize(word).to_ascii_lowercase())
    })
}

fn list(view: &View, all: &[Family], found: &[&Family], wanted: &str) -> Markup {
    html! {
        @if all.is_empty() {
            section.empty.small data-testid="empty" { h2 { "No metric is stored yet" } (parts::start_something()) }
        } @else if found.is_empty() {
            section.empty.small data-testid="empty" {
                h2 { "No metric's name contains “" (wanted) "”" }
                p { "Each word must be in the name; " code { "http.server" } " and " code { "http_server" } " are the same. "
                    a href=(view.link("/metrics")) { "All metrics" } }
            }
        } @else {
            table.metrics {
                thead { tr { th { "Name" } th { "Type" } th { "Unit" } th.number { "Label sets" } } }
                tbody {
                    @for family in found {
                        tr data-key=(family.name) {
                            td.name { a href=(link(view, &family.name)) data-testid="metric" { (broken(&family.name)) } }
                            td data-label="Type" { (kind(family.kind)) }
                            td data-label="Unit" { @if let Some(unit) = family.unit { (unit) } @else { span.muted { "–" } } }
                            td.number data-label="Label sets" { (format::count(family.series)) }
                        }
                    }
                }
            }
        }
    }
}

/// A metric's page.
pub(super) fn link(view: &View, name: &str) -> super::address::Address {
    view.link("/metrics").segment(name)
}

/// A name that may break after its underscores.
pub(super) fn broken(name: &str) -> Markup {
    html! {
        @for (index, part) in name.split('_').enumerate() {
            @if index > 0 { "_" wbr; }
            (part)
        }
    }
}

/// What a type is called.
pub(super) fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Histogram => "histogram",
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_must_be_in_the_name_in_either_spelling() {
        let family = Family {
            name: "http_server_request_duration_seconds".to_owned(),
            kind: Kind::Histogram,
            unit: Some("seconds"),
            series: 1,
        };
        for wanted in ["", "http.server", "HTTP seconds", "duration server"] {
            assert!(is_found(&family, wanted), "{wanted}");
        }
        for wanted in ["http.client", "server bytes"] {
            assert!(!is_found(&family, wanted), "{wanted}");
        }
    }
}
