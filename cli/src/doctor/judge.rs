//! From what was seen to a verdict on each hop: nothing is asked here.
//!
//! The app and the doctor send the same trace over the same road. What of the app's is there proves every hop before it. What is
//! not there was lost by the app if the doctor's own came through, and on the road if that did not come either. So the broken hop
//! is named without anybody's internal numbers: nothing here opens a port to be scraped, and a store that is away hides only
//! what lies behind it. Numbers that the programs and the Collector send of themselves make the fix more exact where they arrive.
//!
//! Known limitation: of a signal whose store is away nothing before the store can be said. Once it is back, the next run tells.

use super::{
    evidence::Look,
    fix,
    hop::{Hop, Place},
    marked::Delivery,
    signal::{Case, Fate, Signal},
};

impl Case<'_> {
    /// The verdicts on all hops but Grafana's, in order.
    pub(super) fn hops(&self) -> Vec<Hop> {
        vec![
            self.app(),
            self.app_export(),
            self.collector(),
            self.collector_export(),
            self.metric(),
            self.exemplar(),
            self.trace(),
            self.records(),
        ]
    }

    fn app(&self) -> Hop {
        let hop = match &self.marked.answer {
            Ok(answer) if answer.status.is_server_error() => Hop::broken(
                Place::App,
                answer.status.to_string(),
                "see the app's own log: it fails this request",
            ),
            Ok(answer) => Hop::well(Place::App, answer.status.to_string()).after(answer.took),
            Err(error) => Hop::broken(
                Place::App,
                error.to_string(),
                "start the app (`trivium up`), or say where it is with --app",
            ),
        };
        hop.asked(&self.marked.question)
    }

    fn app_export(&self) -> Hop {
        let place = Place::AppExport;
        if self.marked.answer.is_err() {
            return Hop::unknown(place, "there was no request to tell of");
        }
        let arrived = self.of_fate(Fate::Arrived);
        let kept = self.of_fate(Fate::KeptByApp);
        if kept.is_empty() {
            let astray = self.of_fate(Fate::Astray);
            let exported: Vec<_> = arrived.iter().chain(&astray).collect();
            if exported.is_empty() {
                return Hop::unknown(place, "nothing of it got far enough to tell");
            }
            let names: Vec<_> = exported.iter().map(|signal| signal.kind.name()).collect();
            return Hop::well(place, names.join(", "));
        }
        let names: Vec<_> = kept.iter().map(|signal| signal.kind.name()).collect();
        let came_back = format!(
            "no {} of {}, though the doctor's own came through",
            names.join(", no "),
            self.service
        );
        let fix = if arrived.is_empty() {
            fix::nothing_exported(self.is_token_wanted)
        } else {
            let reasons: Vec<_> = kept
                .iter()
                .map(|signal| format!("{}: {}", signal.kind.name(), fix::kept_by_app(signal.kind)))
                .collect();
            format!("look at the app's variables. {}", reasons.join(". "))
        };
        let hop = Hop::broken(place, came_back, fix).after(self.seen.waited);
        hop.asked(&kept[0].look.question)
    }

    fn collector(&self) -> Hop {
        let place = Place::Collector;
        let Delivery {
            metrics,
            logs,
            traces,
        } = self.delivery;
        let failed = [metrics, logs, traces]
            .into_iter()
            .find_map(|delivered| Some((delivered, delivered.outcome.as_ref().err()?)));
        let Some((delivered, error)) = failed else {
            let hop = Hop::well(place, "metrics, logs, spans of the doctor");
            let slowest = [metrics, logs, traces].map(|delivered| delivered.outcome.clone());
            let slowest = slowest.into_iter().flatten().max().unwrap_or_default();
            return hop.after(slowest).asked(&traces.question);
        };
        if !self.of_fate(Fate::Arrived).is_empty() {
            let came_back = format!("what the app sent; the doctor's own not: {error}");
            return Hop::well(place, came_back).asked(&delivered.question);
        }
        Hop::broken(place, error.to_string(), fix::not_accepted(error)).asked(&delivered.question)
    }

    fn collector_export(&self) -> Hop {
        let place = Place::CollectorExport;
        let stuck = self.of_fate(Fate::Stuck);
        if let Some(first) = stuck.first() {
            let lost: Vec<_> = stuck
                .iter()
                .map(|signal| format!("{} in {}", signal.kind.name(), signal.store))
                .collect();
            let waiting =
                self.waiting(|signal| stuck.iter().any(|stuck| stuck.kind.data_type() == signal));
            let came_back = format!("accepted, but there are no {}{waiting}", lost.join(", no "));
            let fix = fix::stuck(self, first, !waiting.is_empty());
            let hop = Hop::broken(place, came_back, fix).after(self.seen.waited);
            return hop.asked(&first.look.question);
        }
        let through = self
            .signals()
            .into_iter()
            .filter(|signal| signal.look.app.is_some() || signal.look.own.is_some());
        let through: Vec<_> = through.map(|signal| signal.kind.name()).collect();
        if through.is_empty() {
            return Hop::unknown(place, "nothing came this far");
        }
        Hop::well(
            place,
            format!("{}{}", through.join(", "), self.waiting(|_| true)),
        )
    }

    /// Of the Collector's queues of some signals, where its own metrics arrive.
    fn waiting(&self, is_wanted: impl Fn(&str) -> bool) -> String {
        let queues: Vec<_> = self
            .seen
            .queues
            .iter()
            .filter(|(_, signal, _)| is_wanted(signal))
            .map(|(exporter, signal, batches)| format!("{batches} of {signal} in {exporter}"))
            .collect();
        if queues.is_empty() {
            String::new()
        } else {
            format!("; batches that wait: {}", queues.join(", "))
        }
    }

    /// The verdict on one signal's arrival; `astray`: why it is not where it belongs though the app sent it.
    fn arrival(&self, place: Place, signal: &Signal<'_>, found: &str, astray: String) -> Hop {
        let look = signal.look;
        let hop = match signal.fate {
            Fate::Arrived => Hop::well(place, found).after(look.app.unwrap_or_default()),
            Fate::StoreAway => {
                let error = look.silence.as_ref().map(ToString::to_string);
                Hop::broken(
                    place,
                    error.unwrap_or_default(),
                    fix::store_away(signal, look.silence.as_ref()),
                )
            }
            Fate::Astray => {
                let came_back = format!("nothing of {}", self.service);
                Hop::broken(place, came_back, astray)
            }
            Fate::KeptByApp => Hop::unknown(place, "the app did not send it"),
            Fate::Stuck => Hop::unknown(place, "the Collector did not bring it"),
            Fate::Refused => Hop::unknown(place, "nothing came this far"),
        };
        hop.asked(&look.question)
    }

    fn metric(&self) -> Hop {
        let missing: Vec<_> = ["job", "instance", "service_name", "service_instance_id"]
            .into_iter()
            .filter(|label| !self.seen.labels.contains_key(*label))
            .collect();
        if self.seen.metrics.app.is_some() && !missing.is_empty() {
            let came_back = format!("it counted the request, without {}", missing.join(", "));
            let fix = "transform/labels of otelcol/config.yaml makes these labels, and the exporter job and instance: the \
                       metrics pipeline needs both";
            return Hop::broken(Place::Metric, came_back, fix).asked(&self.seen.metrics.question);
        }
        let label = |name: &str| self.seen.labels.get(name).map_or("", String::as_str);
        let found = format!(
            "job=\"{}\" instance=\"{}\"",
            label("job"),
            label("instance")
        );
        let clock = self.app_clock().map(fix::clock);
        let refused = (self.seen.samples_refused > 0.0).then(|| fix::out_of_order(self));
        let reasons: Vec<_> = clock.into_iter().chain(refused).collect();
        self.arrival(Place::Metric, &self.metrics(), &found, reasons.join(". "))
    }

    fn exemplar(&self) -> Hop {
        let (place, seen) = (Place::Exemplar, self.seen);
        let store = self.stores.metrics.name();
        let hop = match (&seen.exemplar_opens, seen.exemplars.app) {
            (Some(opens), Some(after)) => {
                let marked = self.marked.trace_id();
                let which = if *opens == marked {
                    "of this request"
                } else {
                    "of a request beside it"
                };
                Hop::well(place, format!("{which}, opens {opens}")).after(after)
            }
            _ if seen.metrics.app.is_none() => Hop::unknown(place, "its metric is not there"),
            _ if seen.metrics.own.is_some() && seen.exemplars.own.is_none() => {
                let certainly = match seen.keeps_exemplars {
                    Some(false) => "exemplar storage is off",
                    _ => "exemplar storage may be off or full",
                };
                Hop::broken(
                    place,
                    "none, neither of the app nor of the doctor",
                    format!(
                        "{certainly}: start {store} with --enable-feature=exemplar-storage, and give \
                         storage.exemplars.max_exemplars room"
                    ),
                )
            }
            _ if self.traces().fate == Fate::KeptByApp => Hop::unknown(
                place,
                "only sampled spans have exemplars, and there is no span",
            ),
            _ => Hop::broken(
                place,
                format!("none of {}", self.service),
                "OTEL_METRICS_EXEMPLAR_FILTER of the app is always_off, or its SDK makes no exemplars",
            ),
        };
        hop.asked(&seen.exemplars.question)
    }

    fn trace(&self) -> Hop {
        let place = Place::Trace;
        let signal = self.traces();
        let astray = "the app exported spans, but none in this trace: it does not trust this caller's traceparent \
                      (APP_TRUSTED_CALLERS), OTEL_PROPAGATORS lacks tracecontext, or sampling left this trace out";
        let hop = self.arrival(
            place,
            &signal,
            &of_trace("spans of the app", signal.look),
            astray.into(),
        );
        if signal.fate == Fate::Arrived
            && let Some(opens) = &self.seen.exemplar_opens
            && !self.seen.is_exemplars_trace_there
        {
            let came_back = format!("the exemplar's trace {opens} is not there");
            let fix = "a sampling policy of the Collector drops traces that exemplars point to, or its spans are still on the way";
            return Hop::broken(place, came_back, fix).asked(&self.seen.traces.question);
        }
        hop
    }

    fn records(&self) -> Hop {
        let without_id = "the app exported records, but none with this trace's id: it does not trust this caller's \
                          traceparent (APP_TRUSTED_CALLERS), or writes them outside of the request's span";
        let astray = self
            .app_clock()
            .map_or_else(|| without_id.to_owned(), fix::clock);
        let signal = self.logs();
        let found = of_trace("records with the trace's id", signal.look);
        self.arrival(Place::Logs, &signal, &found, astray)
    }
}

/// Says of which trace what was found is, when it is not the marked one.
fn of_trace(found: &str, look: &Look) -> String {
    if look.is_of_exemplar {
        format!(
            "{found}, in the trace its exemplar opens: it did not take over this one (APP_TRUSTED_CALLERS, or sampling)"
        )
    } else {
        found.to_owned()
    }
}
