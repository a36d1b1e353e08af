//! A file system as one path sees it: its type, its mount, its space, and what kind of storage it is.

use crate::report::{bytes, printable};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The file system under a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSystem {
    /// The path that was asked about.
    pub path: String,
    /// What was looked at: that path or its nearest existing parent, symbolic links resolved.
    pub real_path: String,
    /// Whether the path does not exist, and its parent was looked at.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub missing: bool,
    /// Type by name, as the mount table has it: `ext4`, `nfs4`, `gpfs`, `fuse.glusterfs` ...
    pub kind: Option<String>,
    /// Type by `statfs`'s magic number, a cross-check that knows fewer names.
    pub magic: Option<String>,
    /// What is mounted: a device, or `server:/export`.
    pub source: Option<String>,
    /// Where it is mounted.
    pub mount_point: Option<String>,
    /// The directory of the file system that is mounted: not `/` for a bind mount.
    pub mount_root: Option<String>,
    /// Options of the mount, then those of the file system.
    pub mount_options: Vec<String>,
    /// Whether it is mounted read-only.
    pub read_only: bool,
    /// Size, bytes.
    pub total_bytes: u64,
    /// Space that this user can still fill, bytes.
    pub free_bytes: u64,
    /// Files that can still be made; `None` where the file system does not count them.
    pub free_inodes: Option<u64>,
    /// Unit of allocation, bytes.
    pub block_bytes: u64,
    /// Size of transfer that the file system asks for (`st_blksize`), bytes.
    pub optimal_io_bytes: u64,
    /// Whether the kernel calls the device a spinning disk. Virtual disks often say so wrongly.
    pub rotational: Option<bool>,
    /// How new files here are cut over servers; `None` where the file system does not tell, or has no stripes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stripe: Option<Stripe>,
}

/// How a file is cut over the servers of a parallel file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stripe {
    /// Bytes that lie together on one server before the next one has its turn.
    pub bytes: u64,
    /// Targets that a file is spread over; `None`: all there are.
    pub count: Option<u64>,
}

impl fmt::Display for Stripe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.count.map_or("all targets".into(), |n| format!("{n} target{}", if n == 1 { "" } else { "s" }));
        write!(f, "{} over {count}", bytes(self.bytes))
    }
}

/// What stands behind a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StorageClass {
    /// A device of this machine.
    Local,
    /// Servers, over a network.
    Network,
    /// This machine's memory.
    Memory,
    /// A directory of the machine that hosts this virtual one.
    HostShare,
    /// Nothing: the kernel makes up what is read there.
    Kernel,
}

impl FileSystem {
    /// Type by name: the mount table's, else `statfs`'s.
    pub fn type_name(&self) -> Option<&str> {
        self.kind.as_deref().or(self.magic.as_deref())
    }

    /// What stands behind it, when the type tells; layers (`overlay`) and most of FUSE do not.
    pub fn class(&self) -> Option<StorageClass> {
        self.type_name().and_then(StorageClass::of)
    }

    /// What it is, in a line: `ext4 on /dev/sda1, rw,relatime, blocks of 4.00 KiB, asks for 4.00 KiB`.
    pub fn in_words(&self) -> String {
        let or_unknown = |text: Option<&str>| text.unwrap_or("unknown").to_owned();
        let mut parts = vec![format!("{} on {}", or_unknown(self.type_name()), or_unknown(self.source.as_deref()))];
        if !self.mount_options.is_empty() {
            parts.push(self.mount_options.join(","));
        }
        parts.push(format!("blocks of {}", bytes(self.block_bytes)));
        parts.push(format!("asks for {}", bytes(self.optimal_io_bytes)));
        parts.extend(self.stripe.map(|stripe| format!("stripes of {stripe}")));
        printable(&parts.join(", "))
    }

    /// Whether a mount option is set, with or without a value.
    pub fn has_option(&self, name: &str) -> bool {
        self.mount_options.iter().any(|option| option.split('=').next() == Some(name))
    }

    /// Whether mount table and `statfs` name different types; `false` when either is unknown.
    pub fn types_disagree(&self) -> bool {
        match (&self.kind, &self.magic) {
            (Some(kind), Some(magic)) => type_family(kind) != type_family(magic),
            _ => false,
        }
    }
}

impl StorageClass {
    /// The class of a file system type, by name.
    pub fn of(kind: &str) -> Option<Self> {
        match kind.strip_prefix("fuse.").unwrap_or(kind) {
            "ext2" | "ext3" | "ext4" | "xfs" | "btrfs" | "zfs" | "f2fs" | "bcachefs" | "jfs" | "reiserfs" | "vfat"
            | "exfat" | "ntfs" | "ntfs3" | "fuseblk" | "iso9660" | "squashfs" | "erofs" => Some(Self::Local),
            "nfs" | "nfs4" | "gpfs" | "lustre" | "beegfs" | "ceph" | "ceph-fuse" | "cifs" | "smb2" | "smb3"
            | "glusterfs" | "afs" | "panfs" | "pvfs2" | "orangefs" | "gfs2" | "ocfs2" | "wekafs" | "quobyte"
            | "juicefs" | "moosefs" | "mfs" | "dvs" | "sshfs" | "s3fs" | "goofys" | "rclone" | "cvmfs2" => {
                Some(Self::Network)
            }
            "tmpfs" | "ramfs" | "devtmpfs" | "hugetlbfs" => Some(Self::Memory),
            "9p" | "virtiofs" | "vboxsf" | "vmhgfs-fuse" | "drvfs" => Some(Self::HostShare),
            "proc" | "sysfs" | "cgroup" | "cgroup2" | "devpts" | "debugfs" | "tracefs" | "securityfs" | "configfs"
            | "bpf" | "mqueue" | "pstore" | "efivarfs" | "binfmt_misc" | "fusectl" | "nsfs" => Some(Self::Kernel),
            _ => None,
        }
    }
}

/// One name for the types that share a magic number, so that the two ways of asking can be compared.
pub fn type_family(kind: &str) -> &str {
    match kind {
        "ext2" | "ext3" | "ext4" => "ext",
        "nfs" | "nfs4" => "nfs",
        "tmpfs" | "devtmpfs" => "tmpfs",
        "cifs" | "smb2" | "smb3" => "cifs",
        "pvfs2" | "orangefs" => "orangefs",
        "fuseblk" | "virtiofs" => "fuse",
        other if other.starts_with("fuse.") => "fuse",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_follow_the_type() {
        let check = |kind: &str, want| assert_eq!(StorageClass::of(kind), want, "{kind}");
        check("ext4", Some(StorageClass::Local));
        check("nfs4", Some(StorageClass::Network));
        check("gpfs", Some(StorageClass::Network));
        check("fuse.glusterfs", Some(StorageClass::Network));
        check("tmpfs", Some(StorageClass::Memory));
        check("virtiofs", Some(StorageClass::HostShare));
        check("proc", Some(StorageClass::Kernel));
        check("overlay", None);
        check("fuse.something-new", None);
    }

    #[test]
    fn families_join_types_of_one_magic() {
        assert_eq!(type_family("nfs4"), type_family("nfs"));
        assert_eq!(type_family("fuse.glusterfs"), type_family("virtiofs"));
        assert_ne!(type_family("ext4"), type_family("xfs"));
    }
}
