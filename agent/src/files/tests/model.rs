//! Any order of writes, rotations, truncations, removals, acknowledgements and crashes: what was captured is delivered or
//! declared, in order (also where an assembler makes records of several lines), and sent again at most once per crash.
//!
//! A process that ends and starts again goes on from all that was acknowledged; after a power loss, from what was when the
//! checkpoint was saved last, or later.
//!
//! Captured is a line that was in the file at a reconciliation; so there is one before each truncation and removal, and the
//! agent gets the time to notice that the Collector is away before the next crash. A
//! file is in the checkpoint before it gets a name that the patterns do not match.

use std::collections::HashMap;

use nix::errno::Errno;
use proptest::prelude::*;

use super::*;
use crate::{
    files::checkpoint::{Checkpoints, Entry},
    state_dir::faulty::Operation,
};

#[derive(Debug, Clone)]
enum Action {
    Write(u8),
    HalfWrite,
    Rotate,
    CopyTruncate,
    Delete,
    Look,
    Turns,
    Acknowledge,
    Refuse,
    Crash,
    CrashAndRotate,
    LosePower(u64),
    Fail(Operation),
    FillDisk(u64),
    EmptyDisk,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        6 => (1u8..20).prop_map(Action::Write),
        2 => Just(Action::HalfWrite),
        2 => Just(Action::Rotate),
        1 => Just(Action::CopyTruncate),
        1 => Just(Action::Delete),
        4 => Just(Action::Look),
        4 => Just(Action::Turns),
        4 => Just(Action::Acknowledge),
        1 => Just(Action::Refuse),
        1 => Just(Action::Crash),
        1 => Just(Action::CrashAndRotate),
        1 => any::<u64>().prop_map(Action::LosePower),
        1 => prop::sample::select(vec![
            Operation::Append,
            Operation::Create,
            Operation::Rename,
            Operation::SyncDir,
            Operation::SyncFile,
            Operation::Truncate,
            Operation::Write,
        ])
        .prop_map(Action::Fail),
        1 => (0u64..2000).prop_map(Action::FillDisk),
        1 => Just(Action::EmptyDisk),
    ]
}

/// A file as the writer knows it.
#[derive(Default)]
struct Written {
    /// Each line and its bytes.
    lines: Vec<(String, Range<u64>)>,
    names: Vec<String>,
    size: u64,
    half: Option<String>,
}

struct World {
    rig: Rig,
    written: Vec<Written>,
    matches_rotated: bool,
    next_line: u32,
    rotated: u32,
    crashes: usize,
    /// Whether the disk never fails.
    is_disk_sound: bool,
    losses: Vec<(String, Range<u64>, LossReason)>,
}

impl World {
    fn new(
        batch_bytes: usize,
        matches_rotated: bool,
        has_records: bool,
        is_disk_sound: bool,
    ) -> Self {
        let pattern = if matches_rotated { "a.log*" } else { "a.log" };
        let mut rig = Rig::new(&[pattern]);
        rig.settings.batch_bytes = batch_bytes;
        rig.starts = has_records.then_some(b"S");
        Self {
            rig,
            written: vec![Written::new()],
            matches_rotated,
            next_line: 0,
            rotated: 0,
            crashes: 0,
            is_disk_sound,
            losses: Vec::new(),
        }
    }

    fn file(&mut self) -> &mut Written {
        self.written.last_mut().unwrap()
    }

    fn run(&mut self, action: &Action) {
        match action {
            Action::Write(lines) => (0..*lines).for_each(|_| self.write()),
            Action::HalfWrite => {
                if self.file().half.is_none() {
                    let half = format!("half {}", self.next_line);
                    self.next_line += 1;
                    self.rig.append("a.log", &half);
                    self.file().half = Some(half);
                }
            }
            Action::Rotate => {
                if !self.matches_rotated {
                    self.look_and_save();
                }
                self.rotate();
            }
            Action::CopyTruncate => {
                self.end_line();
                self.rig.look();
                self.rig.truncate("a.log");
                self.written.push(Written::new());
                self.notice();
            }
            Action::Delete => {
                self.end_line();
                self.rig.look();
                let _ = fs::remove_file(self.rig.path("a.log"));
                self.written.push(Written::new());
                self.notice();
            }
            Action::Look => self.rig.look(),
            Action::Turns => {
                self.rig.wait(Duration::from_millis(250));
                self.rig.steps();
            }
            Action::Acknowledge => {
                self.rig.outlet.finish(Ok(()));
                self.rig.steps();
            }
            Action::Refuse => {
                let is_kept = self.rig.outlet.sent.lock().unwrap().is_kept;
                let result = if is_kept {
                    Ok(())
                } else {
                    Err(LossReason::Rejected)
                };
                self.rig.outlet.finish(result);
                self.rig.steps();
            }
            Action::Crash | Action::CrashAndRotate => {
                if let Action::CrashAndRotate = action {
                    // A file that no checkpoint has can't be found under another name.
                    self.end_line();
                    self.look_and_save();
                }
                // The losses that were declared so far have reached somebody; the limits are documented.
                self.losses.extend(self.rig.losses());
                self.crash(None);
                if let Action::CrashAndRotate = action {
                    self.write();
                    self.rotate();
                    self.write();
                }
            }
            Action::LosePower(seed) => {
                self.losses.extend(self.rig.losses());
                self.crash(Some(*seed));
            }
            Action::Fail(operation) if !self.is_disk_sound => {
                self.rig.dir.fail_next(*operation, Errno::EIO);
            }
            Action::FillDisk(bytes) if !self.is_disk_sound => {
                self.rig.dir.set_capacity(Some(*bytes));
            }
            Action::EmptyDisk => self.rig.dir.set_capacity(None),
            Action::Fail(_) | Action::FillDisk(_) => {}
        }
        self.losses.extend(self.rig.losses());
    }

    /// The process ends, or the power goes; what the next start finds is what it may claim.
    fn crash(&mut self, power: Option<u64>) {
        let engine = self.rig.engine();
        let claimed: Vec<Entry> = engine.table.entries().collect();
        let is_told = engine.moved.is_empty();
        assert!(is_told || !self.is_disk_sound, "a step tells all");
        match power {
            None => self.rig.crash(),
            Some(seed) => self.rig.lose_power(seed),
        }
        self.crashes += 1;
        self.rig.dir.heal();
        let found = Checkpoints::load(self.rig.dir.clone()).1.entries();
        let index = |entry: &Entry| found.iter().position(|found| found.inode == entry.inode);
        let is_exact = power.is_none() && self.is_disk_sound;
        for entry in &claimed {
            // Where they are another file's, the head says so.
            let bytes = fs::read(&entry.path).unwrap_or_default();
            if !entry.head.is_head_of(&bytes) {
                continue;
            }
            let found = index(entry).map(|index| &found[index]);
            let found = found.filter(|found| found.head.is_head_of(&bytes));
            let (found, claimed) = (found.map(|found| found.position), entry.position);
            let is_less = found.is_none_or(|found| found.offset <= claimed.offset);
            assert!(is_less, "{found:?} {entry:?}");
            assert!(!is_exact || found == Some(claimed), "{found:?} {entry:?}");
        }
        if is_exact {
            let order: Vec<_> = claimed.iter().map(index).collect();
            assert!(order.is_sorted(), "{claimed:?} {found:?}");
        }
    }

    fn write(&mut self) {
        let line = self.file().half.take();
        let is_half = line.is_some();
        let line = line.unwrap_or_else(|| {
            self.next_line += 1;
            // Records of three lines.
            let kind = if self.next_line.is_multiple_of(3) {
                "S"
            } else {
                "line"
            };
            format!("{kind} {}", self.next_line)
        });
        let text = if is_half {
            "\n".to_owned()
        } else {
            format!("{line}\n")
        };
        self.rig.append("a.log", &text);
        let file = self.file();
        let start = file.size;
        file.size += line.len() as u64 + 1;
        let end = file.size;
        file.lines.push((line, start..end));
    }

    fn end_line(&mut self) {
        if self.file().half.is_some() {
            self.write();
        }
        if !self.rig.path("a.log").exists() {
            self.rig.append("a.log", "");
        }
    }

    fn rotate(&mut self) {
        self.end_line();
        self.rotated += 1;
        let name = format!("a.log.{}", self.rotated);
        self.rig.rename("a.log", &name);
        self.file().names.push(name);
        self.rig.append("a.log", "");
        self.written.push(Written::new());
    }

    fn look_and_save(&mut self) {
        self.rig.dir.heal();
        self.rig.dir.set_capacity(None);
        self.rig.look();
        self.rig.wait(Duration::from_secs(1));
        self.rig.steps();
    }

    /// The agent notices what vanished and saves it.
    fn notice(&mut self) {
        self.rig.look();
        for _ in 0..40 {
            self.rig.wait(Duration::from_secs(1));
            self.rig.sweep();
            self.rig.steps();
        }
    }

    fn check(mut self) {
        self.end_line();
        self.rig.settings.record_wait = Duration::ZERO;
        self.rig.engine().settings.record_wait = Duration::ZERO;
        for _ in 0..3 {
            self.rig.deliver();
            self.rig.wait(Duration::from_secs(61));
        }
        self.losses.extend(self.rig.losses());
        let records = self.rig.outlet.sent.lock().unwrap().delivered.clone();
        let delivered: Vec<_> = records
            .iter()
            .flat_map(|record| record.split('+'))
            .map(str::to_owned)
            .collect();
        let mut first = HashMap::new();
        let mut times: HashMap<&str, usize> = HashMap::new();
        for (index, line) in delivered.iter().enumerate() {
            first.entry(line.as_str()).or_insert(index);
            *times.entry(line.as_str()).or_default() += 1;
        }
        let mut known = 0;
        for file in &self.written {
            let mut last = None;
            for (line, at) in &file.lines {
                let delivered_at = first.get(line.as_str()).copied();
                let is_declared = self.losses.iter().any(|(path, lost, _)| {
                    file.names.contains(path) && lost.start < at.end && at.start < lost.end
                });
                assert!(
                    delivered_at.is_some() || is_declared,
                    "{line} {at:?} of {:?}; {:?}; {delivered:?}",
                    file.names,
                    self.losses
                );
                if let Some(delivered_at) = delivered_at {
                    known += 1;
                    // After a crash, what was refused before it may be sent once more, and then be taken.
                    if !is_declared {
                        assert!(
                            Some(delivered_at) > last,
                            "{line} out of order: {delivered:?}"
                        );
                        last = Some(delivered_at);
                    }
                    let sent = times[line.as_str()];
                    assert!(sent <= 1 + self.crashes, "{line} {sent} times");
                }
            }
        }
        assert_eq!(
            known,
            times.len(),
            "something was delivered that is no line: {delivered:?}"
        );
    }
}

impl Written {
    fn new() -> Self {
        Self {
            names: vec!["a.log".to_owned()],
            ..Self::default()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn what_was_captured_is_delivered_or_declared(
        actions in prop::collection::vec(action(), 1..40),
        batch_bytes in prop_oneof![Just(40usize), Just(400), Just(1 << 20)],
        matches_rotated: bool,
        has_records: bool,
        is_disk_sound: bool,
    ) {
        let mut world = World::new(batch_bytes, matches_rotated, has_records, is_disk_sound);
        for action in &actions {
            world.run(action);
        }
        world.check();
    }
}
