//! File systems side by side: `scripts/test-filesystems` mounts them, and says where by `H5LAB_TEST_FILESYSTEMS`.
//!
//! Without that variable there is nothing to test on, and the tests say so.

mod common;

use common::{Folder, MPI, Outcome};
use h5lab_core::experiment::{CacheWanted, Direction};
use h5lab_core::record::{CacheState, Record, Verification};
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Folder, type in the mount table, and how `stat -f` calls it.
const KINDS: [(&str, &str, &str); 5] = [
    ("ext4", "ext4", "ext2/ext3"),
    ("xfs", "xfs", "xfs"),
    ("btrfs", "btrfs", "btrfs"),
    ("tmpfs", "tmpfs", "tmpfs"),
    ("glusterfs", "fuse.glusterfs", "fuseblk"),
];

/// Where they are mounted.
fn mounted() -> Option<PathBuf> {
    let root = std::env::var_os("H5LAB_TEST_FILESYSTEMS").map(PathBuf::from);
    if root.is_none() {
        eprintln!("not tested: several file systems; `make test-filesystems` mounts them");
    }
    root
}

/// All of them, as `--path` takes them.
fn paths(root: &Path) -> String {
    KINDS.map(|(name, ..)| root.join(name).display().to_string()).join(",")
}

fn kind_of(record: &Record) -> &str {
    record.host.file_system.as_ref().and_then(|fs| fs.kind.as_deref()).unwrap_or("unknown")
}

/// What coreutils' stat says of a path, by a format.
fn stat(words: &[&str], path: &Path) -> String {
    let output = Command::new("stat").args(words).arg(path).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn env_says_what_stat_and_the_mount_table_say() {
    let Some(root) = mounted() else { return };
    let folder = Folder::new();
    for (name, kind, stat_name) in KINDS {
        let path = root.join(name);
        let told = folder.h5lab("env --json").arg(&path).ok();
        let host: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
        let fs = &host["file_system"];
        assert_eq!(fs["kind"], kind, "{told}");
        assert_eq!(stat(&["-f", "-c", "%T"], &path), stat_name);
        assert_eq!(fs["block_bytes"].to_string(), stat(&["-f", "-c", "%S"], &path), "{name}");
        assert_eq!(fs["optimal_io_bytes"], std::fs::metadata(&path).unwrap().blksize(), "{name}");
        assert_eq!(fs["mount_point"], path.display().to_string());
        assert!(fs["mount_options"].as_array().unwrap().iter().any(|option| option == "rw"), "{told}");
        let text = folder.h5lab("env").arg(&path).env("HDF5_USE_FILE_LOCKING", "TRUE").ok().stdout;
        let network = name == "glusterfs";
        assert_eq!(text.contains("file-locking:"), network, "locks are warned of on a network alone: {text}");
        assert_eq!(text.contains("storage                network"), network, "{text}");
        let unlocked = folder.h5lab("env").arg(&path).env("HDF5_USE_FILE_LOCKING", "FALSE").ok().stdout;
        assert!(!unlocked.contains("file-locking:"), "{unlocked}");
    }
}

#[test]
fn one_command_compares_them_all() {
    let Some(root) = mounted() else { return };
    let folder = Folder::new();
    let plan = "run --np 1,2,4 --shape 64x20000 --dtype f32 --data uniform --access rows --cache warm,cold \
                --fsync false,true --repeat 1 --ceiling false --save r.jsonl --path";
    let table = folder.h5lab(plan).arg(paths(&root)).ok();
    let records = folder.records("r.jsonl");
    assert_eq!(records.len(), KINDS.len() * 3 * 2 * 3, "{table}");
    for (_, kind, _) in KINDS {
        let of = |direction| records.iter().filter(move |r| kind_of(r) == kind && r.experiment.direction == direction);
        let ranks: BTreeSet<(usize, bool)> =
            of(Direction::Write).map(|r| (r.experiment.np, r.experiment.fsync)).collect();
        assert_eq!((ranks.len(), of(Direction::Read).count()), (3 * 2, 3 * 2 * 2), "{kind}");
    }
    for record in &records {
        assert!(record.failure.is_none() && record.samples.len() == 1, "{}", cell(record));
        let fs = record.host.file_system.as_ref().unwrap();
        assert!(!fs.mount_options.is_empty() && fs.block_bytes > 0 && fs.optimal_io_bytes > 0, "{fs:?}");
        if record.experiment.direction == Direction::Read {
            assert_eq!(record.verification, Verification::Passed, "{}", cell(record));
        }
    }
    cold_means_cold(&records);
    assert!(table.stdout.contains("fuse.glusterfs on"), "{table}");
    nothing_is_left(&root);
}

fn cell(record: &Record) -> String {
    format!("{}: {}", kind_of(record), record.experiment.in_words())
}

/// On a device, cold is cold, and read from it; memory can't be dropped, and a read of it is told to be warm.
fn cold_means_cold(records: &[Record]) {
    for record in records.iter().filter(|r| r.experiment.cache == CacheWanted::Cold) {
        let cold = matches!(record.cache_state(), CacheState::Cold(_));
        match kind_of(record) {
            "tmpfs" => assert!(!cold && record.cache_missed(), "{}: {:?}", cell(record), record.cache_state()),
            _ => assert!(cold, "{}: {:?}", cell(record), record.cache_state()),
        }
    }
}

fn nothing_is_left(root: &Path) {
    for (name, ..) in KINDS {
        let left: Vec<_> =
            std::fs::read_dir(root.join(name)).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.iter().all(|name| name == "lost+found"), "{name}: {left:?}");
    }
}

#[test]
fn lesson_4_names_and_ranks_them() {
    let Some(root) = mounted() else { return };
    let folder = Folder::new();
    let words = "lesson 4 --np 1 --shape 64x20000 --answer --path";
    let told = folder.h5lab(words).arg(paths(&root)).ok();
    for (name, kind, _) in KINDS {
        let place = format!("{kind} at {}", root.join(name).display());
        assert!(told.stdout.contains(&place), "{place}: {told}");
        assert!(told.stdout.contains(&format!("{}: {kind} on ", root.join(name).display())), "{told}");
    }
    assert!(told.stdout.contains("Fastest at a write that ends on the device: "), "{told}");
    nothing_is_left(&root);
}

/// What the three commands leave on each file system is what HDF5's own tools read there.
#[test]
fn write_read_and_chunking_work_on_each() {
    let Some(root) = mounted() else { return };
    let folder = Folder::new();
    for (name, ..) in KINDS {
        let file = root.join(name).join("test.h5");
        let ranks = if MPI { "--np 4 --collective" } else { "--np 4" };
        folder.h5lab(&format!("write 12 1000 {} {ranks} --fsync --no-ceiling", file.display())).ok();
        let record = folder.h5lab(&format!("read {} --np 2 --cache cold --json --no-ceiling", file.display())).ok();
        assert_eq!(record.record().verification, Verification::Passed, "{name}");
        assert!(folder.tool("h5ls", "").arg(&file).ok().stdout.contains("{12, 1000}"), "{name}");
        let stack = folder.h5lab("chunking --shape 2x60x80 --chunk 1x20x20 --tile 20x20 --json --path");
        assert_eq!(stack.arg(root.join(name)).ok().records().len(), 18, "{name}");
        std::fs::remove_file(&file).unwrap();
    }
    nothing_is_left(&root);
}

/// HDF5 1.10 and later lock a file that they open: a second writer is refused, on each of these file systems.
#[test]
fn a_second_writer_is_refused_unless_locks_are_off() {
    let Some(root) = mounted() else { return };
    let folder = Folder::new();
    for (name, ..) in KINDS {
        let file = root.join(name).join("locked.h5");
        let told = |locking: &str| -> Outcome {
            folder.python("two_writers.py").arg(&file).env("HDF5_USE_FILE_LOCKING", locking).ok()
        };
        assert_eq!(told("TRUE").stdout.trim(), "second writer: refused\nreader: refused", "{name}");
        assert_eq!(told("FALSE").stdout.trim(), "second writer: admitted\nreader: admitted", "{name}");
        std::fs::remove_file(&file).unwrap();
    }
}
