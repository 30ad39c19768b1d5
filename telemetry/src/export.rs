//! The way out: encode → send → retry; signals that go to the same place share its connections.
//!
//! One thread of its own, `otlp-export`, runs everything here on a small runtime, so that encoding and compressing never
//! delay the program's own tasks, and a program may stop its runtime in any way.
//!
//! - Spans and log records wait in a bounded [`queue`]. While the Collector is away a batch is sent again and again, the
//!   queue fills, and what comes on top is dropped and counted; when it is back, all that waited is delivered.
//! - Metrics are cumulative and are not sent again: the next interval brings the same counts. Only the exemplars of an
//!   interval that failed are lost.

pub(crate) mod logs;
pub(crate) mod metrics;
pub(crate) mod outcome;
pub(crate) mod queue;
pub(crate) mod self_metrics;
pub(crate) mod spans;
pub(crate) mod transport;
