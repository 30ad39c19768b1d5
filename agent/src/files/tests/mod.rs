//! The engine on real folders, with an outlet and a state folder that the test controls.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    ops::Range,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use super::{Settings, Source, StartAt, engine::Engine};
use crate::{
    ledger::{Loss, LossReason},
    state_dir::{StateDir as _, faulty::FaultyDir},
};
use fakes::{MakeLines, TestOutlet};

mod checkpoints;
mod fakes;
mod faults;
mod model;
mod rotation;
mod scenarios;
mod speed;
mod threaded;

/// An engine, its surroundings, and a clock that moves only when it is told to.
struct Rig {
    root: tempfile::TempDir,
    dir: FaultyDir,
    outlet: TestOutlet,
    losses: Arc<Mutex<Vec<Loss>>>,
    settings: Settings,
    starts: Option<&'static [u8]>,
    /// Whether the ledger writes a record of each loss.
    declares: bool,
    engine: Option<Engine<FaultyDir, TestOutlet>>,
    now: Instant,
    seen: usize,
}

impl Rig {
    fn new(include: &[&str]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let include = include
            .iter()
            .map(|pattern| format!("{}/{pattern}", root.path().display()))
            .collect();
        let settings = Settings {
            sources: vec![Source {
                include,
                exclude: Vec::new(),
                start_at: StartAt::Beginning,
                longest_line: 1024 * 1024,
            }],
            record_wait: Duration::from_secs(120),
            ..Settings::default()
        };
        Self {
            root,
            dir: FaultyDir::default(),
            outlet: TestOutlet::new(),
            losses: Arc::default(),
            settings,
            starts: None,
            declares: false,
            engine: None,
            now: Instant::now(),
            seen: 0,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn append(&self, name: &str, text: &str) {
        let mut options = OpenOptions::new();
        let mut file = options
            .create(true)
            .append(true)
            .open(self.path(name))
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    fn truncate(&self, name: &str) {
        let mut options = OpenOptions::new();
        options
            .write(true)
            .truncate(true)
            .open(self.path(name))
            .unwrap();
    }

    fn engine(&mut self) -> &mut Engine<FaultyDir, TestOutlet> {
        let Self {
            engine,
            settings,
            dir,
            outlet,
            losses,
            starts,
            declares,
            now,
            ..
        } = self;
        engine.get_or_insert_with(|| {
            let (losses, declares) = (Arc::clone(losses), *declares);
            Engine::new(
                settings.clone(),
                dir.clone(),
                Box::new(MakeLines(*starts)),
                outlet.clone(),
                Box::new(move |loss, batch| {
                    if declares {
                        fakes::Lines::write(loss.reason.as_str().as_bytes(), batch);
                    }
                    losses.lock().unwrap().push(loss);
                }),
                *now,
            )
            .unwrap()
        })
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
    }

    /// Steps until there is nothing to do but to wait.
    fn steps(&mut self) {
        for _ in 0..10_000 {
            let now = self.now;
            let engine = self.engine();
            if now >= engine.reconcile_at {
                engine.reconcile(now);
            }
            engine.step(now);
            if !engine.is_busy() {
                return;
            }
        }
        panic!("it never comes to rest");
    }

    /// A reconciliation and what follows from it.
    fn look(&mut self) {
        self.reconcile();
        // What asked for another one soon gets it.
        self.wait(Duration::from_millis(500));
        self.steps();
        self.sweep();
    }

    fn reconcile(&mut self) {
        let now = self.now;
        self.engine().reconcile(now);
        self.steps();
    }

    /// What the thread does every second while there are files that were removed.
    fn sweep(&mut self) {
        let now = self.now;
        let engine = self.engine();
        if engine.has_vanished() {
            engine.sweep(now);
            engine.keep_vanished(now);
            self.steps();
        }
    }

    /// All that can be read is read, sent, acknowledged and saved; returns the lines that the Collector got since.
    fn deliver(&mut self) -> Vec<String> {
        self.look();
        loop {
            self.wait(Duration::from_secs(1));
            self.steps();
            if !self.outlet.finish(Ok(())) {
                break;
            }
        }
        self.wait(Duration::from_secs(1));
        self.steps();
        self.delivered()
    }

    fn delivered(&mut self) -> Vec<String> {
        let sent = self.outlet.sent.lock().unwrap();
        let new = sent.delivered[self.seen..].to_vec();
        self.seen = sent.delivered.len();
        new
    }

    fn losses(&mut self) -> Vec<(String, Range<u64>, LossReason)> {
        let root = format!("{}/", self.root.path().display());
        std::mem::take(&mut *self.losses.lock().unwrap())
            .into_iter()
            .map(|loss| (loss.path.replace(&root, ""), loss.bytes, loss.reason))
            .collect()
    }

    /// The power goes.
    fn lose_power(&mut self, seed: u64) {
        self.crash();
        self.dir.crash(seed);
    }

    /// Only half of a file of the state folder is left.
    fn damage(&self, name: &str) {
        let content = self.dir.content(name).unwrap();
        self.dir.put(name, &content[..content.len() / 2]);
    }

    /// The process ends without a word.
    fn crash(&mut self) {
        self.engine = None;
        let mut sent = self.outlet.sent.lock().unwrap();
        sent.in_flight = None;
        sent.is_kept = false;
        sent.outcomes.clear();
    }

    /// The offset of each path that a start would find.
    fn saved(&self) -> Vec<(String, u64)> {
        let root = format!("{}/", self.root.path().display());
        let entries = match super::checkpoint::Checkpoints::load(self.dir.clone()).1 {
            super::checkpoint::Saved::Newest(entries) => entries,
            other => panic!("{other:?}"),
        };
        entries
            .into_iter()
            .map(|entry| {
                let path = entry.path.display().to_string().replace(&root, "");
                (path, entry.position.offset)
            })
            .collect()
    }
}
