//! A real process on a real disk that is killed again and again.

use std::{
    collections::BTreeSet,
    env,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
};

use super::*;

const FOLDER: &str = "TRIVIUM_TEST_SPOOL";
const FIRST: &str = "TRIVIUM_TEST_FIRST";
/// Small, so that segments come and go.
const LIMITS: Limits = Limits {
    max_bytes: 1 << 20,
    max_age: Duration::from_secs(3600),
};

/// Says `synced N` when frame N is synced, and `sent N` before it acknowledges it.
#[test]
#[ignore = "it is the process that the test below kills"]
fn child() {
    let Some(folder) = env::var_os(FOLDER) else {
        return;
    };
    let first: u64 = env::var(FIRST).unwrap().parse().unwrap();
    let (mut spool, _) = Spool::open(RealDir::lock(Path::new(&folder)).unwrap(), LIMITS).unwrap();
    let mut out = std::io::stdout().lock();
    for number in first.. {
        let length = number as usize * 37 % 3000;
        spool
            .append(Signal::Logs, 1, &body(number, length))
            .unwrap();
        if number % 3 == 0 {
            spool.sync().unwrap();
            writeln!(out, "\nsynced {number}").unwrap();
        }
        // Slower at first, so that a backlog grows, then faster.
        for _ in 0..number / 100 % 3 {
            if let Some(frame) = spool.front().unwrap() {
                writeln!(out, "\nsent {}", super::number(&frame)).unwrap();
                spool.acknowledge(frame.seq).unwrap();
            }
        }
        assert_eq!(spool.losses(), []);
    }
}

#[test]
fn a_process_that_is_killed_again_and_again_loses_nothing_that_was_synced() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = 0;
    let mut promised = BTreeSet::new();
    let mut sent = BTreeSet::new();
    for round in 0..12 {
        let mut child = Command::new(env::current_exe().unwrap())
            .args([
                "--exact",
                "spool::tests::kill::child",
                "--ignored",
                "--nocapture",
            ])
            .env(FOLDER, folder.path())
            .env(FIRST, first.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let to_see = 100 + round * 31;
        let mut newest = first;
        let mut killed = false;
        // What it says between the kill and its end counts too.
        while let Some(Ok(line)) = lines.next() {
            match line.split_once(' ') {
                Some(("synced", number)) => {
                    let number: u64 = number.parse().unwrap();
                    promised.extend(first..=number);
                    newest = number;
                    if number - first >= to_see && !killed {
                        child.kill().unwrap();
                        killed = true;
                    }
                }
                Some(("sent", number)) => {
                    sent.insert(number.parse::<u64>().unwrap());
                }
                _ => {}
            }
        }
        child.wait().unwrap();
        assert!(killed, "it ended by itself");
        // It may have appended more than it said.
        first = newest + 1000;
    }
    let dir = RealDir::lock(folder.path()).unwrap();
    let (mut spool, _) = Spool::open(dir, LIMITS).unwrap();
    let mut last = 0;
    while let Some(frame) = spool.front().unwrap() {
        let number = number(&frame);
        assert!(number >= last, "{number} after {last}");
        last = number;
        sent.insert(number);
        spool.acknowledge(frame.seq).unwrap();
    }
    assert_eq!(spool.losses(), []);
    let missing: Vec<_> = promised.difference(&sent).collect();
    assert!(missing.is_empty(), "{missing:?} of {}", promised.len());
}
