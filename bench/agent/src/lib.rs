//! What the two comparisons and the agent's fault tests share: numbered log lines, and a sink that finds out which are missing.

pub mod lines;
pub mod sink;
