//! What the agent counts of itself; read by its own metrics and by `explain`.
