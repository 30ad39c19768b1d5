//! `/proc/diskstats`: what each disk has done.
//!
//! ```text
//!  254       0 vda 4992863 173609 222500850 9315759 3811588 752977 328414192 5979669 0 473404 15383981 ...
//!    1       2  3  4       5      6         7       8       9      10        11      12 13   14
//! ```
//!
//! Columns, from 4 on: reads completed, reads merged, sectors read, ms reading, the same four of writes, I/O in progress, ms
//! doing I/O. A sector is 512 bytes whatever the disk. Left out are partitions, whose disk counts them, loop and RAM disks,
//! and disks that were never used.
//!
//! <https://www.kernel.org/doc/Documentation/ABI/testing/procfs-diskstats>

use opentelemetry_semantic_conventions::{
    attribute::{DISK_IO_DIRECTION, SYSTEM_DEVICE},
    metric::{
        SYSTEM_DISK_IO, SYSTEM_DISK_IO_TIME, SYSTEM_DISK_MERGED, SYSTEM_DISK_OPERATION_TIME,
        SYSTEM_DISK_OPERATIONS,
    },
};

use crate::{
    metrics::{
        MetricsError,
        text::{fields, number},
        view::HostView,
    },
    wire::metrics::{Metric, Metrics, Value::Text},
};

const IO: Metric = Metric::counter(SYSTEM_DISK_IO, "By");
const OPERATIONS: Metric = Metric::counter(SYSTEM_DISK_OPERATIONS, "{operation}");
const MERGED: Metric = Metric::counter(SYSTEM_DISK_MERGED, "{operation}");
const OPERATION_TIME: Metric = Metric::counter(SYSTEM_DISK_OPERATION_TIME, "s");
const IO_TIME: Metric = Metric::counter(SYSTEM_DISK_IO_TIME, "s");

const SECTOR_BYTES: u64 = 512;

/// A line of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Disk {
    device: String,
    read: Work,
    write: Work,
    io_milliseconds: u64,
}

/// The counters of one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Work {
    operations: u64,
    merged: u64,
    sectors: u64,
    milliseconds: u64,
}

/// Writes the disk metrics.
pub(super) fn sample(view: &mut HostView, metrics: &mut Metrics<'_>) -> Result<(), MetricsError> {
    let mut disks: Vec<Disk> = Vec::new();
    view.lines(&["proc/diskstats"], |line| {
        let Some(disk) = disk(line) else { return };
        // A partition comes after its disk, though not at once.
        let is_partition = disks
            .iter()
            .any(|other| is_partition_of(&disk.device, &other.device));
        if !is_partition && !is_virtual(&disk.device) {
            disks.push(disk);
        }
    })?;
    disks.retain(|disk| disk.read.operations > 0 || disk.write.operations > 0);

    let mut both = |metric, value: fn(&Work) -> u64| {
        metrics.metric(metric, |points| {
            for disk in &disks {
                for (direction, work) in disk.directions() {
                    points.int(
                        value(work),
                        &[
                            (SYSTEM_DEVICE, Text(&disk.device)),
                            (DISK_IO_DIRECTION, Text(direction)),
                        ],
                    );
                }
            }
        });
    };
    both(&IO, |work| work.sectors.saturating_mul(SECTOR_BYTES));
    both(&OPERATIONS, |work| work.operations);
    both(&MERGED, |work| work.merged);
    metrics.metric(&OPERATION_TIME, |points| {
        for disk in &disks {
            for (direction, work) in disk.directions() {
                points.double(
                    work.milliseconds as f64 / 1000.0,
                    &[
                        (SYSTEM_DEVICE, Text(&disk.device)),
                        (DISK_IO_DIRECTION, Text(direction)),
                    ],
                );
            }
        }
    });
    metrics.metric(&IO_TIME, |points| {
        for disk in &disks {
            points.double(
                disk.io_milliseconds as f64 / 1000.0,
                &[(SYSTEM_DEVICE, Text(&disk.device))],
            );
        }
    });
    Ok(())
}

impl Disk {
    fn directions(&self) -> [(&'static str, &Work); 2] {
        [("read", &self.read), ("write", &self.write)]
    }
}

fn disk(line: &[u8]) -> Option<Disk> {
    let mut fields = fields(line);
    let device = str::from_utf8(fields.nth(2)?).ok()?.to_owned();
    let mut columns = [0; 10];
    for column in &mut columns {
        *column = number(fields.next()?)?;
    }
    let work = |from: usize| Work {
        operations: columns[from],
        merged: columns[from + 1],
        sectors: columns[from + 2],
        milliseconds: columns[from + 3],
    };
    Some(Disk {
        device,
        read: work(0),
        write: work(4),
        io_milliseconds: columns[9],
    })
}

/// Memory, or a file, that looks like a disk.
fn is_virtual(device: &str) -> bool {
    ["loop", "ram", "zram"]
        .iter()
        .any(|prefix| device.starts_with(prefix))
}

/// `sda1` is one of `sda`; after a disk whose name ends in a digit comes a `p`: `nvme0n1p1` is one of `nvme0n1`.
fn is_partition_of(device: &str, disk: &str) -> bool {
    let Some(rest) = device.strip_prefix(disk) else {
        return false;
    };
    let digits = if disk.ends_with(|last: char| last.is_ascii_digit()) {
        rest.strip_prefix('p').unwrap_or_default()
    } else {
        rest
    };
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn partitions_are_told_from_disks_by_their_names() {
        for (device, disk) in [
            ("sda1", "sda"),
            ("vdb12", "vdb"),
            ("nvme0n1p2", "nvme0n1"),
            ("mmcblk0p1", "mmcblk0"),
        ] {
            assert!(is_partition_of(device, disk), "{device}");
        }
        for (device, disk) in [
            ("sdaa", "sda"),
            ("sda", "sda"),
            ("dm-10", "dm-1"),
            ("nvme0n10", "nvme0n1"),
            ("mmcblk0boot0", "mmcblk0"),
            ("sdb1", "sda"),
        ] {
            assert!(!is_partition_of(device, disk), "{device}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(line in prop::collection::vec(any::<u8>(), 0..120), numbers in "[a-z0-9 ]{0,120}") {
            let _ = disk(&line);
            let _ = disk(numbers.as_bytes());
        }
    }
}
