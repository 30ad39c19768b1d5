//! The list of what changed in the last minutes, each with the way to where it shows.

use maud::{Markup, html};

use super::view::View;
use super::{format, parts};
use crate::query::changes::{Change, RECENT};

/// Changes that are listed.
const MOST: usize = 8;

/// The list; a sentence when nothing changed.
pub(super) fn list(view: &View, changes: &[Change]) -> Markup {
    html! {
        @if changes.is_empty() {
            p.note data-testid="no-changes" {
                "No new kind of error, no slower route, no silent service and no new version in the last "
                (RECENT.as_secs() / 60) " minutes."
            }
        } @else {
            ul.changes { @for change in changes.iter().take(MOST) { li data-testid="change" { (line(view, change)) } } }
            @if changes.len() > MOST { p.note { "And " (changes.len() - MOST) " more." } }
        }
    }
}

fn line(view: &View, change: &Change) -> Markup {
    let since = |time_ns| format!("since {}", format::moment(time_ns, view.now_ns));
    html! {
        @match change {
            Change::Silent { service, last_seen_ns } => {
                span.status.failed { "silent" }
                span { a href=(view.service_link(service)) { (service) } " sends nothing any more" }
                span.muted { (since(*last_seen_ns)) }
            }
            Change::NewError { service, name, what, count, since_ns, trace_id } => {
                span.status.failed { "new error" }
                span { a href=(parts::trace_link(view, trace_id)) { (service) ": " (name) } " " (what) " "
                    span.muted { "× " (format::count(*count)) } }
                span.muted { (since(*since_ns)) }
            }
            Change::Slower { service, route, before_seconds, now_seconds } => {
                span.status.refused { "slower" }
                span { a href=(view.service_link(service).with("route", route)) { (service) ": " (route) } }
                span.muted { "p95 " (format::duration(*before_seconds)) " → " (format::duration(*now_seconds)) }
            }
            Change::NewVersion { service, version, since_ns } => {
                span.status { "version" }
                span { a href=(view.service_link(service)) { (service) } " runs " b { (version) } }
                span.muted { (since(*since_ns)) }
            }
        }
    }
}
