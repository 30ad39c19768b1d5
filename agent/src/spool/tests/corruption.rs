//! Damage made by hand, one case each: what is still delivered, and what is declared.

use super::*;

/// Three segments of three frames each, numbers 10 to 18, 5 items each; frame 10 is acknowledged.
struct Disk {
    dir: FaultyDir,
    /// Where the frames of a segment start, and where the last one ends; the same in each.
    starts: [usize; 4],
}

impl Disk {
    fn new() -> Self {
        let dir = FaultyDir::default();
        let mut starts = [0; 4];
        for first in [10, 13, 16] {
            let mut content = Vec::new();
            for seq in first..first + 3 {
                let time = SystemTime::now();
                let frame = encode(seq, Signal::Logs, 5, time, &body(seq, 100)).unwrap();
                content.extend(frame.bytes);
                starts[(seq - first) as usize + 1] = content.len();
            }
            dir.put(&segment::name(first), &content);
        }
        dir.put("spool.cursor.0", &cursor_slot(11));
        dir.put("spool.cursor.1", &cursor_slot(10));
        Self { dir, starts }
    }

    fn edit(&self, first: u64, edit: impl FnOnce(&mut Vec<u8>)) {
        let name = segment::name(first);
        let mut content = self.dir.content(&name).unwrap();
        edit(&mut content);
        self.dir.put(&name, &content);
    }

    /// What is delivered, the items declared, those of unknown number as `None`, and what is kept to look at.
    fn outcome(self) -> (Vec<u64>, Vec<Option<u64>>, usize) {
        let mut spool = open(&self.dir, Limits::default());
        let delivered = drain(&mut spool);
        let losses = spool.losses();
        for loss in &losses {
            assert_eq!(loss.loss.reason, LossReason::CorruptFrame);
        }
        assert_eq!(segments(&self.dir), [""; 0]);
        let names = self.dir.list().unwrap();
        let aside = names
            .iter()
            .filter_map(|name| segment::damaged_first_seq(name));
        (
            delivered,
            losses.iter().map(|loss| loss.items).collect(),
            aside.count(),
        )
    }
}

fn cursor_slot(position: u64) -> Vec<u8> {
    let mut slot = b"TVSC\x01\0\0\0".to_vec();
    slot.extend(position.to_le_bytes());
    slot.extend(crc32c::crc32c(&slot).to_le_bytes());
    slot
}

fn all_but(lost: &[u64]) -> Vec<u64> {
    (11..19).filter(|number| !lost.contains(number)).collect()
}

#[test]
fn no_damage() {
    assert_eq!(Disk::new().outcome(), (all_but(&[]), vec![], 0));
}

#[test]
fn a_payload_in_the_middle_is_stepped_over_by_its_length() {
    let disk = Disk::new();
    let at = disk.starts[1] + HEADER_BYTES + 3;
    disk.edit(13, |content| content[at] ^= 1);
    assert_eq!(disk.outcome(), (all_but(&[14]), vec![Some(5)], 1));
}

#[test]
fn the_last_payload_of_all_is_declared_and_not_taken_for_a_torn_end() {
    let disk = Disk::new();
    disk.edit(16, |content| *content.last_mut().unwrap() ^= 1);
    assert_eq!(disk.outcome(), (all_but(&[18]), vec![Some(5)], 1));
}

#[test]
fn any_byte_of_a_header_costs_that_frame_only() {
    for byte in 0..HEADER_BYTES {
        let disk = Disk::new();
        let at = disk.starts[1] + byte;
        disk.edit(13, |content| content[at] ^= 0x10);
        assert_eq!(
            disk.outcome(),
            (all_but(&[14]), vec![None], 1),
            "byte {byte}"
        );
    }
}

#[test]
fn the_first_header_of_a_segment() {
    let disk = Disk::new();
    disk.edit(13, |content| content[0] = b'X');
    assert_eq!(disk.outcome(), (all_but(&[13]), vec![None], 1));
}

#[test]
fn the_last_header_of_a_segment() {
    let disk = Disk::new();
    let at = disk.starts[2];
    disk.edit(16, |content| content[at] = b'X');
    assert_eq!(disk.outcome(), (all_but(&[18]), vec![None], 1));
}

#[test]
fn a_length_that_points_behind_the_end() {
    let disk = Disk::new();
    let at = disk.starts[1] + 31;
    disk.edit(13, |content| content[at] = 0xff);
    assert_eq!(disk.outcome(), (all_but(&[14]), vec![None], 1));
}

#[test]
fn damage_in_a_frame_that_was_acknowledged_costs_nothing() {
    let disk = Disk::new();
    disk.edit(10, |content| content[HEADER_BYTES] ^= 1);
    assert_eq!(disk.outcome(), (all_but(&[]), vec![], 0));
}

#[test]
fn two_bad_payloads_of_a_segment_are_declared_as_one() {
    let disk = Disk::new();
    let at = [0, 2].map(|frame| disk.starts[frame] + HEADER_BYTES);
    disk.edit(13, |content| {
        for at in at {
            content[at] ^= 1;
        }
    });
    assert_eq!(disk.outcome(), (all_but(&[13, 15]), vec![Some(10)], 1));
}

#[test]
fn a_header_that_was_overwritten_with_zeros() {
    let disk = Disk::new();
    let at = disk.starts[1];
    disk.edit(13, |content| content[at..at + HEADER_BYTES].fill(0));
    assert_eq!(disk.outcome(), (all_but(&[14]), vec![None], 1));
}

#[test]
fn zeros_up_to_the_end_are_a_torn_end() {
    let disk = Disk::new();
    let at = disk.starts[2];
    disk.edit(16, |content| content[at..].fill(0));
    assert_eq!(disk.outcome(), (all_but(&[18]), vec![], 0));
}

#[test]
fn half_a_header_at_the_end_is_a_torn_end() {
    let disk = Disk::new();
    let at = disk.starts[2] + HEADER_BYTES / 2;
    disk.edit(16, |content| content.truncate(at));
    assert_eq!(disk.outcome(), (all_but(&[18]), vec![], 0));
}

#[test]
fn half_a_payload_at_the_end_is_a_torn_end() {
    let disk = Disk::new();
    disk.edit(16, |content| content.truncate(content.len() - 1));
    assert_eq!(disk.outcome(), (all_but(&[18]), vec![], 0));
}

#[test]
fn a_torn_end_is_cut_off_for_good() {
    let disk = Disk::new();
    disk.edit(16, |content| content.truncate(content.len() - 1));
    let (_, recovery) = Spool::open(disk.dir.clone(), Limits::default()).unwrap();
    assert_eq!((recovery.frames, recovery.items), (7, 35));
    assert!(recovery.torn_bytes > 0);
    let (_, recovery) = Spool::open(disk.dir.clone(), Limits::default()).unwrap();
    assert_eq!(recovery.torn_bytes, 0);
}

#[test]
fn a_segment_of_nothing() {
    let disk = Disk::new();
    disk.edit(13, Vec::clear);
    assert_eq!(disk.outcome(), (all_but(&[13, 14, 15]), vec![], 0));
}

#[test]
fn a_segment_of_noise() {
    let disk = Disk::new();
    disk.edit(13, |content| *content = body(99, 20_000));
    assert_eq!(disk.outcome(), (all_but(&[13, 14, 15]), vec![None], 1));
}

#[test]
fn a_segment_full_of_magic() {
    let disk = Disk::new();
    disk.edit(13, |content| *content = b"TVSF".repeat(10_000));
    assert_eq!(disk.outcome(), (all_but(&[13, 14, 15]), vec![None], 1));
}

#[test]
fn noise_before_the_first_frame_as_long_as_several_windows() {
    for length in [1, 43, 44, 4095, 4096, 4097, 9000] {
        let disk = Disk::new();
        disk.edit(13, |content| {
            content.splice(0..0, vec![b'T'; length]);
        });
        assert_eq!(
            disk.outcome(),
            (all_but(&[]), vec![None], 1),
            "{length} bytes"
        );
    }
}

#[test]
fn a_version_that_is_not_known() {
    let disk = Disk::new();
    let at = disk.starts[1];
    disk.edit(13, |content| {
        content[at + 4] = 2;
        let crc = crc32c::crc32c(&content[at..at + 40]).to_le_bytes();
        content[at + 40..at + 44].copy_from_slice(&crc);
    });
    assert_eq!(disk.outcome(), (all_but(&[14]), vec![None], 1));
}

#[test]
fn a_frame_of_another_segment_is_not_delivered() {
    let disk = Disk::new();
    let foreign = encode(900, Signal::Logs, 5, SystemTime::now(), &body(900, 1)).unwrap();
    disk.edit(13, |content| content.extend(foreign.bytes));
    assert_eq!(disk.outcome(), (all_but(&[]), vec![None], 1));
}

#[test]
fn a_segment_that_is_gone_is_not_waited_for() {
    let disk = Disk::new();
    disk.dir.remove(&segment::name(13)).unwrap();
    assert_eq!(disk.outcome(), (all_but(&[13, 14, 15]), vec![], 0));
}

#[test]
fn a_cursor_of_which_one_half_is_damaged_is_as_old_as_the_other() {
    let disk = Disk::new();
    disk.dir.corrupt("spool.cursor.0", 9, 1);
    let mut all = all_but(&[]);
    all.insert(0, 10);
    assert_eq!(disk.outcome(), (all, vec![], 0));
}

#[test]
fn without_a_cursor_everything_is_delivered_from_the_oldest_segment_on() {
    let disk = Disk::new();
    for name in ["spool.cursor.0", "spool.cursor.1"] {
        disk.dir.put(name, b"");
    }
    let mut all = all_but(&[]);
    all.insert(0, 10);
    assert_eq!(disk.outcome(), (all, vec![], 0));
}

#[test]
fn a_cursor_that_is_ahead_of_a_missing_segment() {
    let disk = Disk::new();
    disk.dir.put("spool.cursor.0", &cursor_slot(14));
    disk.dir.remove(&segment::name(13)).unwrap();
    assert_eq!(disk.outcome(), (vec![16, 17, 18], vec![], 0));
}

#[test]
fn files_that_are_not_its_own_are_left_alone() {
    let disk = Disk::new();
    let names = [
        "checkpoint",
        "13.spool",
        "0000000000000000001x.spool",
        "notes.spool",
    ];
    for name in names {
        disk.dir.put(name, b"mine");
    }
    let dir = disk.dir.clone();
    assert_eq!(disk.outcome(), (all_but(&[]), vec![], 0));
    for name in names {
        assert_eq!(dir.content(name).unwrap(), b"mine");
    }
}

#[test]
fn numbers_that_no_spool_reaches_are_neither_segments_nor_cursors() {
    let disk = Disk::new();
    let name = segment::name(u64::MAX);
    let frame = encode(u64::MAX, Signal::Logs, 5, SystemTime::now(), b"x").unwrap();
    disk.dir.put(&name, &frame.bytes);
    disk.dir.put("spool.cursor.1", &cursor_slot(u64::MAX));
    let dir = disk.dir.clone();
    let mut spool = open(&dir, Limits::default());
    assert_eq!(drain(&mut spool), all_but(&[]));
    assert_eq!(dir.content(&name), Some(frame.bytes), "left alone");
    let mut spool = open(&dir, Limits::default());
    spool.append(Signal::Logs, 1, &body(1, 0)).unwrap();
    spool.sync().unwrap();
    assert_eq!(drain(&mut spool), [1]);
}

#[test]
fn the_newest_damaged_segments_are_kept_and_no_more() {
    let dir = FaultyDir::default();
    for first in 1..10 {
        dir.put(&segment::name(first * 1000), &body(first, 200));
    }
    let mut spool = open(&dir, Limits::default());
    assert_eq!(drain(&mut spool), [0; 0]);
    assert_eq!(spool.losses().len(), 9);
    let mut kept = dir.list().unwrap();
    kept.retain(|name| segment::damaged_first_seq(name).is_some());
    assert_eq!(kept, [6000, 7000, 8000, 9000].map(segment::damaged_name));
}

#[test]
fn a_disk_that_gives_no_byte_of_a_segment_does_not_hold_up_the_others() {
    let disk = Disk::new();
    let mut spool = open(&disk.dir, Limits::default());
    disk.dir.remove(&segment::name(13)).unwrap();
    assert_eq!(drain(&mut spool), all_but(&[13, 14, 15]));
    let losses = spool.losses();
    assert_eq!(losses.len(), 1);
    assert_eq!(losses[0].loss.path, segment::name(13));
    assert_eq!(losses[0].loss.bytes, 0..disk.starts[3] as u64);
}
