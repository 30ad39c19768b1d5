//! Host and container metrics from /proc and cgroups, as OTLP.
