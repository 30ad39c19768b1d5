//! What the stores show of the marked request, looked at again and again until the app's signals are all there, or the time
//! is over.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use reqwest::Client;

use super::{
    ask::NoAnswer,
    marked::{self, Marked},
    stores::{Asked, Counter, Labels, LogStore, MetricStore, Series, TraceStore},
};

const POLL: Duration = Duration::from_millis(200);
/// Spans and logs of a request are there no later than so long after its metrics.
const GRACE: Duration = Duration::from_secs(4);

const SERVER: &str = "http_server_request_duration_seconds";
const CLIENT: &str = "http_client_request_duration_seconds";
const QUEUE: Counter = Counter {
    metric: "otelcol_exporter_queue_size",
    is_histogram: false,
};

/// The stores of the three signals.
#[derive(Debug)]
pub(super) struct Stores {
    pub(super) metrics: MetricStore,
    pub(super) logs: LogStore,
    pub(super) traces: TraceStore,
}

/// What came of one question that is asked until it is answered well.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// Method and address, as asked last.
    pub(super) question: String,
    /// Why there was no answer, the last time.
    pub(super) silence: Option<NoAnswer>,
    /// How long after the request what the app sent was there.
    pub(super) app: Option<Duration>,
    /// The same of what the doctor sent.
    pub(super) own: Option<Duration>,
    /// Whether the app's is in the trace that its exemplar opens, and not in the marked one, which the app did not take over.
    pub(super) is_of_exemplar: bool,
    pub(super) clock_ahead_seconds: Option<i64>,
}

/// All that was seen.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    pub(super) metrics: Look,
    pub(super) exemplars: Look,
    pub(super) logs: Look,
    pub(super) traces: Look,
    /// Of the app's series that counted the request.
    pub(super) labels: Labels,
    /// The trace that the app's exemplar opens: that of the request, or of another one that came between.
    pub(super) exemplar_opens: Option<String>,
    /// Whether that trace is there.
    pub(super) is_exemplars_trace_there: bool,
    /// How long it was looked for.
    pub(super) waited: Duration,
    /// What the app counted as exported after the request, where its metrics arrive.
    pub(super) exported: Exported,
    /// Queues of the Collector that are not empty, where its metrics arrive: exporter, signal, batches.
    pub(super) queues: Vec<(String, String, f64)>,
    /// Samples that the store refused meanwhile as out of order, of anybody, where it says so.
    pub(super) samples_refused: f64,
    /// Whether the store keeps exemplars, where it says so.
    pub(super) keeps_exemplars: Option<bool>,
}

/// By the counters of the app's own exporters.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Exported {
    pub(super) spans: bool,
    pub(super) logs: bool,
}

/// One run of questions.
pub(super) struct Watch<'a> {
    pub(super) client: &'a Client,
    pub(super) stores: &'a Stores,
    pub(super) marked: &'a Marked,
    /// `service.name` of the app.
    pub(super) service: &'a str,
    /// Path of the marked request.
    pub(super) route: &'a str,
}

impl Watch<'_> {
    /// Looks until all that the app should have sent is there, for at most `wait`; where it did not answer, all of the doctor's.
    pub(super) async fn run(&self, wait: Duration) -> Evidence {
        let mut seen = Evidence::default();
        let started = Instant::now();
        let refused_before = self.stores.metrics.samples_refused(self.client).await;
        loop {
            self.look(&mut seen, started).await;
            self.follow_exemplar(&mut seen, started).await;
            seen.waited = started.elapsed();
            if self.is_complete(&seen) || seen.waited >= wait {
                break;
            }
            tokio::time::sleep(POLL).await;
        }
        self.ask_the_rest(&mut seen).await;
        if let Some(before) = refused_before
            && seen.metrics.app.is_none()
        {
            let after = self.stores.metrics.samples_refused(self.client).await;
            seen.samples_refused = after.map_or(0.0, |after| after - before);
        }
        seen
    }

    fn is_complete(&self, seen: &Evidence) -> bool {
        let looks = [&seen.metrics, &seen.exemplars, &seen.logs, &seen.traces];
        let is_answered = self.marked.answer.is_ok();
        looks.iter().all(|look| {
            if is_answered {
                look.app.is_some()
            } else {
                look.own.is_some()
            }
        })
    }

    async fn look(&self, seen: &mut Evidence, started: Instant) {
        // Before the exemplars: those of an export are in the store no later than its counts.
        self.look_for_metrics(seen, started).await;
        tokio::join!(
            self.look_for_exemplars(
                &mut seen.exemplars,
                &mut seen.exemplar_opens,
                seen.metrics.app.is_some(),
                started
            ),
            self.look_for_traces(&mut seen.traces, started),
            self.look_for_logs(&mut seen.logs, started),
        );
    }

    async fn look_for_metrics(&self, seen: &mut Evidence, started: Instant) {
        let Evidence {
            metrics: look,
            labels,
            ..
        } = seen;
        let histogram = |metric| Counter {
            metric,
            is_histogram: true,
        };
        if look.app.is_none() {
            let with = [("http_route", self.route), ("http_request_method", "GET")];
            let asked = self.series(histogram(SERVER), &with).await;
            if let Some(series) = look.take(asked) {
                let counted = series.into_iter().find(|series| {
                    is_of(&series.labels, self.service) && series.has_risen(self.marked.sent)
                });
                if let Some(series) = counted {
                    *labels = series.labels;
                    look.app = Some(started.elapsed());
                }
            }
        }
        if look.own.is_none() && look.silence.is_none() {
            let with = [("service_instance_id", self.marked.instance.as_str())];
            let asked = self.series(histogram(CLIENT), &with).await;
            // What was asked for the app is what a person wants to ask again.
            let is_there = asked.answer.is_ok_and(|series| !series.is_empty());
            look.own = is_there.then(|| started.elapsed());
        }
    }

    async fn series(&self, counter: Counter, with: &[(&str, &str)]) -> Asked<Vec<Series>> {
        let (client, sent) = (self.client, self.marked.sent);
        self.stores
            .metrics
            .series(client, counter, with, sent)
            .await
    }

    async fn look_for_exemplars(
        &self,
        look: &mut Look,
        opens: &mut Option<String>,
        is_counted: bool,
        started: Instant,
    ) {
        let marked = self.marked.trace_id();
        let (client, store, sent) = (self.client, &self.stores.metrics, self.marked.sent);
        if look.app.is_none() {
            let asked = store.exemplars(client, SERVER, self.service, sent).await;
            if let Some(ids) = look.take(asked) {
                // An export keeps one exemplar per bucket, which may be another request's.
                let of_another = ids.iter().next().filter(|_| is_counted).cloned();
                *opens = ids.contains(&marked).then(|| marked.clone()).or(of_another);
                look.app = opens.as_ref().map(|_| started.elapsed());
            }
        }
        if look.own.is_none() && look.silence.is_none() {
            let asked = store.exemplars(client, CLIENT, marked::SERVICE, sent).await;
            let is_there = asked.answer.is_ok_and(|ids| ids.contains(&marked));
            look.own = is_there.then(|| started.elapsed());
        }
    }

    async fn look_for_traces(&self, look: &mut Look, started: Instant) {
        if look.app.is_none() {
            let store = &self.stores.traces;
            let asked = store.services(self.client, &self.marked.trace_id()).await;
            look.services(asked, self.service, started);
        }
    }

    async fn look_for_logs(&self, look: &mut Look, started: Instant) {
        if look.app.is_none() {
            let (store, sent) = (&self.stores.logs, self.marked.sent);
            let asked = store
                .services(self.client, &self.marked.trace_id(), sent)
                .await;
            look.services(asked, self.service, started);
        }
    }

    /// An app that does not trust the caller's `traceparent` makes a trace of its own, and its exemplar opens that.
    async fn follow_exemplar(&self, seen: &mut Evidence, started: Instant) {
        let is_late = seen
            .metrics
            .app
            .is_some_and(|there| started.elapsed() > there + GRACE);
        let Some(opens) = seen.exemplar_opens.as_ref().filter(|_| is_late) else {
            return;
        };
        if *opens == self.marked.trace_id() {
            return;
        }
        let Stores { traces, logs, .. } = self.stores;
        if seen.traces.app.is_none() {
            let asked = traces.services(self.client, opens).await;
            seen.traces.of_exemplar(asked, self.service, started);
        }
        if seen.logs.app.is_none() {
            let asked = logs.services(self.client, opens, self.marked.sent).await;
            seen.logs.of_exemplar(asked, self.service, started);
        }
    }

    /// What tells more of what was or was not seen.
    async fn ask_the_rest(&self, seen: &mut Evidence) {
        if let Some(opens) = &seen.exemplar_opens {
            seen.is_exemplars_trace_there = self.comes(opens).await;
        }
        if seen.metrics.silence.is_some() {
            return;
        }
        if seen.exemplars.app.is_none() {
            seen.keeps_exemplars = self.stores.metrics.keeps_exemplars(self.client).await;
        }
        seen.exported = Exported {
            spans: self
                .has_exported("otel_sdk_exporter_span_exported_total")
                .await,
            logs: self
                .has_exported("otel_sdk_exporter_log_exported_total")
                .await,
        };
        let queues = self.series(QUEUE, &[]).await.answer.unwrap_or_default();
        let last = queues.into_iter().filter_map(|series| {
            let (at, batches) = *series.samples.last()?;
            // What was sent no more, as a Collector that is gone, says nothing of now.
            if at < self.marked.sent {
                return None;
            }
            let text = |label: &str| series.labels.get(label).cloned().unwrap_or_default();
            Some((text("exporter"), text("data_type"), batches))
        });
        seen.queues = last.filter(|(_, _, batches)| *batches > 0.0).collect();
    }

    /// Whether this trace is there, or is so soon: that of a request beside the marked one may be younger.
    async fn comes(&self, trace_id: &str) -> bool {
        let deadline = Instant::now() + GRACE;
        loop {
            let asked = self.stores.traces.services(self.client, trace_id).await;
            let is_there = asked.answer.is_ok_and(|services| !services.is_empty());
            if is_there || Instant::now() > deadline {
                return is_there;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn has_exported(&self, metric: &'static str) -> bool {
        let counter = Counter {
            metric,
            is_histogram: false,
        };
        let with = [("service_name", self.service)];
        let series = self.series(counter, &with).await.answer.unwrap_or_default();
        series.iter().any(|series| {
            !series.labels.contains_key("error_type") && series.has_risen(self.marked.sent)
        })
    }
}

impl Look {
    /// Notes the question and its failure, and hands out what came back.
    fn take<T>(&mut self, asked: Asked<T>) -> Option<T> {
        self.question = asked.question;
        self.clock_ahead_seconds = asked.clock_ahead_seconds.or(self.clock_ahead_seconds);
        match asked.answer {
            Ok(answer) => {
                self.silence = None;
                Some(answer)
            }
            Err(error) => {
                self.silence = Some(error);
                None
            }
        }
    }

    fn of_exemplar(&mut self, asked: Asked<BTreeSet<String>>, service: &str, started: Instant) {
        let is_there = self
            .take(asked)
            .is_some_and(|services| services.contains(service));
        self.app = is_there.then(|| started.elapsed());
        self.is_of_exemplar = is_there;
    }

    fn services(&mut self, asked: Asked<BTreeSet<String>>, service: &str, started: Instant) {
        let Some(services) = self.take(asked) else {
            return;
        };
        let now = started.elapsed();
        if services.contains(service) {
            self.app = Some(now);
        }
        if services.contains(marked::SERVICE) {
            self.own = self.own.or(Some(now));
        }
    }
}

/// By `service_name`, or, where the Collector did not make it a label, by `job`, which is NAMESPACE/NAME.
fn is_of(labels: &Labels, service: &str) -> bool {
    match (labels.get("service_name"), labels.get("job")) {
        (Some(name), _) => name == service,
        (None, Some(job)) => job.rsplit('/').next() == Some(service),
        (None, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        let pairs = pairs.iter();
        pairs
            .map(|&(label, value)| (label.to_owned(), value.to_owned()))
            .collect()
    }

    #[test]
    fn a_series_without_the_label_is_known_by_its_job() {
        assert!(is_of(
            &labels(&[("service_name", "auth"), ("job", "x")]),
            "auth"
        ));
        assert!(is_of(&labels(&[("job", "trivium/auth")]), "auth"));
        assert!(is_of(&labels(&[("job", "auth")]), "auth"));
        assert!(!is_of(&labels(&[("job", "trivium/auth2")]), "auth"));
        assert!(!is_of(&labels(&[]), "auth"));
    }
}
