//! The page cache: what of some files is in it, and how to get them out.

use crate::sys;
use h5lab_core::failure::{Failure, Result};
use rustix::fs::{Advice, fadvise};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Share of the files' pages that are in this node's page cache, 0 to 1; `None` if it can't be known or all are empty.
pub fn resident_share(files: &[PathBuf]) -> Option<f64> {
    let (mut resident, mut pages) = (0, 0);
    for path in files {
        let file = File::open(path).ok()?;
        let bytes = file.metadata().ok()?.len();
        resident += sys::resident_pages(&file, bytes).ok()?;
        pages += bytes.div_ceil(sys::page_size());
    }
    (pages > 0).then(|| (resident as f64 / pages as f64).min(1.0))
}

/// Writes the files' dirty pages to the device and drops their clean pages from this node's cache. Needs no root.
///
/// The kernel may keep pages (another process maps them, tmpfs): check with [`resident_share`].
///
/// # Errors
/// `Storage` if a file can't be opened or synced.
pub fn drop_files(files: &[PathBuf]) -> Result<()> {
    files.iter().try_for_each(|path| drop_file(path))
}

fn drop_file(path: &Path) -> Result<()> {
    let fail = |e: std::io::Error| Failure::io("drop the page cache", path, &e);
    let file = File::open(path).map_err(fail)?;
    file.sync_all().map_err(fail)?;
    fadvise(&file, 0, None, Advice::DontNeed).map_err(|e| fail(e.into()))
}

/// Sends what of the files is in the page cache out of the processors' caches, so that the next read finds it as it finds
/// data of which there is more than these caches hold.
///
/// # Errors
/// `Storage` if a file can't be opened or mapped.
pub fn leave_processor(files: &[PathBuf]) -> Result<()> {
    let one = |path: &PathBuf| {
        let file = File::open(path)?;
        sys::leave_processor_caches(&file, file.metadata()?.len())
    };
    let fail = |path: &Path, e: std::io::Error| Failure::io("read from memory", path, &e);
    files.iter().try_for_each(|path| one(path).map_err(|e| fail(path, e)))
}

/// True if nothing under this path can leave memory.
pub fn is_memory(path: &Path) -> bool {
    const TMPFS_MAGIC: u64 = 0x0102_1994;
    const RAMFS_MAGIC: u64 = 0x8584_58f6;
    rustix::fs::statfs(path).is_ok_and(|fs| [TMPFS_MAGIC, RAMFS_MAGIC].contains(&(fs.f_type as u64 & 0xffff_ffff)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_files_are_cold_and_those_that_are_read_are_warm() {
        let folder = tempfile::tempdir_in(".").unwrap();
        let files = ["a", "b", "empty"].map(|name| folder.path().join(name));
        for (path, mib) in files.iter().zip([4, 2, 0]) {
            std::fs::write(path, vec![7u8; mib << 20]).unwrap();
        }
        assert_eq!(resident_share(&files), Some(1.0));
        drop_files(&files).unwrap();
        if is_memory(folder.path()) {
            assert_eq!(resident_share(&files), Some(1.0));
            return;
        }
        assert!(resident_share(&files).unwrap() < 0.01);
        std::fs::read(&files[0]).unwrap();
        let share = resident_share(&files).unwrap();
        assert!((share - 2.0 / 3.0).abs() < 0.01, "{share}");
        std::fs::read(&files[1]).unwrap();
        assert_eq!(resident_share(&files), Some(1.0));
        assert_eq!(resident_share(&files[2..]), None);
    }
}
