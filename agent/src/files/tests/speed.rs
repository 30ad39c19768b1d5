//! How fast lines are read, on their own. Run with `cargo test --release -p trivium-agent files::tests::speed -- --ignored
//! --nocapture`.

use super::*;
use crate::files::{
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
    let mut buffer = ReadBuffer::new(1 << 20);
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
