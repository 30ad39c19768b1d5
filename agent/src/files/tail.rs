//! Reads the lines of one file: blocking `pread` into a buffer that all files share, newlines found by `memchr`.
//!
//! The offset is always the start of a line: a half line stays unread until its newline is there. Each read starts with the
//! bytes that the guard is of, so that a truncation shows even when the file has already grown past the offset again.
//! Of a line that is longer than the limit the start is offered; the rest is skipped, and the offset moves when its newline
//! is found.

use std::{
    fs::File,
    io,
    ops::Range,
    os::unix::fs::{FileExt, MetadataExt},
    path::PathBuf,
};

use memchr::{memchr, memchr_iter};

use super::identity::{Fingerprint, GUARD_BYTES, HEAD_BYTES, Inode, Verdict, is_compressed};

/// The most that is read of one file before the next one gets its turn, in bytes.
pub const TURN_BYTES: usize = 256 * 1024;

/// What all files are read into, one after the other.
#[derive(Debug, Default)]
pub struct ReadBuffer {
    bytes: Vec<u8>,
    /// Of the file whose turn it is; in bytes, without the newline.
    longest_line: usize,
}

impl ReadBuffer {
    /// For a file with lines up to `longest_line` bytes.
    pub fn for_lines_of(&mut self, longest_line: usize) -> &mut Self {
        self.longest_line = longest_line.max(1);
        self
    }

    /// At least `length` bytes; what only a long line needs is freed by the next turn.
    fn sized(&mut self, length: usize) -> &mut [u8] {
        if self.bytes.len() < length {
            self.bytes.resize(length, 0);
        }
        &mut self.bytes[..length]
    }

    fn shrink(&mut self) {
        if self.bytes.len() > TURN_BYTES + HEAD_BYTES {
            self.bytes.truncate(TURN_BYTES + HEAD_BYTES);
            self.bytes.shrink_to_fit();
        }
    }
}

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// There is more to read.
    More,
    /// All whole lines have been read.
    End,
    /// It is not the file any more that it was.
    Changed(Verdict),
    /// It is compressed, so it is never read.
    Compressed,
}

/// A file that is being read.
#[derive(Debug)]
pub struct Tail {
    /// Which file.
    pub inode: Inode,
    /// Where it was seen last.
    pub path: PathBuf,
    /// Of its first bytes.
    pub head: Fingerprint,
    /// The largest size that was seen, in bytes.
    pub size: u64,
    /// The part of it that was seen when it was certainly the same file: what is after that may have come after a truncation.
    pub certain_size: u64,
    offset: u64,
    guard: Fingerprint,
    /// How far a line was looked through that is longer than the limit.
    skipped_to: Option<u64>,
    file: Option<File>,
    /// What the kernel answers in a test.
    #[cfg(test)]
    pub(super) fault: Option<nix::errno::Errno>,
}

impl Tail {
    /// A file to be read from `offset` on; `head` and `guard` are what is remembered of it, if anything.
    pub fn new(
        inode: Inode,
        path: PathBuf,
        head: Fingerprint,
        offset: u64,
        guard: Fingerprint,
    ) -> Self {
        Self {
            inode,
            path,
            head,
            size: offset,
            certain_size: offset,
            offset,
            guard,
            skipped_to: None,
            file: None,
            #[cfg(test)]
            fault: None,
        }
    }

    /// Where the next line to offer starts.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Of the bytes before the offset.
    pub fn guard(&self) -> Fingerprint {
        self.guard
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        self.file.is_some()
    }

    /// Whether bytes are known that were not offered.
    pub fn is_behind(&self) -> bool {
        self.size > self.offset
    }

    /// Closes it.
    pub fn close(&mut self) {
        self.file = None;
    }

    /// Whether no folder names it any more. Known only while it is open.
    pub fn is_unlinked(&self) -> bool {
        self.file
            .as_ref()
            .is_some_and(|file| file.metadata().is_ok_and(|metadata| metadata.nlink() == 0))
    }

    /// Opens it, if it is not, and compares it with what is remembered.
    ///
    /// # Errors
    /// When it can't be opened or read.
    pub fn open(&mut self) -> io::Result<Verdict> {
        #[cfg(test)]
        if let Some(errno) = self.fault {
            return Err(errno.into());
        }
        if self.file.is_some() {
            return Ok(Verdict::Same);
        }
        let file = File::open(&self.path)?;
        let metadata = file.metadata()?;
        if Inode::of(&metadata) != self.inode {
            // It was renamed, and another has its name: where it is now, the folders know.
            return Err(io::ErrorKind::NotFound.into());
        }
        let verdict = self.judge(&file, metadata.len())?;
        if verdict == Verdict::Same {
            self.seen(metadata.len());
            self.file = Some(file);
        }
        Ok(verdict)
    }

    /// Notes how large it is, if it is open: what can be declared when it is lost before it is read.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn look(&mut self) -> io::Result<Verdict> {
        let Some(file) = &self.file else {
            return Ok(Verdict::Same);
        };
        let size = file.metadata()?.len();
        let verdict = self.judge_open(file, size)?;
        if verdict == Verdict::Same {
            self.seen(size);
        }
        Ok(verdict)
    }

    fn seen(&mut self, size: u64) {
        self.size = self.size.max(size);
        self.certain_size = self.certain_size.max(size);
    }

    /// Compares it with what is remembered, also while it is open.
    ///
    /// # Errors
    /// When it can't be opened or read.
    pub fn verify(&mut self) -> io::Result<Verdict> {
        match &self.file {
            Some(file) => self.judge_open(file, file.metadata()?.len()),
            None => self.open(),
        }
    }

    /// As long as it is open, its inode is given to no other file: other content came after a truncation.
    fn judge_open(&self, file: &File, size: u64) -> io::Result<Verdict> {
        Ok(match self.judge(file, size)? {
            Verdict::Other => Verdict::Truncated,
            verdict => verdict,
        })
    }

    fn judge(&self, file: &File, size: u64) -> io::Result<Verdict> {
        let mut bytes = [0; HEAD_BYTES];
        let head = &mut bytes[..usize::from(self.head.length)];
        let length = read_full(file, head, 0)?;
        if length == head.len() && !self.head.is_head_of(head) {
            return Ok(Verdict::Other);
        }
        if length < head.len() || size < self.offset {
            return Ok(Verdict::Truncated);
        }
        let is_same = self.guard_of(file, self.offset, self.guard.length)? == self.guard;
        Ok(if is_same {
            Verdict::Same
        } else {
            Verdict::Truncated
        })
    }

    /// Leaves out what is before an offset, or before the end of what is there now, whichever is less; for a file that is not
    /// to be read from its beginning.
    ///
    /// # Errors
    /// When it can't be opened or read.
    pub fn skip_to(&mut self, offset: u64) -> io::Result<()> {
        self.open()?;
        let file = self.file.as_ref().ok_or(io::ErrorKind::NotFound)?;
        let offset = offset.min(file.metadata()?.len());
        let mut head = [0; HEAD_BYTES];
        let length = read_full(file, &mut head, 0)?;
        self.guard = self.guard_before(offset)?;
        self.head = Fingerprint::of_head(&head[..length]);
        self.offset = offset;
        Ok(())
    }

    /// The fingerprint of the bytes before an offset that is not the present one.
    ///
    /// # Errors
    /// When it can't be read; also when it is closed.
    pub fn guard_before(&self, offset: u64) -> io::Result<Fingerprint> {
        let file = self.file.as_ref().ok_or(io::ErrorKind::NotFound)?;
        self.guard_of(file, offset, GUARD_BYTES as u16)
    }

    fn guard_of(&self, file: &File, offset: u64, length: u16) -> io::Result<Fingerprint> {
        let mut bytes = [0; GUARD_BYTES];
        let start = offset.saturating_sub(u64::from(length));
        let wanted = &mut bytes[..(offset - start) as usize];
        let length = read_full(file, wanted, start)?;
        Ok(Fingerprint::of_guard(&wanted[..length]))
    }

    /// Offers the lines of at most [`TURN_BYTES`], or of one longer line. `offer` gets the bytes of the file that the line
    /// is, with its newline, and the line; a line shorter than that was cut.
    ///
    /// # Errors
    /// When it can't be read; the turn may be tried again.
    pub fn turn(
        &mut self,
        buffer: &mut ReadBuffer,
        offer: &mut dyn FnMut(Range<u64>, &[u8]),
    ) -> io::Result<Turn> {
        match self.open()? {
            Verdict::Same => {}
            changed => return Ok(Turn::Changed(changed)),
        }
        if let Some(position) = self.skipped_to {
            return self.skip(position, buffer, offer);
        }
        let turn = self.read(TURN_BYTES, buffer, offer);
        match turn {
            // Not one newline in all of the buffer.
            Ok(None) => {
                let turn = self.read(buffer.longest_line + 1, buffer, offer);
                buffer.shrink();
                Ok(turn?.unwrap_or(Turn::More))
            }
            Ok(Some(turn)) => Ok(turn),
            Err(error) => Err(error),
        }
    }

    /// One read of at most `wanted` bytes from the offset on; none when these are the start of one line that is longer.
    fn read(
        &mut self,
        wanted: usize,
        buffer: &mut ReadBuffer,
        offer: &mut dyn FnMut(Range<u64>, &[u8]),
    ) -> io::Result<Option<Turn>> {
        let file = self.file.as_ref().ok_or(io::ErrorKind::NotFound)?;
        // Near the start all of the head is read again, so that it is compared, and becomes longer as the file does.
        let from = if self.offset <= HEAD_BYTES as u64 {
            0
        } else {
            self.offset - u64::from(self.guard.length)
        };
        let lead = (self.offset - from) as usize;
        let longest_line = buffer.longest_line;
        let bytes = buffer.sized(lead + wanted);
        let filled = read_full(file, bytes, from)?;
        let is_full = filled == bytes.len();
        let bytes = &bytes[..filled];
        if filled < lead || !self.guard.is_guard_of(&bytes[..lead]) {
            return Ok(Some(Turn::Changed(Verdict::Truncated)));
        }
        if from == 0 {
            if !self.head.is_head_of(bytes) {
                return Ok(Some(Turn::Changed(Verdict::Truncated)));
            }
            if usize::from(self.head.length) < HEAD_BYTES {
                self.head = Fingerprint::of_head(bytes);
            }
            if self.offset == 0 && is_compressed(bytes) {
                return Ok(Some(Turn::Compressed));
            }
        }
        let end = from + filled as u64;
        self.size = self.size.max(end);
        self.certain_size = self.certain_size.max(end);
        let data = &bytes[lead..];
        let mut start = 0;
        for end in memchr_iter(b'\n', data) {
            let at = self.offset + start as u64..self.offset + end as u64 + 1;
            offer(at, &data[start..end.min(start + longest_line)]);
            start = end + 1;
        }
        if start > 0 {
            self.guard = Fingerprint::of_guard(&bytes[..lead + start]);
            self.offset += start as u64;
        } else if data.len() > longest_line {
            self.skipped_to = Some(self.offset + data.len() as u64);
            return Ok(Some(Turn::More));
        } else if is_full {
            return Ok(None);
        }
        Ok(Some(if is_full { Turn::More } else { Turn::End }))
    }

    /// Looks for the newline of a line that is too long.
    fn skip(
        &mut self,
        position: u64,
        buffer: &mut ReadBuffer,
        offer: &mut dyn FnMut(Range<u64>, &[u8]),
    ) -> io::Result<Turn> {
        let file = self.file.as_ref().ok_or(io::ErrorKind::NotFound)?;
        let bytes = buffer.sized(TURN_BYTES);
        let filled = read_full(file, bytes, position)?;
        self.size = self.size.max(position + filled as u64);
        if let Some(newline) = memchr(b'\n', &bytes[..filled]) {
            let end = position + newline as u64 + 1;
            return self.offer_cut(end, buffer, offer);
        }
        if filled == 0 && file.metadata()?.len() < position {
            return Ok(Turn::Changed(Verdict::Truncated));
        }
        self.skipped_to = Some(position + filled as u64);
        Ok(if filled == TURN_BYTES {
            Turn::More
        } else {
            Turn::End
        })
    }

    /// Offers as much of the bytes up to `end` as a line may have.
    fn offer_cut(
        &mut self,
        end: u64,
        buffer: &mut ReadBuffer,
        offer: &mut dyn FnMut(Range<u64>, &[u8]),
    ) -> io::Result<Turn> {
        let file = self.file.as_ref().ok_or(io::ErrorKind::NotFound)?;
        if self.guard_of(file, self.offset, self.guard.length)? != self.guard {
            return Ok(Turn::Changed(Verdict::Truncated));
        }
        let guard = self.guard_before(end)?;
        let length = (end - self.offset).min(buffer.longest_line as u64) as usize;
        let line = buffer.sized(length);
        if read_full(file, line, self.offset)? < length {
            return Ok(Turn::Changed(Verdict::Truncated));
        }
        offer(self.offset..end, line);
        self.offset = end;
        self.guard = guard;
        self.skipped_to = None;
        buffer.shrink();
        Ok(Turn::More)
    }

    /// Offers the half line at the end, for a file that nobody writes any more.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn finish(
        &mut self,
        buffer: &mut ReadBuffer,
        offer: &mut dyn FnMut(Range<u64>, &[u8]),
    ) -> io::Result<Turn> {
        match self.open()? {
            Verdict::Same if self.is_behind() => self.offer_cut(self.size, buffer, offer),
            Verdict::Same => Ok(Turn::End),
            changed => Ok(Turn::Changed(changed)),
        }
    }
}

/// Reads until the buffer is full or the file ends.
fn read_full(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(length) => filled += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
