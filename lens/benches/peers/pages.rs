//! What is asked of each program: the same views, in the words of each. lens renders its pages itself, so a whole page is
//! asked; of the others, whose pages are scripts, the requests for data that such a page makes.

use crate::ask::Question;
use crate::shape::Shape;

const HISTOGRAM: &str = "http_server_request_duration_seconds";

fn trace_hex(shape: &Shape) -> String {
    let id = Shape::trace_id(shape.middle_trace());
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The views that the others have too.
pub(crate) fn of_lens(shape: &Shape) -> Vec<Question> {
    let trace = trace_hex(shape);
    vec![
        Question::new("newest traces", "/traces?since=2h", "GET /items/"),
        Question::new(
            "traces of a service",
            "/traces?since=2h&service=mail",
            "mail",
        ),
        Question::new(
            "traces over 100 ms",
            "/traces?since=2h&min_duration=100ms",
            "GET /",
        ),
        Question::new(
            "a trace",
            format!("/traces/{trace}?since=2h"),
            "SELECT items",
        ),
        Question::new("newest logs", "/logs?since=2h", "answered"),
        Question::new(
            "logs with errors",
            "/logs?since=2h&severity=error",
            "answered",
        ),
        Question::new(
            "logs with a text",
            "/logs?since=2h&q=login.failed",
            "login.failed",
        ),
        Question::new(
            "logs of a trace",
            format!("/logs?since=2h&trace_id={trace}"),
            "answered",
        ),
        Question::new(
            "newest traces, as JSON",
            "/api/traces?since=2h&limit=50",
            "GET /",
        ),
        Question::new(
            "traces of a service, as JSON",
            "/api/traces?since=2h&limit=50&service=mail",
            "mail",
        ),
        Question::new(
            "a trace, as JSON",
            format!("/api/traces/{trace}"),
            "SELECT items",
        ),
        Question::new(
            "newest logs, as JSON",
            "/api/logs?since=2h&limit=100",
            "answered",
        ),
        Question::new(
            "logs with errors, as JSON",
            "/api/logs?since=2h&limit=100&severity=error",
            "answered",
        ),
        Question::new(
            "logs with a text, as JSON",
            "/api/logs?since=2h&limit=100&q=failed",
            "login.failed",
        ),
        Question::new("list of metrics", "/metrics?since=2h", "shop_events"),
        Question::new(
            "a counter, all series",
            "/metrics/shop_events_total?since=1h",
            "shop_events",
        ),
        Question::new(
            "a counter by a label",
            "/metrics/shop_events_total?since=1h&by=service_name",
            "catalog",
        ),
        Question::new(
            "a histogram's quantiles",
            format!("/metrics/{HISTOGRAM}?since=1h"),
            "p99",
        ),
        Question::new(
            "a counter, all series, as JSON",
            "/api/metrics/shop_events_total?since=1h",
            "shop_events",
        ),
    ]
}

/// Every page and address of lens.
pub(crate) fn every(shape: &Shape) -> Vec<Question> {
    let user = Shape::user(shape.middle_trace());
    let mut all = Vec::new();
    for (title, path) in [
        ("overview, 15 min", "/"),
        ("overview, 2 h", "/?since=2h"),
        ("services, 2 h", "/services?since=2h"),
        ("a service, 15 min", "/services/catalog"),
        ("a service, 2 h", "/services/catalog?since=2h"),
        ("a route, 2 h", "/services/auth?since=2h&route=/items/"),
        ("traces of a route", "/traces?since=2h&route=/items/"),
        ("traces with errors", "/traces?since=2h&status=error"),
        ("traces with 404, none", "/traces?since=2h&status=404"),
        ("pipeline", "/pipeline?since=2h"),
        ("hosts", "/hosts?since=2h"),
        ("a host", "/hosts/node-1?since=2h"),
        ("containers", "/containers?since=2h"),
        ("a container", "/containers/shop-1?since=2h"),
        ("search for `ca`", "/search?q=ca&since=2h"),
        ("logs of a service", "/logs?since=2h&service=cart"),
        (
            "logs with a text, none",
            "/logs?since=2h&q=nowhere-to-be-found",
        ),
        (
            "a metric of machines",
            "/metrics/container_cpu_time_seconds_total?since=1h",
        ),
        ("API: services", "/api/services?since=2h"),
        ("API: metrics", "/api/metrics"),
        (
            "API: a histogram",
            "/api/metrics/http.server.request.duration?since=1h",
        ),
        ("API: exemplars", "/api/exemplars?since=2h"),
        ("API: hosts", "/api/hosts?since=2h"),
        ("API: containers", "/api/containers?since=2h"),
        ("API: pipeline", "/api/pipeline?since=2h"),
    ] {
        all.push(Question::new(title, path, ""));
    }
    all.push(Question::new(
        "traces with an attribute, one",
        format!("/traces?since=2h&attribute=user.id={user}"),
        "",
    ));
    all.extend(of_lens(shape));
    all
}

fn hour(shape: &Shape) -> (u64, u64) {
    (shape.end_ns - 3_600_000_000_000, shape.end_ns)
}

pub(crate) fn of_otelite(shape: &Shape) -> Vec<Question> {
    let trace = trace_hex(shape);
    let (start, end) = hour(shape);
    let range = format!(
        "start_time={start}&end_time={}{{n}}",
        end / 100 + 600_000_000
    );
    vec![
        Question::new(
            "newest traces",
            format!("/api/traces?limit=50&{range}"),
            "GET /",
        ),
        Question::new(
            "traces of a service",
            format!("/api/traces?limit=50&service=mail&{range}"),
            "mail",
        ),
        Question::new("a trace", format!("/api/traces/{trace}"), "SELECT items"),
        Question::new(
            "newest logs",
            format!("/api/logs?limit=100&{range}"),
            "answered",
        ),
        Question::new(
            "logs with errors",
            format!("/api/logs?limit=100&severity=ERROR&{range}"),
            "answered",
        ),
        Question::new(
            "logs with a text",
            format!("/api/logs?limit=100&search=failed&{range}"),
            "login.failed",
        ),
        Question::new(
            "logs of a trace",
            format!("/api/logs?limit=100&trace_id={trace}"),
            "answered",
        ),
        Question::new("list of metrics", "/api/metrics/names", "shop_events"),
        Question::new(
            "a counter, all series",
            format!("/api/metrics/shop_events_total/timeseries?{range}"),
            "",
        ),
    ]
}

pub(crate) fn of_zipkin(shape: &Shape) -> Vec<Question> {
    let trace = trace_hex(shape);
    let range = format!(
        "endTs={}&lookback=7200000&limit=50",
        shape.end_ns / 1_000_000 + 60_000
    );
    vec![
        Question::new("newest traces", format!("/api/v2/traces?{range}"), "get /"),
        Question::new(
            "traces of a service",
            format!("/api/v2/traces?serviceName=mail&{range}"),
            "mail",
        ),
        Question::new(
            "traces over 100 ms",
            format!("/api/v2/traces?minDuration=100000&{range}"),
            "get /",
        ),
        Question::new("a trace", format!("/api/v2/trace/{trace}"), "select items"),
    ]
}

pub(crate) fn of_prometheus(shape: &Shape) -> Vec<Question> {
    let (start, end) = hour(shape);
    let range = format!(
        "start={}&end={}&step=60",
        start / 1_000_000_000,
        end / 1_000_000_000
    );
    let ask = |title, query: &str, holds: &str| {
        Question::new(
            title,
            format!("/api/v1/query_range?{range}&query={query}"),
            holds,
        )
    };
    vec![
        Question::new(
            "list of metrics",
            "/api/v1/label/__name__/values",
            "shop_events",
        ),
        ask(
            "a counter, all series",
            "sum(rate(shop_events_total[2m]))",
            "values",
        ),
        ask(
            "a counter by a label",
            "sum by (service_name) (rate(shop_events_total[2m]))",
            "catalog",
        ),
        Question::new(
            "a histogram's quantiles",
            format!(
                "/api/v1/query_range?{range}&query=histogram_quantile(0.99, sum by (le) (rate({HISTOGRAM}_bucket[2m])))"
            ),
            "values",
        ),
    ]
}
