//! Takes numbers and texts out of an input, for targets that write before they read. What an input lacks is zero or empty.

/// What is left of an input.
pub(crate) struct Input<'a>(pub(crate) &'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// At most `most` bytes, fewer at the end.
    pub(crate) fn bytes(&mut self, most: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(self.0.len().min(most));
        self.0 = rest;
        taken
    }

    pub(crate) fn u8(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or_default()
    }

    pub(crate) fn u16(&mut self) -> u16 {
        u16::from_le_bytes([self.u8(), self.u8()])
    }

    pub(crate) fn u64(&mut self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.u8()))
    }
}

/// Changes one byte of these; where it was. None when there are no bytes.
pub(crate) fn damage(bytes: &mut [u8], input: &mut Input<'_>) -> Option<usize> {
    let at = usize::from(input.u16()).checked_rem(bytes.len())?;
    bytes[at] ^= input.u8().max(1);
    Some(at)
}
