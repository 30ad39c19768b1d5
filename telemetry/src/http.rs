//! HTTP servers: a tower layer that gives each request its server span, its duration with an exemplar, and its place
//! among the active requests.
//!
//! - The context of the caller is taken from `traceparent`, where
//!   [`trust_callers_if`](ServerLayer::trust_callers_if) lets it.
//! - `http.route` is the template that the route function returns, or absent: never a raw path, so that random paths
//!   make no series. The function runs first, so that the route is known for every answer, also 413, 500 and 503.
//! - The duration ends with the body. A client that goes away before that is recorded as status 499.
//!
//! <https://opentelemetry.io/docs/specs/semconv/http/>

mod body;
mod layer;
mod observation;

pub use body::ResponseBody;
pub use layer::{ResponseFuture, RouteOf, Server, ServerLayer};
