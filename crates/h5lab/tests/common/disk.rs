//! File systems of their own, in files: root alone can mount them.

use super::{Folder, Run, on_search_path, root_for, snapshot};
use std::fs;
use std::path::PathBuf;

/// A file system in a sparse file, mounted on `disk` in a folder of its own; unmounted at the end, come what may.
pub struct Disk {
    pub folder: Folder,
    mounted: bool,
}

impl Disk {
    /// An ext4 of its own; `None`, with the reason said, where nobody may mount.
    pub fn small(mebibytes: u64) -> Option<Self> {
        Disk::new("ext4", "-q -m 0 -O ^has_journal", mebibytes)
    }

    /// `None`, with the reason said, where it can't be made or nobody may mount.
    pub fn new(kind: &str, options: &str, mebibytes: u64) -> Option<Self> {
        let mkfs = on_search_path(&format!("mkfs.{kind}"));
        if !root_for(&format!("a {kind} of its own")) {
            return None;
        }
        if !mkfs.is_file() {
            eprintln!("not tested: {kind}; there is no {} (scripts/setup --test installs it)", mkfs.display());
            return None;
        }
        let mut disk = Disk { folder: Folder::new(), mounted: false };
        let image = fs::File::create(disk.folder.path("image")).unwrap();
        image.set_len(mebibytes << 20).unwrap();
        fs::create_dir(disk.path()).unwrap();
        Run::new(mkfs, &disk.folder.path("")).words(options).arg("image").ok();
        let mount = disk.folder.tool("mount", "-o loop image disk").run();
        disk.mounted = mount.code == Some(0);
        if !disk.mounted {
            eprintln!("not tested: {kind}; this root may not mount: {mount}");
        }
        disk.mounted.then_some(disk)
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path("disk")
    }

    /// The files on it.
    pub fn names(&self) -> Vec<String> {
        snapshot(&self.path()).into_keys().collect()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted {
            // Whoever still has a file open there does not keep it mounted.
            let outcome = self.folder.tool("umount", "--lazy disk").run();
            assert!(outcome.code == Some(0) || std::thread::panicking(), "{outcome}");
        }
    }
}
