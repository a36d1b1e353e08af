//! Describes the file system under a path, from `statfs`, `statx`, the mount table and sysfs.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use h5lab_core::host::FileSystem;
use rustix::fs::{AtFlags, CWD, StatVfs, StatVfsMountFlags, StatxFlags, major, minor};

use super::mountinfo::{self, Identity, Mount};

/// Magic numbers of `statfs`, from `linux/magic.h` and the file systems' own sources.
const MAGIC: [(u32, &str); 31] = [
    (0x0000_ef53, "ext4"),
    (0x5846_5342, "xfs"),
    (0x9123_683e, "btrfs"),
    (0x2fc1_2fc1, "zfs"),
    (0xf2f5_2010, "f2fs"),
    (0xca45_1a4e, "bcachefs"),
    (0x3153_464a, "jfs"),
    (0x5265_4973, "reiserfs"),
    (0x0000_4d44, "vfat"),
    (0x2011_bab0, "exfat"),
    (0x7366_746e, "ntfs3"),
    (0x0000_9660, "iso9660"),
    (0x7371_7368, "squashfs"),
    (0xe0f5_e1e2, "erofs"),
    (0x0102_1994, "tmpfs"),
    (0x8584_58f6, "ramfs"),
    (0x9584_58f6, "hugetlbfs"),
    (0x794c_7630, "overlay"),
    (0x6573_5546, "fuse"),
    (0x0102_1997, "9p"),
    (0x0000_6969, "nfs"),
    (0x4750_4653, "gpfs"),
    (0x0bd0_0bd0, "lustre"),
    (0x1983_0326, "beegfs"),
    (0x00c3_6400, "ceph"),
    (0xff53_4d42, "cifs"),
    (0xfe53_4d42, "smb2"),
    (0x5346_414f, "afs"),
    (0xaad7_aaea, "panfs"),
    (0x2003_0528, "pvfs2"),
    (0x0116_1970, "gfs2"),
];

/// Describes the file system of a path; of one that does not exist, that of its nearest existing parent.
///
/// # Errors
/// When the path or its parent cannot be looked at; a parent that merely does not exist is no error.
pub fn describe(path: &Path) -> io::Result<FileSystem> {
    let real = existing(path)?;
    let metadata = fs::metadata(&real)?;
    let space = rustix::fs::statvfs(&real)?;
    let mount = find_mount(&real, metadata.dev());
    Ok(FileSystem {
        magic: magic(&real),
        rotational: mount.as_ref().and_then(rotational),
        optimal_io_bytes: metadata.blksize(),
        stripe: mount.as_ref().filter(|mount| mount.kind == "lustre").and_then(|_| super::stripe::of_lustre(&real)),
        ..with_mount(with_space(path, &real, &space), mount)
    })
}

/// Space that this user can still fill on the path's file system, bytes; the path need not exist yet.
///
/// # Errors
/// As [`describe`].
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let space = rustix::fs::statvfs(existing(path)?)?;
    Ok(space.f_bavail.saturating_mul(space.f_frsize))
}

/// The path or its nearest existing parent, absolute, symbolic links resolved.
///
/// A symbolic link to nothing leads to where its target would be made.
///
/// # Errors
/// When one of them exists and cannot be looked at.
pub fn existing(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    for ancestor in path.ancestors() {
        match fs::canonicalize(ancestor) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            found => return found,
        }
        if let (Ok(target), Some(parent)) = (fs::read_link(ancestor), ancestor.parent()) {
            return existing(&parent.join(target));
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

fn with_space(path: &Path, real: &Path, space: &StatVfs) -> FileSystem {
    FileSystem {
        path: path.display().to_string(),
        real_path: real.display().to_string(),
        missing: fs::symlink_metadata(path).is_err(),
        kind: None,
        magic: None,
        source: None,
        mount_point: None,
        mount_root: None,
        mount_options: Vec::new(),
        read_only: space.f_flag.contains(StatVfsMountFlags::RDONLY),
        total_bytes: space.f_blocks.saturating_mul(space.f_frsize),
        free_bytes: space.f_bavail.saturating_mul(space.f_frsize),
        free_inodes: (space.f_files > 0).then_some(space.f_favail),
        block_bytes: space.f_frsize,
        optimal_io_bytes: space.f_bsize,
        rotational: None,
        stripe: None,
    }
}

fn with_mount(fs: FileSystem, mount: Option<Mount>) -> FileSystem {
    let Some(mount) = mount else { return fs };
    FileSystem {
        kind: Some(mount.kind),
        source: Some(mount.source).filter(|source| !source.is_empty()),
        mount_point: Some(mount.mount_point.display().to_string()),
        mount_root: Some(mount.root.display().to_string()),
        mount_options: mount.options,
        ..fs
    }
}

fn find_mount(real: &Path, device: u64) -> Option<Mount> {
    let mounts = mountinfo::parse(&super::read("/proc/self/mountinfo")?);
    let identity = Identity { mount_id: mount_id(real), device: (major(device), minor(device)) };
    mountinfo::find(&mounts, real, identity).cloned()
}

fn mount_id(real: &Path) -> Option<u64> {
    let known = rustix::fs::statx(CWD, real, AtFlags::empty(), StatxFlags::MNT_ID).ok()?;
    let told = StatxFlags::from_bits_retain(known.stx_mask).contains(StatxFlags::MNT_ID);
    told.then_some(known.stx_mnt_id)
}

fn magic(real: &Path) -> Option<String> {
    let number = rustix::fs::statfs(real).ok()?.f_type as u32;
    let name = MAGIC.iter().find(|(magic, _)| *magic == number)?.1;
    Some(name.to_string())
}

fn rotational(mount: &Mount) -> Option<bool> {
    let (major, minor) = block_device(mount)?;
    let device = format!("/sys/dev/block/{major}:{minor}");
    let answer = ["queue/rotational", "../queue/rotational"]
        .iter()
        .find_map(|attribute| super::read(Path::new(&device).join(attribute)))?;
    Some(answer.trim() == "1")
}

/// The device number behind a mount. Major 0 means none, or (btrfs) one that only the source tells.
fn block_device(mount: &Mount) -> Option<(u32, u32)> {
    if mount.device.0 != 0 {
        return Some(mount.device);
    }
    let source = mount.source.strip_prefix('/').map(|_| &mount.source)?;
    let device = fs::metadata(source).ok().filter(|file| file.rdev() != 0)?.rdev();
    Some((major(device), minor(device)))
}

#[cfg(test)]
#[path = "filesystem_tests.rs"]
mod tests;
