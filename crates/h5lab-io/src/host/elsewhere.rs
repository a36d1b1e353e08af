//! Finds folders on other file systems that this user can write to, to compare with.

use super::{Env, filesystem, mountinfo};
use h5lab_core::host::{FileSystem, StorageClass};
use rustix::fs::{Access, access};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Variables that sites set to a user's folder on some storage.
const VARIABLES: [&str; 8] =
    ["SCRATCH", "WORK", "WORKDIR", "PROJECT", "SLURM_TMPDIR", "TMPDIR", "HOME", "XDG_RUNTIME_DIR"];

/// Folders that exist in most places.
const FOLDERS: [&str; 4] = ["/scratch", "/tmp", "/var/tmp", "/dev/shm"];

/// A folder for each file system besides that of `here` in which this user can write: first what is on a network, then
/// devices, then memory.
pub fn elsewhere(here: &Path, env: Env<'_>) -> Vec<FileSystem> {
    let mut seen: Vec<u64> = device(here).into_iter().collect();
    let mut found = Vec::new();
    for folder in candidates(env) {
        let Some(device) = device(&folder).filter(|device| !seen.contains(device)) else { continue };
        let Ok(fs) = filesystem::describe(&folder) else { continue };
        if !fs.read_only && access(&folder, Access::WRITE_OK | Access::EXEC_OK).is_ok() && holds_files(&fs) {
            seen.push(device);
            found.push(fs);
        }
    }
    found.sort_by_key(|fs| order(fs.class()));
    found
}

fn order(class: Option<StorageClass>) -> u8 {
    match class {
        Some(StorageClass::Network) => 0,
        Some(StorageClass::Local) => 1,
        Some(StorageClass::Memory) => 3,
        _ => 2,
    }
}

fn holds_files(fs: &FileSystem) -> bool {
    fs.class() != Some(StorageClass::Kernel) && fs.free_bytes > 0
}

fn device(path: &Path) -> Option<u64> {
    let metadata = std::fs::metadata(path).ok()?;
    metadata.is_dir().then(|| metadata.dev())
}

/// The user's own folders, the usual ones, and where network file systems are mounted.
fn candidates(env: Env<'_>) -> Vec<PathBuf> {
    let named = VARIABLES.iter().filter_map(|name| env(name)).filter(|value| value.starts_with('/')).map(PathBuf::from);
    let usual = FOLDERS.iter().map(PathBuf::from);
    let table = super::read("/proc/self/mountinfo").unwrap_or_default();
    let network = mountinfo::parse(&table)
        .into_iter()
        .filter(|mount| StorageClass::of(&mount.kind) == Some(StorageClass::Network))
        .map(|mount| mount.mount_point);
    named.chain(usual).chain(network).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_file_systems_are_found_each_once() {
        let here = std::env::current_dir().unwrap();
        let found = elsewhere(&here, &|name| (name == "SCRATCH").then(|| "/dev/shm".into()));
        let paths: Vec<&str> = found.iter().map(|fs| fs.path.as_str()).collect();
        assert_eq!(paths.iter().filter(|path| **path == "/dev/shm").count(), 1, "{paths:?}");
        let mut devices: Vec<u64> = found.iter().filter_map(|fs| device(Path::new(&fs.path))).collect();
        devices.extend(device(&here));
        devices.sort_unstable();
        devices.dedup();
        assert_eq!(devices.len(), found.len() + 1, "{paths:?}");
    }

    #[test]
    fn what_can_not_be_written_to_is_left_out() {
        let found = elsewhere(Path::new("/dev/shm"), &|name| (name == "WORK").then(|| "/proc".into()));
        assert!(found.iter().all(|fs| fs.path != "/proc" && fs.class() != Some(StorageClass::Kernel)));
    }
}
