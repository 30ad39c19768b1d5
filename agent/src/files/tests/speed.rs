//! How fast lines are read, on their own. Run with `cargo test --release -p trivium-agent files::tests::speed -- --ignored
//! --nocapture`.

use std::os::fd::{AsFd as _, BorrowedFd};

use nix::sys::eventfd::EventFd;

use super::*;
use crate::batch::LogBatch;
use crate::files::{
    Outcome, Outlet,
    identity::{Fingerprint, Inode},
    tail::{ReadBuffer, Tail, Turn},
};

#[test]
#[ignore = "a measurement"]
#[expect(clippy::print_stdout, reason = "it is the result")]
fn how_fast_lines_are_offered() {
    let rig = Rig::new(&[]);
    let line = format!("{}\n", "x".repeat(216));
    rig.append("a.log", &line.repeat(2_000_000));
    let path = rig.path("a.log");
    let inode = Inode::of(&path.metadata().unwrap());
    let mut buffer = ReadBuffer::default();
    buffer.for_lines_of(1 << 20);
    for _ in 0..3 {
        let none = Fingerprint::default();
        let mut tail = Tail::new(inode, path.clone(), none, 0, none);
        let (mut lines, mut bytes) = (0u64, 0u64);
        let start = Instant::now();
        while tail
            .turn(&mut buffer, &mut |_, line| {
                lines += 1;
                bytes += line.len() as u64;
            })
            .unwrap()
            == Turn::More
        {}
        let seconds = start.elapsed().as_secs_f64();
        assert_eq!(bytes, 216 * lines);
        println!(
            "{:.0} MB/s, {:.1} million lines/s",
            tail.offset() as f64 / seconds / 1e6,
            lines as f64 / seconds / 1e6
        );
    }
}

/// Nanoseconds of CPU that the thread has had, and the resident memory of the process in KiB.
fn cost() -> (u64, u64) {
    let is_files = |task: &fs::DirEntry| {
        fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name == "files\n")
    };
    let task = fs::read_dir("/proc/self/task")
        .unwrap()
        .flatten()
        .find(is_files)
        .unwrap();
    let stat = fs::read_to_string(task.path().join("schedstat")).unwrap();
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    let number = |text: &str| text.split_whitespace().next().unwrap().parse().unwrap();
    (number(&stat), number(resident))
}

#[test]
#[ignore = "a measurement"]
#[expect(clippy::print_stdout, reason = "it is the result")]
fn what_a_thousand_idle_files_and_a_trickle_cost() {
    let mut rig = Rig::new(&["**/*.log"]);
    rig.settings.reconcile_every = Duration::from_secs(5);
    for file in 0..1000 {
        rig.append(&format!("{file}.log"), "a line\n");
    }
    rig.outlet.sent.lock().unwrap().acknowledges_at_once = true;
    let files = crate::files::Files::start(
        rig.settings.clone(),
        rig.dir.clone(),
        Box::new(MakeLines(None)),
        rig.outlet.clone(),
        Box::new(|_, _| {}),
    )
    .unwrap();
    while rig.outlet.sent.lock().unwrap().delivered.len() < 1000 {
        std::thread::sleep(Duration::from_millis(100));
    }
    std::thread::sleep(Duration::from_secs(3));
    let before = cost();
    std::thread::sleep(Duration::from_secs(20));
    let after = cost();
    println!(
        "idle: {:.2} ms of CPU for each of 4 reconciliations, {} KiB resident",
        (after.0 - before.0) as f64 / 4e6,
        after.1
    );
    let line = format!("{}\n", "x".repeat(199));
    let start = Instant::now();
    let mut written = 0u64;
    while start.elapsed() < Duration::from_secs(10) {
        while written < start.elapsed().as_micros() as u64 / 100 {
            rig.append("7.log", &line);
            written += 1;
        }
        std::thread::sleep(Duration::from_micros(500));
    }
    let busy = cost();
    println!(
        "{written} lines in 10 s, decoded by the outlet too: {:.4} core",
        (busy.0 - after.0) as f64 / 10e9
    );
    files.stop(Duration::from_secs(5)).unwrap();
}

#[test]
#[ignore = "a measurement"]
#[expect(clippy::print_stdout, reason = "it is the result")]
fn what_the_journal_costs() {
    use crate::{
        files::checkpoint::{Checkpoints, Entry},
        state_dir::RealDir,
    };
    for files in [1, 10, 1000] {
        let rig = Rig::new(&[]);
        let dir = RealDir::lock(&rig.path("state")).unwrap();
        let (mut checkpoints, _) = Checkpoints::load(dir);
        rig.append("a-log-with-a-name-of-some-length.log", "a line\n");
        let path = rig.path("a-log-with-a-name-of-some-length.log");
        let entry = Entry::at(&path, 7).unwrap();
        let batches = 20_000 / files;
        let start = Instant::now();
        let mut appended = Duration::ZERO;
        for batch in 0..batches {
            if batch % 150 == 0 {
                checkpoints.save([&entry].into_iter()).unwrap();
            }
            let before = Instant::now();
            let entries = (0..files).map(|_| (false, entry.clone()));
            checkpoints.append(entries).unwrap();
            appended += before.elapsed();
        }
        println!(
            "{files} files in a batch: {:.1} µs for a batch; {:?} in all",
            appended.as_secs_f64() * 1e6 / f64::from(batches),
            start.elapsed()
        );
    }
}

/// Acknowledges at once, and looks at nothing.
struct Void(Vec<Outcome>, EventFd);

impl Outlet for Void {
    fn is_free(&self) -> bool {
        self.0.is_empty()
    }

    fn send(&mut self, mut batch: LogBatch) {
        batch.finish();
        self.keep(batch);
    }

    fn keep(&mut self, batch: LogBatch) {
        let result = Ok(());
        self.0.push(Outcome { batch, result });
    }

    fn keep_sent(&mut self) {}

    fn outcomes(&mut self) -> Vec<Outcome> {
        std::mem::take(&mut self.0)
    }

    fn waker_fd(&self) -> BorrowedFd<'_> {
        self.1.as_fd()
    }
}

#[test]
#[ignore = "a measurement"]
#[expect(clippy::print_stdout, reason = "it is the result")]
fn how_much_memory_a_busy_time_takes_and_an_idle_one_gives_back() {
    let anonymous = || {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("RssAnon:"));
        line.unwrap().to_owned()
    };
    let rig = Rig::new(&["*.log"]);
    rig.append("a.log", &format!("{}\n", "x".repeat(199)).repeat(500_000));
    println!("at first {}", anonymous());
    let mut now = Instant::now();
    let mut engine = Engine::new(
        rig.settings.clone(),
        rig.dir.clone(),
        Box::new(MakeLines(None)),
        Void(Vec::new(), EventFd::new().unwrap()),
        Box::new(|_, _| {}),
        now,
    )
    .unwrap();
    engine.reconcile(now);
    while engine.table.has_ready() {
        engine.step(now);
    }
    println!("busy {}", anonymous());
    now += Duration::from_secs(61);
    engine.step(now);
    engine.settle();
    now += Duration::from_secs(61);
    engine.reconcile(now);
    println!("idle {}", anonymous());
}
