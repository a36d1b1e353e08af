//! Reads the mount table of this process, and finds the mount that a path is on.
//!
//! The format is that of [proc_pid_mountinfo(5)](https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html).

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// One line of the mount table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Identifier, as `statx` gives it too.
    pub id: u64,
    /// Device number, major and minor.
    pub device: (u32, u32),
    /// The directory of the file system that is mounted.
    pub root: PathBuf,
    /// Where it is mounted.
    pub mount_point: PathBuf,
    /// Options of the mount, then those of the file system that the mount does not repeat.
    pub options: Vec<String>,
    /// Type of the file system.
    pub kind: String,
    /// What is mounted.
    pub source: String,
}

/// What the kernel says about a path, by which its mount is found.
#[derive(Debug, Clone, Copy, Default)]
pub struct Identity {
    /// Identifier of the mount, where the kernel (Linux 5.8) tells it.
    pub mount_id: Option<u64>,
    /// Device number, major and minor.
    pub device: (u32, u32),
}

/// All mounts, in the order in which they were made; lines that make no sense are left out.
pub fn parse(table: &str) -> Vec<Mount> {
    table.lines().filter_map(parse_line).collect()
}

/// The mount that an absolute path without symbolic links is on.
///
/// By identifier if known. Else, of the mounts above the path, the deepest one of the path's device;
/// if none has it (btrfs gives each subvolume its own), the deepest. The later of two wins: it hides
/// the earlier.
pub fn find<'a>(mounts: &'a [Mount], path: &Path, identity: Identity) -> Option<&'a Mount> {
    by_id(mounts, identity.mount_id)
        .or_else(|| deepest(mounts, path, |mount| mount.device == identity.device))
        .or_else(|| deepest(mounts, path, |_| true))
}

fn by_id(mounts: &[Mount], id: Option<u64>) -> Option<&Mount> {
    mounts.iter().find(|mount| Some(mount.id) == id)
}

fn deepest<'a>(mounts: &'a [Mount], path: &Path, wanted: impl Fn(&Mount) -> bool) -> Option<&'a Mount> {
    mounts
        .iter()
        .filter(|mount| path.starts_with(&mount.mount_point) && wanted(mount))
        .max_by_key(|mount| mount.mount_point.components().count())
}

fn parse_line(line: &str) -> Option<Mount> {
    let (mount, file_system) = line.split_once(" - ")?;
    let [id, _parent, device, root, mount_point, options] = fields(mount)?;
    let [kind, source, super_options] = fields(file_system)?;
    Some(Mount {
        id: id.parse().ok()?,
        device: parse_device(device)?,
        root: unescape(root).into(),
        mount_point: unescape(mount_point).into(),
        options: join_options(options, super_options),
        kind: lossy(kind),
        source: lossy(source),
    })
}

/// The first fields of a line; one may be empty (a mount without a source), so each space counts.
fn fields<const N: usize>(text: &str) -> Option<[&str; N]> {
    let fields: Vec<_> = text.split(' ').take(N).collect();
    fields.try_into().ok()
}

fn parse_device(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn join_options(mount: &str, file_system: &str) -> Vec<String> {
    let mut options: Vec<String> = Vec::new();
    for option in mount.split(',').chain(file_system.split(',')).map(lossy) {
        if !option.is_empty() && !options.contains(&option) {
            options.push(option);
        }
    }
    options
}

fn lossy(field: &str) -> String {
    unescape(field).to_string_lossy().into_owned()
}

/// Undoes the kernel's escapes: a backslash and three octal digits stand for one byte.
fn unescape(field: &str) -> OsString {
    let bytes = field.as_bytes();
    let (mut plain, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let escaped = (bytes[at] == b'\\').then(|| octal(bytes.get(at + 1..at + 4))).flatten();
        plain.push(escaped.unwrap_or(bytes[at]));
        at += if escaped.is_some() { 4 } else { 1 };
    }
    OsString::from_vec(plain)
}

fn octal(digits: Option<&[u8]>) -> Option<u8> {
    let digits = std::str::from_utf8(digits?).ok()?;
    u8::from_str_radix(digits, 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
21 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro
30 21 0:26 / /dev/shm rw,nosuid,nodev shared:2 - tmpfs tmpfs rw,inode64
41 21 0:50 / /home rw,nosuid,relatime shared:30 - nfs4 nas:/export/home rw,vers=4.2,rsize=1048576,hard,local_lock=none
42 21 0:51 / /gpfs/data rw,relatime - gpfs gpfs_data rw
43 21 0:52 / /lustre rw,relatime shared:31 master:2 - lustre 10.0.0.1@o2ib:/scratch rw,flock,lazystatfs
44 21 0:53 / /beegfs rw,nosuid - beegfs beegfs_nodev rw,cfgFile=/etc/beegfs/client.conf
45 21 0:54 / /gluster rw,relatime - fuse.glusterfs srv:/vol rw,user_id=0,max_read=131072
46 21 254:1 /srv/raw /data/raw rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro
47 21 254:2 / /media/my\\040disk\\134x ro,relatime - xfs /dev/mapper/my\\040vol rw
48 21 0:60 /@home /btrfs rw - btrfs /dev/sdb1 rw,subvol=/@home
49 21 0:61 / /twice rw - tmpfs first rw
50 21 0:62 / /twice rw - tmpfs second rw
52 21 0:64 / /empty rw - tmpfs  rw
nonsense
";

    fn check(path: &str, device: (u32, u32), kind: &str, source: &str) -> Mount {
        let mounts = parse(TABLE);
        let found = find(&mounts, Path::new(path), Identity { mount_id: None, device }).expect(path);
        assert_eq!((found.kind.as_str(), found.source.as_str()), (kind, source), "{path}");
        found.clone()
    }

    #[test]
    fn the_deepest_mount_above_a_path_is_found() {
        check("/etc/passwd", (254, 1), "ext4", "/dev/vda1");
        check("/dev/shm/x", (0, 26), "tmpfs", "tmpfs");
        check("/home/me/a.h5", (0, 50), "nfs4", "nas:/export/home");
        check("/gpfs/data", (0, 51), "gpfs", "gpfs_data");
        check("/lustre/x", (0, 52), "lustre", "10.0.0.1@o2ib:/scratch");
        check("/beegfs/x", (0, 53), "beegfs", "beegfs_nodev");
        check("/gluster/x", (0, 54), "fuse.glusterfs", "srv:/vol");
    }

    #[test]
    fn a_name_that_only_begins_alike_is_another_path() {
        check("/homework", (254, 1), "ext4", "/dev/vda1");
    }

    #[test]
    fn a_bind_mount_keeps_its_root() {
        let mount = check("/data/raw/scan1", (254, 1), "ext4", "/dev/vda1");
        assert_eq!(mount.root, Path::new("/srv/raw"));
    }

    #[test]
    fn octal_escapes_are_undone() {
        let mount = check("/media/my disk\\x/a", (254, 2), "xfs", "/dev/mapper/my vol");
        assert_eq!(mount.options, ["ro", "relatime", "rw"]);
    }

    #[test]
    fn a_device_of_a_subvolume_is_no_hindrance() {
        check("/btrfs/me", (0, 99), "btrfs", "/dev/sdb1");
    }

    #[test]
    fn of_two_at_one_place_the_later_or_the_one_of_the_device_is_found() {
        check("/twice/x", (0, 99), "tmpfs", "second");
        check("/twice/x", (0, 61), "tmpfs", "first");
    }

    #[test]
    fn the_identifier_decides_when_it_is_known() {
        let mounts = parse(TABLE);
        let identity = Identity { mount_id: Some(46), device: (254, 1) };
        let found = find(&mounts, Path::new("/etc"), identity).expect("mount 46 is there");
        assert_eq!(found.mount_point, Path::new("/data/raw"));
    }

    #[test]
    fn an_empty_source_is_kept_and_nonsense_is_not() {
        check("/empty", (0, 64), "tmpfs", "");
        assert_eq!(parse(TABLE).len(), TABLE.lines().count() - 1);
    }

    #[test]
    fn options_of_mount_and_file_system_are_joined() {
        let mount = check("/lustre", (0, 52), "lustre", "10.0.0.1@o2ib:/scratch");
        assert_eq!(mount.options, ["rw", "relatime", "flock", "lazystatfs"]);
    }

    #[test]
    fn an_overlay_root_is_an_overlay() {
        let table = "1 0 0:70 / / rw - overlay overlay rw,lowerdir=/l1:/l2,upperdir=/u,workdir=/w";
        let mounts = parse(table);
        let found = find(&mounts, Path::new("/work"), Identity::default()).expect("the root");
        assert_eq!(found.kind, "overlay");
        assert!(found.options.contains(&"upperdir=/u".to_string()));
    }
}
