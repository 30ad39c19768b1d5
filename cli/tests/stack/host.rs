//! A host for the agent, in a folder: the CPUs, memory and processes of this machine, a disk and a container of its own.

use std::{
    fs,
    os::unix::fs::{MetadataExt, symlink},
    path::Path,
};

use nix::sys::stat::{major, minor};
use serde_json::json;

pub(crate) const NAME: &str = "shop-1";
pub(crate) const CONTAINER: &str = "shop-stock-1";
pub(crate) const ID: &str = "4f1d2c3b5a6978897a6b5c4d3e2f10014f1d2c3b5a6978897a6b5c4d3e2f1001";

/// As this machine has them.
const OF_THIS_MACHINE: &[&str] = &["uptime", "stat", "meminfo", "loadavg", "vmstat"];

const PRESSURE: &str = "some avg10=0.00 avg60=0.00 avg300=0.00 total=4000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1000\n";

/// The container's, in a network of its own. It was started when the host was.
const FILES: &[(&str, &str)] = &[
    ("proc/filesystems", "\text4\n"),
    (
        "proc/diskstats",
        "   8       0 sda 100 2 3000 4000 500 6 7000 8000 0 9500 12000\n",
    ),
    ("proc/pressure/cpu", PRESSURE),
    ("proc/pressure/memory", PRESSURE),
    ("proc/pressure/io", PRESSURE),
    (
        "proc/1/stat",
        "1 (init) S 0 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 1 53334016\n",
    ),
    (
        "proc/1/net/dev",
        "  eth0: 7 1 0 0 0 0 0 0 7 1 0 0 0 0 0 0\n",
    ),
    ("proc/1/net/snmp", "Tcp: CurrEstab InSegs\nTcp: 17 8000\n"),
    (
        "proc/1/net/sockstat",
        "TCP: inuse 3 orphan 0 tw 2 alloc 9 mem 2\nUDP: inuse 1 mem 0\n",
    ),
    (
        "proc/4711/stat",
        "4711 (stock) S 1 4711 4711 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 1 53334016\n",
    ),
    (
        "proc/4711/net/dev",
        "  eth0: 1000 10 0 0 0 0 0 0 2000 20 0 0 0 0 0 0\n",
    ),
    ("sys/fs/cgroup/cgroup.controllers", "cpu io memory pids\n"),
];

const CGROUP: &[(&str, &str)] = &[
    (
        "cpu.stat",
        "usage_usec 3500000\nuser_usec 2000000\nsystem_usec 1500000\nnr_periods 7\nnr_throttled 3\nthrottled_usec 250\n",
    ),
    ("memory.current", "1000000\n"),
    ("memory.max", "4000000\n"),
    (
        "memory.stat",
        "anon 600000\nfile 300000\ninactive_file 100000\npgfault 50\npgmajfault 5\n",
    ),
    (
        "io.stat",
        "8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n",
    ),
    ("pids.current", "12\n"),
    ("cgroup.procs", "4711\n"),
];

/// Makes it below `root`.
pub(crate) fn make(root: &Path) {
    let write = |path: &str, content: &str| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    for (path, content) in FILES {
        write(path, content);
    }
    for name in OF_THIS_MACHINE {
        symlink(format!("/proc/{name}"), root.join("proc").join(name)).unwrap();
    }
    write("etc/hostname", &format!("{NAME}\n"));
    let device = fs::metadata(root).unwrap().dev();
    let mount = format!(
        "27 1 {}:{} / / rw,relatime - ext4 /dev/sda1 rw\n",
        major(device),
        minor(device)
    );
    write("proc/1/mountinfo", &mount);
    for (file, content) in CGROUP {
        write(
            &format!("sys/fs/cgroup/system.slice/docker-{ID}.scope/{file}"),
            content,
        );
    }
    let config = json!({
        "ID": ID,
        "Name": format!("/{CONTAINER}"),
        "Config": {"Image": "registry/stock:1.2", "Labels": {}},
    });
    let line = json!({
        "log": "7 are in stock\n",
        "stream": "stdout",
        "time": "2026-11-24T12:00:00.000000001Z",
    });
    let folder = format!("var/lib/docker/containers/{ID}");
    write(&format!("{folder}/config.v2.json"), &config.to_string());
    write(&format!("{folder}/{ID}-json.log"), &format!("{line}\n"));
}
