//! What `trivium up` prints on stdout once all is ready: where to look, and a first request to try.

use std::{
    io::{self, Write},
    path::Path,
    time::Duration,
};

use super::listen::{Listen, url};

/// `with_lens` says whether there is a page on this machine; `agent`: its configuration file, if it runs.
pub(super) fn write(
    out: &mut impl Write,
    listen: &Listen,
    with_lens: bool,
    agent: Option<&Path>,
    logs: &Path,
    took: Duration,
) -> io::Result<()> {
    let app = url(listen.app);
    writeln!(
        out,
        "\nTrivium is up after {:.1} s. Ctrl-C stops it.\n",
        took.as_secs_f64()
    )?;
    if with_lens {
        let page = url(listen.lens);
        writeln!(out, "  page   {page}")?;
        writeln!(out, "  API    {page}api/services")?;
        if agent.is_some() {
            writeln!(out, "  hosts  {page}hosts")?;
        }
    }
    writeln!(out, "  app    {app}")?;
    writeln!(
        out,
        "  OTLP   {} (gRPC)  {} (HTTP)",
        url(listen.otlp_grpc),
        url(listen.otlp_http)
    )?;
    writeln!(out, "  logs   {}", logs.display())?;
    if let Some(config) = agent {
        writeln!(out, "  agent  {}", config.display())?;
    }
    writeln!(out, "\nTry a first request:\n")?;
    // The process id makes the address new at each start, so that the answer is never "taken".
    let email = format!("me-{}@example.com", std::process::id());
    writeln!(
        out,
        "  curl {app}signup/ -H 'content-type: application/json' \\\n       \
         -d '{{\"email\": \"{email}\", \"password\": \"correct horse\"}}'\n"
    )
}
