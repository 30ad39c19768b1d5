//! The report as one page: verdict and figures, three charts, tables.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::charts;
use crate::load::{summary::Summary, text::format_latency};

const STYLE: &str = include_str!("report.css");

pub(super) fn of(summary: &Summary) -> Markup {
    let failed = summary.thresholds.iter().any(|threshold| threshold.failed);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                title { "Load " (summary.scenario) " · " (summary.target) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 {
                        "Load: " (summary.scenario)
                        @if !summary.thresholds.is_empty() {
                            " " (badge(failed))
                        }
                    }
                    (facts(summary))
                }
                main {
                    (figures(summary))
                    (thresholds(summary))
                    (charts::rate(summary))
                    (charts::latency(&summary.timeline))
                    (charts::curve(&summary.routes))
                    (routes(summary))
                    (errors(summary))
                    (slowest(summary))
                }
                footer { (method(summary)) }
            }
        }
    }
}

fn badge(failed: bool) -> Markup {
    html! {
        @if failed { span.badge.bad { "failed" } } @else { span.badge.good { "passed" } }
    }
}

fn facts(summary: &Summary) -> Markup {
    html! {
        p.facts {
            span { "target " b { (summary.target) } }
            @match summary.due_rate {
                Some(rate) => span { "open model, " b { (rate) " requests/s" } " due, " (summary.users) " users" },
                None => span { "closed model, " b { (summary.users) " users" } ", " (summary.spawn_rate) " per second" },
            }
            span { b { (format!("{:.0} s", summary.duration_seconds)) } }
            span { "ended " b { (summary.ended_at) } }
        }
    }
}

fn figures(summary: &Summary) -> Markup {
    let share = summary.failures as f64 / (summary.requests.max(1)) as f64;
    let all = &summary.all;
    html! {
        dl.figures {
            div { dt { "Requests" } dd { (summary.requests) } }
            div { dt { "Requests/s" } dd { (format!("{:.1}", summary.rate)) } }
            div {
                dt { "Failures" }
                dd.bad[summary.failures > 0] { (summary.failures) " " small { (format!("{:.2} %", share * 100.0)) } }
            }
            @if let Some(unsent) = summary.unsent {
                div { dt { "Due, not sent" } dd.bad[unsent > 0] { (unsent) } }
            }
            div { dt { "p50" } dd { (format_latency(all.p50_seconds)) } }
            div { dt { "p95" } dd { (format_latency(all.p95_seconds)) } }
            div { dt { "p99" } dd { (format_latency(all.p99_seconds)) } }
        }
    }
}

fn thresholds(summary: &Summary) -> Markup {
    html! {
        @if !summary.thresholds.is_empty() {
            section.card {
                h2 { "Fail if" }
                table {
                    thead { tr { th { "condition" } th.number { "measured" } th { "" } } }
                    tbody {
                        @for threshold in &summary.thresholds {
                            tr {
                                td { code { (threshold.condition) } }
                                td.number { (threshold.measured) }
                                td { (badge(threshold.failed)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn routes(summary: &Summary) -> Markup {
    let header = [
        "requests",
        "failures",
        "req/s",
        "mean",
        "p50",
        "p95",
        "p99",
        "max",
        "p99 from sending",
    ];
    html! {
        section.card {
            h2 { "Routes" }
            div.wide {
                table {
                    thead { tr { th { "route" } @for name in header { th.number { (name) } } } }
                    tbody {
                        @for row in summary.routes.iter().chain([&summary.all]) {
                            tr.all[row.route == summary.all.route] {
                                td { (row.route) }
                                td.number { (row.requests) }
                                td.number.bad[row.failures > 0] { (row.failures) }
                                td.number { (format!("{:.1}", row.rate)) }
                                @for latency in [
                                    row.mean_seconds, row.p50_seconds, row.p95_seconds, row.p99_seconds, row.max_seconds,
                                    row.service_p99_seconds,
                                ] {
                                    td.number { (format_latency(latency)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn errors(summary: &Summary) -> Markup {
    html! {
        @if !summary.errors.is_empty() {
            section.card {
                h2 { "Failures" }
                div.wide {
                    table {
                        thead { tr { th { "route" } th { "what came back" } th.number { "requests" } } }
                        tbody {
                            @for error in &summary.errors {
                                tr { td { (error.route) } td { (error.error) } td.number { (error.count) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn slowest(summary: &Summary) -> Markup {
    html! {
        section.card {
            h2 { "Slowest requests and their traces" }
            div.wide {
                table {
                    thead { tr { th { "route" } th.number { "time" } th { "trace" } } }
                    tbody {
                        @for slow in summary.routes.iter().flat_map(|route| &route.slowest) {
                            tr {
                                td { (slow.route) }
                                td.number { (format_latency(Some(slow.duration_seconds))) }
                                td {
                                    @match &slow.link {
                                        Some(link) => a href=(link) { code { (slow.trace_id) } },
                                        None => code.muted title="not sampled" { (slow.trace_id) },
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn method(summary: &Summary) -> Markup {
    html! {
        @if summary.due_rate.is_some() {
            p {
                "Requests were due at a fixed rate, however slow the target was. A latency counts from when its request was due,
                so the time in which it waited for a user that was free is part of it (no coordinated omission)."
            }
        } @else {
            p {
                "Each user waits for its answer, so a slow target gets fewer requests. Those that a waiting user left out are added
                to the latencies, each with the wait it would have had (correction of coordinated omission)."
            }
        }
        p { "“From sending” and the times of the slowest requests are as measured. Made by trivium load " (env!("CARGO_PKG_VERSION")) "." }
    }
}

#[cfg(test)]
mod tests;
