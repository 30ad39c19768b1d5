//! A segment: frames one after the other in a file, and how to step through them whatever the file contains.
//!
//! | what is found where a frame should start | what it means |
//! |---|---|
//! | a header whose CRC is right, and its whole payload | a frame; whether its payload is right shows when it is read |
//! | fewer bytes than a header, or a right header and less than its payload, or zeros to the end | a torn end: a write that no sync followed |
//! | anything else | damage, up to the next right header of this segment, or to the end |
//!
//! Bytes that the disk can't give (`EIO`) are damage too. Other errors may pass, so nothing is given up for them.

use std::io;

use memchr::memmem;
use nix::errno::Errno;

use super::frame::{HEADER_BYTES, Header, MAGIC};
use crate::state_dir::StateDir;

/// A segment is closed when it is so large; the last group of frames may make it larger.
pub const SEGMENT_BYTES: u64 = 16 << 20;

/// No spool gets so far: numbers follow the microseconds since 1970. Below it none of their sums overflows.
pub(super) const END_OF_NUMBERS: u64 = 1 << 62;

const SUFFIX: &str = ".spool";
const DAMAGED_SUFFIX: &str = ".damaged";
/// What is read at once. Bytes on a failing disk are given up in steps of this, which double while they all fail.
const WINDOW_BYTES: usize = 4096;

/// The name of the segment that starts with this number; as text it sorts like the number.
pub fn name(first_seq: u64) -> String {
    format!("{first_seq:020}{SUFFIX}")
}

/// The name it gets when it is done with and had damage.
pub fn damaged_name(first_seq: u64) -> String {
    format!("{first_seq:020}{DAMAGED_SUFFIX}")
}

/// The first number of the segment of this name; none if it is not a segment's.
pub fn first_seq(name: &str) -> Option<u64> {
    number(name, SUFFIX)
}

/// The first number of the segment that was moved aside under this name.
pub fn damaged_first_seq(name: &str) -> Option<u64> {
    number(name, DAMAGED_SUFFIX)
}

fn number(name: &str, suffix: &str) -> Option<u64> {
    let digits = name.strip_suffix(suffix)?;
    let is_ours = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number: Option<u64> = is_ours.then(|| digits.parse().ok())?;
    number.filter(|number| *number < END_OF_NUMBERS)
}

/// What is found at an offset of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A frame.
    Frame(Header),
    /// No frame up to here.
    Damage {
        /// An offset, where the next frame or the end is.
        to: u64,
    },
    /// A write that did not come to its end, and nothing after it.
    Torn,
    /// The end.
    End,
}

/// Steps through a segment.
#[derive(Debug)]
pub struct Reader<'a, D> {
    dir: &'a D,
    name: &'a str,
    first_seq: u64,
    end: u64,
    window: Vec<u8>,
    window_at: u64,
}

impl<'a, D: StateDir> Reader<'a, D> {
    /// Nothing from `end` on is looked at.
    pub fn new(dir: &'a D, name: &'a str, first_seq: u64, end: u64) -> Self {
        Self {
            dir,
            name,
            first_seq,
            end,
            window: Vec::new(),
            window_at: 0,
        }
    }

    /// What is at `offset`, where the frame before ends.
    ///
    /// # Errors
    /// When the file can't be read now, and may be later.
    pub fn step(&mut self, offset: u64) -> io::Result<Step> {
        if offset >= self.end {
            return Ok(Step::End);
        }
        match self.header_at(offset) {
            Ok(Some(header)) if offset + header.frame_bytes() <= self.end => {
                Ok(Step::Frame(header))
            }
            Ok(Some(_)) => Ok(Step::Torn),
            Ok(None) if self.is_torn(offset)? => Ok(Step::Torn),
            Ok(None) => self.next_header(offset + 1),
            Err(error) if is_lost(&error) => self.next_header(offset + 1),
            Err(error) => Err(error),
        }
    }

    /// The payload of the frame at `offset`; none where the disk has it no more.
    ///
    /// # Errors
    /// When the file can't be read now, and may be later.
    pub fn payload(&self, offset: u64, header: &Header) -> io::Result<Option<Vec<u8>>> {
        let mut payload = vec![0; header.payload_bytes as usize];
        match self
            .dir
            .read_at(self.name, offset + HEADER_BYTES as u64, &mut payload)
        {
            Ok(read) if read == payload.len() => Ok(Some(payload)),
            Ok(_) => Ok(None),
            Err(error) if is_lost(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn header_at(&mut self, offset: u64) -> io::Result<Option<Header>> {
        let bytes = self.bytes_at(offset, HEADER_BYTES)?;
        let header = Header::decode(bytes);
        Ok(header.filter(|header| self.may_be_at(header, offset)))
    }

    /// Numbers have no gaps within a segment, so the bytes before a frame bound its number.
    fn may_be_at(&self, header: &Header, offset: u64) -> bool {
        let most = self.first_seq.saturating_add(offset / HEADER_BYTES as u64);
        (self.first_seq..=most).contains(&header.seq)
    }

    fn is_torn(&mut self, offset: u64) -> io::Result<bool> {
        if self.end - offset < HEADER_BYTES as u64 {
            return Ok(true);
        }
        let mut at = offset;
        while at < self.end {
            let bytes = match self.bytes_at(at, 1) {
                Ok(bytes) => bytes,
                Err(error) if is_lost(&error) => return Ok(false),
                Err(error) => return Err(error),
            };
            if bytes.is_empty() || bytes.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            at += bytes.len() as u64;
        }
        Ok(true)
    }

    fn next_header(&mut self, from: u64) -> io::Result<Step> {
        let mut at = from;
        let mut given_up = WINDOW_BYTES as u64;
        while at + HEADER_BYTES as u64 <= self.end {
            let bytes = match self.bytes_at(at, HEADER_BYTES) {
                Ok(bytes) => bytes,
                Err(error) if is_lost(&error) => {
                    at += given_up;
                    given_up *= 2;
                    continue;
                }
                Err(error) => return Err(error),
            };
            given_up = WINDOW_BYTES as u64;
            let length = bytes.len();
            if length < HEADER_BYTES {
                break;
            }
            let Some(found) = memmem::find(bytes, &MAGIC) else {
                // The magic may have started in the last three bytes.
                at += (length - (MAGIC.len() - 1)) as u64;
                continue;
            };
            at += found as u64;
            if length - found < HEADER_BYTES {
                // The rest of the header is in the next window.
                continue;
            }
            let header = Header::decode(&self.window[(at - self.window_at) as usize..]);
            if header.is_some_and(|header| {
                self.may_be_at(&header, at) && at + header.frame_bytes() <= self.end
            }) {
                return Ok(Step::Damage { to: at });
            }
            at += 1;
        }
        Ok(Step::Damage { to: self.end })
    }

    /// At least `least` bytes from `offset` on where the segment has them, and what more is at hand.
    fn bytes_at(&mut self, offset: u64, least: usize) -> io::Result<&[u8]> {
        let window_end = self.window_at + self.window.len() as u64;
        if offset < self.window_at || offset + least as u64 > window_end {
            let length = (self.end - offset).min(WINDOW_BYTES as u64) as usize;
            self.window.resize(length, 0);
            self.window_at = offset;
            let read = self.dir.read_at(self.name, offset, &mut self.window);
            self.window.truncate(*read.as_ref().unwrap_or(&0));
            read?;
        }
        Ok(&self.window[(offset - self.window_at) as usize..])
    }
}

/// Whether trying again would not bring the bytes back.
pub(super) fn is_lost(error: &io::Error) -> bool {
    const LOST: [Errno; 4] = [Errno::EIO, Errno::ENOENT, Errno::EUCLEAN, Errno::EBADMSG];
    LOST.iter()
        .any(|errno| error.raw_os_error() == Some(*errno as i32))
}
