//! `trivium-agent spool ls|cat|drop|verify`: what waits in the spool, and what became of its files.
//!
//! `ls`, `cat` and `verify` only read, also beside a running agent: they may then miss the newest frame, or a segment that is
//! removed meanwhile. `drop` needs the folder's lock, so the agent has to be stopped.

use std::io::{self, Write};

use jiff::Timestamp;

use crate::{
    spool::{
        Frame, Header, Limits, Spool, SpoolError, first_waiting,
        segment::{self, Reader, Step},
    },
    state_dir::StateDir,
};

/// Why the spool can't be shown or changed.
#[derive(Debug, thiserror::Error)]
pub enum SpoolCommandError {
    /// A file of it can't be read.
    #[error("reading {name:?} of the spool: {source}; run this as a user that may read state_dir")]
    Read {
        /// The file; empty for the folder.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// The spool failed.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// No frame has this number, or its payload is damaged.
    #[error("the spool has no whole frame {seq}; `spool ls` shows the numbers it has")]
    NoFrame {
        /// The number.
        seq: u64,
    },
    /// The output is gone.
    #[error("writing the output: {0}")]
    Output(#[from] io::Error),
}

/// Writes a line for each frame that waits, oldest first, and a sum.
///
/// # Errors
/// When the folder can't be read, or the output not be written.
pub fn ls<D: StateDir>(dir: &D, out: &mut impl Write) -> Result<(), SpoolCommandError> {
    let first_waiting = first_waiting(dir);
    let (mut frames, mut items, mut bytes) = (0_u64, 0, 0);
    for (name, first_seq) in names(dir)? {
        let Some(first_seq) = first_seq.waiting() else {
            continue;
        };
        walk(dir, &name, first_seq, |_, step| {
            if let Step::Frame(header) = step
                && header.seq >= first_waiting
            {
                line(out, &header)?;
                frames += 1;
                items += u64::from(header.items);
                bytes += header.frame_bytes();
            }
            Ok(())
        })?;
    }
    writeln!(out, "{frames} frames, {items} items, {bytes} bytes")?;
    Ok(())
}

/// Writes the request of a frame as it would be sent: encoded protobuf. Frames of segments that were moved aside count too.
///
/// # Errors
/// When there is no such frame, the folder can't be read, or the output not be written.
pub fn cat<D: StateDir>(dir: &D, seq: u64, out: &mut impl Write) -> Result<(), SpoolCommandError> {
    let mut found = None;
    for (name, first_seq) in names(dir)? {
        walk(dir, &name, first_seq.number(), |offset, step| {
            if let Step::Frame(header) = step
                && header.seq == seq
                && found.is_none()
            {
                found = read(dir, &name, offset, &header)?;
            }
            Ok(())
        })?;
    }
    let frame = found.ok_or(SpoolCommandError::NoFrame { seq })?;
    out.write_all(&frame.body)?;
    Ok(())
}

/// Reads every byte, the payloads too, and writes a line for each file and each damage; whether there was none.
///
/// # Errors
/// When the folder can't be read, or the output not be written.
pub fn verify<D: StateDir>(dir: &D, out: &mut impl Write) -> Result<bool, SpoolCommandError> {
    let mut is_whole = true;
    for (name, first_seq) in names(dir)? {
        let (mut frames, mut items, mut damages) = (0_u64, 0, 0_u64);
        walk(dir, &name, first_seq.number(), |offset, step| {
            let what = match step {
                Step::Frame(header) if read(dir, &name, offset, &header)?.is_some() => {
                    frames += 1;
                    items += u64::from(header.items);
                    return Ok(());
                }
                Step::Frame(header) => {
                    writeln!(
                        out,
                        "{name}: the payload of frame {} at byte {offset} is damaged, {} {} items",
                        header.seq,
                        header.items,
                        header.signal.name()
                    )?;
                    damages += 1;
                    return Ok(());
                }
                Step::Damage { to } => format!("damaged up to byte {to}"),
                Step::Torn => "torn; the agent cuts it off when it starts".to_owned(),
                Step::End => return Ok(()),
            };
            damages += 1;
            writeln!(out, "{name}: from byte {offset} on {what}")?;
            Ok(())
        })?;
        writeln!(
            out,
            "{name}: {frames} frames, {items} items, {damages} damaged places"
        )?;
        is_whole &= damages == 0;
    }
    Ok(is_whole)
}

/// Drops the frames that wait up to a number, or all of them, and writes a line for each.
///
/// # Errors
/// When the spool can't be read or changed, or the output not be written.
pub fn drop_frames<D: StateDir>(
    dir: D,
    up_to: Option<u64>,
    out: &mut impl Write,
) -> Result<(), SpoolCommandError> {
    // No limit, so that nothing falls out but what is dropped here.
    let limits = Limits {
        max_bytes: u64::MAX,
        max_age: std::time::Duration::MAX,
    };
    let (mut spool, _) = Spool::open(dir, limits)?;
    let (mut frames, mut items) = (0_u64, 0);
    while let Some(header) = spool.front_header()? {
        if up_to.is_some_and(|up_to| header.seq > up_to) {
            break;
        }
        line(out, &header)?;
        frames += 1;
        items += u64::from(header.items);
        spool.acknowledge(header.seq)?;
    }
    writeln!(out, "dropped {frames} frames, {items} items")?;
    Ok(())
}

fn line(out: &mut impl Write, header: &Header) -> io::Result<()> {
    let nanoseconds = i128::from(header.time_unix_nano);
    let time = Timestamp::from_nanosecond(nanoseconds).unwrap_or(Timestamp::MAX);
    writeln!(
        out,
        "{} {time:.3} {:7} {:6} items {:9} bytes",
        header.seq,
        header.signal.name(),
        header.items,
        header.payload_bytes
    )
}

/// The first number of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum FirstSeq {
    Aside(u64),
    Waiting(u64),
}

impl FirstSeq {
    fn number(self) -> u64 {
        match self {
            Self::Aside(number) | Self::Waiting(number) => number,
        }
    }

    fn waiting(self) -> Option<u64> {
        match self {
            Self::Aside(_) => None,
            Self::Waiting(number) => Some(number),
        }
    }
}

/// The segments, those that were moved aside first, and each kind oldest first.
fn names<D: StateDir>(dir: &D) -> Result<Vec<(String, FirstSeq)>, SpoolCommandError> {
    let names = dir.list().map_err(failed(""))?;
    let mut names: Vec<_> = names
        .into_iter()
        .filter_map(|name| {
            let waiting = segment::first_seq(&name).map(FirstSeq::Waiting);
            let first_seq =
                waiting.or_else(|| segment::damaged_first_seq(&name).map(FirstSeq::Aside))?;
            Some((name, first_seq))
        })
        .collect();
    names.sort_unstable_by_key(|(_, first_seq)| *first_seq);
    Ok(names)
}

/// Calls `see` for each step of a segment with the step's offset.
fn walk<D: StateDir>(
    dir: &D,
    name: &str,
    first_seq: u64,
    mut see: impl FnMut(u64, Step) -> Result<(), SpoolCommandError>,
) -> Result<(), SpoolCommandError> {
    let length = match dir.len(name) {
        // The agent removed it meanwhile.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        length => length.map_err(failed(name))?,
    };
    let mut reader = Reader::new(dir, name, first_seq, length);
    let mut offset = 0;
    loop {
        let step = reader.step(offset).map_err(failed(name))?;
        see(offset, step)?;
        match step {
            Step::Frame(header) => offset += header.frame_bytes(),
            Step::Damage { to } => offset = to,
            Step::Torn | Step::End => return Ok(()),
        }
    }
}

fn read<D: StateDir>(
    dir: &D,
    name: &str,
    offset: u64,
    header: &Header,
) -> Result<Option<Frame>, SpoolCommandError> {
    let reader = Reader::new(dir, name, header.seq, u64::MAX);
    let payload = reader.payload(offset, header).map_err(failed(name))?;
    Ok(payload.and_then(|payload| header.open(&payload)))
}

fn failed(name: &str) -> impl FnOnce(io::Error) -> SpoolCommandError {
    let name = name.to_owned();
    move |source| SpoolCommandError::Read { name, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{spool::Signal, state_dir::faulty::FaultyDir};

    fn filled() -> (FaultyDir, Vec<u64>) {
        let dir = FaultyDir::default();
        let (mut spool, _) = Spool::open(dir.clone(), Limits::default()).unwrap();
        for number in 0..4 {
            let body = format!("request {number}");
            spool.append(Signal::Logs, 10, body.as_bytes()).unwrap();
        }
        spool.sync().unwrap();
        let first = spool.front().unwrap().unwrap().seq;
        spool.acknowledge(first).unwrap();
        (dir, (first..first + 4).collect())
    }

    fn text(run: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        run(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn ls_shows_what_waits_and_not_what_was_acknowledged() {
        let (dir, seqs) = filled();
        let shown = text(|out| ls(&dir, out).unwrap());
        let lines: Vec<_> = shown.lines().collect();
        assert_eq!(lines.len(), 4, "{shown}");
        for (line, seq) in lines.iter().zip(&seqs[1..]) {
            assert!(line.starts_with(&format!("{seq} 2")), "{line}");
            assert!(
                line.contains(" logs ") && line.contains(" 10 items "),
                "{line}"
            );
        }
        assert!(lines[3].starts_with("3 frames, 30 items, "), "{shown}");
    }

    #[test]
    fn cat_writes_the_request_and_nothing_else() {
        let (dir, seqs) = filled();
        assert_eq!(text(|out| cat(&dir, seqs[2], out).unwrap()), "request 2");
        let missing = cat(&dir, 4, &mut Vec::new()).unwrap_err().to_string();
        assert!(missing.contains("no whole frame 4"), "{missing}");
    }

    #[test]
    fn drop_takes_the_oldest_up_to_a_number_or_all() {
        let (dir, seqs) = filled();
        let dropped = text(|out| drop_frames(dir.clone(), Some(seqs[2]), out).unwrap());
        assert!(
            dropped.ends_with("dropped 2 frames, 20 items\n"),
            "{dropped}"
        );
        let left = text(|out| ls(&dir, out).unwrap());
        assert!(left.starts_with(&seqs[3].to_string()), "{left}");
        drop_frames(dir.clone(), None, &mut Vec::new()).unwrap();
        assert_eq!(
            text(|out| ls(&dir, out).unwrap()),
            "0 frames, 0 items, 0 bytes\n"
        );
    }

    #[test]
    fn verify_names_each_damage_by_file_and_byte() {
        let (dir, seqs) = filled();
        let name = segment::name(seqs[0]);
        assert!(verify(&dir, &mut Vec::new()).unwrap());
        dir.corrupt(&name, 50, 1);
        let shown = text(|out| assert!(!verify(&dir, out).unwrap()));
        let damage = format!(
            "{name}: the payload of frame {} at byte 0 is damaged, 10 logs items\n",
            seqs[0]
        );
        assert_eq!(
            shown,
            format!("{damage}{name}: 3 frames, 30 items, 1 damaged places\n")
        );
        dir.corrupt(&name, 0, 1);
        let shown = text(|out| assert!(!verify(&dir, out).unwrap()));
        assert!(
            shown.contains("from byte 0 on damaged up to byte "),
            "{shown}"
        );
    }
}
