//! A host that is made up for the agent, in a folder: two containers, and a disk that is full.

use std::{fs, path::PathBuf};

use serde_json::json;

/// Uses nearly all the memory it may.
pub(crate) const FULL: Container = Container {
    name: "shop-stock-1",
    id: "4f1d2c3b5a6978897a6b5c4d3e2f10014f1d2c3b5a6978897a6b5c4d3e2f1001",
    process: 4711,
    memory: 950_000,
};

/// Starts again and again.
pub(crate) const RESTARTING: Container = Container {
    name: "shop-mail-1",
    id: "9b8a7c6d5e4f30211203f4e5d6c7b8a99b8a7c6d5e4f30211203f4e5d6c7b8a9",
    process: 4712,
    memory: 100_000,
};

const MEMORY_LIMIT: u32 = 1_000_000;

pub(crate) struct Container {
    pub(crate) name: &'static str,
    id: &'static str,
    process: u32,
    memory: u32,
}

pub(crate) struct Host(pub(crate) PathBuf);

impl Host {
    /// Makes it at `root`: up for a thousand seconds, the containers for half of that.
    pub(crate) fn make(root: PathBuf) -> Self {
        let host = Self(root);
        host.write("proc/uptime", "1000.00 1900.00\n");
        // What is mounted there: see `agent`.
        host.write("proc/filesystems", "\ttmpfs\n");
        fs::create_dir_all(host.disk()).unwrap();
        fs::create_dir_all(host.0.join("proc/1")).unwrap();
        host.write("sys/fs/cgroup/cgroup.controllers", "memory\n");
        for container in [FULL, RESTARTING] {
            let config = json!({
                "ID": container.id,
                "Name": format!("/{}", container.name),
                "Config": {"Image": "registry/stock:1.2", "Labels": {}},
            });
            let folder = format!("var/lib/docker/containers/{}", container.id);
            host.write(&format!("{folder}/config.v2.json"), &config.to_string());
            host.start(&container, 500);
        }
        host
    }

    /// The mount point of its only disk.
    pub(crate) fn disk(&self) -> PathBuf {
        self.0.join("disk")
    }

    /// Starts a container, again if it was started before, so many seconds after the host was.
    pub(crate) fn start(&self, container: &Container, after_seconds: u32) {
        let process = container.process;
        let ticks = after_seconds * 100;
        self.write(
            &format!("proc/{process}/stat"),
            &format!("{process} (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 {ticks} 53334016\n"),
        );
        let cgroup = format!("sys/fs/cgroup/docker/{}", container.id);
        let made = self.0.join(&cgroup);
        if made.exists() {
            // Kept, so that the new folder has another inode.
            let kept = made.with_extension(format!("until-{after_seconds}"));
            fs::rename(&made, kept).unwrap();
        }
        for (file, content) in [
            ("memory.current", container.memory.to_string()),
            ("memory.max", MEMORY_LIMIT.to_string()),
            ("memory.stat", "inactive_file 0".to_owned()),
            ("cgroup.procs", process.to_string()),
        ] {
            self.write(&format!("{cgroup}/{file}"), &format!("{content}\n"));
        }
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}
