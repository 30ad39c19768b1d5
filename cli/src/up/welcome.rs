//! What `trivium up` prints on stdout once all is ready: where to look, and a first request to try.

use std::{
    io::{self, Write},
    path::Path,
};

use crate::state::Record;

/// `headline`: what is up, and how it is stopped.
pub(super) fn write(
    out: &mut impl Write,
    headline: &str,
    record: &Record,
    logs: &Path,
) -> io::Result<()> {
    writeln!(out, "\n{headline}\n")?;
    if let Some(page) = record.address("lens", "page") {
        writeln!(out, "  page   {page}")?;
        writeln!(out, "  API    {page}api/services")?;
        if record.agent_config.is_some() {
            writeln!(out, "  hosts  {page}hosts")?;
        }
    }
    let address = |part, label| record.address(part, label).unwrap_or("-");
    let app = address("app", "http");
    writeln!(out, "  app    {app}")?;
    writeln!(
        out,
        "  OTLP   {} (gRPC)  {} (HTTP)",
        address("otelcol", "otlp_grpc"),
        address("otelcol", "otlp_http")
    )?;
    writeln!(out, "  logs   {}", logs.display())?;
    if let Some(config) = &record.agent_config {
        writeln!(out, "  agent  {}", config.display())?;
    }
    writeln!(out, "\nTry a first request:\n")?;
    // The process id makes the address new at each start, so that the answer is never "taken".
    let email = format!("me-{}@example.com", record.process.pid);
    writeln!(
        out,
        "  curl {app}signup/ -H 'content-type: application/json' \\\n       \
         -d '{{\"email\": \"{email}\", \"password\": \"correct horse\"}}'\n"
    )
}
