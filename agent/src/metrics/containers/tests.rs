//! The containers' metrics from trees of cgroups of version 1, 2 and both.

use std::{fs, os::unix::fs::symlink, path::PathBuf};

use proptest::prelude::*;

use super::*;
use crate::metrics::fixture::{Point, Tree, points, texts};

pub(in crate::metrics) const NOW: u64 = 1_700_000_000_000_000_000;
const SECOND: u64 = 1_000_000_000;

pub(in crate::metrics) const ID: &str =
    "1111111111111111111111111111111111111111111111111111111111111111";
const OTHER_ID: &str = "2222222222222222222222222222222222222222222222222222222222222222";

pub(in crate::metrics) const HOST_FILES: &[(&str, &str)] = &[
    ("proc/uptime", "1000.50 1900.00\n"),
    (
        "proc/diskstats",
        "   8       0 sda 100 2 3000 4000 500 6 7000 8000 0 9500 12000\n",
    ),
    (
        "proc/1/net/dev",
        "  eth0: 7 1 0 0 0 0 0 0 7 1 0 0 0 0 0 0\n",
    ),
    (
        "proc/4711/stat",
        "4711 (sh -c (x)) S 4600 4711 4711 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 90050 53334016\n",
    ),
    (
        "proc/4711/net/dev",
        "    lo: 9 9 0 0 0 0 0 0 9 9 0 0 0 0 0 0\n  eth0: 1000 10 0 0 0 0 0 0 2000 20 0 0 0 0 0 0\n",
    ),
];

pub(in crate::metrics) const V2_FILES: &[(&str, &str)] = &[
    (
        "cpu.stat",
        "usage_usec 3500000\nuser_usec 2000000\nsystem_usec 1500000\nnr_periods 7\nnr_throttled 3\nthrottled_usec 250\n",
    ),
    ("memory.current", "1000000\n"),
    ("memory.max", "4000000\n"),
    (
        "memory.stat",
        "anon 600000\nfile 300000\nactive_file 1\ninactive_file 100000\npgfault 50\npgmajfault 5\n",
    ),
    (
        "io.stat",
        "8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n9:9 rbytes=1 wbytes=1 rios=1 wios=1\n253:0 \n",
    ),
    ("pids.current", "12\n"),
    ("cgroup.procs", "4711\n4720\n"),
];

pub(in crate::metrics) const V1_FILES: &[(&str, &str)] = &[
    ("cpuacct/cpuacct.stat", "user 200\nsystem 150\n"),
    (
        "cpu/cpu.stat",
        "nr_periods 7\nnr_throttled 3\nthrottled_time 250000\n",
    ),
    ("memory/memory.usage_in_bytes", "1000000\n"),
    (
        "memory/memory.stat",
        "rss 1\ninactive_file 1\nhierarchical_memory_limit 4000000\ntotal_rss 600000\ntotal_pgfault 50\n\
         total_pgmajfault 5\ntotal_inactive_file 100000\n",
    ),
    (
        "blkio/blkio.throttle.io_service_bytes_recursive",
        "8:0 Read 4096\n8:0 Write 8192\n8:0 Sync 12288\n8:0 Async 0\n8:0 Discard 0\n8:0 Total 12288\nTotal 12288\n",
    ),
    ("pids/pids.current", "12\n"),
    ("memory/cgroup.procs", "4711\n4720\n"),
];

const EXPECTED: [&str; 20] = [
    "container.cpu.time{cpu.mode=user} 2.0",
    "container.cpu.time{cpu.mode=system} 1.5",
    "container.cpu.throttling_data.throttled_time{} 250000",
    "container.memory.usage{} 1000000",
    "container.memory.usage.limit{} 4000000",
    "container.memory.working_set{} 900000",
    "container.memory.available{} 3100000",
    "container.memory.rss{} 600000",
    "container.memory.paging.faults{system.paging.fault.type=minor} 45",
    "container.memory.paging.faults{system.paging.fault.type=major} 5",
    "container.disk.io{system.device=sda,disk.io.direction=read} 4096",
    "container.disk.io{system.device=sda,disk.io.direction=write} 8192",
    "container.network.io{network.interface.name=eth0,network.io.direction=receive} 1000",
    "container.network.io{network.interface.name=eth0,network.io.direction=transmit} 2000",
    "container.pids.count{} 12",
    "container.uptime{} 100.0",
    // From the second sample on.
    "container.cpu.usage{cpu.mode=user} 0.75",
    "container.cpu.usage{cpu.mode=system} 0.25",
    "container.cpu.time{cpu.mode=user} 3.5",
    "container.cpu.time{cpu.mode=system} 2.0",
];

/// A tree with the container in version 2, at `cgroup`.
pub(in crate::metrics) fn v2(cgroup: &str) -> Tree {
    let tree = Tree::new(HOST_FILES);
    tree.write("sys/fs/cgroup/cgroup.controllers", "cpu io memory pids\n");
    add_v2(&tree, cgroup);
    tree
}

fn add_v2(tree: &Tree, cgroup: &str) {
    for (file, content) in V2_FILES {
        tree.write(&format!("sys/fs/cgroup/{cgroup}/{file}"), content);
    }
}

/// A tree with the container in version 1.
pub(in crate::metrics) fn v1() -> Tree {
    let tree = Tree::new(HOST_FILES);
    for (path, content) in V1_FILES {
        let (controller, file) = path.split_once('/').unwrap();
        tree.write(
            &format!("sys/fs/cgroup/{controller}/docker/{ID}/{file}"),
            content,
        );
    }
    tree
}

fn containers(tree: &Tree) -> Containers {
    let mut resource = Vec::new();
    string(&mut resource, OF_RESOURCE, "host.name", "box");
    Containers::new(tree.root(), resource.into())
}

fn sample(containers: &mut Containers, now_unix_nano: u64) -> Vec<Point> {
    let mut out = Vec::new();
    containers.sample(now_unix_nano, &|_| None, &mut out);
    points(&out)
}

fn by_resource<'a>(points: &'a [Point], id: &str, name: &str) -> Vec<&'a str> {
    points
        .iter()
        .filter(|point| point.resource.ends_with(id) && point.name == name)
        .map(|point| point.text.as_str())
        .collect()
}

#[test]
fn every_value_of_a_container_in_version_2_is_written() {
    let tree = v2(&format!("system.slice/docker-{ID}.scope"));
    let mut containers = containers(&tree);
    let points = sample(&mut containers, NOW);
    assert_eq!(texts(&points), EXPECTED[..16]);
    for point in &points {
        assert_eq!(point.resource, format!("host.name=box,container.id={ID}"));
        let start = NOW - 100 * SECOND;
        let start = if point.kind == "gauge" { 0 } else { start };
        assert_eq!((point.start_unix_nano, point.time_unix_nano), (start, NOW));
    }

    tree.write(
        &format!("sys/fs/cgroup/system.slice/docker-{ID}.scope/cpu.stat"),
        "user_usec 3500000\nsystem_usec 2000000\n",
    );
    let points = sample(&mut containers, NOW + 2 * SECOND);
    assert_eq!(
        texts(&points)[..4],
        [EXPECTED[18], EXPECTED[19], EXPECTED[16], EXPECTED[17]]
    );
}

#[test]
fn a_container_in_version_1_has_the_same_values_as_in_version_2() {
    let tree = v1();
    assert_eq!(texts(&sample(&mut containers(&tree), NOW)), EXPECTED[..16]);
}

#[test]
fn a_controller_that_only_version_2_has_is_read_there_on_a_host_with_both() {
    let tree = v1();
    let root = tree.root().join("sys/fs/cgroup");
    fs::remove_dir_all(root.join("cpuacct")).unwrap();
    tree.write("sys/fs/cgroup/unified/cgroup.controllers", "\n");
    tree.write(
        &format!("sys/fs/cgroup/unified/docker/{ID}/cpu.stat"),
        "user_usec 2000000\nsystem_usec 1500000\n",
    );
    assert_eq!(texts(&sample(&mut containers(&tree), NOW)), EXPECTED[..16]);
}

#[test]
fn combined_hierarchies_of_version_1_are_found_by_their_joint_name() {
    let tree = v1();
    let root = tree.root().join("sys/fs/cgroup");
    let joint = format!("cpu,cpuacct/docker/{ID}");
    fs::create_dir_all(root.join(&joint)).unwrap();
    for (controller, file) in [("cpuacct", "cpuacct.stat"), ("cpu", "cpu.stat")] {
        let path = root.join(controller).join("docker").join(ID).join(file);
        fs::rename(path, root.join(&joint).join(file)).unwrap();
        fs::remove_dir_all(root.join(controller)).unwrap();
    }
    assert_eq!(texts(&sample(&mut containers(&tree), NOW)), EXPECTED[..16]);
}

#[test]
fn a_version_1_or_version_2_container_without_limits_has_no_limit_and_is_not_throttled() {
    let v2 = v2(&format!("docker/{ID}"));
    let cgroup = format!("sys/fs/cgroup/docker/{ID}");
    v2.write(&format!("{cgroup}/memory.max"), "max\n");
    v2.write(
        &format!("{cgroup}/cpu.stat"),
        "user_usec 1\nsystem_usec 1\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n",
    );
    let v1 = v1();
    v1.write(
        &format!("sys/fs/cgroup/memory/docker/{ID}/memory.stat"),
        "hierarchical_memory_limit 9223372036854771712\ntotal_rss 1\ntotal_inactive_file 1\n",
    );
    v1.write(
        &format!("sys/fs/cgroup/cpu/docker/{ID}/cpu.stat"),
        "nr_periods 0\nnr_throttled 0\nthrottled_time 0\n",
    );
    for tree in [v2, v1] {
        let points = sample(&mut containers(&tree), NOW);
        for absent in [
            "container.memory.usage.limit",
            "container.memory.available",
            "container.cpu.throttling_data.throttled_time",
        ] {
            assert_eq!(by_resource(&points, ID, absent), [""; 0], "{absent}");
        }
        assert_eq!(
            by_resource(&points, ID, "container.memory.working_set").len(),
            1
        );
    }
}

#[test]
fn containers_are_found_where_each_runtime_puts_them_and_not_inside_each_other() {
    let ids: Vec<String> = ('a'..='f')
        .map(|digit| String::from(digit).repeat(64))
        .collect();
    let [a, b, c, d, e, f] = ids.as_slice() else {
        unreachable!()
    };
    let tree = v2(&format!("docker/{a}"));
    for cgroup in [
        format!("docker/{a}/docker/{OTHER_ID}"),
        format!(
            "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-{b}.scope"
        ),
        format!("kubepods/besteffort/pod1/{c}"),
        format!("machine.slice/libpod-{d}.scope"),
        format!("machine.slice/libpod-conmon-{OTHER_ID}.scope"),
        format!("user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{e}.scope"),
        format!("system.slice/web.service/libpod-payload-{f}"),
        "system.slice/ssh.service".to_owned(),
    ] {
        add_v2(&tree, &cgroup);
    }
    let mut found: Vec<String> = sample(&mut containers(&tree), NOW)
        .into_iter()
        .map(|point| point.resource.replace("host.name=box,container.id=", ""))
        .collect();
    found.dedup();
    assert_eq!(found, ids);
}

#[test]
fn the_resource_that_is_known_of_a_container_is_taken() {
    let tree = v2(&format!("docker/{ID}"));
    add_v2(&tree, &format!("docker/{OTHER_ID}"));
    let mut known = Vec::new();
    string(&mut known, OF_RESOURCE, "container.name", "web");
    let known: Arc<[u8]> = known.into();
    let mut out = Vec::new();
    containers(&tree).sample(NOW, &|id| (id == ID).then(|| Arc::clone(&known)), &mut out);
    let mut resources: Vec<String> = points(&out)
        .into_iter()
        .map(|point| point.resource)
        .collect();
    resources.dedup();
    assert_eq!(
        resources,
        [
            "container.name=web".to_owned(),
            format!("host.name=box,container.id={OTHER_ID}")
        ]
    );
}

/// A container whose first process is `pid`, started `ticks` after boot, in the network of the process at `network`.
fn add_in_network(tree: &Tree, id: &str, pid: u32, ticks: u64, network: &str) {
    add_v2(tree, &format!("docker/{id}"));
    tree.write(
        &format!("sys/fs/cgroup/docker/{id}/cgroup.procs"),
        format!("{pid}\n"),
    );
    tree.write(
        &format!("proc/{pid}/stat"),
        format!("{pid} (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 {ticks} 0\n"),
    );
    let folder = tree.root().join(format!("proc/{pid}/net"));
    fs::create_dir_all(&folder).unwrap();
    fs::hard_link(
        tree.root().join(network).join("net/dev"),
        folder.join("dev"),
    )
    .unwrap();
}

#[test]
fn a_network_that_two_containers_share_is_given_with_the_one_started_first() {
    let tree = v2(&format!("docker/{ID}"));
    // 4711 was started at 90050.
    add_in_network(&tree, OTHER_ID, 4712, 90_049, "proc/4711");
    let mut containers = containers(&tree);
    for now in [NOW, NOW + SECOND] {
        let points = sample(&mut containers, now);
        assert_eq!(by_resource(&points, ID, "container.network.io"), [""; 0]);
        assert_eq!(
            by_resource(&points, OTHER_ID, "container.network.io"),
            EXPECTED[12..14]
        );
    }
}

#[test]
fn a_container_in_the_network_of_the_host_has_no_traffic_of_its_own() {
    let tree = v2(&format!("docker/{ID}"));
    add_in_network(&tree, OTHER_ID, 4712, 1, "proc/1");
    let points = sample(&mut containers(&tree), NOW);
    assert_eq!(
        by_resource(&points, OTHER_ID, "container.network.io"),
        [""; 0]
    );
    assert_eq!(
        by_resource(&points, OTHER_ID, "container.cpu.time").len(),
        2
    );
    assert_eq!(
        by_resource(&points, ID, "container.network.io"),
        EXPECTED[12..14]
    );
}

#[test]
fn a_container_that_was_started_again_starts_its_sums_again() {
    let tree = v2(&format!("docker/{ID}"));
    let mut containers = containers(&tree);
    sample(&mut containers, NOW);

    // Another folder is made while the old one still has its inode, as a restart does with cgroups.
    let docker = tree.root().join("sys/fs/cgroup/docker");
    fs::rename(docker.join(ID), tree.root().join("old")).unwrap();
    add_v2(&tree, &format!("docker/{ID}"));
    tree.write(&format!("sys/fs/cgroup/docker/{ID}/cgroup.procs"), "4800\n");
    tree.write(
        "proc/4800/stat",
        "4800 (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 100150 0\n",
    );
    tree.write("proc/uptime", "1010.50 0\n");
    let points = sample(&mut containers, NOW + 10 * SECOND);
    assert_eq!(
        by_resource(&points, ID, "container.uptime"),
        ["container.uptime{} 9.0"]
    );
    assert_eq!(by_resource(&points, ID, "container.cpu.usage"), [""; 0]);
    let sum = points.iter().find(|point| point.kind == "counter").unwrap();
    assert_eq!(sum.start_unix_nano, NOW + SECOND);
}

#[test]
fn an_agent_with_process_numbers_of_its_own_takes_no_other_process_for_the_containers() {
    let tree = v2(&format!("docker/{ID}"));
    // In the host's /proc the agent has another number than it has for itself.
    symlink("4711", tree.root().join("proc/self")).unwrap();
    let points = sample(&mut containers(&tree), NOW);
    assert_eq!(by_resource(&points, ID, "container.uptime"), [""; 0]);
    assert_eq!(by_resource(&points, ID, "container.network.io"), [""; 0]);
    assert_eq!(
        by_resource(&points, ID, "container.pids.count"),
        ["container.pids.count{} 12"]
    );
}

#[test]
fn a_container_whose_processes_cannot_be_seen_has_no_uptime_and_starts_when_first_seen() {
    let tree = v2(&format!("docker/{ID}"));
    tree.write(&format!("sys/fs/cgroup/docker/{ID}/cgroup.procs"), "0\n");
    let mut containers = containers(&tree);
    for now in [NOW, NOW + SECOND] {
        let points = sample(&mut containers, now);
        for absent in ["container.uptime", "container.network.io"] {
            assert_eq!(by_resource(&points, ID, absent), [""; 0]);
        }
        let sum = points.iter().find(|point| point.kind == "counter").unwrap();
        assert_eq!(sum.start_unix_nano, NOW);
    }
}

#[test]
fn the_first_process_is_found_below_the_cgroup_of_a_container_that_runs_systemd() {
    let cgroup = format!("machine.slice/libpod-{ID}.scope");
    let tree = v2(&cgroup);
    tree.write(&format!("sys/fs/cgroup/{cgroup}/cgroup.procs"), "");
    tree.write(
        &format!("sys/fs/cgroup/{cgroup}/init.scope/cgroup.procs"),
        "4711\n",
    );
    assert_eq!(texts(&sample(&mut containers(&tree), NOW)), EXPECTED[..16]);
}

#[test]
fn a_container_that_has_ended_is_forgotten() {
    let tree = v2(&format!("docker/{ID}"));
    let mut containers = containers(&tree);
    assert!(!sample(&mut containers, NOW).is_empty());
    fs::remove_dir_all(tree.root().join("sys/fs/cgroup/docker").join(ID)).unwrap();
    assert_eq!(sample(&mut containers, NOW + SECOND), []);
    assert!(containers.tracked.is_empty());
}

#[test]
fn this_machine_is_sampled_without_containers_or_with_plausible_ones() {
    let mut containers = Containers::new(&PathBuf::from("/"), Arc::from([]));
    for point in sample(&mut containers, NOW) {
        assert!(
            point.resource.starts_with("container.id="),
            "{}",
            point.resource
        );
        assert!(
            point.value.is_finite() && point.value >= 0.0,
            "{}",
            point.text
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_file_cut_anywhere_and_filled_with_anything_never_panics(
        is_v1: bool,
        file in 0usize..7,
        keep in 0.0..1.0f64,
        rest in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let cut = |content: &str| {
            let kept = (content.len() as f64 * keep) as usize;
            [&content.as_bytes()[..kept], &rest].concat()
        };
        let tree = if is_v1 {
            let tree = v1();
            let (path, content) = V1_FILES[file];
            let (controller, name) = path.split_once('/').unwrap();
            tree.write(&format!("sys/fs/cgroup/{controller}/docker/{ID}/{name}"), cut(content));
            tree
        } else {
            let tree = v2(&format!("docker/{ID}"));
            let (name, content) = V2_FILES[file];
            tree.write(&format!("sys/fs/cgroup/docker/{ID}/{name}"), cut(content));
            tree
        };
        let (path, content) = HOST_FILES[file % HOST_FILES.len()];
        tree.write(path, cut(content));
        let mut containers = containers(&tree);
        sample(&mut containers, NOW);
        sample(&mut containers, NOW + SECOND);
    }
}
