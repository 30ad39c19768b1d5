//! `trivium-agent checkpoint ls|reset`, the offsets that `import promtail` brings, and what `explain` knows of a file's.

use std::{
    fs::File,
    io::{self, Write},
    os::unix::fs::MetadataExt as _,
    path::Path,
    process::ExitCode,
};

use super::{CommandError, import::ImportedPosition};
use crate::{
    config::Config,
    files::checkpoint::{self, Checkpoints, Entry, Saved},
    state_dir::RealDir,
};

/// Lists files with their saved offsets.
///
/// # Errors
/// When the state folder can't be read, or the answer not be written.
pub fn ls(config: &Config, out: &mut dyn Write) -> Result<ExitCode, CommandError> {
    match look(config)? {
        Saved::Nothing => writeln!(
            out,
            "no checkpoint: the agent has not run with this state_dir"
        )?,
        Saved::Damaged => writeln!(
            out,
            "both generations are damaged: all files will be read again"
        )?,
        saved => {
            if matches!(saved, Saved::Older(_)) {
                writeln!(
                    out,
                    "the newest generation is damaged; this is the one before it"
                )?;
            }
            for entry in saved.entries() {
                line(&entry, out)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn line(entry: &Entry, out: &mut dyn Write) -> io::Result<()> {
    let offset = entry.position.offset;
    let percent = (100 * offset)
        .checked_div(entry.size)
        .unwrap_or(100)
        .min(100);
    writeln!(
        out,
        "{offset:>14} of {:>14} bytes {percent:>3} %  {}",
        entry.size,
        entry.path.display()
    )
}

/// Forgets the offsets of files, or of all.
///
/// # Errors
/// When the agent runs, or the checkpoint can't be written.
pub fn reset(
    config: &Config,
    files: &[impl AsRef<Path>],
    all: bool,
    out: &mut dyn Write,
) -> Result<ExitCode, CommandError> {
    let is_named = |entry: &Entry| {
        let named = |file: &Path| entry.path == file || entry.log == file;
        all || files.iter().any(|file| named(file.as_ref()))
    };
    let dir = RealDir::lock(&config.state_dir)?;
    let removed = checkpoint::remove(dir, is_named)
        .map_err(|error| CommandError::read(&config.state_dir, error))?;
    for entry in &removed {
        writeln!(out, "forgotten: {}", entry.path.display())?;
    }
    if removed.is_empty() {
        writeln!(
            out,
            "none of them has an offset; `checkpoint ls` shows those that have"
        )?;
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// Takes over offsets, with the identity that each file has now. Those of files that can't be read are left out, and named.
/// Returns how many were taken over.
///
/// # Errors
/// When the agent runs, or the checkpoint can't be written.
pub fn import(
    state_dir: &Path,
    positions: &[ImportedPosition],
    report: &mut dyn Write,
) -> Result<usize, CommandError> {
    let mut entries = Vec::new();
    for position in positions {
        match Entry::at(&position.path, position.offset) {
            Ok(entry) => entries.push(entry),
            Err(error) => writeln!(
                report,
                "  {}: {error}; it will be read as a new file",
                position.path.display()
            )?,
        }
    }
    let dir = RealDir::lock(state_dir)?;
    checkpoint::add(dir, &entries).map_err(|error| CommandError::read(state_dir, error))?;
    Ok(entries.len())
}

/// What is saved of a file, whatever its path was then.
///
/// # Errors
/// When the state folder can't be read, or the answer not be written.
pub fn explain(config: &Config, file: &Path, out: &mut dyn Write) -> Result<(), CommandError> {
    let metadata = match file.metadata() {
        Ok(metadata) => metadata,
        Err(error) => return Ok(writeln!(out, "the file can't be looked at: {error}")?),
    };
    writeln!(
        out,
        "device {} inode {}, {} bytes",
        metadata.dev(),
        metadata.ino(),
        metadata.size()
    )?;
    if let Err(error) = File::open(file) {
        writeln!(
            out,
            "this user can't read it: {error}; the agent can, if it runs as another or has CAP_DAC_READ_SEARCH"
        )?;
    }
    let entries = look(config)?.entries();
    let entry = entries
        .iter()
        .find(|entry| (entry.inode.device, entry.inode.number) == (metadata.dev(), metadata.ino()));
    match entry {
        Some(entry) => {
            let offset = entry.position.offset;
            writeln!(
                out,
                "acknowledged up to byte {offset}; {} bytes behind",
                metadata.size().saturating_sub(offset)
            )?;
            writeln!(
                out,
                "head: {} bytes, hash {:016x}",
                entry.head.length, entry.head.hash
            )?;
            if entry.path != file {
                writeln!(
                    out,
                    "it was {} when its offset was saved",
                    entry.path.display()
                )?;
            }
        }
        None => writeln!(
            out,
            "no offset is saved: nothing of it has been acknowledged"
        )?,
    }
    Ok(())
}

fn look(config: &Config) -> Result<Saved, CommandError> {
    if !config.state_dir.exists() {
        return Ok(Saved::Nothing);
    }
    Ok(Checkpoints::load(RealDir::look(&config.state_dir)?).1)
}
