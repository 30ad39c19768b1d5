//! The queue itself: append, sync, next, acknowledge.

use std::{
    collections::VecDeque,
    time::{Duration, SystemTime},
};

use crate::{
    ledger::LossReason,
    state_dir::{StateDir, StateFile as _},
};

use super::{
    Action, Frame, Header, Limits, Signal, SpoolError, SpoolLoss,
    cursor::Cursor,
    frame::{self, MAX_REQUEST_BYTES, SIGNALS},
    losses::Losses,
    segment::{self, Reader, SEGMENT_BYTES, Step},
};

/// So many acknowledgements may be lost with the machine's power. They are never lost with the process alone.
const ACKNOWLEDGED_PER_SYNC: u32 = 64;
/// Segments with damage that are kept.
const DAMAGED_KEPT: usize = 4;

/// The durable queue; see [the module](super).
#[derive(Debug)]
pub struct Spool<D: StateDir> {
    pub(super) dir: D,
    pub(super) limits: Limits,
    pub(super) cursor: Cursor<D::File>,
    /// Oldest first; while there is an active one, it is the last.
    pub(super) segments: VecDeque<Segment>,
    pub(super) active: Option<Active<D::File>>,
    /// The oldest frame that is not done with, if it was looked for and found.
    pub(super) head: Option<Header>,
    /// Where it is in the oldest segment, or is to be looked for.
    pub(super) offset: u64,
    /// All frames before this number are done with.
    pub(super) position: u64,
    pub(super) next_seq: u64,
    pub(super) acknowledged: u32,
    pub(super) losses: Losses,
}

#[derive(Debug)]
pub(super) struct Segment {
    pub(super) first_seq: u64,
    pub(super) name: String,
    /// Up to where its frames are synced, and may be read.
    pub(super) synced: u64,
    /// How long the file is.
    pub(super) written: u64,
    /// What is synced and not done with.
    pub(super) waiting: Tally,
    pub(super) is_damaged: bool,
}

/// The segment that is written.
#[derive(Debug)]
pub(super) struct Active<F> {
    file: F,
    /// Whether its name survives a crash.
    is_named: bool,
    /// Whether a failed write left bytes at its end, so that no frame may follow.
    is_torn: bool,
    /// Appended since the last sync.
    pending: Tally,
}

/// How much is in some frames.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) frames: u64,
    /// Indexed by signal.
    pub(super) items: [u64; 3],
}

impl Tally {
    pub(super) fn add(&mut self, header: &Header) {
        self.frames += 1;
        self.items[header.signal as usize] += u64::from(header.items);
    }

    fn subtract(&mut self, header: &Header) {
        self.frames = self.frames.saturating_sub(1);
        let items = &mut self.items[header.signal as usize];
        *items = items.saturating_sub(u64::from(header.items));
    }

    fn append(&mut self, other: Self) {
        self.frames += other.frames;
        for (items, more) in self.items.iter_mut().zip(other.items) {
            *items += more;
        }
    }
}

impl<D: StateDir> Spool<D> {
    /// Writes a request; it is safe when the next [`sync`](Self::sync) succeeds, and may not be acknowledged before.
    ///
    /// # Errors
    /// When this request is not in the spool; those appended before still wait for their sync.
    pub fn append(&mut self, signal: Signal, items: u64, body: &[u8]) -> Result<(), SpoolError> {
        if body.len() > MAX_REQUEST_BYTES {
            return Err(SpoolError::TooLarge {
                bytes: body.len() as u64,
                limit: MAX_REQUEST_BYTES as u64,
            });
        }
        let now = SystemTime::now();
        let encoded = frame::encode(self.next_seq, signal, items, now, body).map_err(|source| {
            SpoolError::Compress {
                bytes: body.len(),
                source,
            }
        })?;
        self.make_room(encoded.bytes.len() as u64)?;
        let (segment, active) = self.active_segment()?;
        if let Err(error) = active.file.write_all(&encoded.bytes) {
            let error = Action::Write.failed(&segment.name)(error);
            if active.file.truncate(segment.written).is_err() {
                active.is_torn = true;
            }
            return Err(error);
        }
        segment.written += encoded.bytes.len() as u64;
        active.pending.add(&encoded.header);
        self.next_seq += 1;
        Ok(())
    }

    /// Makes all that was appended safe from a crash, and lets [`front`](Self::front) see it.
    ///
    /// # Errors
    /// When it is not safe: nothing that was appended since the last sync is in the spool.
    pub fn sync(&mut self) -> Result<(), SpoolError> {
        let (Some(segment), Some(active)) = (self.segments.back_mut(), self.active.as_mut()) else {
            return Ok(());
        };
        if active.pending.frames == 0 {
            return Ok(());
        }
        let mut synced = active.file.sync();
        if synced.is_ok() && !active.is_named {
            synced = self.dir.sync();
        }
        if let Err(error) = synced {
            let error = Action::Sync.failed(&segment.name)(error);
            // The kernel may have thrown the bytes away and call the next sync of this descriptor a success.
            self.close_active();
            return Err(error);
        }
        active.is_named = true;
        segment.synced = segment.written;
        segment.waiting.append(std::mem::take(&mut active.pending));
        if active.is_torn || segment.synced >= segment_bytes(&self.limits) {
            self.close_active();
        }
        // An error here concerns older frames; it will come again when they are read.
        let _ = self.find_head();
        Ok(())
    }

    /// The oldest frame that is not acknowledged; the same one until it is. What is too old or damaged is declared and
    /// left out.
    ///
    /// # Errors
    /// When it can't be read now, and may be later; or when a segment that is done with can't be removed, which is not
    /// tried again.
    pub fn front(&mut self) -> Result<Option<Frame>, SpoolError> {
        self.expire()?;
        while let (Some(header), Some(segment)) = (self.head, self.segments.front_mut()) {
            let reader = Reader::new(&self.dir, &segment.name, segment.first_seq, segment.synced);
            let payload = reader
                .payload(self.offset, &header)
                .map_err(Action::Read.failed(&segment.name))?;
            if let Some(frame) = payload.and_then(|payload| header.open(&payload)) {
                return Ok(Some(frame));
            }
            segment.is_damaged = true;
            self.lose_head(&header, LossReason::CorruptFrame);
            self.find_head()?;
        }
        Ok(None)
    }

    /// Of the frame that [`front`](Self::front) would read next.
    ///
    /// # Errors
    /// Like those of `front`.
    pub fn front_header(&mut self) -> Result<Option<Header>, SpoolError> {
        self.expire()?;
        Ok(self.head)
    }

    /// The frame of this number is delivered. One that was declared lost since it was read is left at that.
    ///
    /// # Errors
    /// When that could not be noted, or a segment not removed: after a crash the frame may be delivered again.
    pub fn acknowledge(&mut self, seq: u64) -> Result<(), SpoolError> {
        let Some(header) = self.head.filter(|header| header.seq == seq) else {
            return Ok(());
        };
        self.pass_head(&header);
        self.acknowledged += 1;
        let noted = if self.acknowledged >= ACKNOWLEDGED_PER_SYNC {
            self.sync_cursor()
        } else {
            self.cursor.write(&self.dir, self.position)
        };
        let found = self.find_head();
        noted.and(found)
    }

    /// How many bytes all segments have on disk.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.written).sum()
    }

    /// When the oldest frame that is not acknowledged was appended; none when there is none.
    pub fn oldest(&self) -> Option<SystemTime> {
        self.head.map(|header| header.appended_at())
    }

    /// What was lost since this was last asked.
    pub fn losses(&mut self) -> Vec<SpoolLoss> {
        self.losses.take()
    }

    /// The segment to write, a new one if need be.
    fn active_segment(&mut self) -> Result<(&mut Segment, &mut Active<D::File>), SpoolError> {
        if let Some(active) = self.active.as_ref().filter(|active| active.is_torn) {
            if active.pending.frames > 0 {
                return Err(SpoolError::SyncFirst);
            }
            self.close_active();
        }
        if self.active.is_none() {
            let name = segment::name(self.next_seq);
            let file = self.dir.create(&name);
            self.active = Some(Active {
                file: file.map_err(Action::Write.failed(&name))?,
                is_named: false,
                is_torn: false,
                pending: Tally::default(),
            });
            self.segments.push_back(Segment {
                first_seq: self.next_seq,
                name,
                synced: 0,
                written: 0,
                waiting: Tally::default(),
                is_damaged: false,
            });
        }
        match (self.segments.back_mut(), self.active.as_mut()) {
            (Some(segment), Some(active)) => Ok((segment, active)),
            _ => unreachable!("both are there since the lines above"),
        }
    }

    /// Writes no more to the active segment, and forgets what was not synced. Its number is not used again, as a crash may
    /// bring it back.
    fn close_active(&mut self) {
        self.active = None;
        if let Some(empty) = self.segments.pop_back_if(|segment| segment.synced == 0) {
            // It has nothing that counts. If it stays, the next start reads or removes it.
            let _ = self.dir.remove(&empty.name);
        }
    }

    /// Removes the oldest segments until a frame of so many bytes fits.
    fn make_room(&mut self, bytes: u64) -> Result<(), SpoolError> {
        let limit = self.limits.max_bytes / 2;
        if bytes > limit {
            return Err(SpoolError::TooLarge { bytes, limit });
        }
        // An error here concerns older frames; it will come again when they are read.
        let _ = self.expire();
        while self.bytes() + bytes > self.limits.max_bytes {
            if self.segments.len() == 1
                && let Some(active) = &self.active
            {
                if active.pending.frames > 0 {
                    return Err(SpoolError::SyncFirst);
                }
                self.close_active();
                continue;
            }
            let Some(segment) = self.segments.front() else {
                break;
            };
            let lost = self.offset..segment.synced;
            let mut add = |known| {
                let lost = lost.clone();
                self.losses
                    .add(&segment.name, lost, LossReason::SpoolFull, known);
            };
            let waiting = SIGNALS.map(|signal| (signal, segment.waiting.items[signal as usize]));
            if waiting.iter().all(|(_, items)| *items == 0) {
                add(None);
            }
            for known in waiting.into_iter().filter(|(_, items)| *items > 0) {
                add(Some(known));
            }
            self.retire()?;
        }
        Ok(())
    }

    fn expire(&mut self) -> Result<(), SpoolError> {
        self.find_head()?;
        while let Some(header) = self.head {
            let age = SystemTime::now().duration_since(header.appended_at());
            // A clock that went back makes nothing old.
            if age.unwrap_or(Duration::ZERO) <= self.limits.max_age {
                break;
            }
            self.lose_head(&header, LossReason::Expired);
            self.find_head()?;
        }
        Ok(())
    }

    /// Looks for the oldest frame that is not done with, and retires what is done with on the way.
    pub(super) fn find_head(&mut self) -> Result<(), SpoolError> {
        while self.head.is_none()
            && let Some(segment) = self.segments.front_mut()
        {
            let end = segment.synced;
            let mut reader = Reader::new(&self.dir, &segment.name, segment.first_seq, end);
            let step = reader
                .step(self.offset)
                .map_err(Action::Read.failed(&segment.name))?;
            let damaged_to = match step {
                Step::Frame(header) if header.seq < self.position => {
                    self.offset += header.frame_bytes();
                    continue;
                }
                Step::Frame(header) => {
                    self.head = Some(header);
                    return Ok(());
                }
                Step::Damage { to } => to,
                // What was synced is not torn: somebody cut the file.
                Step::Torn => end,
                Step::End => {
                    if self.segments.len() == 1
                        && let Some(active) = &self.active
                    {
                        if active.pending.frames > 0 || end == 0 {
                            return Ok(());
                        }
                        self.active = None;
                    }
                    self.retire()?;
                    continue;
                }
            };
            let lost = self.offset..damaged_to;
            self.losses
                .add(&segment.name, lost, LossReason::CorruptFrame, None);
            segment.is_damaged = true;
            self.offset = damaged_to;
        }
        Ok(())
    }

    fn lose_head(&mut self, header: &Header, reason: LossReason) {
        if let Some(segment) = self.segments.front() {
            let lost = self.offset..self.offset + header.frame_bytes();
            let known = Some((header.signal, u64::from(header.items)));
            self.losses.add(&segment.name, lost, reason, known);
        }
        self.pass_head(header);
    }

    fn pass_head(&mut self, header: &Header) {
        self.head = None;
        self.offset += header.frame_bytes();
        self.position = self.position.max(header.seq + 1);
        if let Some(segment) = self.segments.front_mut() {
            segment.waiting.subtract(header);
        }
    }

    fn sync_cursor(&mut self) -> Result<(), SpoolError> {
        self.acknowledged = 0;
        self.cursor.sync(&self.dir, self.position)
    }

    /// The oldest segment is done with.
    fn retire(&mut self) -> Result<(), SpoolError> {
        let Some(segment) = self.segments.pop_front() else {
            return Ok(());
        };
        self.head = None;
        self.offset = 0;
        let next = self.segments.front();
        let next = next.map_or(self.next_seq, |segment| segment.first_seq);
        self.position = self.position.max(next);
        // Before the removal, which a crash may undo. When it fails, the segment goes all the same: that may free the room
        // the cursor lacks, and costs no more than frames that are delivered again.
        let noted = self.sync_cursor();
        if segment.is_damaged {
            self.move_aside(&segment)?;
        } else {
            self.dir
                .remove(&segment.name)
                .map_err(Action::Remove.failed(&segment.name))?;
        }
        noted
    }

    fn move_aside(&self, segment: &Segment) -> Result<(), SpoolError> {
        let aside = segment::damaged_name(segment.first_seq);
        self.dir
            .rename(&segment.name, &aside)
            .map_err(Action::Remove.failed(&segment.name))?;
        let mut names = self.dir.list().map_err(Action::List.failed(""))?;
        names.retain(|name| segment::damaged_first_seq(name).is_some());
        names.sort_unstable();
        for name in names.iter().rev().skip(DAMAGED_KEPT) {
            self.dir.remove(name).map_err(Action::Remove.failed(name))?;
        }
        Ok(())
    }
}

/// A quarter of the limit at most, so that making room does not throw everything away.
fn segment_bytes(limits: &Limits) -> u64 {
    SEGMENT_BYTES.min(limits.max_bytes / 4)
}
