//! The frame of every page: head, sections, search, time menu, the switch of live mode, the theme, and the table of keys.
//! Within `main`, what has `data-live` and an id follows what arrives: see `assets/js/live.js`.

use maud::{DOCTYPE, Markup, html};

use super::address::Address;
use super::assets::{ICON, SCRIPT, STYLE};
use super::view::View;
use super::{parts, timemenu};

/// Seconds between two refreshes.
const REFRESH_SECONDS: u32 = 3;

/// The sections of the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Overview,
    Services,
    Metrics,
    Traces,
    Logs,
    Pipeline,
    Hosts,
    Containers,
}

impl Section {
    const ALL: [Self; 8] = [
        Self::Overview,
        Self::Services,
        Self::Metrics,
        Self::Traces,
        Self::Logs,
        Self::Pipeline,
        Self::Hosts,
        Self::Containers,
    ];

    /// Its name, its path, and the key that opens it after `g`.
    fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Overview => ("Overview", "/", "o"),
            Self::Services => ("Services", "/services", "s"),
            Self::Metrics => ("Metrics", "/metrics", "m"),
            Self::Traces => ("Traces", "/traces", "t"),
            Self::Logs => ("Logs", "/logs", "l"),
            Self::Pipeline => ("Pipeline", "/pipeline", "p"),
            Self::Hosts => ("Hosts", "/hosts", "h"),
            Self::Containers => ("Containers", "/containers", "c"),
        }
    }
}

/// A page of a section, or of none. `picks_range`: whether it shows a range of time, and so can be live.
pub(super) fn page(
    title: &str,
    section: impl Into<Option<Section>>,
    view: &View,
    picks_range: bool,
    content: &Markup,
) -> Markup {
    let is_live = picks_range && view.is_live();
    let search = html! { (parts::kept_range(view)) };
    let time = html! { @if picks_range { (timemenu::menu(view)) } };
    let link = |path: &str| view.link(path);
    let top = top(section.into(), &link, view.params.text("q"), &search, &time);
    let main = html! {
        main #main data-refresh-seconds=[is_live.then_some(REFRESH_SECONDS)] { (content) }
    };
    document(title, &top, &main)
}

/// A page without state.
pub(super) fn bare(title: &str, content: &Markup) -> Markup {
    let nothing = html! {};
    let top = top(None, &Address::new, None, &nothing, &nothing);
    document(title, &top, &html! { main #main { (content) } })
}

/// A page without the frame, for who may not see it yet.
pub(super) fn alone(title: &str, content: &Markup) -> Markup {
    document(title, &html! {}, &html! { main #main { (content) } })
}

fn document(title: &str, top: &Markup, main: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · lens" }
                // Not deferred: it sets the theme before anything is drawn.
                script src=(SCRIPT.path) {}
                link rel="stylesheet" href=(STYLE.path);
                link rel="icon" href=(ICON.path) type="image/svg+xml";
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                (top)
                (main)
                (keys())
            }
        }
    }
}

fn top(
    section: Option<Section>,
    link: &dyn Fn(&str) -> Address,
    searched: Option<&str>,
    search_state: &Markup,
    time: &Markup,
) -> Markup {
    html! {
        header.top {
            a.brand href=(link("/")) { img src=(ICON.path) alt="" width="22" height="22"; span { "lens" } }
            nav.sections aria-label="Sections" {
                @for of in Section::ALL {
                    @let (name, path, key) = of.words();
                    a href=(link(path)) data-key=(key) aria-current=[(Some(of) == section).then_some("page")] { (name) }
                }
            }
            form.search role="search" action="/search" {
                (search_state)
                svg viewBox="0 0 16 16" aria-hidden="true" { circle cx="7" cy="7" r="4.6" {} path d="M10.6 10.6 14.2 14.2" {} }
                input type="search" name="q" value=(searched.unwrap_or_default()) placeholder="Search, or a trace id"
                    aria-label="Search: a trace id, a service, a route, a metric, a host, a container, or text in logs"
                    autocomplete="off" spellcheck="false";
                kbd aria-hidden="true" { "/" }
            }
            (time)
            div.tools {
                button #theme .tool type="button" hidden title="Light or dark (d)" aria-label="Switch between light and dark" {
                    svg viewBox="0 0 16 16" aria-hidden="true" { circle cx="8" cy="8" r="5.6" {} path d="M8 2.4a5.6 5.6 0 0 1 0 11.2z" fill="currentColor" {} }
                }
                button #help .tool type="button" hidden title="Keys (?)" aria-label="Keys" {
                    svg viewBox="0 0 16 16" aria-hidden="true" { rect x="1.4" y="3.6" width="13.2" height="8.8" rx="1.6" {} path d="M4 6.4h.1M6.7 6.4h.1M9.3 6.4h.1M12 6.4h.1M5 9.6h6" {} }
                }
            }
        }
    }
}

/// The table of keys, shown by `?`.
fn keys() -> Markup {
    html! {
        dialog #keys .keys aria-labelledby="keys-title" {
            h2 #keys-title { "Keys" }
            dl {
                dt { kbd { "/" } } dd { "Search" }
                @for section in Section::ALL {
                    @let (name, _, key) = section.words();
                    dt { kbd { "g" } " " kbd { (key) } } dd { (name) }
                }
                dt { kbd { "t" } } dd { "Time" }
                dt { kbd { "l" } } dd { "Live, or paused" }
                dt { kbd { "d" } } dd { "Light or dark" }
                dt { kbd { "?" } } dd { "These keys" }
                dt { "Drag over a chart" } dd { "That time only" }
            }
            form method="dialog" { button { "Close" } }
        }
    }
}
