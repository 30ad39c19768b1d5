//! Checkpoints and their journal: what was written is loaded, what is damaged is noticed, and any file can be loaded.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt, path::PathBuf};

use trivium_agent::files::{
    checkpoint::{Checkpoints, Entry, Saved},
    frontier::Position,
    identity::{Fingerprint, Inode},
};

use crate::{
    folder::Folder,
    input::{Input, damage},
};

const FILES: [&str; 3] = ["checkpoint.0", "checkpoint.1", "checkpoint.journal"];

/// The first byte chooses: bytes as a file, or entries to write and bytes to change.
pub(crate) fn checkpoints(data: &[u8]) {
    let mut input = Input(data);
    match input.u8() % 3 {
        0 => generation(input.0),
        1 => journal(input.0),
        _ => written(input),
    }
}

/// A file whose checksum is right, so that what it covers is read.
fn generation(content: &[u8]) {
    let mut bytes = [b"TRVCKPT\x01", content].concat();
    bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
    any_file(FILES[0], bytes);
}

/// A record whose length and checksum are right, and what may be another one.
fn journal(content: &[u8]) {
    let mut input = Input(content);
    let length = usize::from(input.u8());
    let record = input.bytes(length);
    let length = record.len() as u32;
    let crc = crc32c::crc32c(record).to_le_bytes();
    any_file(
        FILES[2],
        [&length.to_le_bytes(), &crc, record, input.0].concat(),
    );
}

fn any_file(name: &str, bytes: Vec<u8>) {
    let folder = Folder::default();
    folder.put(name, bytes);
    let (mut checkpoints, saved) = Checkpoints::load(folder.clone());
    let entries = saved.entries();
    save(&mut checkpoints, &entries);
    // Only a made-up file has a generation near the end of their numbers.
    if checkpoints.generation() < 1 << 61 {
        assert_eq!(Checkpoints::load(folder).1.entries(), entries);
    }
}

/// Saves and appends, and a model that does the same; then damage.
fn written(mut input: Input<'_>) {
    let folder = Folder::default();
    let (mut checkpoints, saved) = Checkpoints::load(folder.clone());
    assert_eq!(saved, Saved::Nothing);
    let mut model: Vec<Entry> = Vec::new();
    let mut ever: Vec<Entry> = Vec::new();
    for _ in 0..input.u8() % 8 {
        let how = input.u8();
        if how.is_multiple_of(4) {
            let count = how / 4 % 4;
            model = (0..count).map(|_| entry(&mut input)).collect();
            model.dedup_by_key(|entry| entry.inode);
            ever.extend_from_slice(&model);
            save(&mut checkpoints, &model);
        } else {
            let (is_new, entry) = (how % 4 == 1, entry(&mut input));
            checkpoints
                .append([(is_new, &entry)].into_iter())
                .expect("the folder never fails");
            ever.push(entry.clone());
            let known = model.iter().position(|known| known.inode == entry.inode);
            match known {
                Some(known) if !is_new => model[known] = entry,
                known => {
                    known.map(|known| model.remove(known));
                    model.push(entry);
                }
            }
        }
        let saved = Checkpoints::load(folder.clone()).1;
        assert_eq!(saved, Saved::Newest(model.clone()));
    }
    drop(checkpoints);
    while !input.is_empty() {
        let name = FILES[usize::from(input.u8() % 3)];
        let mut bytes = folder.content(name);
        if damage(&mut bytes, &mut input).is_some() {
            folder.put(name, bytes);
        }
    }
    let (mut checkpoints, saved) = Checkpoints::load(folder.clone());
    for entry in saved.entries() {
        assert!(ever.contains(&entry), "was never written: {entry:?}");
    }
    save(&mut checkpoints, &model);
    assert_eq!(Checkpoints::load(folder).1.entries(), model);
}

fn save(checkpoints: &mut Checkpoints<Folder>, entries: &[Entry]) {
    checkpoints
        .save(entries.iter())
        .expect("the folder never fails");
}

/// Of few files, so that the same ones come again.
fn entry(input: &mut Input<'_>) -> Entry {
    let inode = Inode {
        device: 7,
        number: u64::from(input.u8() % 4),
    };
    let print = |input: &mut Input<'_>| Fingerprint {
        length: input.u16(),
        hash: input.u64(),
    };
    let path = |input: &mut Input<'_>| {
        let length = usize::from(input.u8());
        PathBuf::from(OsStr::from_bytes(input.bytes(length)))
    };
    Entry {
        inode,
        position: Position {
            offset: input.u64(),
            guard: print(input),
        },
        size: input.u64(),
        head: print(input),
        path: path(input),
        log: path(input),
    }
}
