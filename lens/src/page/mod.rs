//! The server-rendered page: services, metrics, traces, logs, the pipeline, hosts and containers, and the jumps between them.
//! The whole state of a page is in its address; it works without scripts and asks nothing of any other host. All telemetry is
//! text that maud escapes, and the content security policy would refuse it if it were not.

mod address;
mod assets;
mod changes;
mod chart;
mod container;
mod containers;
mod error;
mod format;
mod home;
mod host;
mod hosts;
mod layout;
mod login;
mod logs;
mod logs_context;
mod logs_facets;
mod machines;
mod map;
mod metric;
mod metric_labels;
mod metrics;
mod parts;
mod pipeline;
mod search;
mod service;
mod services;
mod timemenu;
mod trace;
mod trace_compare;
mod traces;
mod traces_chart;
mod view;
mod waterfall;
mod waterfall_detail;

use axum::Router;
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::get;
use http::HeaderValue;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};

use crate::AppState;
use crate::access::Access;

const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The routes of the page.
pub fn router(state: AppState) -> Router {
    Router::new()
        .route("/", get(home::page))
        .route("/search", get(search::page))
        .route("/services", get(services::page))
        .route("/services/{name}", get(service::page))
        .route("/traces", get(traces::page))
        .route("/traces/compare", get(trace_compare::page))
        .route("/traces/{trace_id}", get(trace::page))
        .route("/logs", get(logs::page))
        .route("/logs/{id}", get(logs_context::page))
        .route("/metrics", get(metrics::page))
        .route("/metrics/{name}", get(metric::page))
        .route("/pipeline", get(pipeline::page))
        .route("/hosts", get(hosts::page))
        .route("/hosts/{name}", get(host::page))
        .route("/containers", get(containers::page))
        .route("/containers/{id}", get(container::page))
        .merge(assets::router())
        .fallback(error::no_such_page)
        .layer(map_response(with_headers))
        .with_state(state)
}

/// `routes` for those who know the token, and the form that asks a browser for it.
pub fn guarded(routes: Router, access: Access) -> Router {
    if access.is_open() {
        return routes;
    }
    let form = Router::new()
        .route(login::PATH, get(login::overview).post(login::log_in))
        .with_state(access.clone());
    routes
        .merge(form)
        .layer(from_fn_with_state(access, login::guard))
}

async fn with_headers(mut response: Response) -> Response {
    let headers: [(HeaderName, &str); 3] = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in headers {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
        .headers_mut()
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}
