//! The auth service: sign-up, login and tokens over HTTP. It is the model of a Rust service that emits OTLP and nothing else.
//!
//! The way of a request: `server` accepts it → `stack` observes, limits and finds its `route` → the handlers read it
//! with `json`, authenticate it with `password` or `token`, and ask the `store` → `error` says what went wrong.
//!
//! No e-mail address, password, hash or token is in any span, log or metric; users appear by their opaque `user.id`.

mod active_users;
mod app;
mod client;
mod email;
mod error;
mod faults;
mod handlers;
mod json;
mod login_limits;
mod metrics;
mod password;
mod rate;
mod route;
mod server;
mod settings;
mod stack;
mod store;
mod token;
mod upkeep;

pub use app::{App, OpenError};
pub use client::{Network, NetworkError};
pub use faults::{Fault, FaultError};
pub use rate::{Rate, RateError};
pub use server::{BindError, Server};
pub use settings::Settings;
