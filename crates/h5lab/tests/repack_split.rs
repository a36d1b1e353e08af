//! `h5lab repack --split`: each rank writes a file of its own, and the new file shows them as one; whatever happens.

mod common;

use common::disk::Disk;
use common::repacked::{same, wait_for_ranks};
use common::{Folder, MPI, Outcome};
use rustix::process::Signal;
use std::fs;
use std::time::Duration;

/// Rules for every dataset of `old.h5` that has axes.
const RULES: &str = "--dataset entry/images --chunk 5x16x50 --filter shuffle+gzip=1 --dataset entry/flat --chunk 7x30 \
                     --dataset entry/grows --chunk 3x30 --filter gzip --dataset entry/table --chunk 4x6 \
                     --dataset entry/never --chunk 2x11 --dataset entry/some --chunk 3x5 --dataset entry/100* --chunk 5x5";

fn made() -> Folder {
    let folder = Folder::new();
    folder.python("make_split.py").ok();
    folder
}

/// The new file holds what the old one does, say h5py and h5diff.
fn shows_the_same(folder: &Folder, new: &str) {
    folder.python("check_repacked.py").words(&format!("--split old.h5 {new}")).ok();
    let told = folder.tool("h5diff", &format!("old.h5 {new}")).run();
    assert_eq!(told.code, Some(0), "{told}");
}

fn refused(outcome: &Outcome, code: i32, words: &[&str]) {
    assert_eq!(outcome.code, Some(code), "{outcome}");
    assert!(words.iter().all(|word| outcome.stderr.contains(word)), "{words:?}: {outcome}");
}

/// The names in a folder that begin so.
fn names(folder: &Folder, begin: &str) -> Vec<String> {
    folder.names().into_iter().filter(|name| name.starts_with(begin)).collect()
}

/// What a file with so many parts is: the parts, and itself.
fn with_parts(stem: &str, parts: usize) -> Vec<String> {
    (0..parts).map(|rank| format!("{stem}-rank-{rank:04}.h5")).chain([format!("{stem}.h5")]).collect()
}

#[test]
fn every_reader_sees_one_file_whatever_the_parts() {
    let folder = made();
    for np in [1, 2, 3] {
        let told = folder.h5lab(&format!("repack old.h5 new.h5 {RULES} --split --force --verify --np {np}")).ok();
        assert!(told.stdout.contains("the same") && told.stdout.contains("in its folder"), "{told}");
        shows_the_same(&folder, "new.h5");
        assert_eq!(names(&folder, "new"), with_parts("new", np), "parts of earlier ones are gone");
    }
    let dump = |file: &str, dataset: &str| {
        let told = folder.tool("h5dump", &format!("-d {dataset} -y -w 200 {file}")).ok();
        told.stdout.lines().skip_while(|line| !line.contains("DATA {")).map(str::to_owned).collect::<Vec<_>>()
    };
    for dataset in ["/entry/images", "/entry/grows", "/entry/some", "/also"] {
        let (old, new) = (dump("old.h5", dataset), dump("new.h5", dataset));
        let values = old.iter().zip(&new).take_while(|(_, line)| line.trim() != "}").count();
        assert!(values > 20 && old[..values] == new[..values], "{dataset}");
    }
}

#[test]
fn ranks_without_a_chunk_write_no_part_and_a_dry_run_says_so() {
    let folder = made();
    let words = "repack old.h5 new.h5 --dataset entry/flat --chunk 30x30 --split --np 3 --json";
    let planned = folder.h5lab(&format!("{words} --dry-run")).ok();
    assert_eq!(folder.names(), ["old.h5"]);
    let planned: serde_json::Value = serde_json::from_str(&planned.stdout).unwrap();
    assert_eq!((&planned["parts"][0]["bytes"], &planned["output_bytes"]), (&().into(), &().into()));
    let done: serde_json::Value = serde_json::from_str(&folder.h5lab(words).ok().stdout).unwrap();
    assert_eq!((&done["ranks"], &done["changes"][0]["parts"]), (&3.into(), &2.into()));
    assert_eq!(planned["changes"][0]["groups"], done["changes"][0]["groups"]);
    assert_eq!(planned["parts"][1]["file"], done["parts"][1]["file"]);
    assert_eq!(names(&folder, "new"), with_parts("new", 2));
    let sizes = with_parts("new", 2).iter().map(|name| fs::metadata(folder.path(name)).unwrap().len()).sum::<u64>();
    assert_eq!(done["output_bytes"], sizes);
    assert_eq!(done["parts"].as_array().unwrap().len(), 2);
    shows_the_same(&folder, "new.h5");
}

#[test]
fn contiguous_parts_and_virtual_sources_are_shared_out_as_well() {
    let folder = made();
    let words = "--dataset entry/images --chunk contiguous --filter none --memory 256KiB --threads 1";
    folder.h5lab(&format!("repack old.h5 new.h5 {words} --split --verify --np 3")).ok();
    assert_eq!(names(&folder, "new"), with_parts("new", 3));
    shows_the_same(&folder, "new.h5");
    folder.h5lab("repack new.h5 again.h5 --materialize --chunk auto --split --verify --np 2").ok();
    shows_the_same(&folder, "again.h5");
}

#[test]
fn all_of_h5lab_reads_it_and_gives_it_values_of_its_own_again() {
    let folder = made();
    folder.h5lab(&format!("repack old.h5 new.h5 {RULES} --split --np 2 --quiet")).ok();
    folder.h5lab("repack new.h5 back.h5 --materialize --verify --quiet").ok();
    same(&folder, "old.h5", "back.h5");
    let seen = folder.h5lab("inspect new.h5").ok();
    assert!(seen.stdout.contains("virtual, 2 parts in 2 files"), "{seen}");
    for method in ["independent", "direct"] {
        folder.h5lab(&format!("read new.h5 --dataset entry/images --method {method} --no-ceiling --quiet")).ok();
    }
    // The dataset has another name, which is met first.
    let told = folder.h5lab("advise new.h5:entry/images --reads projection --time 1s --cache warm").ok();
    assert!(told.stdout.contains("--dataset also") && told.stdout.contains("--materialize"), "{told}");
}

#[test]
fn files_that_stay_together_may_be_moved() {
    let folder = made();
    folder.h5lab(&format!("repack old.h5 new.h5 {RULES} --split --np 2 --quiet")).ok();
    fs::create_dir(folder.path("there")).unwrap();
    for name in with_parts("new", 2) {
        fs::rename(folder.path(&name), folder.path("there").join(&name)).unwrap();
    }
    shows_the_same(&folder, "there/new.h5");
    fs::remove_file(folder.path("there/new-rank-0001.h5")).unwrap();
    let refusal = folder.h5lab("repack there/new.h5 back.h5 --materialize").run();
    refused(&refusal, 3, &["there/new-rank-0001.h5", "missing"]);
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_written() {
    let folder = made();
    folder.write("taken-rank-0001.h5", "somebody's");
    let before = folder.snapshot();
    for (words, code, told) in [
        ("old.h5 --in-place --split --chunk auto", 2, &["--in-place", "--split"][..]),
        ("old.h5 new.h5 --split", 2, &["nothing to share out", "--chunk"]),
        ("old.h5 new.h5 --dataset entry/words --chunk 1 --split", 2, &["HDF5 itself", "--split"]),
        (
            "old.h5 taken.h5 --dataset entry/flat --chunk 7x30 --split --np 2",
            4,
            &["taken-rank-0001.h5", "already", "--force"],
        ),
        (
            "old.h5 taken.h5 --dataset entry/flat --chunk 7x30 --split --np 2 --force",
            4,
            &["taken-rank-0001.h5", "no part"],
        ),
        ("old.h5 new.h5 --dataset entry/images --chunk 5x16x50 --split --memory 1KiB", 2, &["--memory"]),
    ] {
        refused(&folder.h5lab(&format!("repack {words}")).run(), code, told);
        assert!(before == folder.snapshot(), "{words}: {:?}", folder.names());
    }
}

#[test]
fn what_the_source_shows_is_never_overwritten_or_removed() {
    let folder = made();
    folder.h5lab("repack old.h5 new.h5 --dataset entry/flat --chunk 7x30 --split --np 2 --quiet").ok();
    fs::rename(folder.path("new.h5"), folder.path("moved.h5")).unwrap();
    let before = folder.snapshot();
    let split = "--dataset entry/images --chunk 5x16x50 --split --np 2 --force";
    refused(&folder.h5lab(&format!("repack moved.h5 new.h5 {split}")).run(), 2, &["new-rank-0000.h5", "is read"]);
    refused(&folder.h5lab("repack moved.h5 new-rank-0001.h5 --force").run(), 2, &["holds values"]);
    assert!(before == folder.snapshot());
    fs::copy(folder.path("moved.h5"), folder.path("new.h5")).unwrap();
    folder.h5lab("repack moved.h5 new.h5 --force --quiet").ok();
    shows_the_same(&folder, "new.h5");
    // Nobody else shows them now.
    fs::remove_file(folder.path("moved.h5")).unwrap();
    folder.h5lab("repack old.h5 new.h5 --force --quiet").ok();
    assert_eq!(folder.names(), ["new.h5", "old.h5"]);
}

#[test]
fn a_rank_that_fails_is_named_and_no_part_is_left() {
    let folder = made();
    let before = folder.snapshot();
    let faults = ["1:open:error", "1:transfer:error", "2:flush:panic", "1:transfer:kill", "0:close:kill"];
    for fault in faults.iter().filter(|fault| MPI || !fault.ends_with("kill")) {
        let words = format!("repack old.h5 new.h5 {RULES} --split --verify --np 3");
        let outcome = folder.h5lab(&words).env("H5LAB_FAULT", fault).run();
        let rank = fault.split(':').next().unwrap();
        let named = outcome.stderr.lines().any(|line| line.starts_with(&format!("h5lab: rank {rank}: ")));
        assert!(named && outcome.code != Some(0) && outcome.seconds < 20.0, "{fault}: {outcome}");
        assert!(before == folder.snapshot(), "{fault}: it left {:?}: {outcome}", folder.names());
    }
}

#[cfg(feature = "mpi")]
#[test]
fn under_the_users_own_mpirun_a_damaged_chunk_is_told_once() {
    let folder = made();
    folder.python("damage_chunk.py").words("old.h5 entry/images 36 0 0").ok();
    let outcome = folder.mpirun(2, &format!("repack old.h5 new.h5 {RULES} --split")).run();
    refused(&outcome, 3, &["rank 1", "[36, 0, 0]", "also"]);
    assert_eq!(folder.names(), ["old.h5"], "{outcome}");
}

#[test]
fn killed_at_any_moment_there_is_all_or_nothing() {
    let folder = Folder::new();
    folder.h5lab("write 64 200000 old.h5 --no-ceiling --quiet").ok();
    let words = "repack old.h5 new.h5 --chunk 8x5000 --filter shuffle+gzip=1 --quiet --threads 1 --split --np 2";
    let whole = folder.h5lab(words).ok();
    assert_eq!(names(&folder, "new"), with_parts("new", 2));
    let old = folder.read("old.h5");
    let clear = || names(&folder, "new").iter().for_each(|name| fs::remove_file(folder.path(name)).unwrap());
    clear();
    let mut killed = 0;
    for n in 0..3 {
        let running = folder.h5lab(words).start();
        std::thread::sleep(Duration::from_secs_f64(whole.seconds * f64::from(n) / 3.0));
        running.signal_all_if_there(Signal::KILL);
        running.finish();
        wait_for_ranks(&folder);
        if folder.path("new.h5").exists() {
            let told = folder.tool("h5diff", "old.h5 new.h5").run();
            assert_eq!(told.code, Some(0), "half a file after kill {n}: {told}");
            clear();
        } else {
            killed += 1;
        }
        assert!(folder.read("old.h5") == old, "the source was changed by kill {n}");
    }
    assert!(killed > 0, "every kill came too late to prove anything");
    // What is left of more ranks than the next run has, and the next run's own.
    folder.write("new-rank-0007.h5.h5lab-partial", "half a part");
    folder.h5lab(&format!("{words} --force")).ok();
    assert_eq!(folder.names(), [&with_parts("new", 2)[..], &["old.h5".to_owned()]].concat());
}

#[test]
fn a_kill_between_the_names_needs_force_and_loses_nothing() {
    let folder = made();
    let words = "repack old.h5 new.h5 --dataset entry/flat --chunk 7x30 --split --np 2 --quiet";
    folder.h5lab(words).ok();
    // Parts have their names, and the file that shows them does not.
    fs::rename(folder.path("new.h5"), folder.path("new.h5.h5lab-partial")).unwrap();
    refused(&folder.h5lab(words).run(), 4, &["new-rank-0000.h5", "--force"]);
    folder.h5lab(&format!("{words} --force")).ok();
    shows_the_same(&folder, "new.h5");
    assert_eq!(folder.names(), [&with_parts("new", 2)[..], &["old.h5".to_owned()]].concat());
}

#[test]
fn a_full_disk_is_said_and_cleared() {
    let Some(disk) = Disk::small(8) else { return };
    disk.folder.h5lab("write 64 60000 old.h5 --no-ceiling --quiet").ok();
    let outcome = disk.folder.h5lab("repack old.h5 disk/new.h5 --chunk 8x5000 --split --np 2").run();
    refused(&outcome, 5, &["no space left on the device", "disk/new"]);
    assert!(disk.names().is_empty(), "{:?}", disk.names());
}
