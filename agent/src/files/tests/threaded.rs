//! The real thread, woken by inotify.

use super::*;
use crate::files::{FileStatus, Files};

struct Running {
    rig: Rig,
    files: Option<Files>,
}

impl Running {
    fn start(rig: Rig) -> Self {
        rig.outlet.sent.lock().unwrap().acknowledges_at_once = true;
        let mut running = Self { rig, files: None };
        running.restart();
        running
    }

    fn restart(&mut self) {
        let losses = Arc::clone(&self.rig.losses);
        let files = Files::start(
            self.rig.settings.clone(),
            self.rig.dir.clone(),
            Box::new(MakeLines(None)),
            self.rig.outlet.clone(),
            Box::new(move |loss, _| losses.lock().unwrap().push(loss)),
        );
        self.files = Some(files.unwrap());
    }

    fn stop(&mut self) {
        let files = self.files.take().unwrap();
        files.stop(Duration::from_secs(5)).unwrap();
    }

    fn status(&self) -> Vec<FileStatus> {
        self.files.as_ref().unwrap().status().unwrap().files
    }

    /// Waits until as many lines have been delivered.
    fn delivered(&mut self, count: usize) -> Vec<String> {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.rig.outlet.sent.lock().unwrap().delivered.len() < self.rig.seen + count {
            assert!(Instant::now() < deadline, "{:?}", self.rig.delivered());
            std::thread::sleep(Duration::from_millis(5));
        }
        self.rig.delivered()
    }
}

/// No reconciliation but those that events ask for.
fn rig() -> Rig {
    let mut rig = Rig::new(&["**/*.log"]);
    rig.settings.reconcile_every = Duration::from_secs(3600);
    rig
}

#[test]
fn events_alone_tell_of_lines_new_files_new_folders_and_rotations() {
    let mut running = Running::start(rig());
    running.rig.append("a.log", "1\n");
    assert_eq!(running.delivered(1), ["1"]);
    running.rig.append("a.log", "2\n");
    assert_eq!(running.delivered(1), ["2"]);
    fs::create_dir(running.rig.path("x")).unwrap();
    running.rig.append("x/b.log", "3\n");
    assert_eq!(running.delivered(1), ["3"]);
    running.rig.rename("a.log", "a.1");
    running.rig.append("a.1", "4\n");
    running.rig.append("a.log", "5\n");
    assert_eq!(running.delivered(2), ["4", "5"]);
    running.rig.truncate("a.log");
    running.rig.append("a.log", "6\n7\n");
    assert_eq!(running.delivered(2), ["6", "7"]);
    let deadline = Instant::now() + Duration::from_secs(20);
    let totals = |running: &Running| running.files.as_ref().unwrap().status().unwrap().sources[0];
    while totals(&running).acknowledged_bytes < 14 {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(5));
    }
    let totals = totals(&running);
    assert_eq!((totals.read_lines, totals.read_bytes), (7, 14));
    running.stop();
    assert_eq!(
        running.rig.saved(),
        [("a.1", 6), ("x/b.log", 2), ("a.log", 4)].map(|(path, at)| (path.to_owned(), at))
    );
    assert_eq!(running.rig.losses(), []);
}

#[test]
fn a_stop_hands_over_what_was_read_and_a_start_goes_on_from_there() {
    let mut running = Running::start(rig());
    running.rig.settings.linger = Duration::from_secs(3600);
    running.stop();
    running.restart();
    running.rig.append("a.log", "1\n2\n");
    let deadline = Instant::now() + Duration::from_secs(20);
    while running.status().first().is_none_or(|file| file.read < 4) {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(running.status()[0].acknowledged, 0);
    running.stop();
    assert_eq!(running.rig.delivered(), ["1", "2"]);
    running.rig.append("a.log", "3\n");
    running.restart();
    running.stop();
    running.rig.settings.linger = Duration::from_millis(1);
    running.restart();
    assert_eq!(running.delivered(1), ["3"]);
    let status = running.status();
    assert_eq!(status[0].lag_bytes(), 0);
    running.stop();
}

#[test]
fn a_stop_reads_a_removed_file_to_its_end_and_spools_it_when_the_collector_is_away() {
    let mut rig = rig();
    rig.settings.batch_bytes = 10_000;
    let lines: Vec<String> = (0..5_000).map(|line| format!("line {line}")).collect();
    rig.append("a.log", &(lines.join("\n") + "\nhalf"));
    let mut running = Running::start(rig);
    running.rig.outlet.sent.lock().unwrap().acknowledges_at_once = false;
    let deadline = Instant::now() + Duration::from_secs(20);
    while running.status().first().is_none_or(|file| !file.is_open) {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(5));
    }
    running.rig.remove("a.log");
    while !running.status()[0].is_removed {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(5));
    }
    running.stop();
    let delivered = running.rig.delivered();
    assert!(delivered[..5_000] == lines, "{}", delivered.len());
    assert_eq!(delivered[5_000..], ["half"]);
    assert_eq!(running.rig.losses(), []);
}

#[test]
fn an_overflow_of_the_kernels_queue_starts_a_full_reconciliation() {
    let limit = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    let limit: usize = limit.trim().parse().unwrap();
    let mut watch = crate::files::watch::Watch::new();
    let root = tempfile::tempdir().unwrap();
    watch.add(root.path());
    for event in 0..=limit {
        fs::write(root.path().join(["a", "b"][event % 2]), "x").unwrap();
    }
    let mut last = None;
    watch.events(&mut |event| last = Some(event));
    assert_eq!(last, Some(crate::files::watch::Event::Overflow));
}

#[test]
fn under_rotation_at_full_speed_each_line_is_delivered_once_and_in_order() {
    let mut running = Running::start(rig());
    let (rotations, lines) = (60, 1000);
    running.rig.append("a.log", "the folder is watched\n");
    running.delivered(1);
    let path = running.rig.path("a.log");
    let mut file = None;
    for rotation in 0..rotations {
        for line in 0..lines {
            let open = || {
                let mut options = OpenOptions::new();
                options.create(true).append(true).open(&path).unwrap()
            };
            let file = file.get_or_insert_with(open);
            writeln!(file, "{}", rotation * lines + line).unwrap();
            if line == 10 && rotation > 0 {
                // The writer goes on in the renamed file for a while, as it does until it is told to reopen.
                running.rig.rename("a.log", &format!("a.{rotation}"));
            }
            if line == 200 && rotation > 0 {
                running.rig.append("a.log", "");
            }
        }
        file = None;
    }
    let delivered = running.delivered((rotations * lines) as usize);
    running.stop();
    let expected: Vec<String> = (0..rotations * lines)
        .map(|line| line.to_string())
        .collect();
    let wrong = delivered
        .iter()
        .zip(&expected)
        .find(|(one, other)| one != other);
    assert_eq!(wrong, None);
    assert_eq!(delivered.len(), expected.len());
    assert_eq!(running.rig.losses(), []);
}
