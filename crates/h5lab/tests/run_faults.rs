//! A sweep in which something goes wrong: what was measured stays, what failed is recorded with its cause, the rest runs.

mod common;

use common::disk::Disk;
use common::{Folder, MPI, Outcome, Run, Running, records};
use h5lab_core::failure::FailureKind::{self, Internal, Interrupted, Storage};
use h5lab_core::record::Record;
use rustix::process::Signal;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// One test at a time: each of them wants to be where it is going when something happens to it.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(|e| e.into_inner())
}

/// A small cell, one that takes a while, a small one: three batches.
const THREE: &str = "run --shape 4x5,300x500000,4x6 --dtype u8 --data ramp --buffer 1MiB --repeat 2 --ceiling false";

/// Waits until `there` says so; the command must still run.
fn wait_until(what: &str, mut there: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !there() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn lines(file: &Path) -> usize {
    fs::read(file).map_or(0, |bytes| bytes.iter().filter(|&&byte| byte == b'\n').count())
}

/// The data file of the cell under way.
fn data_file(folder: &Path) -> Option<PathBuf> {
    let scratch = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    let mut scratch = scratch.filter(|path| path.to_string_lossy().contains("h5lab-run-"));
    let file = scratch.next()?.join("file-0/data.h5");
    (fs::metadata(&file).ok()?.len() > 1 << 20).then_some(file)
}

/// The sweep, at its large cell.
fn at_the_large_cell(folder: &Folder, options: &str) -> Running {
    let running = folder.h5lab(&format!("{THREE} --save r.jsonl {options}")).start();
    wait_until("the first record", || lines(&folder.path("r.jsonl")) == 1);
    wait_until("data of the large cell", || data_file(&folder.path("")).is_some());
    running
}

#[test]
fn a_sweep_that_is_stopped_keeps_its_records_and_leaves_no_data() {
    let _turn = turn();
    let cases = [(true, Signal::INT, 2), (false, Signal::INT, 1), (false, Signal::TERM, 2), (true, Signal::TERM, 1)];
    for (all, signal, np) in cases {
        let folder = Folder::new();
        let running = at_the_large_cell(&folder, &format!("--method gather --np {np}"));
        let told = Instant::now();
        if all {
            running.signal_all(signal)
        } else {
            running.signal(signal)
        }
        let outcome = running.finish();
        assert!(told.elapsed() < Duration::from_secs(10), "{signal:?}: {outcome}");
        assert_eq!(outcome.code, Some(i32::from(Interrupted.exit_code())), "{signal:?}: {outcome}");
        // Ranks that outlive their parent would go on writing.
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(folder.names(), ["r.jsonl"], "{signal:?}: {outcome}");
        let kept = folder.records("r.jsonl");
        assert_eq!((kept.len(), &kept[0].failure), (1, &None), "{signal:?}: {outcome}");
    }
}

/// Cells that are measured in turns are done together, in the last round; what there is of them before is kept.
#[test]
fn a_sweep_that_is_stopped_between_rounds_keeps_its_samples() {
    let _turn = turn();
    for np in [1, 2] {
        let folder = Folder::new();
        let words = format!("run --shape 4x50x60 --access projection --method gather --np {np} --save r.jsonl");
        let running = folder.h5lab(&format!("{words} --repeat 100000")).start();
        wait_until("ranks", || folder.names().len() == 2);
        std::thread::sleep(Duration::from_secs(4));
        running.signal(Signal::INT);
        let outcome = running.finish();
        assert_eq!(folder.names(), ["r.jsonl"], "{outcome}");
        let kept = folder.records("r.jsonl");
        assert_eq!(kept.len(), 2, "{outcome}");
        for record in kept {
            let why = record.failure.expect("a cell that was stopped has not all samples");
            let rounds = format!("the sweep ended after {} of 100000 rounds", record.samples.len());
            assert!(why.kind == Interrupted && why.message == rounds && !record.samples.is_empty(), "{why}");
        }
        let again = folder.h5lab(&format!("{words} --repeat 3 --resume")).ok();
        assert!(again.stderr.contains("holds 0 of 2 cells") && lines(&folder.path("r.jsonl")) == 4, "{again}");
    }
}

/// After a stop, the sweep can be taken up again.
#[test]
fn a_stopped_sweep_is_resumed() {
    let _turn = turn();
    let folder = Folder::new();
    let running = at_the_large_cell(&folder, "--method posix");
    running.signal(Signal::TERM);
    running.finish();
    let rest = folder.h5lab(&format!("{THREE} --save r.jsonl --resume --method posix")).ok();
    assert!(rest.stderr.contains("the result file holds 1 of 3 cells"), "{rest}");
    assert!(folder.records("r.jsonl").len() == 3 && folder.names() == ["r.jsonl"], "{rest}");
}

/// The process of rank 1 that works on this folder.
#[cfg(feature = "mpi")]
fn rank_1(folder: &Path) -> Option<rustix::process::Pid> {
    let mine = folder.to_string_lossy().into_owned();
    let processes = fs::read_dir("/proc").unwrap().flatten().filter_map(|p| p.file_name().to_str()?.parse().ok());
    let mut ranks = processes.filter(|pid: &i32| {
        let at = |link: &str| fs::read_link(format!("/proc/{pid}/{link}")).unwrap_or_default();
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        at("cwd").to_string_lossy() == mine.trim_end_matches('/')
            && at("exe").ends_with("h5lab")
            && environment.split(|&byte| byte == 0).any(|v| v == b"OMPI_COMM_WORLD_RANK=1")
    });
    rustix::process::Pid::from_raw(ranks.next()?)
}

#[cfg(feature = "mpi")]
#[test]
fn a_rank_killed_in_a_collective_write_fails_its_cell_alone() {
    let _turn = turn();
    // Large cells fail with the reads of their files; the posix cells of the same batch do not meet the fault.
    let cases = [
        ("continue", &[false, false, false, false, true, true, false, false][..]),
        ("stop", &[false, false, false, false, true, true]),
    ];
    for (on_error, expected) in cases {
        let folder = Folder::new();
        let words = "run --shape 4x5,300x500000 --dtype u8 --data ramp --buffer 1MiB --repeat 1 --ceiling false --np 2 \
            --method collective,posix --access rows --save r.jsonl --on-error";
        let running = folder.h5lab(&format!("{words} {on_error}")).start();
        wait_until("the records of the small cells", || lines(&folder.path("r.jsonl")) == 4);
        wait_until("data of the large cell", || data_file(&folder.path("")).is_some());
        let rank = rank_1(&folder.path("")).expect("there is a rank 1");
        rustix::process::kill_process(rank, Signal::KILL).unwrap();
        let killed = Instant::now();
        wait_until("the failed cell", || lines(&folder.path("r.jsonl")) > 4);
        assert!(killed.elapsed() < Duration::from_secs(20));
        let outcome = running.finish();
        let records = folder.records("r.jsonl");
        let failed: Vec<bool> = records.iter().map(|r| r.failure.is_some()).collect();
        assert_eq!(failed, expected, "{on_error}: {outcome}");
        let failure = records[4].failure.as_ref().unwrap();
        assert_eq!((failure.kind, failure.rank), (FailureKind::RankLost, Some(1)), "{outcome}");
        assert_eq!(outcome.code, Some(i32::from(FailureKind::RankLost.exit_code())), "{outcome}");
        assert_eq!(folder.names(), ["r.jsonl"], "{outcome}");
    }
}

/// Every cell meets the fault: each is recorded, and the sweep comes to its end.
#[test]
fn a_rank_that_fails_in_every_cell() {
    let _turn = turn();
    let cases: &[(&str, FailureKind)] = if MPI {
        &[("1:transfer:kill", FailureKind::RankLost), ("1:open:error", Storage), ("1:transfer:panic", Internal)]
    } else {
        &[("1:open:error", Storage), ("1:transfer:panic", Internal)]
    };
    let words = "run --shape 4x5x6 --np 2 --repeat 1 --method gather,per-process --ceiling false --save r.jsonl";
    for (fault, kind) in cases {
        let folder = Folder::new();
        let outcome = folder.h5lab(words).env("H5LAB_FAULT", fault).run();
        assert_eq!(outcome.code, Some(i32::from(kind.exit_code())), "{outcome}");
        let failures: Vec<_> = folder.records("r.jsonl").into_iter().filter_map(|r| r.failure).collect();
        assert_eq!(failures.iter().map(|f| (f.kind, f.rank)).collect::<Vec<_>>(), [(*kind, Some(1)); 2], "{outcome}");
        assert!(outcome.stderr.contains("2 of 2 cells failed; the first, write rows by gather"), "{outcome}");
        assert_eq!(folder.names(), ["r.jsonl"], "{outcome}");
        let stopped =
            folder.h5lab(&words.replace("r.jsonl", "s.jsonl --on-error stop")).env("H5LAB_FAULT", fault).run();
        assert_eq!((stopped.code, folder.records("s.jsonl").len()), (outcome.code, 1), "{stopped}");
        assert!(stopped.stderr.contains("not measured: 1 of 2 cells"), "{stopped}");
    }
}

/// Takes all room but a little, again and again, until the command ends.
fn fill_up(disk: &Disk, running: Running) -> Outcome {
    const LITTLE: u64 = 1 << 20;
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut number = 0;
            while !done.load(std::sync::atomic::Ordering::SeqCst) {
                let space = rustix::fs::statvfs(disk.path()).unwrap();
                let free = space.f_bavail * space.f_frsize;
                if free > LITTLE {
                    number += 1;
                    let file = fs::File::create(disk.path().join(format!("filler-{number}"))).unwrap();
                    let _ = rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, free - LITTLE);
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        let outcome = running.finish();
        done.store(true, std::sync::atomic::Ordering::SeqCst);
        outcome
    })
}

/// The large cell finds no room any more; the last one needs none.
fn check_full_disk(method: &str, np: usize, on_error: &str) {
    let Some(disk) = Disk::small(24) else { return };
    let words = THREE.replace("300x500000", "8x1000000").replace("--repeat 2", "--repeat 20");
    let options = format!("--method {method} --np {np} --on-error {on_error} --path disk --save r.jsonl");
    let running = disk.folder.h5lab(&format!("{words} {options}")).start();
    wait_until("the first record", || lines(&disk.folder.path("r.jsonl")) == 1);
    let outcome = fill_up(&disk, running);
    let records: Vec<Record> = disk.folder.records("r.jsonl");
    let failed: Vec<bool> = records.iter().map(|r| r.failure.is_some()).collect();
    let expected = if on_error == "stop" { &[false, true][..] } else { &[false, true, false] };
    assert_eq!(failed, expected, "{outcome}");
    let failure = records[1].failure.as_ref().unwrap();
    assert!(failure.kind == Storage && failure.message.contains("no space left"), "{failure}: {outcome}");
    assert_eq!(outcome.code, Some(i32::from(Storage.exit_code())), "{outcome}");
    assert!(disk.names().iter().all(|name| name.starts_with("filler")), "{:?}: {outcome}", disk.names());
    assert!(data_file(&disk.path()).is_none(), "{outcome}");
}

#[test]
fn a_disk_that_fills_up_fails_the_cell_that_meets_it() {
    let _turn = turn();
    for (method, np, on_error) in [
        ("independent", 1, "continue"),
        ("posix", 2, "stop"),
        ("gather", 2, "continue"),
        ("per-process", 2, "continue"),
    ] {
        check_full_disk(method, np, on_error);
    }
    if MPI {
        check_full_disk("collective", 2, "continue");
    }
}

/// Four file systems in one plan, each known by its name.
#[test]
fn file_systems_side_by_side() {
    let _turn = turn();
    let made = [("ext4", "-q", 16), ("xfs", "-q", 300), ("btrfs", "-q", 120)];
    let disks: Vec<(&str, Disk)> =
        made.into_iter().filter_map(|(kind, options, size)| Some((kind, Disk::new(kind, options, size)?))).collect();
    if disks.is_empty() {
        return;
    }
    let memory = tempfile::tempdir_in("/dev/shm").unwrap();
    let mut folders: Vec<(&str, PathBuf)> = disks.iter().map(|(kind, disk)| (*kind, disk.path())).collect();
    folders.push(("tmpfs", memory.path().to_owned()));
    let paths = folders.iter().map(|(_, path)| path.display().to_string()).collect::<Vec<_>>().join(",");
    let words = "run --shape 4x50x60 --method gather,posix --access projection --cache warm,cold --repeat 2 --json";
    let found = Folder::new().h5lab(&format!("{words} --path {paths}")).ok();
    let records = records(&found.stdout);
    assert_eq!(records.len(), folders.len() * 2 * 3, "{found}");
    for (kind, path) in folders {
        let there: Vec<&Record> = records.iter().filter(|r| r.file == path).collect();
        assert_eq!(there.len(), 6, "{kind}: {found}");
        let known = there.iter().all(|r| r.host.file_system.as_ref().and_then(|fs| fs.kind.as_deref()) == Some(kind));
        assert!(known && there.iter().all(|r| r.failure.is_none()), "{kind}: {found}");
        assert!(common::snapshot(&path).is_empty(), "{kind}");
    }
}

/// In a container a run may be process 1, as may another one that shares its folder: what stands there is not its own.
#[test]
fn a_folder_of_another_process_with_the_same_number_is_left_alone() {
    let folder = Folder::new();
    fs::create_dir(folder.path("h5lab-run-1-1")).unwrap();
    folder.write("h5lab-run-1-1/mine", "precious");
    let run = Run::new("/usr/bin/unshare", &folder.path("")).words("--user --map-root-user --pid --fork --mount-proc");
    let done =
        run.arg(env!("CARGO_BIN_EXE_h5lab")).words("run --shape 4x5 --repeat 2 --ceiling false --save r.jsonl").run();
    if done.stderr.contains("unshare:") {
        eprintln!("no namespaces here: left out");
        return;
    }
    assert_eq!(done.code, Some(0), "{done}");
    assert_eq!(folder.read("h5lab-run-1-1/mine"), b"precious");
    assert_eq!(folder.names(), ["h5lab-run-1-1", "r.jsonl"]);
}
