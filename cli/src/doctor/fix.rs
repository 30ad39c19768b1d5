//! The likely fix of each break, in words that name the variable, the option or the file.

use super::{
    ask::NoAnswer,
    signal::{Case, Kind, Signal},
};

/// Of an app that exports other signals.
pub(super) fn kept_by_app(kind: Kind) -> &'static str {
    match kind {
        Kind::Metrics => {
            "OTEL_METRICS_EXPORTER is none, or OTEL_METRIC_EXPORT_INTERVAL longer than --wait"
        }
        Kind::Logs => "OTEL_LOGS_EXPORTER is none, or RUST_LOG leaves its records out",
        Kind::Spans => {
            "OTEL_TRACES_SAMPLER is always_off or leaves this trace out, or OTEL_TRACES_EXPORTER is none"
        }
    }
}

/// Of an app of which nothing comes.
pub(super) fn nothing_exported(is_token_wanted: bool) -> String {
    let endpoint =
        "OTEL_EXPORTER_OTLP_ENDPOINT of the app names a closed port or another Collector";
    let token = "the app has no token or a wrong one: give it the Collector's with OTEL_EXPORTER_OTLP_BEARER_TOKEN_FILE";
    let log = "The app's log says how its export fails";
    if is_token_wanted {
        format!("this Collector wants a token. Either {token}; or {endpoint}. {log}")
    } else {
        format!("{endpoint}, or OTEL_SDK_DISABLED is true. {log}")
    }
}

/// Of a Collector that does not accept.
pub(super) fn not_accepted(error: &NoAnswer) -> &'static str {
    match error {
        NoAnswer::Refused => {
            "start the Collector (`trivium up`; where `trivium status` shows other parts up, `trivium down` first), or say where \
             its OTLP/HTTP receiver is with --otlp-http"
        }
        error if error.is_unauthorized() => {
            "the token is missing or wrong: give the file with the Collector's with --token-file, and to every program with \
             OTEL_EXPORTER_OTLP_BEARER_TOKEN_FILE"
        }
        NoAnswer::Status {
            status: 429 | 503, ..
        } => {
            "its memory limit or a queue is full: see the Collector's log, and raise OTELCOL_MEMORY_MIB"
        }
        _ => "is this the Collector's OTLP/HTTP receiver? Say where it is with --otlp-http",
    }
}

/// Of a Collector that does not hand on what it accepted; `has_waiting`: whether its queue of it is not empty.
pub(super) fn stuck(case: &Case<'_>, signal: &Signal<'_>, has_waiting: bool) -> String {
    if signal.kind == Kind::Metrics && case.seen.samples_refused > 0.0 {
        return out_of_order(case);
    }
    let (store, kind) = (signal.store_name, signal.kind.name());
    let variable = match (store, signal.kind) {
        ("lens", Kind::Metrics) => "LENS_REMOTE_WRITE",
        ("lens", Kind::Logs) => "LENS_LOGS",
        ("lens", Kind::Spans) => "LENS_TRACES",
        ("Prometheus", _) => "PROMETHEUS_REMOTE_WRITE",
        ("Loki", _) => "LOKI_OTLP",
        _ => "TEMPO_OTLP",
    };
    let stale = if has_waiting {
        ". If it was away, its queue is stale: the Collector sends the oldest first, so wait until it is empty"
    } else {
        ""
    };
    format!(
        "the Collector writes elsewhere, or {store} refuses it: compare {variable} of the Collector with where {store} takes \
         {kind}, and look for \"Exporting failed\" in the Collector's log{stale}"
    )
}

/// Of a store that gives no answer, or one that is not its own.
pub(super) fn store_away(signal: &Signal<'_>, error: Option<&NoAnswer>) -> String {
    let store = signal.store_name;
    let option = store.to_lowercase();
    match error {
        Some(error) if error.is_unauthorized() && store == "lens" => {
            "give the file with lens's token with --lens-token-file".to_owned()
        }
        Some(error) if error.is_unauthorized() => {
            format!("say who asks: --{option} http://USER:PASSWORD@HOST:PORT")
        }
        Some(NoAnswer::Refused | NoAnswer::Timeout | NoAnswer::Connection(_)) => format!(
            "start {store}; the Collector keeps logs and spans for it meanwhile. If it runs, say where with --{option}; on \
             compose its port is published by compose/ports.yaml"
        ),
        _ => format!("is this {store}? Say where it is with --{option}, and see its log"),
    }
}

/// Of an app whose clock is wrong.
pub(super) fn clock(ahead_seconds: i64) -> String {
    let direction = if ahead_seconds < 0 { "behind" } else { "ahead" };
    format!(
        "the app's clock is {} s {direction}, so its telemetry is where nobody looks, or refused as out of order: set the \
         clock right (NTP)",
        ahead_seconds.abs()
    )
}

/// Of a store that refuses samples.
pub(super) fn out_of_order(case: &Case<'_>) -> String {
    format!(
        "{} refused {} samples as out of order since the request: give storage.tsdb.out_of_order_time_window some minutes. They \
         come so from a clock that was set back, a second writer of the same series, or a late retry",
        case.stores.metrics.name(),
        case.seen.samples_refused
    )
}
