//! The labels of one metric: what it is narrowed to and split by, and what it could be.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::address::Address;
use super::format;
use super::view::View;

/// Values of one label that are listed.
const VALUES: usize = 12;

/// What the address asks for.
#[derive(Debug)]
pub(super) struct Chosen {
    /// Labels that the metric is split by.
    pub(super) by: Vec<String>,
    /// Label and value, each as the address has it.
    conditions: Vec<(String, String)>,
}

impl Chosen {
    pub(super) fn read(view: &View) -> Self {
        let conditions = view.params.text("where").unwrap_or_default().split(',');
        let pairs = conditions.filter_map(|condition| condition.split_once('='));
        Self {
            by: view.params.by(),
            conditions: pairs
                .map(|(label, value)| (label.trim().to_owned(), value.to_owned()))
                .collect(),
        }
    }

    fn is_by(&self, label: &str) -> bool {
        self.by.iter().any(|by| by == label)
    }

    /// This page with `conditions`.
    fn with(view: &View, conditions: &[(String, String)]) -> Address {
        let address = view.address.clone().without("where");
        if conditions.is_empty() {
            return address;
        }
        let written: Vec<String> = conditions
            .iter()
            .map(|(label, value)| format!("{label}={value}"))
            .collect();
        address.with("where", &written.join(","))
    }

    /// A value that narrows the metric to it. One with a comma cannot be written in an address.
    pub(super) fn narrowing(&self, view: &View, label: &str, value: &str) -> Markup {
        let known = |(known, of): &(String, String)| known == label && of == value;
        html! {
            @if value.contains(',') || self.conditions.iter().any(known) { (value) }
            @else {
                @let more: Vec<_> = self.conditions.iter().cloned().chain([(label.to_owned(), value.to_owned())]).collect();
                a href=(Self::with(view, &more)) title={ "Only " (label) " " (value) } { (value) }
            }
        }
    }

    /// What the metric is narrowed to and split by, each with the way back.
    pub(super) fn chips(&self, view: &View) -> Markup {
        html! {
            p.chips {
                @for (index, (label, value)) in self.conditions.iter().enumerate() {
                    @let others: Vec<_> = self.conditions.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, pair)| pair.clone()).collect();
                    span.chip data-testid="where" { (label) " " b { (value) }
                        a.close href=(Self::with(view, &others)) title={ "With any " (label) } { "×" } }
                }
                @for label in &self.by {
                    span.chip data-testid="by" { "by " b { (label) } a.close href=(self.toggled(view, label)) title={ "Not by " (label) } { "×" } }
                }
            }
        }
    }

    /// This page split by `label` too, or not any more.
    fn toggled(&self, view: &View, label: &str) -> Address {
        let mut by: Vec<&str> = self
            .by
            .iter()
            .map(String::as_str)
            .filter(|by| *by != label)
            .collect();
        if !self.is_by(label) {
            by.push(label);
        }
        let address = view.address.clone().without("by");
        if by.is_empty() {
            address
        } else {
            address.with("by", &by.join(","))
        }
    }
}

/// All labels with their values, those that tell series apart first.
pub(super) fn list(
    view: &View,
    chosen: &Chosen,
    labels: &BTreeMap<&str, BTreeMap<&str, usize>>,
) -> Markup {
    let mut sorted: Vec<_> = labels.iter().collect();
    sorted.sort_by_key(|(label, values)| (values.len() < 2, **label));
    let (several, single): (Vec<_>, Vec<_>) =
        sorted.into_iter().partition(|(_, values)| values.len() > 1);
    html! {
        section.card.labels {
            h2 { "Labels" }
            @if several.is_empty() { p.note { "All of it has the same labels." } }
            @for (label, values) in several { (of_label(view, chosen, label, values)) }
            @if !single.is_empty() {
                details { summary { (format::counted(single.len().try_into().unwrap_or(i64::MAX), "label")) " with one value" }
                    dl.attributes { @for (label, values) in single { @for value in values.keys() {
                        div { dt { (label) } dd { (value) } }
                    } } }
                }
            }
        }
    }
}

fn of_label(view: &View, chosen: &Chosen, label: &str, values: &BTreeMap<&str, usize>) -> Markup {
    let mut by_count: Vec<_> = values.iter().collect();
    by_count.sort_by_key(|(value, count)| (std::cmp::Reverse(**count), **value));
    html! {
        div.label data-testid="label" {
            h3 { (label) " "
                a.split href=(chosen.toggled(view, label)) data-testid="split" { @if chosen.is_by(label) { "undo the split" } @else { "split by it" } }
            }
            ul { @for (value, count) in by_count.iter().take(VALUES) {
                li { (chosen.narrowing(view, label, value)) span.muted { (count) } }
            } }
            @if by_count.len() > VALUES { span.muted { (by_count.len() - VALUES) " more" } }
        }
    }
}
