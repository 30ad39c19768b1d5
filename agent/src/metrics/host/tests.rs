//! The host's metrics from trees of kernel files, and from the machine the tests run on.

use std::{fs, os::unix::fs::MetadataExt as _};

use nix::{
    sys::stat::{major, minor},
    unistd::{SysconfVar, sysconf},
};
use proptest::prelude::*;

use super::*;
use crate::{
    metrics::fixture::{Point, Tree, points, texts},
    wire::attributes::{OF_RESOURCE, string},
};

pub(in crate::metrics) const NOW: u64 = 1_700_000_000_000_000_000;
const SECOND: u64 = 1_000_000_000;

pub(in crate::metrics) const FILES: &[(&str, &str)] = &[
    ("proc/uptime", "1000.50 1900.00\n"),
    (
        "proc/stat",
        "cpu  1000 20 300 4000 50 6 7 8 900 10\ncpu0 600 10 200 2000 25 3 4 4 500 5\ncpu1 400 10 100 2000 25 3 3 4 400 5\n\
         intr 14763018 0 0\nctxt 40929767\nbtime 1699998999\nprocesses 368241\nprocs_running 1\nprocs_blocked 0\n",
    ),
    ("proc/loadavg", "1.13 0.62 0.25 13/179 11243\n"),
    (
        "proc/meminfo",
        "MemTotal:          10000 kB\nMemFree:            4000 kB\nMemAvailable:       7000 kB\nBuffers:             500 kB\n\
         Cached:             2000 kB\nSwapCached:            0 kB\nShmem:                90 kB\nSlab:                400 kB\n\
         SReclaimable:        300 kB\nSUnreclaim:          100 kB\nHugePages_Total:       0\n",
    ),
    (
        "proc/diskstats",
        "   7       0 loop0 9 0 9 9 0 0 0 0 0 9 9 0 0 0 0 0 0\n\
         \x20  8       0 sda 100 2 3000 4000 500 6 7000 8000 0 9500 12000 0 0 0 0 0 0\n\
         \x20  8      16 sdb 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n\
         \x20  8       1 sda1 90 2 2900 3900 500 6 7000 8000 0 9400 11900 0 0 0 0 0 0\n",
    ),
    ("proc/filesystems", "nodev\tproc\n\text4\nnodev\toverlay\n"),
    (
        "proc/1/mountinfo",
        "22 27 0:21 / /proc rw,relatime - proc proc rw\n28 27 DEVICE /data /srv rw,relatime - ext4 /dev/sda1 rw\n\
         27 1 DEVICE / / rw,relatime shared:1 - ext4 /dev/sda1 rw,discard\n29 27 0:50 / /merged rw - overlay overlay rw\n\
         30 27 99:99 / /srv/other rw - ext4 /dev/sdb1 rw\n",
    ),
    (
        "proc/1/net/dev",
        "Inter-|   Receive                                                |  Transmit\n\
         \x20face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n\
         \x20 eth0: 1000 10 1 2 0 0 0 0 2000 20 3 4 0 0 0 0\n  ifb0: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n\
         vethab12: 5 5 0 0 0 0 0 0 5 5 0 0 0 0 0 0\n",
    ),
    (
        "proc/1/net/snmp",
        "Ip: Forwarding DefaultTTL\nIp: 1 64\nTcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InSegs\n\
         Tcp: 1 200 120000 -1 23 24 1 2 17 8000\n",
    ),
    (
        "proc/1/net/sockstat",
        "sockets: used 36\nTCP: inuse 21 orphan 0 tw 3 alloc 25 mem 304\nUDP: inuse 4 mem 0\nUDPLITE: inuse 0\n",
    ),
    ("proc/1/net/sockstat6", "TCP6: inuse 2\nUDP6: inuse 1\n"),
    ("proc/1/stat", "1 (init) S 0 1 1 0\n"),
    ("proc/20/stat", "20 (R) (x) R 1 20\n"),
    ("proc/21/stat", "21 (odd\nname) Z 1 20\n"),
    ("proc/22/stat", "22 (kworker) I 2 0\n"),
    (
        "proc/vmstat",
        "nr_free_pages 4943178\npswpin 11\npswpout 12\npgfault 1000\npgmajfault 40\npgfaultx 7\n",
    ),
    (
        "proc/swaps",
        "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/dev/dm-1                               partition\t1000\t\t250\t\t-2\n",
    ),
    (
        "proc/pressure/cpu",
        "some avg10=76.95 avg60=80.77 avg300=54.58 total=4000000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
    ),
    (
        "proc/pressure/memory",
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=500000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=250000\n",
    ),
    (
        "proc/pressure/io",
        "some avg10=0.48 avg60=2.05 avg300=2.21 total=3000000\nfull avg10=0.06 avg60=0.13 avg300=0.30 total=1000000\n",
    ),
];

/// All modes but guests' grew: 100 ticks altogether, of which 50 in `user` and 1 in `steal`.
pub(in crate::metrics) const STAT_LATER: &str = "cpu  1050 20 310 4035 50 8 9 9 940 10\ncpu0 650 10 200 2000 25 3 4 4 540 5\n\
     cpu1 400 10 110 2035 25 5 5 5 400 5\nprocesses 368250\n";

/// The files, the disk of whose mounts is the one that the tree is on.
pub(in crate::metrics) fn tree() -> Tree {
    let tree = Tree::new(FILES);
    let device = fs::metadata(tree.root()).unwrap().dev();
    let device = format!("{}:{}", major(device), minor(device));
    for (path, content) in FILES {
        if content.contains("DEVICE") {
            tree.write(path, content.replace("DEVICE", &device));
        }
    }
    fs::create_dir_all(tree.root().join("srv/other")).unwrap();
    tree
}

fn host(root: impl Into<PathBuf>, is_per_cpu: bool) -> Host {
    let mut resource = Vec::new();
    string(&mut resource, OF_RESOURCE, "host.name", "box");
    let settings = Settings {
        root: root.into(),
        is_per_cpu,
    };
    Host::new(&settings, resource.into())
}

fn sample(host: &mut Host, now_unix_nano: u64) -> Vec<Point> {
    let mut out = Vec::new();
    host.sample(now_unix_nano, &mut out);
    points(&out)
}

#[test]
fn every_value_of_a_tree_of_kernel_files_is_written_with_its_attributes() {
    let tree = tree();
    let points = sample(&mut host(tree.root(), false), NOW);
    assert_eq!(
        texts(&points),
        [
            "system.uptime{} 1000.5",
            "system.cpu.logical.count{} 2",
            "system.process.created{} 368241",
            "system.cpu.time{cpu.mode=user} 10.0",
            "system.cpu.time{cpu.mode=nice} 0.2",
            "system.cpu.time{cpu.mode=system} 3.0",
            "system.cpu.time{cpu.mode=idle} 40.0",
            "system.cpu.time{cpu.mode=iowait} 0.5",
            "system.cpu.time{cpu.mode=interrupt} 0.13",
            "system.cpu.time{cpu.mode=steal} 0.08",
            "system.cpu.load_average.1m{} 1.13",
            "system.cpu.load_average.5m{} 0.62",
            "system.cpu.load_average.15m{} 0.25",
            "system.memory.limit{} 10240000",
            "system.memory.usage{system.memory.state=used} 3276800",
            "system.memory.usage{system.memory.state=free} 4096000",
            "system.memory.usage{system.memory.state=cached} 2355200",
            "system.memory.usage{system.memory.state=buffers} 512000",
            "system.memory.utilization{system.memory.state=used} 0.32",
            "system.memory.utilization{system.memory.state=free} 0.4",
            "system.memory.utilization{system.memory.state=cached} 0.23",
            "system.memory.utilization{system.memory.state=buffers} 0.05",
            "system.memory.linux.available{} 7168000",
            "system.memory.linux.shared{} 92160",
            "system.memory.linux.slab.usage{system.memory.linux.slab.state=reclaimable} 307200",
            "system.memory.linux.slab.usage{system.memory.linux.slab.state=unreclaimable} 102400",
            "system.disk.io{system.device=sda,disk.io.direction=read} 1536000",
            "system.disk.io{system.device=sda,disk.io.direction=write} 3584000",
            "system.disk.operations{system.device=sda,disk.io.direction=read} 100",
            "system.disk.operations{system.device=sda,disk.io.direction=write} 500",
            "system.disk.merged{system.device=sda,disk.io.direction=read} 2",
            "system.disk.merged{system.device=sda,disk.io.direction=write} 6",
            "system.disk.operation_time{system.device=sda,disk.io.direction=read} 4.0",
            "system.disk.operation_time{system.device=sda,disk.io.direction=write} 8.0",
            "system.disk.io_time{system.device=sda} 9.5",
            "system.network.io{network.interface.name=eth0,network.io.direction=receive} 1000",
            "system.network.io{network.interface.name=eth0,network.io.direction=transmit} 2000",
            "system.network.packet.count{system.device=eth0,network.io.direction=receive} 10",
            "system.network.packet.count{system.device=eth0,network.io.direction=transmit} 20",
            "system.network.errors{network.interface.name=eth0,network.io.direction=receive} 1",
            "system.network.errors{network.interface.name=eth0,network.io.direction=transmit} 3",
            "system.network.packet.dropped{network.interface.name=eth0,network.io.direction=receive} 2",
            "system.network.packet.dropped{network.interface.name=eth0,network.io.direction=transmit} 4",
            "system.network.connection.count{network.transport=tcp,network.connection.state=established} 17",
            "system.network.connection.count{network.transport=tcp,network.connection.state=time_wait} 3",
            "system.network.connection.count{network.transport=udp} 5",
            "system.paging.faults{system.paging.fault.type=minor} 960",
            "system.paging.faults{system.paging.fault.type=major} 40",
            "system.paging.operations{system.paging.direction=in} 11",
            "system.paging.operations{system.paging.direction=out} 12",
            "system.paging.usage{system.device=/dev/dm-1,system.paging.state=used} 256000",
            "system.paging.usage{system.device=/dev/dm-1,system.paging.state=free} 768000",
            "system.paging.utilization{system.device=/dev/dm-1,system.paging.state=used} 0.25",
            "system.paging.utilization{system.device=/dev/dm-1,system.paging.state=free} 0.75",
            "system.process.count{process.state=running} 1",
            "system.process.count{process.state=sleeping} 2",
            "system.process.count{process.state=stopped} 0",
            "system.process.count{process.state=defunct} 1",
            "system.linux.psi.time{system.linux.psi.resource=cpu,system.linux.psi.stall_type=some} 4.0",
            "system.linux.psi.time{system.linux.psi.resource=memory,system.linux.psi.stall_type=some} 0.5",
            "system.linux.psi.time{system.linux.psi.resource=memory,system.linux.psi.stall_type=full} 0.25",
            "system.linux.psi.time{system.linux.psi.resource=io,system.linux.psi.stall_type=some} 3.0",
            "system.linux.psi.time{system.linux.psi.resource=io,system.linux.psi.stall_type=full} 1.0",
        ]
    );
    for point in &points {
        assert_eq!(point.resource, "host.name=box");
        assert_eq!(point.time_unix_nano, NOW);
        let boot = NOW - 1000 * SECOND - SECOND / 2;
        let start = if point.kind == "gauge" { 0 } else { boot };
        assert_eq!(point.start_unix_nano, start, "{}", point.text);
    }
}

#[test]
fn a_disk_mounted_twice_is_given_once_and_one_that_the_agent_does_not_see_not_at_all() {
    let tree = tree();
    let points = sample(&mut host(tree.root(), false), NOW);
    let at = "{system.device=/dev/sda1,system.filesystem.mode=rw,system.filesystem.mountpoint=/,system.filesystem.type=ext4";
    let value = |start: String| {
        let mut matching = points.iter().filter(|point| point.text.starts_with(&start));
        let value = matching.next().unwrap_or_else(|| panic!("{start}")).value;
        assert_eq!(matching.next(), None, "{start}");
        value
    };
    let stat = nix::sys::statvfs::statvfs(tree.root()).unwrap();
    let limit = value(format!("system.filesystem.limit{at}}}"));
    assert_eq!(limit, stat.blocks() as f64 * stat.fragment_size() as f64);
    // Not the one mounted twice again, nor the one of a disk that is not what is seen there.
    let limits = points
        .iter()
        .filter(|point| point.name == "system.filesystem.limit");
    assert_eq!(limits.count(), 1);
    for (metric, sum) in [("usage", limit), ("utilization", 1.0)] {
        let state = |state| {
            value(format!(
                "system.filesystem.{metric}{at},system.filesystem.state={state}}}"
            ))
        };
        let difference = state("used") + state("free") + state("reserved") - sum;
        assert!(difference.abs() < 1e-9, "{metric}");
    }
}

#[test]
fn cpu_utilization_is_the_share_of_the_time_since_the_sample_before() {
    let tree = tree();
    let mut host = host(tree.root(), false);
    sample(&mut host, NOW);
    tree.write("proc/stat", STAT_LATER);
    let points = sample(&mut host, NOW + SECOND);
    let utilization: Vec<&str> = texts(&points)
        .into_iter()
        .filter(|text| text.starts_with("system.cpu.utilization"))
        .collect();
    assert_eq!(
        utilization,
        [
            "system.cpu.utilization{cpu.mode=user} 0.5",
            "system.cpu.utilization{cpu.mode=nice} 0.0",
            "system.cpu.utilization{cpu.mode=system} 0.1",
            "system.cpu.utilization{cpu.mode=idle} 0.35",
            "system.cpu.utilization{cpu.mode=iowait} 0.0",
            "system.cpu.utilization{cpu.mode=interrupt} 0.04",
            "system.cpu.utilization{cpu.mode=steal} 0.01",
        ]
    );
}

#[test]
fn each_cpu_has_its_own_series_if_that_is_asked_for() {
    let tree = tree();
    let mut host = host(tree.root(), true);
    sample(&mut host, NOW);
    tree.write("proc/stat", STAT_LATER);
    let points = sample(&mut host, NOW + SECOND);
    let texts = texts(&points);
    for expected in [
        "system.cpu.time{cpu.mode=user,cpu.logical_number=0} 6.5",
        "system.cpu.time{cpu.mode=idle,cpu.logical_number=1} 20.35",
        "system.cpu.utilization{cpu.mode=user,cpu.logical_number=0} 1.0",
        "system.cpu.utilization{cpu.mode=idle,cpu.logical_number=1} 0.7",
    ] {
        assert!(texts.contains(&expected), "{expected} in {texts:#?}");
    }
    let times = texts
        .iter()
        .filter(|text| text.starts_with("system.cpu.time"));
    assert_eq!(times.count(), 14);
}

#[test]
fn a_cpu_time_that_steps_back_is_held_until_it_is_passed() {
    let tree = Tree::new(&[("proc/stat", "cpu 10 0 0 100 50\ncpu0 10 0 0 100 50\n")]);
    let mut host = host(tree.root(), false);
    let mut iowait = |ticks: u64| {
        tree.write("proc/stat", format!("cpu 10 0 0 100 {ticks}\n"));
        let points = sample(&mut host, NOW);
        let time = points
            .iter()
            .find(|point| point.text.starts_with("system.cpu.time{cpu.mode=iowait}"));
        time.unwrap().value
    };
    assert_eq!([50, 48, 49, 51].map(&mut iowait), [0.5, 0.5, 0.5, 0.51]);
}

#[test]
fn the_start_of_sums_stays_where_it_was_when_the_clock_is_corrected() {
    let tree = tree();
    let mut host = host(tree.root(), false);
    let start = |points: Vec<Point>| {
        let sum = points.into_iter().find(|point| point.kind == "counter");
        sum.unwrap().start_unix_nano
    };
    let first = start(sample(&mut host, NOW));
    assert_eq!(start(sample(&mut host, NOW + 90 * SECOND)), first);
    // Back to before the boot: a start must not be later than the point.
    assert_eq!(start(sample(&mut host, 5)), 5);
}

#[test]
fn a_host_without_any_of_the_files_writes_nothing() {
    let tree = Tree::new(&[]);
    let mut out = b"before".to_vec();
    host(tree.root(), false).sample(NOW, &mut out);
    assert_eq!(out, b"before");
}

#[test]
fn a_family_whose_file_makes_no_sense_is_left_out_and_the_others_go_on() {
    let tree = tree();
    tree.write("proc/meminfo", "MemTotal: many kB\n");
    let points = sample(&mut host(tree.root(), false), NOW);
    assert!(
        !points
            .iter()
            .any(|point| point.name.starts_with("system.memory"))
    );
    assert!(points.iter().any(|point| point.name == "system.disk.io"));
    assert!(points.iter().any(|point| point.name == "system.uptime"));
}

#[test]
fn values_of_this_machine_are_plausible() {
    let points = sample(&mut host("/", false), NOW);
    let value = |start: &str| {
        let mut matching = points.iter().filter(|point| point.text.starts_with(start));
        matching.next().unwrap_or_else(|| panic!("{start}")).value
    };
    let cpus = sysconf(SysconfVar::_NPROCESSORS_ONLN).unwrap().unwrap();
    assert_eq!(value("system.cpu.logical.count"), cpus as f64);
    assert!(value("system.memory.limit") > 1e6);
    assert!(value("system.memory.usage{system.memory.state=used}") > 0.0);
    assert!(value("system.cpu.time{cpu.mode=user}") > 0.0);
    assert!(value("system.uptime") > 0.0);
    assert!(value("system.process.count{process.state=sleeping}") >= 1.0);
    let states: f64 = points
        .iter()
        .filter(|point| point.name == "system.memory.usage")
        .map(|point| point.value)
        .sum();
    assert_eq!(states, value("system.memory.limit"));
}

#[test]
fn sampling_again_and_again_keeps_no_more_memory() {
    let tree = tree();
    let mut host = host(tree.root(), true);
    let mut out = Vec::new();
    host.sample(NOW, &mut out);
    let first = out.len();
    for second in 1..50 {
        out.clear();
        host.sample(NOW + second * SECOND, &mut out);
        assert_eq!(out.len(), first);
    }
    assert_eq!(host.cpu.tracks.len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_file_cut_anywhere_and_filled_with_anything_never_panics(
        file in 0..FILES.len(),
        keep in 0.0..1.0f64,
        rest in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let tree = tree();
        let (path, content) = FILES[file];
        let kept = (content.len() as f64 * keep) as usize;
        tree.write(path, [&content.as_bytes()[..kept], &rest].concat());
        let mut host = host(tree.root(), true);
        sample(&mut host, NOW);
        sample(&mut host, NOW + SECOND);
    }
}
