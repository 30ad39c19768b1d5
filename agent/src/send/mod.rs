//! Sends to the Collector, over and over, until it has answered.
//!
//! | file | what it does |
//! |---|---|
//! | `link` | one attempt: the transport of each signal, the bearer token |
//! | `backoff` | the pauses between attempts, and what is said about an outage |
//! | `kept` | the spool as threads and tasks share it: durable when it says so, group commit |
//! | `logs` | the batches of the files: sent one at a time, or kept when what they cover is about to vanish |
//! | `uplink` | requests of local programs and the agent's own metrics: straight to the Collector, or kept |
//! | `drain` | what was kept, oldest first |
//!
//! It promises that a request is answered as taken only when the Collector has acknowledged it or the spool has synced it, and
//! that nothing overtakes what was kept before it: while the spool holds something, new requests are kept too, and batches of
//! files, which hold themselves, wait.

mod backoff;
mod drain;
mod kept;
mod link;
mod logs;
mod uplink;

#[cfg(test)]
mod tests;

pub use self::{
    drain::drain,
    kept::{KeepError, Kept, KeptStats},
    link::{Link, LinkError},
    logs::{LogOutlet, LogSender},
    uplink::{Refused, Uplink},
};
