//! The disk of the state folder is full.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use tonic::Code;

use crate::{
    relay::{OPEN, address, send},
    support::{Bed, Writer},
};

/// A small disk of its own; none where this user may not mount one.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(path: &Path) -> Option<Self> {
        fs::create_dir(path).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs"])
            .arg(path)
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(path.to_owned())),
            other => {
                let is_ci = std::env::var("CI").is_ok_and(|value| value == "true");
                assert!(!is_ci, "a small disk can't be mounted: {other:?}");
                eprintln!("SKIPPED: it takes root to mount a small disk: {other:?}");
                None
            }
        }
    }

    fn fill(&self) {
        let mut ballast = File::create(self.0.join("ballast")).unwrap();
        for size in [4096, 1] {
            while ballast.write_all(&vec![0; size]).is_ok() {}
        }
    }

    fn make_room(&self) {
        fs::remove_file(self.0.join("ballast")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_stops_neither_files_nor_the_agent_and_refuses_programs_until_there_is_room() {
    let bed = Bed::new();
    let Some(disk) = SmallDisk::mount(&bed.path("state")) else {
        return;
    };
    bed.configure(OPEN);
    let mut writer = Writer::new(&bed.log("app.log"), 2);
    writer.write(100);
    let mut agent = bed.start();
    let grpc = address(&agent, "grpc");
    bed.arrived(&agent, 2, 100);
    disk.fill();

    // Files need no room.
    writer.write(1_000);
    bed.arrived(&agent, 2, 1_100);
    agent.says("the checkpoint can't be written");
    // Neither do programs, while the Collector is there.
    send(grpc, 1, 0..10).unwrap();

    bed.sink.leave().unwrap();
    writer.write(1_000);
    let refused = send(grpc, 1, 10..20).unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
    agent.is_running();

    disk.make_room();
    send(grpc, 1, 10..20).unwrap();
    bed.sink.come_back().unwrap();
    bed.arrived(&agent, 1, 20);
    bed.arrived(&agent, 2, 2_100);
    agent.stop();
    // The checkpoint was written again.
    let agent = bed.start();
    writer.write(1);
    bed.arrived(&agent, 2, 2_101);
    agent.stop();
    bed.sink.with_tally(|tally| {
        assert_eq!(
            (tally.records, tally.out_of_order, tally.unnumbered),
            (2_121, 0, 0)
        );
    });
}

#[test]
fn a_file_that_is_removed_while_the_collector_is_away_and_the_disk_is_full_is_still_delivered() {
    let bed = Bed::new();
    let Some(disk) = SmallDisk::mount(&bed.path("state")) else {
        return;
    };
    let (mut writer, mut agent) = bed.delivered(100);
    disk.fill();
    bed.falls_behind(&agent, &mut writer, 1_000);
    writer.remove();
    agent.says("what is about to vanish cannot be kept yet");
    agent.is_running();
    bed.sink.come_back().unwrap();
    bed.arrived(&agent, 1, 1_100);
    disk.make_room();
    agent.stop();
    bed.sink.with_tally(|tally| {
        assert_eq!(
            (tally.records, tally.out_of_order, tally.unnumbered),
            (1_100, 0, 0)
        );
    });
}

#[test]
fn a_removed_file_waits_for_room_on_a_full_disk_and_goes_into_the_spool_then() {
    let bed = Bed::new();
    let Some(disk) = SmallDisk::mount(&bed.path("state")) else {
        return;
    };
    let (mut writer, agent) = bed.delivered(100);
    disk.fill();
    bed.falls_behind(&agent, &mut writer, 1_000);
    writer.remove();
    agent.says("what is about to vanish cannot be kept yet");
    disk.make_room();
    bed.has_spooled(1_000);
    agent.kill();
    bed.sink.come_back().unwrap();
    let agent = bed.start();
    bed.arrived(&agent, 1, 1_100);
    agent.stop();
    assert_eq!(bed.sink.with_tally(|tally| tally.unnumbered), 0);
}
