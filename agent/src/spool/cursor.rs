//! The cursor: up to which number every frame is delivered or declared, in two files that are written in turn.
//!
//! | bytes | field, numbers little-endian |
//! |---|---|
//! | 0..4 | magic, `TVSC` |
//! | 4 | version, 1 |
//! | 5..8 | 0 |
//! | 8..16 | the number of the first frame that is not done with |
//! | 16..20 | CRC32C of bytes 0..16 |
//!
//! The higher one of those that are right counts. The one that was synced last is left alone until the other one is synced,
//! so a crash while one is written costs the acknowledgements since then, not the cursor. A cursor that is lost, or whose
//! segment is gone, only means that the oldest segment is delivered from its start.

use crate::state_dir::{StateDir, StateFile};

use super::{Action, SpoolError, segment::END_OF_NUMBERS};

const NAMES: [&str; 2] = ["spool.cursor.0", "spool.cursor.1"];
const MAGIC: [u8; 4] = *b"TVSC";
const VERSION: u8 = 1;
const SLOT_BYTES: usize = 20;

/// Writes the cursor.
#[derive(Debug)]
pub(super) struct Cursor<F> {
    slots: [Slot<F>; 2],
    /// The slot to write.
    turn: usize,
}

#[derive(Debug)]
struct Slot<F> {
    file: Option<F>,
    /// Whether its name survives a crash.
    is_named: bool,
}

/// What the cursor says; none if there is none that is right.
pub(super) fn load<D: StateDir>(dir: &D) -> Option<u64> {
    NAMES.iter().filter_map(|name| slot(dir, name)).max()
}

fn slot<D: StateDir>(dir: &D, name: &str) -> Option<u64> {
    let mut bytes = [0; SLOT_BYTES];
    let read = dir.read_at(name, 0, &mut bytes).ok()?;
    let is_right = read == SLOT_BYTES && bytes == encode(decode(&bytes));
    let position = is_right.then(|| decode(&bytes))?;
    (position < END_OF_NUMBERS).then_some(position)
}

fn decode(bytes: &[u8; SLOT_BYTES]) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|index| bytes[8 + index]))
}

fn encode(position: u64) -> [u8; SLOT_BYTES] {
    let mut bytes = [0; SLOT_BYTES];
    bytes[..4].copy_from_slice(&MAGIC);
    bytes[4] = VERSION;
    bytes[8..16].copy_from_slice(&position.to_le_bytes());
    let crc = crc32c::crc32c(&bytes[..16]);
    bytes[16..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

impl<F: StateFile> Cursor<F> {
    /// Writes first to the slot that [`load`] did not go by.
    pub(super) fn new<D: StateDir<File = F>>(dir: &D) -> Self {
        let [first, second] = NAMES.map(|name| slot(dir, name));
        Self {
            slots: [first, second].map(|position| Slot {
                file: None,
                is_named: position.is_some(),
            }),
            turn: usize::from(first > second),
        }
    }

    /// Writes it, which survives the process.
    pub(super) fn write<D: StateDir<File = F>>(
        &mut self,
        dir: &D,
        position: u64,
    ) -> Result<(), SpoolError> {
        self.put(dir, position, false)
    }

    /// Writes it, which survives the machine.
    pub(super) fn sync<D: StateDir<File = F>>(
        &mut self,
        dir: &D,
        position: u64,
    ) -> Result<(), SpoolError> {
        self.put(dir, position, true)?;
        self.turn = 1 - self.turn;
        Ok(())
    }

    fn put<D: StateDir<File = F>>(
        &mut self,
        dir: &D,
        position: u64,
        is_durable: bool,
    ) -> Result<(), SpoolError> {
        let name = NAMES[self.turn];
        let slot = &mut self.slots[self.turn];
        let mut file = match slot.file.take() {
            Some(mut file) => file.truncate(0).map(|()| file),
            None => dir.create(name),
        }
        .map_err(Action::Write.failed(name))?;
        // A descriptor that failed is not kept.
        file.write_all(&encode(position))
            .map_err(Action::Write.failed(name))?;
        if is_durable {
            file.sync().map_err(Action::Sync.failed(name))?;
            if !slot.is_named {
                dir.sync().map_err(Action::Sync.failed(name))?;
                slot.is_named = true;
            }
        }
        slot.file = Some(file);
        Ok(())
    }
}
