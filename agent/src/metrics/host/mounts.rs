//! The mounts of local disks, from `/proc/PID/mountinfo` and `/proc/filesystems`.
//!
//! ```text
//! 36 35 98:0 /root/of/mount /mount\040point rw,noatime master:1 - ext3 /dev/sda1 rw,errors=continue
//! 1  2  3    4              5               6          (tags)   - type source    options
//! ```
//!
//! A filesystem counts as local if it needs a block device, which is what /proc/filesystems says by not marking it `nodev`;
//! so pseudo, overlay, memory and network filesystems are never touched, and a file server that is gone can't hold the agent.
//! ZFS is local though it is marked. Images that can only be read are left out, for they are always full.
//! Each filesystem is given once, by its shortest mount point, however often it is bound elsewhere.

use nix::sys::stat::makedev;

use crate::metrics::{
    MetricsError,
    text::{device_number, fields},
    view::HostView,
};

/// Full by nature, or (`fuseblk`) answered by a program that may hang.
const LEFT_OUT: [&str; 6] = ["squashfs", "erofs", "iso9660", "cramfs", "romfs", "fuseblk"];

/// A mounted filesystem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    /// The device, by major and minor number.
    number: (u32, u32),
    /// Its mount point, as the host sees it.
    pub(super) point: String,
    /// `rw` or `ro`.
    pub(super) mode: &'static str,
    /// The type, as `ext4`.
    pub(super) kind: String,
    /// What is mounted, as `/dev/sda1`.
    pub(super) device: String,
}

impl Mount {
    /// Whether a file of device `device` is of this mount: the agent may see something else at the same path. The
    /// subvolumes of btrfs have device numbers of their own.
    pub(super) fn holds(&self, device: u64) -> bool {
        let (major, minor) = self.number;
        makedev(major.into(), minor.into()) == device || self.kind == "btrfs"
    }
}

/// The mounts of local filesystems.
pub(super) fn local(view: &mut HostView) -> Result<Vec<Mount>, MetricsError> {
    let mut kinds = vec!["zfs".to_owned()];
    view.lines(&["proc/filesystems"], |line| {
        if let Some(kind) = block_filesystem(line) {
            kinds.push(kind.to_owned());
        }
    })?;
    let mut mounts: Vec<Mount> = Vec::new();
    view.lines(&[view.host_process(), "mountinfo"], |line| {
        let Some(mount) = mount(line) else { return };
        // What is mounted on the same point later hides what was there.
        mounts.retain(|other| other.point != mount.point);
        if kinds.contains(&mount.kind) {
            mounts.push(mount);
        }
    })?;
    mounts.sort_by(|one, other| {
        let key = |mount: &Mount| (mount.number, mount.point.len());
        key(one).cmp(&key(other))
    });
    mounts.dedup_by_key(|mount| mount.number);
    Ok(mounts)
}

/// The filesystem of a line `\text4`, but none of `nodev\tproc`.
fn block_filesystem(line: &[u8]) -> Option<&str> {
    let mut fields = fields(line);
    let kind = str::from_utf8(fields.next()?).ok()?;
    (kind != "nodev" && !LEFT_OUT.contains(&kind)).then_some(kind)
}

fn mount(line: &[u8]) -> Option<Mount> {
    let mut fields = fields(line);
    let number = device_number(fields.nth(2)?)?;
    let point = unescaped(fields.nth(1)?)?;
    let is_read_only = fields.next()?.split(|byte| *byte == b',').next()? == b"ro";
    fields.find(|field| *field == b"-")?;
    Some(Mount {
        number,
        point,
        mode: if is_read_only { "ro" } else { "rw" },
        kind: unescaped(fields.next()?)?,
        device: unescaped(fields.next()?)?,
    })
}

/// Turns `\040` into a space, and so on; `None` if it is not UTF-8 then.
fn unescaped(field: &[u8]) -> Option<String> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, after)) = rest.split_first() {
        match after.get(..3).and_then(octal) {
            Some(escaped) if byte == b'\\' => {
                bytes.push(escaped);
                rest = &after[3..];
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

fn octal(digits: &[u8]) -> Option<u8> {
    u8::from_str_radix(str::from_utf8(digits).ok()?, 8).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_mount_point_with_a_space_is_unescaped() {
        assert_eq!(
            mount(
                br"36 35 98:0 / /mnt/my\040disk ro,noatime master:1 shared:2 - ext4 /dev/sda1 rw"
            ),
            Some(Mount {
                number: (98, 0),
                point: "/mnt/my disk".to_owned(),
                mode: "ro",
                kind: "ext4".to_owned(),
                device: "/dev/sda1".to_owned(),
            })
        );
        assert_eq!(mount(b"36 35 98:0 / /mnt rw - ext4"), None);
        assert_eq!(unescaped(br"a\04").as_deref(), Some(r"a\04"));
        assert_eq!(unescaped(br"\377"), None);
    }

    #[test]
    fn only_filesystems_of_a_disk_that_can_be_written_are_looked_at() {
        assert_eq!(block_filesystem(b"\text4"), Some("ext4"));
        for other in [&b"nodev\tnfs4"[..], b"\tsquashfs", b"\tfuseblk", b""] {
            assert_eq!(block_filesystem(other), None);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(line in prop::collection::vec(any::<u8>(), 0..120), text in r"[a-z0-9:/\\ -]{0,120}") {
            for line in [line.as_slice(), text.as_bytes()] {
                let _ = (mount(line), block_filesystem(line), unescaped(line));
            }
        }
    }
}
