//! Checkpoints, damaged in every way.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt, path::Path};

use proptest::prelude::*;

use super::*;
use crate::{
    files::{
        checkpoint::{Checkpoints, Entry, Saved},
        frontier::Position,
        identity::{Fingerprint, Inode},
    },
    state_dir::StateFile as _,
};

fn entry(number: u64) -> Entry {
    let print = |hash| Fingerprint { length: 64, hash };
    Entry {
        inode: Inode { device: 7, number },
        position: Position {
            offset: number << 40,
            guard: print(number + 1),
        },
        size: u64::MAX,
        head: print(u64::MAX - number),
        // Paths are bytes, not text.
        path: Path::new(OsStr::from_bytes(b"/var/log/\xff\n.log")).to_owned(),
        log: PathBuf::from("/var/log/a.log"),
    }
}

fn save(dir: &MemoryDir, entries: &[Entry]) {
    let (mut checkpoints, _) = Checkpoints::load(dir.clone());
    checkpoints.save(entries.iter()).unwrap();
}

fn load(dir: &MemoryDir) -> Saved {
    Checkpoints::load(dir.clone()).1
}

#[test]
fn what_is_saved_is_loaded_and_survives_a_crash() {
    let dir = MemoryDir::default();
    assert_eq!(load(&dir), Saved::Nothing);
    for count in 0..5 {
        let entries: Vec<_> = (0..count).map(entry).collect();
        save(&dir, &entries);
        dir.crash();
        assert_eq!(load(&dir), Saved::Newest(entries));
    }
    assert_eq!(dir.list().unwrap(), ["checkpoint.0", "checkpoint.1"]);
}

#[test]
fn a_damaged_generation_is_known_by_its_checksum_and_the_other_one_counts() {
    let dir = MemoryDir::default();
    save(&dir, &[entry(1)]);
    save(&dir, &[entry(2)]);
    dir.damage("checkpoint.0");
    assert_eq!(load(&dir), Saved::Older(vec![entry(1)]));
    save(&dir, &[entry(3)]);
    assert_eq!(load(&dir), Saved::Newest(vec![entry(3)]));
    dir.damage("checkpoint.0");
    dir.damage("checkpoint.1");
    assert_eq!(load(&dir), Saved::Damaged);
    save(&dir, &[entry(4)]);
    let (Saved::Newest(entries) | Saved::Older(entries)) = load(&dir) else {
        panic!("nothing was saved");
    };
    assert_eq!(entries, [entry(4)]);
}

#[test]
fn a_checkpoint_cut_anywhere_is_damaged() {
    let dir = MemoryDir::default();
    save(&dir, &[entry(1), entry(2)]);
    let length = dir.len("checkpoint.1").unwrap();
    for cut in 0..length {
        let mut bytes = vec![0; cut as usize];
        dir.read_at("checkpoint.1", 0, &mut bytes).unwrap();
        let copy = MemoryDir::default();
        copy.create("checkpoint.1")
            .unwrap()
            .write_all(&bytes)
            .unwrap();
        assert_eq!(load(&copy), Saved::Damaged, "{cut}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..300), is_valid: bool) {
        if is_valid {
            // Past the checksum and the magic bytes, into the entries.
            bytes.splice(0..0, *b"TRVCKPT\x01");
            let crc = crc32c::crc32c(&bytes).to_le_bytes();
            bytes.extend(crc);
        }
        let dir = MemoryDir::default();
        dir.create("checkpoint.0").unwrap().write_all(&bytes).unwrap();
        prop_assert!(matches!(load(&dir), Saved::Damaged | Saved::Newest(_)));
    }
}
