//! OTLP receivers for local programs: forwarded as opaque bytes, kept in the spool while the Collector is away.

mod count;
mod enrich;
mod fields;

pub use self::{count::count_items, enrich::HostResource, fields::Malformed};
