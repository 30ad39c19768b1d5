//! The spool against a model, on a disk that fails: what was synced is delivered in order, or declared.

use std::ops::Range;

use super::*;

#[derive(Debug, Clone)]
enum Act {
    Append {
        signal: usize,
        length: usize,
    },
    Sync,
    Next,
    Acknowledge,
    Crash(u64),
    Fail(Operation, Errno),
    /// Room for so many bytes more than there are.
    Fill(u64),
    Free,
    Corrupt {
        file: usize,
        offset: usize,
        bits: u8,
    },
}

fn act() -> impl Strategy<Value = Act> {
    use Operation::{
        Append, Create, List, Read, Remove, Rename, SyncDir, SyncFile, Truncate, Write,
    };
    let operation = prop::sample::select(vec![
        Create, Append, Read, Rename, Remove, List, SyncDir, Write, Truncate, SyncFile,
    ]);
    let errno = prop::sample::select(vec![Errno::EIO, Errno::ENOSPC, Errno::EMFILE]);
    prop_oneof![
        12 => (0..3_usize, 0..400_usize).prop_map(|(signal, length)| Act::Append { signal, length }),
        8 => Just(Act::Sync),
        6 => Just(Act::Next),
        6 => Just(Act::Acknowledge),
        2 => any::<u64>().prop_map(Act::Crash),
        3 => (operation, errno).prop_map(|(operation, errno)| Act::Fail(operation, errno)),
        1 => (0..600_u64).prop_map(Act::Fill),
        1 => Just(Act::Free),
        1 => (any::<usize>(), any::<usize>(), 1..=255_u8)
            .prop_map(|(file, offset, bits)| Act::Corrupt { file, offset, bits }),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Promise {
    /// Appended, not synced.
    None,
    /// Synced: it has to come.
    Given,
    /// Its sync failed, or a crash came before it: it may come.
    Withdrawn,
}

#[derive(Debug)]
struct Appended {
    signal: Signal,
    items: u64,
    body: Vec<u8>,
    segment: String,
    bytes: Range<u64>,
    promise: Promise,
    is_delivered: bool,
    /// Since the last crash.
    is_acknowledged: bool,
}

struct Model {
    dir: FaultyDir,
    limits: Limits,
    spool: Spool<FaultyDir>,
    appended: Vec<Appended>,
    losses: Vec<SpoolLoss>,
    sending: Option<Frame>,
}

impl Model {
    fn new(limits: Limits) -> Self {
        let dir = FaultyDir::default();
        Self {
            spool: open(&dir, limits),
            dir,
            limits,
            appended: Vec::new(),
            losses: Vec::new(),
            sending: None,
        }
    }

    fn act(&mut self, act: &Act) {
        match *act {
            Act::Append { signal, length } => self.append(frame::SIGNALS[signal], length),
            Act::Sync => {
                let promise = match self.spool.sync() {
                    Ok(()) => Promise::Given,
                    Err(_) => Promise::Withdrawn,
                };
                self.settle(promise);
            }
            Act::Next => self.next(),
            Act::Acknowledge => self.acknowledge(),
            Act::Crash(seed) => {
                self.dir.crash(seed);
                self.reopen();
            }
            Act::Fail(operation, errno) => self.dir.fail_next(operation, errno),
            Act::Fill(more) => {
                let names = self.dir.list().unwrap_or_default();
                let used: u64 = names.iter().map(|name| self.dir.len(name).unwrap()).sum();
                self.dir.set_capacity(Some(used + more));
            }
            Act::Free => self.dir.set_capacity(None),
            Act::Corrupt { file, offset, bits } => {
                let names = self.dir.list().unwrap_or_default();
                if let Some(name) = names.get(file % names.len().max(1)) {
                    let length = self.dir.len(name).unwrap() as usize;
                    self.dir.corrupt(name, offset % length.max(1), bits);
                }
            }
        }
        self.losses.extend(self.spool.losses());
        let of_closed = self
            .spool
            .segments
            .iter()
            .map(|segment| segment.waiting.frames);
        assert!(of_closed.sum::<u64>() <= self.appended.len() as u64);
    }

    fn append(&mut self, signal: Signal, length: usize) {
        let body = body(self.appended.len() as u64, length);
        let items = length as u64 % 7;
        if self.spool.append(signal, items, &body).is_ok() {
            let segment = self.spool.segments.back().unwrap();
            let frame = HEADER_BYTES + zstd::bulk::compress(&body, 1).unwrap().len();
            self.appended.push(Appended {
                signal,
                items,
                body,
                segment: segment.name.clone(),
                bytes: segment.written - frame as u64..segment.written,
                promise: Promise::None,
                is_delivered: false,
                is_acknowledged: false,
            });
        }
    }

    fn settle(&mut self, promise: Promise) {
        for appended in &mut self.appended {
            if appended.promise == Promise::None {
                appended.promise = promise;
            }
        }
    }

    fn reopen(&mut self) {
        self.settle(Promise::Withdrawn);
        for appended in &mut self.appended {
            appended.is_acknowledged = false;
        }
        self.sending = None;
        self.spool = open(&self.dir, self.limits);
    }

    fn next(&mut self) {
        let next = self.spool.front();
        self.losses.extend(self.spool.losses());
        let Ok(Some(frame)) = next else {
            return;
        };
        let number = number(&frame) as usize;
        let appended = &mut self.appended[number];
        assert_eq!(
            (frame.signal, frame.items),
            (appended.signal, appended.items)
        );
        assert_eq!(frame.body, appended.body);
        assert!(
            !appended.is_acknowledged,
            "{number} comes again without a crash"
        );
        assert_ne!(appended.promise, Promise::None, "{number} comes unsynced");
        appended.is_delivered = true;
        self.all_is_delivered_or_declared(number);
        self.sending = Some(frame);
    }

    fn acknowledge(&mut self) {
        if let Some(frame) = self.sending.take() {
            self.appended[number(&frame) as usize].is_acknowledged = true;
            let _ = self.spool.acknowledge(frame.seq);
        }
    }

    fn all_is_delivered_or_declared(&self, before: usize) {
        for (number, appended) in self.appended[..before].iter().enumerate() {
            let is_declared = || {
                self.losses.iter().any(|loss| {
                    let (lost, bytes) = (&loss.loss.bytes, &appended.bytes);
                    loss.loss.path == appended.segment
                        && lost.start <= bytes.start
                        && bytes.end <= lost.end
                })
            };
            assert!(
                appended.promise != Promise::Given || appended.is_delivered || is_declared(),
                "{number} is neither delivered nor declared: {appended:?}, losses: {:?}",
                self.losses
            );
        }
    }

    fn end(mut self) {
        self.dir.heal();
        self.dir.set_capacity(None);
        self.settle(Promise::Withdrawn);
        self.reopen();
        for _ in 0..=self.appended.len() {
            self.next();
            self.acknowledge();
        }
        assert_eq!(self.spool.front().unwrap(), None, "it ends");
        self.losses.extend(self.spool.losses());
        self.all_is_delivered_or_declared(self.appended.len());
        assert_eq!(segments(&self.dir), [""; 0], "and nothing is left");
        assert_eq!(self.spool.bytes(), 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn what_was_synced_is_delivered_in_order_or_declared_whatever_the_disk_does(
        acts in prop::collection::vec(act(), 1..120),
        is_small in any::<bool>(),
    ) {
        let mut model = Model::new(if is_small { SMALL } else { Limits::default() });
        for act in acts {
            model.act(&act);
        }
        model.end();
    }
}
