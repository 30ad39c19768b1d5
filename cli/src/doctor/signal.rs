//! The three signals of the marked request, and what became of each.

use super::{
    evidence::{Evidence, Look, Stores},
    marked::{Delivered, Delivery, Marked},
};

/// All that a verdict is made from.
pub(super) struct Case<'a> {
    pub(super) marked: &'a Marked,
    pub(super) delivery: &'a Delivery,
    pub(super) seen: &'a Evidence,
    pub(super) stores: &'a Stores,
    /// Whether the Collector refuses who has no token.
    pub(super) is_token_wanted: bool,
    /// `service.name` of the app.
    pub(super) service: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Metrics,
    Logs,
    Spans,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Metrics => "metrics",
            Self::Logs => "logs",
            Self::Spans => "spans",
        }
    }

    /// As the Collector's metrics name it.
    pub(super) fn data_type(self) -> &'static str {
        match self {
            Self::Metrics | Self::Logs => self.name(),
            Self::Spans => "traces",
        }
    }
}

/// What became of what the app sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Arrived,
    /// The app did not export it.
    KeptByApp,
    /// The app exported it, as its own counters, its wrong clock or the store's refusals tell, and it is not where it belongs.
    Astray,
    /// The Collector accepted the doctor's own, and that is not in the store either, which answers.
    Stuck,
    /// The store does not answer.
    StoreAway,
    /// The doctor's own was not accepted.
    Refused,
}

/// One signal on its way.
pub(super) struct Signal<'a> {
    pub(super) kind: Kind,
    pub(super) fate: Fate,
    pub(super) look: &'a Look,
    /// `Loki`
    pub(super) store_name: &'static str,
    /// `Loki at http://127.0.0.1:3100`
    pub(super) store: String,
}

impl Case<'_> {
    pub(super) fn metrics(&self) -> Signal<'_> {
        let (look, store) = (&self.seen.metrics, &self.stores.metrics);
        let is_sent = self.seen.samples_refused > 0.0 || self.app_clock().is_some();
        Signal {
            kind: Kind::Metrics,
            fate: fate(look, &self.delivery.metrics, is_sent),
            look,
            store_name: store.name(),
            store: store.to_string(),
        }
    }

    pub(super) fn logs(&self) -> Signal<'_> {
        let (look, store) = (&self.seen.logs, &self.stores.logs);
        let is_sent = self.seen.exported.logs || self.app_clock().is_some();
        Signal {
            kind: Kind::Logs,
            fate: fate(look, &self.delivery.logs, is_sent),
            look,
            store_name: store.name(),
            store: store.to_string(),
        }
    }

    pub(super) fn traces(&self) -> Signal<'_> {
        let (look, store) = (&self.seen.traces, &self.stores.traces);
        Signal {
            kind: Kind::Spans,
            // A trace is found by its id, whatever time its spans have.
            fate: fate(look, &self.delivery.traces, self.seen.exported.spans),
            look,
            store_name: store.name(),
            store: store.to_string(),
        }
    }

    pub(super) fn signals(&self) -> [Signal<'_>; 3] {
        [self.metrics(), self.logs(), self.traces()]
    }

    /// Those of which this became.
    pub(super) fn of_fate(&self, wanted: Fate) -> Vec<Signal<'_>> {
        let mut signals: Vec<_> = self.signals().into();
        signals.retain(|signal| signal.fate == wanted);
        signals
    }

    /// How many seconds the app's clock is ahead, if it is wrong.
    pub(super) fn app_clock(&self) -> Option<i64> {
        let answer = self.marked.answer.as_ref().ok()?;
        answer.clock_ahead_seconds
    }
}

/// `is_sent`: whether there is a sign that the app did send it.
fn fate(look: &Look, delivered: &Delivered, is_sent: bool) -> Fate {
    if look.app.is_some() {
        Fate::Arrived
    } else if look.silence.is_some() {
        Fate::StoreAway
    } else if look.own.is_some() {
        if is_sent {
            Fate::Astray
        } else {
            Fate::KeptByApp
        }
    } else if delivered.outcome.is_ok() {
        Fate::Stuck
    } else {
        Fate::Refused
    }
}
