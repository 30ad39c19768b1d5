//! Finds containers by the names of their cgroups.
//!
//! | made by | name of the cgroup |
//! |---|---|
//! | Docker, and Kubernetes with the cgroupfs driver | `ID`, below `docker` or `kubepods/…/podUID` |
//! | Docker, with systemd | `docker-ID.scope` |
//! | containerd, CRI-O, with systemd | `cri-containerd-ID.scope`, `crio-ID.scope`, below slices of `kubepods` |
//! | podman | `libpod-ID.scope`, `libpod-ID`, or `libpod-payload-ID` below a service |
//!
//! An id is 64 hexadecimal digits. What is below a container's cgroup is part of it, also other containers.

use std::{
    fs, io,
    os::unix::fs::{DirEntryExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use super::super::{MetricsError, view::HostView};

const ID_LENGTH: usize = 64;

/// How deep folders are searched; the deepest known, podman's of a user, is at 7.
const MAX_DEPTH: usize = 12;

/// The cgroup of a container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Found {
    /// The container.
    pub(super) id: String,
    /// The path of the cgroup below its hierarchy.
    pub(super) path: String,
    /// The inode of the cgroup's folder; another one when the container was started again.
    pub(super) inode: u64,
}

/// All containers of a hierarchy, in no order.
pub(super) fn find(view: &mut HostView, hierarchy: &str) -> Result<Vec<Found>, MetricsError> {
    let mut walk = Walk {
        folder: view.resolve(&[hierarchy]).to_owned(),
        path: String::new(),
        found: Vec::new(),
    };
    match walk.enter(0) {
        Ok(()) => Ok(walk.found),
        Err(source) => Err(MetricsError::Read {
            path: walk.folder,
            source,
        }),
    }
}

struct Walk {
    folder: PathBuf,
    path: String,
    found: Vec<Found>,
}

impl Walk {
    fn enter(&mut self, depth: usize) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)?.flatten() {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            let length = self.path.len();
            if length > 0 {
                self.path.push('/');
            }
            self.path.push_str(name);
            self.folder.push(name);
            if let Some(id) = container_id(name) {
                self.found.push(Found {
                    id: id.to_owned(),
                    path: self.path.clone(),
                    inode: entry.ino(),
                });
            } else if depth < MAX_DEPTH && has_folders(&self.folder) {
                // A cgroup that went away meanwhile, or is closed to the agent, has no containers for it.
                let _ = self.enter(depth + 1);
            }
            self.folder.pop();
            self.path.truncate(length);
        }
        Ok(())
    }
}

/// A cgroup without children has two links, itself and the name; to ask is much cheaper than to list its fifty files.
pub(super) fn has_folders(folder: &Path) -> bool {
    fs::metadata(folder).is_ok_and(|metadata| metadata.nlink() != 2)
}

/// The id of a container by the name of its cgroup. The cgroup of `conmon`, which watches over one, is none.
fn container_id(name: &str) -> Option<&str> {
    let name = name.strip_suffix(".scope").unwrap_or(name);
    let (prefix, id) = name.split_at_checked(name.len().checked_sub(ID_LENGTH)?)?;
    let is_id = id
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_prefix = prefix.is_empty() || prefix.ends_with(['-', ':']);
    (is_id && is_prefix && !prefix.contains("conmon")).then_some(id)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_id_is_found_in_the_name_that_each_runtime_gives() {
        let id = "0123456789abcdef".repeat(4);
        for name in [
            "ID",
            "docker-ID.scope",
            "cri-containerd-ID.scope",
            "crio-ID.scope",
            "libpod-ID.scope",
            "libpod-ID",
            "libpod-payload-ID",
            "kubepods-besteffort-pod1.slice:cri-containerd:ID",
        ] {
            assert_eq!(
                container_id(&name.replace("ID", &id)),
                Some(id.as_str()),
                "{name}"
            );
        }
        for name in [
            "libpod-conmon-ID.scope",
            "crio-conmon-ID.scope",
            "ID0",
            "IDx.scope",
            "dockerID",
        ] {
            assert_eq!(container_id(&name.replace("ID", &id)), None, "{name}");
        }
        assert_eq!(container_id(&id.to_uppercase()), None);
        assert_eq!(container_id(&id[..32]), None);
    }

    proptest! {
        #[test]
        fn any_name_is_read_without_panic(name in "\\PC{0,100}") {
            let _ = container_id(&name);
        }
    }
}
