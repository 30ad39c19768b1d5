//! `/logs`: the search for log records.

use axum::extract::State;
use http::Uri;
use maud::{Markup, html};
use serde_json::Value;

use super::error::PageError;
use super::layout::{self, Section};
use super::parts::{self, Colours};
use super::view::View;
use super::{format, logs_facets, machines};
use crate::AppState;
use crate::api::{Params, log_range};
use crate::model::UNKNOWN_SERVICE;
use crate::query::logs::{self, LEVELS, LogRecord, Wanted};
use crate::query::{logs_tally, services};

const LIMIT: i64 = 200;

pub(super) async fn page(
    State(state): State<AppState>,
    uri: Uri,
    params: Params,
) -> Result<Markup, PageError> {
    let view = View::read(
        &uri,
        params,
        &[
            "trace_id",
            "span_id",
            "service",
            "host",
            "container",
            "file",
            "event",
            "severity",
            "q",
            "limit",
        ],
    )?;
    let pool = state.store.readers();
    let params = &view.params;
    let trace_id = params.trace_id()?;
    let wanted = Wanted {
        trace_id,
        span_id: params.span_id("span_id")?,
        service: params.text("service"),
        host: params.text("host"),
        container: params.text("container"),
        file: params.text("file"),
        event: params.text("event"),
        min_severity: params.min_severity()?,
        text: params.text("q"),
        range: log_range(params, trace_id.is_some())?,
        limit: params.limit(LIMIT)?,
    };
    // A trace's records are few, and of no range that could be cut.
    let tally = async {
        match trace_id {
            Some(_) => Ok(None),
            None => logs_tally::tally(pool, wanted).await.map(Some),
        }
    };
    let (found, tally, services) = tokio::try_join!(
        logs::search(pool, wanted),
        tally,
        services::names(pool, view.range),
    )?;
    let services: Vec<&str> = services.iter().map(String::as_str).collect();
    let content = html! {
        h1 { "Logs" }
        (of_trace(&view))
        form.filters method="get" action="/logs" {
            (parts::kept_range(&view))
            @for name in ["trace_id", "span_id"] {
                @if let Some(id) = params.text(name) { input type="hidden" name=(name) value=(id); }
            }
            (parts::choice("service", "Service", wanted.service, "all", &services))
            (parts::choice("severity", "At least", params.text("severity"), "any", &LEVELS))
            (of_machine(params))
            (parts::field("q", "Contains", wanted.text, "text, event name or attribute"))
            button type="submit" { "Search" }
            @if params.pairs().any(|(name, _)| !["since", "until", "live"].contains(&name)) {
                a.reset href=(view.link("/logs")) { "Reset" }
            }
        }
        div #logs data-live {
            @if found.logs.is_empty() { (nothing(&view, found.searched_since.is_some())) }
            @match tally.filter(|tally| !tally.bars.is_empty()) {
                Some(tally) => {
                    (logs_facets::bars(&view, &tally))
                    div.log-page {
                        (logs_facets::facets(&view, &tally))
                        div.found-logs { (list(&view, &found.logs)) }
                    }
                }
                None => (list(&view, &found.logs)),
            }
            (parts::searched_since(&view, found.searched_since.as_deref(), "records"))
        }
    };
    Ok(layout::page(
        "Logs",
        Section::Logs,
        &view,
        trace_id.is_none(),
        &content,
    ))
}

/// What the page says without records, and what to do.
fn nothing(view: &View, is_cut: bool) -> Markup {
    let is_filtered = view.rangeless().any(|(name, _)| name != "live");
    html! {
        @if is_cut { p.note data-testid="empty" { "None of the newest records of this range matches." } }
        @else if is_filtered {
            (parts::empty(view, "No log record in this range matches", &html! {
                p { "Take a condition away, or " a href=(view.link("/logs")) { "look at all records" } " of this range." }
            }))
        } @else {
            (parts::empty(view, "No log records in this range", &html! {
                p { "Programs send them by OTLP, the agent those of files and containers. Start both, with a little traffic:" }
                pre { code { "trivium up --traffic" } }
            }))
        }
    }
}

/// Which trace and span the records are of, with the way back and the way to more.
fn of_trace(view: &View) -> Markup {
    let (trace_id, span_id) = (view.params.text("trace_id"), view.params.text("span_id"));
    html! {
        @if trace_id.is_some() || span_id.is_some() {
            p.chips {
                @if let Some(trace_id) = trace_id {
                    span.chip {
                        "trace " a href=(parts::trace_link(view, &trace_id).with_some("span", span_id)) { (trace_id) }
                        a.close href=(view.address.clone().without("trace_id").without("span_id")) title="Records of all traces" { "×" }
                    }
                }
                @if let Some(span_id) = span_id {
                    span.chip { "span " b { (span_id) }
                        a.close href=(view.address.clone().without("span_id")) title="All records of the trace" { "×" }
                    }
                }
            }
        }
    }
}

/// Where a record was written, folded until one is asked for.
fn of_machine(params: &Params) -> Markup {
    let fields = [
        ("host", "Host", "host.name"),
        ("container", "Container", "name or id"),
        ("file", "File", "path or name"),
        ("event", "Event", "name"),
    ];
    let is_asked = fields.iter().any(|(name, ..)| params.text(name).is_some());
    html! {
        details.more open[is_asked] {
            summary { "Host, container, file, event" }
            div { @for (name, label, placeholder) in fields {
                (parts::field(name, label, params.text(name), placeholder))
            } }
        }
    }
}

/// The records, each with its details folded.
pub(super) fn list(view: &View, records: &[LogRecord]) -> Markup {
    list_marked(view, records, None)
}

/// The same with one of them marked, by its row id.
pub(super) fn list_marked(view: &View, records: &[LogRecord], marked: Option<i64>) -> Markup {
    let colours = Colours::of(records.iter().map(writer));
    html! {
        div.logs {
            @for record in records {
                details.log.marked[marked == Some(record.id)] data-testid="log" data-key=(record.id) {
                    summary {
                        time datetime=(record.time) title=(record.time) { (format::clock(record.time_ns)) }
                        span class={ "severity " (record.severity.to_ascii_lowercase()) } {
                            @if record.severity_number > 0 { (record.severity) }
                        }
                        (colours.name(writer(record)))
                        span.text {
                            (record.body)
                            @if !record.event_name.is_empty() { span.event { (record.event_name) } }
                        }
                        @if let Some(trace_id) = record.trace_id {
                            @let span_id = record.span_id.map(|id| id.to_string());
                            a.jump href=(parts::trace_link(view, &trace_id).with_some("span", span_id.as_deref()))
                                data-testid="log-trace" { "trace" }
                        }
                    }
                    (detail(view, record))
                }
            }
        }
    }
}

/// Who wrote it: its service, or where an agent found it, as most files and many containers belong to no named service.
pub(super) fn writer(record: &LogRecord) -> &str {
    if record.service != UNKNOWN_SERVICE {
        return &record.service;
    }
    let container = record.resource.get("container.name");
    let file = record.attributes.get("log.file.name");
    let names = [container, file].into_iter().flatten();
    names
        .filter_map(Value::as_str)
        .next()
        .unwrap_or(&record.service)
}

/// The file it was read from.
pub(super) fn file(record: &LogRecord) -> Option<&str> {
    record
        .attributes
        .get("log.file.path")
        .and_then(Value::as_str)
}

fn detail(view: &View, record: &LogRecord) -> Markup {
    html! {
        div.detail {
            p.facts {
                span { "time " b { (record.time) } }
                span { "severity " b { (record.severity_number) } }
                @if !record.scope.is_empty() { span { "scope " b { (record.scope) } } }
                @if let Some(trace_id) = record.trace_id { span { "trace " code { (trace_id) } } }
                @if let Some(span_id) = record.span_id { span { "span " code { (span_id) } } }
                (machines::where_it_ran(&record.resource, record.time_ns))
                @if let Some(file) = file(record) {
                    span { "file " a href=(view.link("/logs").with("file", file)) { (file) } }
                }
                span { a href=(view.link("/logs").segment(&record.id.to_string())) data-testid="log-context" { "before and after" } }
            }
            (parts::attributes("Attributes", &record.attributes))
            (parts::attributes("Resource", &record.resource))
        }
    }
}
