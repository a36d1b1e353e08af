//! `h5lab repack`: nothing but the layout changes, whatever the file; and no accident leaves half a file.

mod common;

use common::disk::Disk;
use common::repacked::{killed_at, layouts, same};
use common::{Folder, Outcome, venv};
use rustix::process::Signal;
use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::time::Duration;

fn layout_of(folder: &Folder, file: &str, dataset: &str) -> String {
    let all = layouts(folder, file);
    let found = all.iter().find(|line| line.starts_with(&format!("{dataset} | ")));
    found.unwrap_or_else(|| panic!("{dataset} is not in {all:#?}")).clone()
}

fn refused(outcome: &Outcome, code: i32, words: &[&str]) {
    assert_eq!(outcome.code, Some(code), "{outcome}");
    assert!(words.iter().all(|word| outcome.stderr.contains(word)), "{words:?}: {outcome}");
}

#[test]
fn everything_in_a_file_survives_whatever_is_asked_for() {
    let folder = Folder::new();
    folder.python("make_torture.py").ok();
    for file in ["torture.h5", "torture-latest.h5"] {
        for words in [
            "",
            "--chunk auto --filter shuffle+gzip=1",
            "--filter none",
            "--dataset layouts/[cpglao]* --chunk 5x8x21 --filter keep --memory 400KiB --threads 3",
            "--chunk contiguous --filter none",
            "-l layouts/gzip,layouts/contiguous:CHUNK=10x11x12 -f layouts/gzip:NONE -l types/u1:COMPA",
        ] {
            folder.h5lab(&format!("repack {file} new.h5 --force --verify --quiet {words}")).ok();
            same(&folder, file, "new.h5");
        }
        let before = layouts(&folder, file);
        folder.h5lab(&format!("repack {file} same.h5 --force --quiet")).ok();
        assert_eq!(layouts(&folder, "same.h5"), before, "what no rule names is stored as it was");
    }
    assert!(folder.names().iter().all(|name| !name.contains("partial")), "{:?}", folder.names());
}

#[test]
fn any_chunks_become_any_others_in_little_memory() {
    let folder = Folder::new();
    folder.python("make_rechunk.py").ok();
    let all = "--dataset 1d/* --chunk 77 --dataset 2d/* --chunk 5x83 --dataset 3d/* --chunk 7x7x7 --dataset 4d/* --chunk 5x1x7x2";
    for words in [
        format!("{all} --filter shuffle+gzip=3 --memory 16KiB"),
        format!("-f SHUF -f FLET {all} --threads 4"),
        "--chunk contiguous --filter none".to_owned(),
        "--chunk contiguous --filter none --memory 64KiB --threads 3".to_owned(),
    ] {
        let told = folder.h5lab(&format!("repack rechunk.h5 new.h5 --force --verify {words}")).ok();
        assert!(told.stdout.contains("the same"), "{told}");
        same(&folder, "rechunk.h5", "new.h5");
    }
    let refusal = folder.h5lab("repack rechunk.h5 x.h5 --dataset 3d/0-0 --chunk 20x31x17 --memory 100").run();
    refused(&refusal, 2, &["take at least", "--memory"]);
}

#[test]
fn a_virtual_dataset_gets_values_of_its_own_when_asked() {
    let folder = Folder::new();
    folder.python("make_torture.py").ok();
    folder.h5lab("repack torture.h5 new.h5 --materialize --dataset storage/virtual --chunk 1x10x33x21 --filter gzip --verify").ok();
    assert!(layout_of(&folder, "new.h5", "/storage/virtual").contains("(1, 10, 33, 21)"));
    folder.python("check_repacked.py").words("--materialized torture.h5 new.h5").ok();
    let refusal = folder.h5lab("repack torture.h5 x.h5 --dataset storage/virtual --chunk auto").run();
    refused(&refusal, 2, &["in other files", "--materialize"]);
}

#[test]
fn h5repack_s_own_words_do_what_h5repack_does() {
    let folder = Folder::new();
    folder.python("make_rechunk.py").ok();
    for words in [
        "-l 3d/0-0,3d/1-1:CHUNK=10x10x10 -f 3d/0-0:SHUF -f 3d/0-0:GZIP=4",
        "-l 2d/1-0:CONTI -f 2d/1-0:NONE -f 2d/2-0:GZIP=9",
        "-f NONE",
        "-l 1d/1-0,1d/2-1:CHUNK=100 -f 1d/1-0:FLET",
    ] {
        folder.tool("h5repack", &format!("{words} rechunk.h5 theirs.h5")).ok();
        folder.h5lab(&format!("repack {words} rechunk.h5 ours.h5 --force")).ok();
        assert_eq!(layouts(&folder, "ours.h5"), layouts(&folder, "theirs.h5"), "{words}");
        same(&folder, "theirs.h5", "ours.h5");
    }
}

#[test]
fn the_receipt_says_what_became_of_each_dataset() {
    let folder = Folder::new();
    folder.python("make_torture.py").ok();
    let rule = "--dataset layouts/gzip --chunk 40x1x21";
    let told = folder.h5lab(&format!("repack torture.h5 new.h5 {rule} --dry-run --json")).ok();
    let planned: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
    assert!(!folder.path("new.h5").exists(), "a dry run writes nothing");
    let told = folder.h5lab(&format!("repack torture.h5 new.h5 {rule} --json")).ok();
    let done: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
    let change = &done["changes"][0];
    assert_eq!(done["changes"].as_array().unwrap().len(), 1);
    assert_eq!(change["groups"], planned["changes"][0]["groups"]);
    assert_eq!(change["before"]["touched"]["sinogram"], 6);
    assert_eq!(change["after"]["touched"]["sinogram"], 1);
    assert_eq!(change["after"]["touched"]["projection"], 33);
    assert_eq!(done["output_bytes"], fs::metadata(folder.path("new.h5")).unwrap().len());
    assert_eq!(change["groups"]["decodes"], change["groups"]["source_tiles"]);
}

#[test]
fn nothing_is_overwritten_by_mistake() {
    let folder = Folder::new();
    folder.python("make_rechunk.py").ok();
    folder.write("there", "somebody's");
    let before = folder.snapshot();
    for (words, code, told) in [
        ("rechunk.h5 there", 4, &["is there already", "--force"][..]),
        ("rechunk.h5 rechunk.h5", 2, &["is the file that is read", "--in-place"]),
        ("rechunk.h5 ./rechunk.h5 --force", 2, &["is the file that is read"]),
        ("nothing.h5 new.h5", 3, &["no such file"]),
        ("there new.h5", 3, &["not an HDF5 file"]),
        ("rechunk.h5 new.h5 --dataset 9d/* --chunk 3", 3, &["9d/*", "/3d/0-0"]),
        ("rechunk.h5 new.h5 --dataset 3d/0-0", 2, &["--dataset 3d/0-0"]),
        ("rechunk.h5 new.h5 --dataset 3d/0-0 --chunk 3x3", 2, &["3 axes"]),
        ("rechunk.h5 new.h5 --dataset 3d/0-0 --chunk contiguous --filter gzip", 2, &["without chunks"]),
        ("rechunk.h5 new.h5 --filter gzip=11", 2, &["gzip=9"]),
        ("rechunk.h5 new.h5 -f GZIP=11", 2, &["h5repack"]),
        ("rechunk.h5 none/new.h5", 5, &["mkdir"]),
        ("rechunk.h5", 2, &["OUT"]),
        ("rechunk.h5 new.h5 --in-place", 2, &["--in-place"]),
    ] {
        refused(&folder.h5lab(&format!("repack {words}")).run(), code, told);
    }
    assert!(before == folder.snapshot());
}

#[test]
fn in_place_keeps_the_name_and_the_permissions() {
    let folder = Folder::new();
    folder.python("make_rechunk.py").ok();
    fs::copy(folder.path("rechunk.h5"), folder.path("copy.h5")).unwrap();
    fs::set_permissions(folder.path("copy.h5"), fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("copy.h5", folder.path("link.h5")).unwrap();
    let told = folder.h5lab("repack link.h5 --in-place --chunk auto --filter gzip=1").ok();
    assert!(told.stdout.contains("compared"), "{told}");
    assert!(folder.path("link.h5").is_symlink());
    assert_eq!(fs::metadata(folder.path("copy.h5")).unwrap().permissions().mode() & 0o777, 0o640);
    assert_ne!(layouts(&folder, "rechunk.h5"), layouts(&folder, "copy.h5"));
    same(&folder, "rechunk.h5", "copy.h5");
}

#[test]
fn a_damaged_chunk_is_named_and_nothing_is_left() {
    let folder = Folder::new();
    folder.python("make_torture.py").ok();
    let told = folder.python("damage_chunk.py").words("torture.h5 layouts/all 7 16 0").ok();
    let offset = told.stdout.trim().to_owned();
    let outcome = folder.h5lab("repack torture.h5 new.h5 --dataset layouts/all --chunk auto").run();
    refused(&outcome, 3, &["torture.h5", "layouts/all", "7, 16, 0", &offset]);
    assert!(folder.names().iter().all(|name| !name.starts_with("new.h5")), "{:?}", folder.names());
}

#[test]
fn killed_at_any_moment_it_leaves_the_old_file_and_all_or_nothing_of_the_new_one() {
    let folder = Folder::new();
    folder.h5lab("write 64 40000 old.h5 --no-ceiling --quiet").ok();
    let words = "repack old.h5 new.h5 --chunk 8x5000 --filter shuffle+gzip=1 --quiet --threads 1";
    // Spread over a run and a little more, in an order that no pattern of the machine follows.
    let moments: Vec<f64> = (0..50).map(|n| 1.1 * f64::from(n * 21 % 50) / 50.0).collect();
    killed_at(&folder, words, &moments, || {});
}

#[test]
fn an_interrupt_leaves_nothing() {
    let folder = Folder::new();
    folder.h5lab("write 64 400000 old.h5 --no-ceiling --quiet").ok();
    let running = folder.h5lab("repack old.h5 new.h5 --chunk 8x50000 --filter gzip=9 --quiet").start();
    while !folder.path("new.h5.h5lab-partial").exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
    running.signal(Signal::INT);
    let outcome = running.finish();
    assert_eq!(outcome.code, Some(130), "{outcome}");
    assert_eq!(folder.names(), ["old.h5"]);
}

#[test]
fn a_full_disk_is_said_and_cleared() {
    let Some(disk) = Disk::small(8) else { return };
    disk.folder.h5lab("write 64 60000 old.h5 --no-ceiling --quiet").ok();
    for words in ["--chunk 8x5000", "--chunk 8x5000 --filter gzip=1", ""] {
        let outcome = disk.folder.h5lab(&format!("repack old.h5 disk/new.h5 {words}")).run();
        refused(&outcome, 5, &["no space left on the device", "disk/new.h5"]);
        assert!(disk.names().is_empty(), "{:?}", disk.names());
    }
}

#[test]
fn a_source_that_is_written_meanwhile_is_not_trusted() {
    let folder = Folder::new();
    folder.h5lab("write 64 400000 old.h5 --no-ceiling --quiet").ok();
    let running = folder.h5lab("repack old.h5 new.h5 --chunk 8x50000 --filter gzip=9 --quiet").start();
    while !folder.path("new.h5.h5lab-partial").exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let file = fs::File::options().write(true).open(folder.path("old.h5")).unwrap();
    file.write_all_at(&[1], file.metadata().unwrap().len() - 1).unwrap();
    refused(&running.finish(), 3, &["written while it was read", "old.h5"]);
    assert_eq!(folder.names(), ["old.h5"]);
}

#[test]
fn files_that_others_made_survive() {
    let folder = Folder::new();
    let mut repacked = 0;
    for file in foreign_files() {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        fs::copy(&file, folder.path("old.h5")).unwrap();
        for words in ["", "--chunk auto --filter shuffle+gzip=1", "--chunk contiguous --filter none"] {
            let told = folder.h5lab(&format!("repack old.h5 new.h5 --force --verify {words}")).run();
            assert_eq!(told.code, Some(0), "{name}: {told}");
            same(&folder, "old.h5", "new.h5");
        }
        repacked += 1;
    }
    assert!(repacked >= 7, "only {repacked} files of others were found");
}

/// HDF5 files inside the Python packages of the tests: NeXus examples, and what h5py tests itself with.
fn foreign_files() -> Vec<std::path::PathBuf> {
    let mut folders = vec![venv()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap()) {
            let path = entry.path();
            let suffix = path.extension().unwrap_or_default().to_string_lossy().into_owned();
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
            } else if ["h5", "hdf5", "nxs", "nx5"].contains(&suffix.as_str()) {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}
