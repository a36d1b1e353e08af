//! The page cache: what of a file is in it, and how to get it out.

use crate::sys;
use h5lab_core::failure::{Failure, Result};
use rustix::fs::{Advice, fadvise};
use std::fs::File;
use std::path::Path;

/// Share of the file's pages that are in this node's page cache, 0 to 1; `None` if it can't be known or the file is empty.
pub fn resident_share(path: &Path) -> Option<f64> {
    let file = File::open(path).ok()?;
    let bytes = file.metadata().ok()?.len();
    let pages = bytes.div_ceil(sys::page_size());
    let resident = sys::resident_pages(&file, bytes).ok()?;
    (pages > 0).then(|| (resident as f64 / pages as f64).min(1.0))
}

/// Writes the file's dirty pages to the device and drops its clean pages from this node's cache. Needs no root.
///
/// The kernel may keep pages (another process maps them, tmpfs): check with [`resident_share`].
///
/// # Errors
/// `Storage` if the file can't be opened or synced.
pub fn drop_file(path: &Path) -> Result<()> {
    let fail = |e: std::io::Error| Failure::io("drop the page cache", path, &e);
    let file = File::open(path).map_err(fail)?;
    file.sync_all().map_err(fail)?;
    fadvise(&file, 0, None, Advice::DontNeed).map_err(|e| fail(e.into()))
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
    fn a_dropped_file_is_cold_and_a_read_one_is_warm() {
        let folder = tempfile::tempdir_in(".").unwrap();
        let path = folder.path().join("data");
        std::fs::write(&path, vec![7u8; 4 << 20]).unwrap();
        assert_eq!(resident_share(&path), Some(1.0));
        drop_file(&path).unwrap();
        if is_memory(folder.path()) {
            assert_eq!(resident_share(&path), Some(1.0));
            return;
        }
        assert!(resident_share(&path).unwrap() < 0.01);
        std::fs::read(&path).unwrap();
        assert_eq!(resident_share(&path), Some(1.0));
    }
}
