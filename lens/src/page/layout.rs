//! The frame of every page: head, navigation, range picker, and the region that refreshes itself.

use maud::{DOCTYPE, Markup, html};

use super::assets::{ICON, SCRIPT, STYLE};
use super::view::{RANGES, View};

/// Seconds between two refreshes.
const REFRESH_SECONDS: u32 = 3;

/// The sections of the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Services,
    Traces,
    Logs,
    Hosts,
    Containers,
}

/// A page with navigation. `picks_range`: whether the range picker has a meaning on it.
pub(super) fn page(
    title: &str,
    section: Section,
    view: &View,
    picks_range: bool,
    content: &Markup,
) -> Markup {
    let is_live = picks_range && view.is_live();
    let links = [
        (Section::Services, "Services", view.link("/")),
        (Section::Traces, "Traces", view.link("/traces")),
        (Section::Logs, "Logs", view.link("/logs")),
        (Section::Hosts, "Hosts", view.link("/hosts")),
        (Section::Containers, "Containers", view.link("/containers")),
    ];
    let bar = html! {
        nav aria-label="Sections" {
            @for (of, name, address) in links {
                a href=(address) aria-current=[(of == section).then_some("page")] { (name) }
            }
        }
        @if picks_range { (range_picker(view)) }
    };
    html! {
        (document(title, &bar, &html! {
            main data-refresh-seconds=[is_live.then_some(REFRESH_SECONDS)] { (content) }
        }))
    }
}

/// A page without state.
pub(super) fn bare(title: &str, content: &Markup) -> Markup {
    document(title, &html! {}, &html! { main { (content) } })
}

fn document(title: &str, bar: &Markup, main: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · lens" }
                link rel="stylesheet" href=(STYLE.path);
                link rel="icon" href=(ICON.path) type="image/svg+xml";
                script src=(SCRIPT.path) defer {}
            }
            body {
                header.top {
                    a.brand href="/" { img src=(ICON.path) alt="" width="22" height="22"; "lens" }
                    (bar)
                }
                (main)
            }
        }
    }
}

fn range_picker(view: &View) -> Markup {
    let choose = |range| {
        view.address
            .clone()
            .without("until")
            .without("at")
            .with("since", range)
    };
    html! {
        div.range {
            @if view.can_be_live() {
                @if view.is_live() {
                    a.live.on href=(view.address.clone().with("live", "off")) title="Refreshes itself; click to pause" { "Live" }
                } @else {
                    a.live href=(view.address.clone().without("live")) title="Paused; click to refresh by itself" { "Paused" }
                }
            }
            nav.picker aria-label="Range" {
                @for range in RANGES {
                    a href=(choose(range)) aria-current=[(view.since() == Some(range)).then_some("true")] { (range) }
                }
                @if let Some(other) = view.since().filter(|since| !RANGES.contains(since)) {
                    a href=(choose(other)) aria-current="true" { (other) }
                }
            }
        }
    }
}
