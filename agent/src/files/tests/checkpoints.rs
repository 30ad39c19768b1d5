//! Checkpoints and their journal, damaged in every way, on a disk that fails in every way.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt, path::Path};

use nix::errno::Errno;
use proptest::prelude::*;

use super::*;
use crate::{
    files::{
        checkpoint::{Checkpoints, Entry, Saved},
        frontier::Position,
        identity::{Fingerprint, Inode},
    },
    state_dir::{RealDir, StateFile as _, faulty::Operation},
};

const JOURNAL: &str = "checkpoint.journal";

fn entry(number: u64) -> Entry {
    at(number, number << 40)
}

fn at(number: u64, offset: u64) -> Entry {
    let print = |hash| Fingerprint { length: 64, hash };
    Entry {
        inode: Inode { device: 7, number },
        position: Position {
            offset,
            guard: print(number + 1),
        },
        size: u64::MAX,
        head: print(u64::MAX - number),
        // Paths are bytes, not text.
        path: Path::new(OsStr::from_bytes(b"/var/log/\xff\n.log")).to_owned(),
        log: PathBuf::from("/var/log/a.log"),
    }
}

fn save(dir: &FaultyDir, entries: &[Entry]) -> Checkpoints<FaultyDir> {
    let (mut checkpoints, _) = Checkpoints::load(dir.clone());
    checkpoints.save(entries.iter()).unwrap();
    checkpoints
}

fn append(checkpoints: &mut Checkpoints<FaultyDir>, entry: Entry) -> bool {
    checkpoints.append([(false, entry)].into_iter()).is_ok()
}

fn load(dir: &FaultyDir) -> Saved {
    Checkpoints::load(dir.clone()).1
}

fn damage(dir: &FaultyDir, name: &str) {
    let middle = dir.content(name).unwrap().len() / 2;
    dir.corrupt(name, middle, 1);
}

/// A folder with one file, safe from a crash.
fn folder_with(name: &str, content: &[u8]) -> FaultyDir {
    let dir = FaultyDir::default();
    dir.put(name, content);
    dir
}

#[test]
fn what_is_saved_is_loaded_and_survives_a_power_loss() {
    let dir = FaultyDir::default();
    assert_eq!(load(&dir), Saved::Nothing);
    for count in 0..20 {
        let entries: Vec<_> = (0..count).map(entry).collect();
        save(&dir, &entries);
        dir.crash(count);
        assert_eq!(load(&dir), Saved::Newest(entries));
    }
    assert_eq!(dir.list().unwrap(), ["checkpoint.0", "checkpoint.1"]);
}

#[test]
fn a_damaged_generation_is_known_by_its_checksum_and_the_other_one_counts() {
    let dir = FaultyDir::default();
    save(&dir, &[entry(1)]);
    save(&dir, &[entry(2)]);
    damage(&dir, "checkpoint.0");
    assert_eq!(load(&dir), Saved::Older(vec![entry(1)]));
    save(&dir, &[entry(3)]);
    assert_eq!(load(&dir), Saved::Newest(vec![entry(3)]));
    damage(&dir, "checkpoint.0");
    damage(&dir, "checkpoint.1");
    assert_eq!(load(&dir), Saved::Damaged);
    save(&dir, &[entry(4)]);
    let (Saved::Newest(entries) | Saved::Older(entries)) = load(&dir) else {
        panic!("nothing was saved");
    };
    assert_eq!(entries, [entry(4)]);
}

#[test]
fn a_generation_that_no_folder_reaches_is_damage() {
    let mut bytes = [b"TRVCKPT\x01", &u64::MAX.to_le_bytes()[..], &[0; 4]].concat();
    bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
    let dir = folder_with("checkpoint.0", &bytes);
    assert_eq!(load(&dir), Saved::Damaged);
    save(&dir, &[entry(1)]);
    assert_eq!(load(&dir).entries(), [entry(1)]);
}

#[test]
fn a_checkpoint_cut_anywhere_is_damaged() {
    let dir = FaultyDir::default();
    save(&dir, &[entry(1), entry(2)]);
    let bytes = dir.content("checkpoint.1").unwrap();
    for cut in 0..bytes.len() {
        let cut_dir = folder_with("checkpoint.1", &bytes[..cut]);
        assert_eq!(load(&cut_dir), Saved::Damaged, "{cut}");
    }
}

#[test]
fn the_journal_says_what_has_moved_since_the_checkpoint_and_no_longer() {
    let dir = FaultyDir::default();
    let mut checkpoints = save(&dir, &[at(1, 1), at(2, 1), at(3, 1)]);
    assert!(append(&mut checkpoints, at(2, 5)));
    assert!(append(&mut checkpoints, at(2, 6)));
    // The inode of an old file was given to a new one; another one is new too.
    let new = [(true, at(1, 0)), (true, at(4, 0))];
    checkpoints.append(new.into_iter()).unwrap();
    assert!(append(&mut checkpoints, at(1, 7)));
    let expected = [at(2, 6), at(3, 1), at(1, 7), at(4, 0)];
    assert_eq!(load(&dir), Saved::Newest(expected.to_vec()));
    checkpoints.save([at(9, 9)].iter()).unwrap();
    assert_eq!(load(&dir), Saved::Newest(vec![at(9, 9)]));
    assert_eq!(dir.len(JOURNAL).unwrap(), 0);
    assert!(append(&mut checkpoints, at(9, 10)));
    assert_eq!(load(&dir), Saved::Newest(vec![at(9, 10)]));
}

#[test]
fn a_process_goes_on_in_the_journal_of_the_one_before_it() {
    let dir = FaultyDir::default();
    let mut checkpoints = save(&dir, &[at(1, 1), at(2, 1)]);
    assert!(append(&mut checkpoints, at(1, 2)));
    let whole = dir.content(JOURNAL).unwrap();
    dir.append(JOURNAL)
        .unwrap()
        .write_all(&whole[..whole.len() - 1])
        .unwrap();
    let (mut checkpoints, saved) = Checkpoints::load(dir.clone());
    assert_eq!(saved, Saved::Newest(vec![at(1, 2), at(2, 1)]));
    assert!(
        append(&mut checkpoints, at(2, 3)),
        "in place of the torn one"
    );
    assert_eq!(load(&dir), Saved::Newest(vec![at(1, 2), at(2, 3)]));
}

#[test]
fn a_real_folder_keeps_what_the_faulty_one_does() {
    let folder = tempfile::tempdir().unwrap();
    let real = || RealDir::lock(folder.path()).unwrap();
    let (mut checkpoints, _) = Checkpoints::load(real());
    let append = |checkpoints: &mut Checkpoints<RealDir>, entry| {
        checkpoints.append([(false, entry)].into_iter()).unwrap();
    };
    checkpoints.save([at(1, 1), at(2, 1)].iter()).unwrap();
    append(&mut checkpoints, at(1, 2));
    checkpoints.save([at(1, 3), at(2, 1)].iter()).unwrap();
    append(&mut checkpoints, at(2, 4));
    drop(checkpoints);
    let journal = folder.path().join(JOURNAL);
    let mut torn = OpenOptions::new().append(true).open(journal).unwrap();
    torn.write_all(b"torn").unwrap();
    let (mut checkpoints, saved) = Checkpoints::load(real());
    assert_eq!(saved, Saved::Newest(vec![at(1, 3), at(2, 4)]));
    append(&mut checkpoints, at(1, 5));
    drop(checkpoints);
    let (_, saved) = Checkpoints::load(real());
    assert_eq!(saved, Saved::Newest(vec![at(1, 5), at(2, 4)]));
}

#[test]
fn a_journal_counts_up_to_its_first_damage_and_only_with_its_own_checkpoint() {
    let dir = FaultyDir::default();
    let mut checkpoints = save(&dir, &[at(1, 0)]);
    let mut ends = vec![0];
    for offset in 1..4 {
        assert!(append(&mut checkpoints, at(1, offset)));
        ends.push(dir.len(JOURNAL).unwrap() as usize);
    }
    let journal = dir.content(JOURNAL).unwrap();
    for damaged in 0..journal.len() {
        let copy = folder_with("checkpoint.1", &dir.content("checkpoint.1").unwrap());
        copy.put(JOURNAL, &journal);
        copy.corrupt(JOURNAL, damaged, 0x10);
        let whole = ends.iter().rposition(|end| *end <= damaged).unwrap();
        assert_eq!(load(&copy), Saved::Newest(vec![at(1, whole as u64)]));
        copy.put(JOURNAL, &journal[..damaged]);
        assert_eq!(load(&copy), Saved::Newest(vec![at(1, whole as u64)]));
    }
    let other = FaultyDir::default();
    save(&other, &[at(1, 77)]);
    other.put(JOURNAL, &journal);
    assert_eq!(
        load(&other),
        Saved::Newest(vec![at(1, 77)]),
        "the same generation, but not the same"
    );
}

#[test]
fn a_journal_that_can_not_be_started_again_does_no_harm() {
    let dir = FaultyDir::default();
    let mut checkpoints = save(&dir, &[at(1, 0)]);
    assert!(append(&mut checkpoints, at(1, 1)));
    dir.fail_next(Operation::Truncate, Errno::EIO);
    checkpoints.save([at(1, 2)].iter()).unwrap();
    assert_eq!(load(&dir), Saved::Newest(vec![at(1, 2)]));
    dir.fail_next(Operation::Truncate, Errno::EIO);
    assert!(!append(&mut checkpoints, at(1, 3)));
    assert!(append(&mut checkpoints, at(1, 4)));
    assert_eq!(load(&dir), Saved::Newest(vec![at(1, 4)]));
}

#[test]
fn a_checkpoint_in_a_folder_that_can_not_be_synced_counts_with_its_journal() {
    let dir = FaultyDir::default();
    let mut checkpoints = save(&dir, &[at(1, 0)]);
    dir.fail_next(Operation::SyncDir, Errno::EIO);
    assert!(checkpoints.save([at(1, 1)].iter()).is_err());
    assert_eq!(checkpoints.generation(), 2);
    assert!(append(&mut checkpoints, at(1, 2)));
    assert_eq!(load(&dir), Saved::Newest(vec![at(1, 2)]));
    for seed in 0..50 {
        let dir = FaultyDir::default();
        let mut checkpoints = save(&dir, &[at(1, 0)]);
        dir.fail_next(Operation::SyncDir, Errno::EIO);
        assert!(checkpoints.save([at(1, 1)].iter()).is_err());
        dir.crash(seed);
        let (Saved::Newest(entries) | Saved::Older(entries)) = load(&dir) else {
            panic!("a synced checkpoint is gone");
        };
        assert!(entries == [at(1, 0)] || entries == [at(1, 1)]);
    }
}

#[test]
fn a_journal_without_checkpoints_has_a_bound() {
    let dir = FaultyDir::default();
    let mut checkpoints = save(&dir, &[entry(1)]);
    let many: Vec<_> = (0..10_000).map(|number| (true, entry(number))).collect();
    let written = (0..).find(|_| {
        checkpoints
            .append(many.iter().map(|(new, entry)| (*new, entry)))
            .is_err()
    });
    assert!((4..12).contains(&written.unwrap()), "{written:?}");
    assert!(dir.len(JOURNAL).unwrap() < 10 << 20);
}

/// What is done with one file whose offset only grows.
#[derive(Debug, Clone)]
enum Act {
    Append,
    Save,
    Fail(Operation, Errno),
    Fill(u64),
    Empty,
    Restart,
    LosePower(u64),
}

fn act() -> impl Strategy<Value = Act> {
    use Operation::{Append, Create, Rename, SyncDir, SyncFile, Truncate, Write};
    let operations = vec![Append, Create, Rename, SyncDir, SyncFile, Truncate, Write];
    let errnos = vec![Errno::ENOSPC, Errno::EIO];
    let fail = (
        prop::sample::select(operations),
        prop::sample::select(errnos),
    );
    prop_oneof![
        6 => Just(Act::Append),
        3 => Just(Act::Save),
        3 => fail.prop_map(|(operation, errno)| Act::Fail(operation, errno)),
        1 => (0u64..1500).prop_map(Act::Fill),
        1 => Just(Act::Empty),
        2 => Just(Act::Restart),
        1 => any::<u64>().prop_map(Act::LosePower),
    ]
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
        let dir = folder_with("checkpoint.0", &bytes);
        prop_assert!(matches!(load(&dir), Saved::Damaged | Saved::Newest(_)));
    }

    #[test]
    fn no_bytes_make_a_reader_of_journals_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..300), is_valid: bool) {
        if is_valid {
            // Past the checksum, into the entry: of no generation, as there is no checkpoint.
            bytes.splice(0..0, [0; 12]);
            let header = [bytes.len() as u32, crc32c::crc32c(&bytes)].map(u32::to_le_bytes);
            bytes.splice(0..0, header.concat());
        }
        let dir = folder_with(JOURNAL, &bytes);
        prop_assert!(matches!(load(&dir), Saved::Nothing | Saved::Newest(_)));
    }

    #[test]
    fn whatever_the_disk_does_no_start_claims_more_than_was_acknowledged_or_less_than_was_saved(
        acts in prop::collection::vec(act(), 1..60),
    ) {
        let dir = FaultyDir::default();
        let (mut checkpoints, _) = Checkpoints::load(dir.clone());
        // Acknowledged; said by a save or an append that did not fail; said by a save that did not.
        let (mut acknowledged, mut said, mut safe) = (0, None, None);
        let mut is_new = true;
        for act in acts {
            match act {
                Act::Append => {
                    acknowledged += 1;
                    let entry = at(1, acknowledged);
                    if checkpoints.append([(is_new, entry)].into_iter()).is_ok() {
                        said = Some(acknowledged);
                        is_new = false;
                    }
                }
                Act::Save => {
                    let before = checkpoints.generation();
                    let result = checkpoints.save([at(1, acknowledged)].iter());
                    if checkpoints.generation() != before {
                        said = Some(acknowledged);
                        is_new = false;
                    }
                    if result.is_ok() {
                        safe = Some(acknowledged);
                    }
                }
                Act::Fail(operation, errno) => dir.fail_next(operation, errno),
                Act::Fill(capacity) => dir.set_capacity(Some(capacity)),
                Act::Empty => dir.set_capacity(None),
                Act::Restart | Act::LosePower(_) => {
                    let least = match act {
                        Act::LosePower(seed) => {
                            dir.crash(seed);
                            safe
                        }
                        _ => said,
                    };
                    // The reading of the next start works.
                    dir.heal();
                    let (next, saved) = Checkpoints::load(dir.clone());
                    checkpoints = next;
                    let is_nothing = saved == Saved::Nothing;
                    let entries = saved.entries();
                    prop_assert!(entries.len() <= 1 && (is_nothing || entries.len() == 1));
                    let found = entries.first().map(|entry| entry.position.offset);
                    match act {
                        Act::Restart => prop_assert_eq!(found, least),
                        _ => prop_assert!(found >= least && found <= Some(acknowledged)),
                    }
                    acknowledged = found.unwrap_or(0);
                    (said, is_new) = (found, found.is_none());
                }
            }
        }
    }
}
