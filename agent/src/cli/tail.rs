//! `trivium-agent tail --inspect`: lines through the agent's own stages, each stage's effect shown.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Write},
    process::ExitCode,
};

use super::{CommandError, TailArgs};
use crate::{
    clock::unix_nano,
    config::Config,
    lines::inspect::{Inspector, Step},
    run::settings_of,
};

/// Shows what becomes of the lines of a file, or of standard input.
///
/// # Errors
/// When there is no source to take the stages from, or the lines can't be read.
pub fn run(
    config: &Config,
    args: &TailArgs,
    out: &mut dyn Write,
) -> Result<ExitCode, CommandError> {
    let settings = settings_of(config, args.file.as_deref(), args.source)?;
    let settings = settings.ok_or(CommandError::NoSource)?;
    let mut inspector = Inspector::new(settings);
    let mut lines: Box<dyn BufRead> = match &args.file {
        Some(path) => {
            let file = File::open(path).map_err(|error| CommandError::read(path, error))?;
            Box::new(BufReader::new(file))
        }
        None => Box::new(io::stdin().lock()),
    };
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        writeln!(out, "> {}", String::from_utf8_lossy(&line).trim_end())?;
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        show(&inspector.line(text, unix_nano()), out)?;
        line.clear();
    }
    show(&inspector.end(), out)?;
    writeln!(out, "{}", inspector.summary())?;
    Ok(ExitCode::SUCCESS)
}

fn show(steps: &[Step], out: &mut dyn Write) -> io::Result<()> {
    for step in steps {
        for line in step.to_string().lines() {
            writeln!(out, "  {line}")?;
        }
    }
    Ok(())
}
