//! The spool: a header that can be read is written the same, and of a damaged segment every frame that is whole is delivered,
//! in order, and nothing else.

use trivium_agent::{
    spool::{
        Header, Limits, Signal, Spool,
        frame::{HEADER_BYTES, MAGIC},
        segment,
    },
    state_dir::StateDir,
};

use crate::{
    folder::Folder,
    input::{Input, damage},
};

/// The first byte chooses: bytes as a frame, or requests to write and bytes to change.
pub(crate) fn frames(data: &[u8]) {
    let mut input = Input(data);
    if input.u8().is_multiple_of(2) {
        frame(input);
    } else {
        written(input);
    }
}

/// A frame whose checksums are right, so that what they cover is read.
fn frame(mut input: Input<'_>) {
    let mut bytes = [0; HEADER_BYTES];
    let given = input.bytes(HEADER_BYTES);
    bytes[..given.len()].copy_from_slice(given);
    let payload = input.0;
    bytes[..4].copy_from_slice(&MAGIC);
    // What the format says is 0, and no reader looks at.
    bytes[6..8].fill(0);
    bytes[28..32].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    bytes[36..40].copy_from_slice(&crc32c::crc32c(payload).to_le_bytes());
    let crc = crc32c::crc32c(&bytes[..40]);
    bytes[40..].copy_from_slice(&crc.to_le_bytes());
    let Some(header) = Header::decode(&bytes) else {
        return;
    };
    assert_eq!(header.encode(), bytes);
    if let Some(frame) = header.open(payload) {
        assert_eq!(frame.body.len(), header.request_bytes as usize);
    }
}

/// Requests into a segment, some of its bytes changed or cut off, and what a start delivers then.
fn written(mut input: Input<'_>) {
    let folder = Folder::default();
    let mut bodies = Vec::new();
    let mut spool = open(&folder);
    for _ in 0..input.u8() % 8 {
        let length = usize::from(input.u8());
        let body = input.bytes(length);
        spool
            .append(Signal::Logs, 1, body)
            .expect("the folder never fails");
        bodies.push(body);
    }
    spool.sync().expect("the folder never fails");
    drop(spool);
    let names = folder.list().expect("the folder never fails");
    let Some(name) = names.iter().find(|name| segment::first_seq(name).is_some()) else {
        return;
    };
    let mut bytes = folder.content(name);
    let mut at = 0;
    let frames: Vec<_> = std::iter::from_fn(|| {
        let header = Header::decode(bytes.get(at..)?)?;
        let start = at;
        at += header.frame_bytes() as usize;
        Some((header.seq, start..at))
    })
    .collect();
    assert_eq!((frames.len(), at), (bodies.len(), bytes.len()));

    let mut changed = Vec::new();
    for _ in 0..input.u8() % 8 {
        changed.extend(damage(&mut bytes, &mut input));
    }
    bytes.truncate(bytes.len() - usize::from(input.u8()).min(bytes.len()));
    folder.put(name, bytes.clone());

    let is_whole = |range: &std::ops::Range<usize>| {
        range.end <= bytes.len() && !changed.iter().any(|at| range.contains(at))
    };
    let mut spool = open(&folder);
    let mut delivered = Vec::new();
    while let Some(frame) = spool.front().expect("the folder never fails") {
        spool
            .acknowledge(frame.seq)
            .expect("the folder never fails");
        delivered.push((frame.seq, frame.body));
    }
    let mut rest = delivered.iter().peekable();
    for ((seq, range), body) in frames.iter().zip(bodies) {
        let found = rest.next_if(|(delivered, _)| delivered == seq);
        // Two changes of one byte may undo each other, so what was changed may be whole.
        assert!(
            found.is_some() || !is_whole(range),
            "frame {seq} is missing"
        );
        if let Some((_, delivered)) = found {
            assert_eq!(delivered, body);
        }
    }
    assert_eq!(rest.next(), None, "was never written, or not in this order");
}

fn open(folder: &Folder) -> Spool<Folder> {
    let opened = Spool::open(folder.clone(), Limits::default());
    opened.expect("the folder never fails").0
}
