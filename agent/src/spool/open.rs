//! Opens a spool on whatever a crash left.

use std::{
    collections::VecDeque,
    io,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::{
    ledger::LossReason,
    state_dir::{StateDir, StateFile as _},
};

use super::{
    Action, Limits, Spool, SpoolError,
    cursor::Cursor,
    first_waiting,
    frame::HEADER_BYTES,
    losses::Losses,
    queue::{Segment, Tally},
    segment::{self, Reader, Step},
};

/// More than one segment has.
const MAX_FRAMES: u64 = 1 << 32;

/// What was found at the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Frames that wait for delivery, with right headers; their payloads are looked at when they are read.
    pub frames: u64,
    /// What is in them.
    pub items: u64,
    /// Cut from ends of segments that a crash had torn while they were written.
    pub torn_bytes: u64,
}

impl<D: StateDir> Spool<D> {
    /// Opens the spool in a folder, which is to be locked. Reads the headers of all frames and no payload.
    ///
    /// # Errors
    /// When the folder can't be listed. Nothing that is in its files is an error.
    pub fn open(dir: D, limits: Limits) -> Result<(Self, Recovery), SpoolError> {
        let names = dir.list().map_err(Action::List.failed(""))?;
        let mut firsts: Vec<u64> = names
            .iter()
            .filter_map(|name| segment::first_seq(name))
            .collect();
        firsts.sort_unstable();

        let position = first_waiting(&dir);
        let mut recovery = Recovery::default();
        let mut segments = VecDeque::new();
        let mut first_offset = None;
        let mut losses = Losses::default();
        // Not below the time: if the cursor is lost now and found at the next start, new frames are not behind it.
        let mut next_seq = position.max(micros_since_1970());
        for first_seq in firsts {
            let name = segment::name(first_seq);
            let Ok(written) = dir.len(&name) else {
                // Nobody knows how many bytes; it is left for the next start.
                losses.add(&name, 0..0, LossReason::CorruptFrame, None);
                next_seq = next_seq.max(first_seq.saturating_add(MAX_FRAMES));
                continue;
            };
            let (segment, offset) = scan(&dir, first_seq, name, written, position, &mut recovery);
            let most_frames = segment.written / HEADER_BYTES as u64;
            next_seq = next_seq.max(first_seq.saturating_add(most_frames + 1));
            if offset >= segment.synced && !segment.is_damaged {
                // Done with, or never more than a name. If it can't be removed, it is no less done with.
                let _ = dir.remove(&segment.name);
                continue;
            }
            first_offset.get_or_insert(offset);
            segments.push_back(segment);
        }
        let mut spool = Self {
            cursor: Cursor::new(&dir),
            dir,
            limits,
            segments,
            active: None,
            head: None,
            offset: first_offset.unwrap_or(0),
            position,
            next_seq,
            acknowledged: 0,
            losses,
        };
        // An error comes again with the first frame that is asked for.
        let _ = spool.find_head();
        Ok((spool, recovery))
    }
}

/// Counts what waits in a segment, cuts its torn end, and finds where its first frame that is not done with may be.
fn scan<D: StateDir>(
    dir: &D,
    first_seq: u64,
    name: String,
    written: u64,
    position: u64,
    recovery: &mut Recovery,
) -> (Segment, u64) {
    let mut segment = Segment {
        first_seq,
        synced: written,
        written,
        waiting: Tally::default(),
        is_damaged: false,
        name,
    };
    let mut done = 0;
    let mut offset = 0;
    let mut reader = Reader::new(dir, &segment.name, first_seq, written);
    loop {
        match reader.step(offset) {
            Ok(Step::Frame(header)) => {
                offset += header.frame_bytes();
                if header.seq < position {
                    done = offset;
                } else {
                    segment.waiting.add(&header);
                }
            }
            Ok(Step::Damage { to }) => {
                segment.is_damaged = true;
                offset = to;
            }
            Ok(Step::Torn) => {
                segment.synced = offset;
                recovery.torn_bytes += written - offset;
                // If it can't be cut, it is not read all the same.
                let _ = cut(dir, &segment.name, offset);
                break;
            }
            // What can't be read now is read, or found damaged, when its turn comes.
            Ok(Step::End) | Err(_) => break,
        }
    }
    recovery.frames += segment.waiting.frames;
    recovery.items += segment.waiting.items.iter().sum::<u64>();
    (segment, done)
}

fn cut<D: StateDir>(dir: &D, name: &str, length: u64) -> io::Result<()> {
    let mut file = dir.append(name)?;
    file.truncate(length)?;
    file.sync()
}

fn micros_since_1970() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_micros()).unwrap_or(0)
}
