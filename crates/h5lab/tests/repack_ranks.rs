//! `h5lab repack` by several ranks: the same file, whoever encoded it; and no lost rank leaves half a file, or a hang.

mod common;

use common::repacked::{killed_at, layouts, same, wait_for_ranks};
use common::{Folder, MPI};

#[test]
fn ranks_make_the_file_that_one_process_makes() {
    let folder = Folder::new();
    folder.python("make_torture.py").ok();
    folder.python("make_rechunk.py").ok();
    for (np, file, words) in [
        (2, "torture.h5", "--chunk auto --filter shuffle+gzip=1"),
        (3, "torture-latest.h5", "--chunk contiguous --filter none"),
        (4, "rechunk.h5", "--dataset 3d/* --chunk 7x7x7 --dataset 2d/* --chunk 5x83 --memory 400KiB --threads 2"),
        (1, "rechunk.h5", "-f GZIP=1"),
    ] {
        folder.h5lab(&format!("repack {file} alone.h5 --force --quiet {words}")).ok();
        let told = folder.h5lab(&format!("repack {file} new.h5 --force --verify --np {np} {words}")).ok();
        assert_eq!(told.stdout.contains(&format!("{np} ranks x ")), np > 1, "{told}");
        same(&folder, file, "new.h5");
        assert_eq!(layouts(&folder, "new.h5"), layouts(&folder, "alone.h5"), "{words}");
    }
    assert!(folder.names().iter().all(|name| !name.contains("partial")), "{:?}", folder.names());
}

#[cfg(feature = "mpi")]
#[test]
fn under_the_users_own_mpirun_rank_0_gives_one_receipt() {
    let folder = Folder::new();
    folder.python("make_rechunk.py").ok();
    let words = "repack rechunk.h5 new.h5 --dataset 3d/* --chunk 4x9x11 --filter shuffle+gzip=1";
    let planned = folder.mpirun(2, &format!("{words} --dry-run --json")).ok();
    let planned: serde_json::Value = serde_json::from_str(&planned.stdout).unwrap();
    assert!(!folder.path("new.h5").exists());
    let told = folder.mpirun(2, &format!("{words} --json")).ok();
    let done: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!((&done["ranks"], &planned["ranks"]), (&2.into(), &2.into()));
    assert_eq!(done["changes"][0]["groups"], planned["changes"][0]["groups"]);
    same(&folder, "rechunk.h5", "new.h5");
    let refusal = folder.mpirun(2, "repack rechunk.h5 new.h5 --chunk auto").run();
    assert_eq!(refusal.code, Some(4), "{refusal}");
    assert_eq!(refusal.stderr.matches("is there already").count(), 1, "{refusal}");
}

#[test]
fn a_rank_that_fails_is_named_and_nothing_is_left() {
    let folder = Folder::new();
    folder.python("make_rechunk.py").ok();
    let before = folder.snapshot();
    let faults = [
        "1:open:error",
        "1:transfer:error",
        "0:transfer:error",
        "1:close:error",
        "2:transfer:panic",
        "1:transfer:kill",
        "0:flush:kill",
    ];
    for fault in faults.iter().filter(|fault| MPI || !fault.ends_with("kill")) {
        let words = "repack rechunk.h5 new.h5 --chunk auto --filter gzip=1 --np 3";
        let outcome = folder.h5lab(words).env("H5LAB_FAULT", fault).run();
        let rank = fault.split(':').next().unwrap();
        let named = outcome.stderr.lines().any(|line| line.starts_with(&format!("h5lab: rank {rank}: ")));
        assert!(named && outcome.code != Some(0) && outcome.seconds < 20.0, "{fault}: {outcome}");
        assert!(before == folder.snapshot(), "{fault}: it left {:?}: {outcome}", folder.names());
    }
}

#[test]
fn a_damaged_chunk_that_another_rank_meets_is_told() {
    let folder = Folder::new();
    folder.python("make_torture.py").ok();
    folder.python("damage_chunk.py").words("torture.h5 layouts/all 7 16 0").ok();
    let outcome = folder.h5lab("repack torture.h5 new.h5 --dataset layouts/all --chunk 1x8x21 --np 3").run();
    assert_eq!(outcome.code, Some(3), "{outcome}");
    assert!(["layouts/all", "7, 16, 0", "rank "].iter().all(|word| outcome.stderr.contains(word)), "{outcome}");
    assert!(folder.names().iter().all(|name| !name.starts_with("new.h5")), "{:?}", folder.names());
}

/// The whole command at once, as the out-of-memory killer or the end of a job does it.
#[test]
fn killed_at_any_moment_ranks_leave_all_or_nothing() {
    let folder = Folder::new();
    folder.h5lab("write 64 400000 old.h5 --no-ceiling --quiet").ok();
    let words = "repack old.h5 new.h5 --chunk 8x5000 --filter shuffle+gzip=1 --quiet --threads 1 --np 2";
    let moments: Vec<f64> = (0..6).map(|n| 1.1 * f64::from(n) / 6.0).collect();
    killed_at(&folder, words, &moments, || wait_for_ranks(&folder));
}
