//! A rank that fails: all ranks leave, soon, with the message of the one that failed, and nothing is left behind.
//!
//! `H5LAB_FAULT` makes it happen; h5lab-io's `fault` module says how.

mod common;

use common::{Folder, MPI, Outcome, Running};
use h5lab_core::failure::FailureKind;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

/// Seconds within which all ranks must be gone: 10 on a machine that is not busy with other ranks, as it is here.
const SOON: f64 = 15.0;

/// One test at a time: ranks that wait keep a core busy.
static TURN: Mutex<()> = Mutex::new(());

/// The fault (RANK:PHASE:HOW) and the command that meets it.
type Case = (&'static str, &'static str);

/// Where an error leaves the others in a collective call, h5lab waits some seconds for them: those come first, two at a
/// time.
const ERRORS: &[Case] = &[
    ("1:open:error", "write 7 11 test.h5 --np 3"),
    ("1:transfer:error", "write 7 11 test.h5 --np 2 --collective"),
    ("1:flush:error", "write 7 11 test.h5 --np 2 --fsync"),
    ("0:close:error", "write 7 11 test.h5 --np 2"),
    ("0:open:error", "read test.h5 --np 2"),
    ("0:transfer:error", "read test.h5 --np 3 --collective"),
    ("1:close:error", "read test.h5 --np 3"),
    ("0:transfer:error", "write 7 11 test.h5 --np 3"),
    ("1:transfer:error", "read test.h5 --np 2"),
];

const PANICS: &[Case] = &[
    ("0:open:panic", "write 7 11 test.h5 --np 3"),
    ("1:transfer:panic", "write 7 11 test.h5 --np 2"),
    ("0:transfer:panic", "write 7 11 test.h5 --np 2 --collective"),
    ("1:flush:panic", "write 7 11 test.h5 --np 2 --fsync"),
    ("1:close:panic", "write 7 11 test.h5 --np 3 --collective"),
    ("1:open:panic", "read test.h5 --np 2"),
    ("2:transfer:panic", "read test.h5 --np 3 --collective"),
    ("0:close:panic", "read test.h5 --np 2"),
];

#[cfg(feature = "mpi")]
const KILLS: &[Case] = &[
    ("1:open:kill", "write 7 11 test.h5 --np 2"),
    ("0:transfer:kill", "write 7 11 test.h5 --np 3 --collective"),
    ("1:transfer:kill", "write 7 11 test.h5 --np 2"),
    ("1:flush:kill", "write 7 11 test.h5 --np 2 --fsync"),
    ("0:close:kill", "write 7 11 test.h5 --np 2"),
    ("0:open:kill", "read test.h5 --np 3"),
    ("1:transfer:kill", "read test.h5 --np 2 --collective"),
    ("1:close:kill", "read test.h5 --np 2"),
];

#[test]
fn a_rank_that_fails() {
    check_all(ERRORS, FailureKind::Storage);
}

#[test]
fn a_rank_that_panics() {
    check_all(PANICS, FailureKind::Internal);
}

/// Threads share one process: killing one kills all, and there is nobody left to tell of it.
#[cfg(feature = "mpi")]
#[test]
fn a_rank_that_is_killed() {
    check_all(KILLS, FailureKind::RankLost);
}

fn check_all(cases: &[Case], kind: FailureKind) {
    let phases: BTreeSet<_> = cases.iter().map(|(fault, _)| fault.split(':').nth(1).unwrap()).collect();
    assert_eq!(phases.into_iter().collect::<Vec<_>>(), ["close", "flush", "open", "transfer"], "every phase");
    let _turn = TURN.lock().unwrap_or_else(|e| e.into_inner());
    for some in cases.chunks(TOGETHER) {
        let underway: Vec<Underway> = some.iter().map(|&case| start(case)).collect();
        underway.into_iter().for_each(|case| check(case, kind));
    }
}

/// Cases that run at the same time: most of their time is waiting.
const TOGETHER: usize = 2;

/// A command that has met its fault, or is about to.
struct Underway {
    fault: &'static str,
    folder: Folder,
    before: BTreeMap<String, Vec<u8>>,
    running: Running,
}

fn start((fault, words): Case) -> Underway {
    let folder = folder_with_test_h5();
    let before = folder.snapshot();
    let words = if MPI { words.to_owned() } else { words.replace("--collective", "") };
    let running = folder.h5lab(&words).env("H5LAB_FAULT", fault).start();
    Underway { fault, folder, before, running }
}

fn check(case: Underway, kind: FailureKind) {
    let outcome = case.running.finish();
    told(&outcome, case.fault, kind);
    let after = case.folder.snapshot();
    assert!(case.before == after, "it left {:?}, or changed a file: {outcome}", after.keys());
}

fn told(outcome: &Outcome, fault: &str, kind: FailureKind) {
    let rank = fault.split(':').next().unwrap();
    assert_eq!(outcome.code, Some(i32::from(kind.exit_code())), "{outcome}");
    assert!(outcome.seconds < SOON, "{outcome}");
    assert!(!outcome.stderr.contains("stack backtrace"), "a panic is a line: {outcome}");
    let named = outcome.stderr.lines().any(|line| line.starts_with(&format!("h5lab: rank {rank}: ")));
    assert!(named, "rank {rank} is not named: {outcome}");
    assert_eq!(outcome.stdout, "", "what fails has no result: {outcome}");
}

/// A file that a failed command must leave as it is.
fn folder_with_test_h5() -> Folder {
    let folder = Folder::new();
    folder.h5lab("write 5 3 test.h5").ok();
    folder
}

/// The user's own mpirun, which nobody stands above to tell what happened.
#[cfg(feature = "mpi")]
#[test]
fn ranks_under_the_users_own_mpirun() {
    let _turn = TURN.lock().unwrap_or_else(|e| e.into_inner());
    for (fault, words, kind) in [
        ("1:open:error", "write 7 11 test.h5", FailureKind::Storage),
        ("1:close:panic", "write 7 11 test.h5", FailureKind::Internal),
        ("0:transfer:error", "read test.h5", FailureKind::Storage),
    ] {
        let folder = folder_with_test_h5();
        let before = folder.snapshot();
        let outcome = folder.mpirun(2, words).env("H5LAB_FAULT", fault).run();
        told(&outcome, fault, kind);
        assert!(before == folder.snapshot(), "it left something behind: {outcome}");
    }
}

/// Of several rank counts, those before the failure are kept.
#[test]
fn what_was_measured_before_a_failure_is_kept() {
    let folder = Folder::new();
    let words = "write 7 11 test.h5 --np 1,2 --json --save kept.jsonl";
    let outcome = folder.h5lab(words).env("H5LAB_FAULT", "1:transfer:error").run();
    assert_eq!(outcome.code, Some(i32::from(FailureKind::Storage.exit_code())), "{outcome}");
    let kept = common::records(&String::from_utf8(folder.read("kept.jsonl")).unwrap());
    assert_eq!(kept.iter().map(|record| record.experiment.np).collect::<Vec<_>>(), [1], "{outcome}");
    assert_eq!(outcome.records(), kept);
}

/// A fault in a phase that there is not, likewise.
#[test]
fn a_fault_that_would_not_happen_is_refused() {
    let folder = folder_with_test_h5();
    for (fault, words, says) in [
        ("1:flush:error", "write 7 11 test.h5 --np 2", "nothing is flushed"),
        ("0:flush:kill", "read test.h5", "nothing is flushed"),
        ("0:flush:error", "run --shape 8x8", "nothing is flushed"),
        ("0:open:error", "simple simple.h5", "simple has no phases"),
    ] {
        let before = folder.snapshot();
        let outcome = folder.h5lab(words).env("H5LAB_FAULT", fault).run();
        assert_eq!(outcome.code, Some(i32::from(FailureKind::Usage.exit_code())), "{outcome}");
        assert!(outcome.stderr.contains(says) && outcome.stderr.contains("what to do"), "{outcome}");
        assert!(before == folder.snapshot(), "{outcome}");
    }
}

/// A fault that silently does not happen would let all of the above pass.
#[test]
fn a_fault_that_cannot_be_read_is_refused() {
    for fault in ["1:open", "1:start:error", "x:open:error", "1:open:explode", ""] {
        let folder = Folder::new();
        let outcome = folder.h5lab("write 3 4").env("H5LAB_FAULT", fault).run();
        assert_eq!(outcome.code, Some(i32::from(FailureKind::Usage.exit_code())), "{outcome}");
        assert!(outcome.stderr.contains("RANK:PHASE:error|panic|kill|hang"), "{outcome}");
    }
}
