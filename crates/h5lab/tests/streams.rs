//! What goes in and out of the process: names of any bytes, closed and full pipes, ranks that print.

mod common;

use common::{Folder, Outcome, Run};
use h5lab_core::failure::FailureKind;
use h5lab_core::record::Verification;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// What a shell makes of `words`, with `h5lab` as `$H` and `pipefail` set.
fn shell(folder: &Folder, words: &str) -> Outcome {
    let script = format!("set -o pipefail; {}", words.replace("$H", env!("CARGO_BIN_EXE_h5lab")));
    Run::new("/bin/bash", &folder.path("")).arg("-c").arg(script).run()
}

/// The same with a standard output whose reader is gone before h5lab starts: a mere `| true` may outlive it.
fn unread(folder: &Folder, words: &str) -> Outcome {
    shell(folder, &format!("exec 4> >(true); wait $!; {words} >&4"))
}

fn code(kind: FailureKind) -> Option<i32> {
    Some(i32::from(kind.exit_code()))
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let folder = Folder::new();
    folder.h5lab("write 7 11 t.h5 --quiet").ok();
    for words in [
        "$H read t.h5",
        "$H read t.h5 --np 1,2 --quiet --json",
        "$H env",
        "$H run --presets",
        "$H run --shape 64x64 --ceiling false --json",
        "$H write --help",
    ] {
        let outcome = unread(&folder, words);
        assert_eq!(outcome.code, code(FailureKind::Unread), "{outcome}");
        assert!(!outcome.stderr.contains("panicked") && !outcome.stderr.contains("h5lab: print"), "{outcome}");
    }
    assert_eq!(folder.snapshot().into_keys().collect::<Vec<_>>(), ["t.h5"], "scratch files are gone");
}

/// What was measured is saved before anybody is told.
#[test]
fn a_closed_pipe_loses_no_record() {
    let folder = Folder::new();
    for (words, saved) in [("write 7 11 t.h5", 1), ("read t.h5", 2), ("read t.h5 --json", 3)] {
        let outcome = unread(&folder, &format!("$H {words} --save r.jsonl"));
        assert_eq!(outcome.code, code(FailureKind::Unread), "{outcome}");
        assert_eq!(folder.records("r.jsonl").len(), saved, "{outcome}");
    }
}

#[test]
fn a_closed_stderr_is_no_failure() {
    let folder = Folder::new();
    let outcome = shell(&folder, "$H write 7 11 t.h5 2>&- && { $H read nowhere.h5 2>&1 >&3 | true; } 3>&1");
    assert_eq!(outcome.code, code(FailureKind::Input), "{outcome}");
}

#[test]
fn a_full_stdout_is_told() {
    let folder = Folder::new();
    folder.h5lab("write 7 11 t.h5 --quiet").ok();
    for words in
        ["$H read t.h5 >/dev/full", "$H read t.h5 --json >/dev/full", "$H env >/dev/full", "$H --help >/dev/full"]
    {
        let outcome = shell(&folder, words);
        assert_eq!(outcome.code, code(FailureKind::Storage), "{outcome}");
        let says = ["print the results: No space left on device", "what to do: free space where stdout goes"];
        assert!(says.iter().all(|text| outcome.stderr.contains(text)), "{outcome}");
    }
}

#[test]
fn names_of_files_may_be_any_bytes() {
    let folder = Folder::new();
    let name = OsStr::from_bytes(b"\xff\xfe.h5");
    for np in ["1", "2"] {
        let written = folder.h5lab(&format!("write 7 11 --json --np {np}")).arg(name).ok().record();
        assert!(written.command.iter().any(|word| word == "\u{fffd}\u{fffd}.h5"), "{:?}", written.command);
        assert!(written.file.ends_with("\u{fffd}\u{fffd}.h5"), "{:?}", written.file);
        let read = folder.h5lab(&format!("read --json --np {np}")).arg(name).ok().record();
        assert_eq!(read.verification, Verification::Passed);
    }
    folder.h5lab("simple --json").arg(name).ok();
    folder.h5lab("write 7 11").arg(name).ok();
    let missing = folder.h5lab("read").arg(OsStr::from_bytes(b"\xff.h5")).run();
    assert_eq!(missing.code, code(FailureKind::Input), "{missing}");
}

#[cfg(feature = "mpi")]
#[test]
fn the_first_rank_alone_says_what_is_wrong_before_mpi_starts() {
    let folder = Folder::new();
    for (words, says) in [
        ("chunking", "chunking runs in one process, but the launcher started 3 ranks"),
        ("--json", "requires a subcommand"),
        ("write abc 5", "whole number"),
        ("run nowhere.toml", "no such plan"),
    ] {
        let outcome = folder.mpirun(3, words).run();
        assert_eq!(outcome.stderr.matches(says).count(), 1, "{outcome}");
        assert_ne!(outcome.code, Some(0), "{outcome}");
        assert!(!outcome.stderr.contains("batch"), "hidden: {outcome}");
    }
    assert_eq!(folder.snapshot().len(), 0);
    let help = folder.mpirun(3, "write --help").ok();
    assert_eq!(help.stdout.matches("Usage: h5lab write").count(), 1, "{help}");
    assert!(!help.stdout.contains('\x1b'), "a launcher's terminal is not the user's: {help}");
}

#[cfg(feature = "mpi")]
#[test]
fn env_tells_what_mpi_grants_or_why_it_does_not_start() {
    let folder = Folder::new();
    let level = |outcome: Outcome| {
        let mut lines = outcome.stdout.lines().filter(|line| line.trim_start().starts_with("thread level"));
        let line = lines.next().unwrap_or_else(|| panic!("{outcome}")).trim().to_owned();
        assert_eq!((lines.next(), outcome.stderr.as_str()), (None, ""), "once, and nothing else: {outcome}");
        line
    };
    assert!(!level(folder.h5lab("env").ok()).contains("unknown"));
    assert!(!level(folder.mpirun(3, "env").ok()).contains("unknown"));
    // Open MPI starts no daemon for a process that is alone: it needs no ssh.
    assert!(!level(folder.h5lab("env").env("PATH", "").ok()).contains("unknown"));
    let broken = level(folder.h5lab("env").env("OMPI_MCA_pml", "nonsense").ok());
    assert!(broken.contains("unknown: MPI does not start here: "), "{broken}");
}

#[cfg(feature = "mpi")]
#[test]
fn an_mpirun_that_cannot_start_ranks_is_the_environments_fault() {
    let folder = Folder::new();
    let outcome = folder.h5lab("write 7 11 --np 2").env("OMPI_MCA_pml", "nonsense").run();
    assert_eq!(outcome.code, code(FailureKind::Environment), "{outcome}");
    assert!(outcome.stderr.contains("before MPI had started: ") && outcome.stderr.contains("hostname"), "{outcome}");
    std::os::unix::fs::symlink(common::on_search_path("mpirun"), folder.path("mpirun")).unwrap();
    let alone = folder.path("").display().to_string();
    let outcome = folder.h5lab("write 7 11 --np 2").env("PATH", &alone).run();
    assert_eq!(outcome.code, code(FailureKind::Environment), "{outcome}");
    assert!(outcome.stderr.contains("plm_rsh_agent") && outcome.stderr.contains("install ssh"), "{outcome}");
}
