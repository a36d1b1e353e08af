//! `h5lab run`: what a plan asks for, what is refused or left out, and what is said before anything is opened.

mod common;

use common::{Folder, MPI, Outcome};
use h5lab_core::experiment::Direction;
use h5lab_core::failure::FailureKind::{self, Input, Refused, Storage, Usage};
use h5lab_core::record::Verification;
use std::collections::BTreeSet;

const PLAN: &str = r#"
shape = "8x20x30"
dtype = ["u16", "f32"]
method = ["independent", "posix"]
chunk = ["contiguous", "1x20x30"]
access = ["projection", "sinogram:4"]
np = [1, 2]
cache = ["warm", "cold"]
processes = ["axis0", "blocks"]
repeat = 2
hint = { cb_nodes = 1 }
mpi-io = "default"
"#;

/// The same as flags. Threads have no MPI-IO and so no hints.
const FLAGS: &str = "--shape 8x20x30 --dtype u16,f32 --method independent,posix --chunk contiguous,1x20x30 \
    --access projection,sinogram:4 --np 1,2 --cache warm --cache cold --split axis0,blocks --repeat 2 \
    --hint cb_nodes=1 --mpi-io default";

#[test]
fn presets_are_listed_and_each_has_cells() {
    let folder = Folder::new();
    let listed = folder.h5lab("run --presets").ok().stdout;
    let names: Vec<&str> = listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.contains(&"read") && names.contains(&"projection-stack"), "{listed}");
    for name in names {
        let cells = folder.h5lab(&format!("run --preset {name} --dry-run")).ok();
        assert!(cells.stdout.contains("peak disk"), "{cells}");
    }
    let unknown = folder.h5lab("run --preset nope").run();
    refused(&unknown, Usage, &["no preset 'nope'", "write, read, chunking, projection-stack"]);
    assert_eq!(folder.names(), [""; 0], "a dry run leaves nothing");
}

#[test]
fn a_plan_and_its_flags_are_the_same_cells() {
    let folder = Folder::new();
    let without_hints = |text: &str| if MPI { text.to_owned() } else { text.replace("hint = { cb_nodes = 1 }", "") };
    let flags = if MPI { FLAGS.to_owned() } else { FLAGS.replace("--hint cb_nodes=1", "") };
    folder.write("plan.toml", without_hints(PLAN));
    let from_plan = folder.h5lab("run plan.toml --dry-run --json").ok().stdout;
    let from_flags = folder.h5lab(&format!("run {flags} --dry-run --json")).ok().stdout;
    assert_eq!(from_plan, from_flags);
    let batches: Vec<serde_json::Value> = from_plan.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(batches.len() >= 8, "{from_plan}");
    let replaced = folder.h5lab("run plan.toml --np 1 --dtype u16 --dry-run --json").ok().stdout;
    assert!(replaced.lines().count() < from_plan.lines().count(), "a flag replaces what the plan says");
}

#[test]
fn a_dry_run_says_what_it_will_take_and_opens_nothing() {
    let folder = Folder::new();
    folder.write("plan.toml", "shape = '16x64x64'\naccess = 'projection'\nmethod = ['gather', 'posix']\nrepeat = 3");
    let before = folder.snapshot();
    let told = folder.h5lab("run plan.toml --dry-run --save results.jsonl").ok();
    for text in ["4 in 1 batch, 3 rounds each", "to be written   1.50 MiB", "peak disk", "peak memory", "time  "] {
        assert!(told.stdout.contains(text), "'{text}': {told}");
    }
    assert!(before == folder.snapshot(), "{:?}", folder.names());
}

#[test]
fn what_does_not_fit_on_the_disk_is_refused_up_front() {
    let folder = Folder::new();
    for words in ["run --shape 100000x100000x100000", "run --shape 100000x100000x100000 --save r.jsonl --np 2"] {
        refused(&folder.h5lab(words).run(), Storage, &["no room", "needed", "free", "what to do"]);
    }
    let dry = folder.h5lab("run --shape 100000x100000x100000 --dry-run").run();
    assert_eq!(dry.code, Some(i32::from(Storage.exit_code())), "{dry}");
    assert!(dry.stdout.contains("peak disk") && dry.stderr.contains("no room"), "{dry}");
    assert_eq!(folder.names(), [""; 0]);
}

/// A plan, and what is said of it.
const BAD_PLANS: &[(&str, FailureKind, &[&str])] = &[
    ("np = 1\nmethd = 'posix'", Usage, &["bad.toml", "line 2, column 1", "'methd'", "did you mean 'method'?"]),
    ("shape = '4x5'\nproceses = 'blocks'", Usage, &["line 2, column 1", "did you mean 'processes'?"]),
    ("np = []", Usage, &["line 1, column 6", "np: the list is empty"]),
    ("np = 1.5", Usage, &["line 1, column 6", "float"]),
    ("np = 'two'", Usage, &["line 1, column 6", "'two' is not a whole number"]),
    ("np = -1", Usage, &["line 1, column 6", "at least 1"]),
    ("repeat = [1, 2]", Usage, &["line 1, column 10", "it takes one"]),
    ("seed = -1", Usage, &["line 1, column 8", "'-1'", "whole number"]),
    ("fsync = 'yes'", Usage, &["line 1, column 9", "'yes'", "true"]),
    ("\n\n  buffer = '64MB'", Usage, &["line 3, column 12", "64MB", "64MiB"]),
    ("buffer = 99999999999999999999", Usage, &["line 1", "what to do"]),
    ("buffer = '99999999999999999999'", Usage, &["'99999999999999999999'", "too large"]),
    ("shape = '4x0'", Usage, &["every size must be at least 1"]),
    ("shape = 'big'", Usage, &["line 1, column 9", "'big' is not a shape", "500x768x1366"]),
    ("data = 'from nowhere.h5'", Usage, &["FILE:DATASET"]),
    ("data = 'from nowhere.h5:x'", Input, &["nowhere.h5: no such file"]),
    ("access = 'diagonal'", Usage, &["line 1, column 10", "diagonal"]),
    ("processes = 'rows'", Usage, &["unknown split 'rows'", "axis0", "blocks"]),
    ("on-error = 'retry'", Usage, &["'retry'"]),
    ("np = [1,\n", Usage, &["line 1, column 9", "not TOML"]),
    ("[run]\nnp = 1", Usage, &["line 1, column 2", "unknown key 'run'"]),
    ("np = 1\nnp = 2", Usage, &["line 2", "duplicate key"]),
];

#[test]
fn plans_that_cannot_be() {
    let folder = Folder::new();
    let mut wrong = Vec::new();
    for (plan, kind, says) in BAD_PLANS {
        folder.write("bad.toml", plan);
        let outcome = folder.h5lab("run bad.toml --save r.jsonl").run();
        let missing: Vec<_> = says.iter().filter(|text| !outcome.stderr.contains(**text)).collect();
        if outcome.code != Some(i32::from(kind.exit_code())) || !missing.is_empty() || !outcome.stdout.is_empty() {
            wrong.push(format!("{plan:?} does not say {missing:?}: {outcome}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(folder.names(), ["bad.toml"], "nothing was opened");
}

#[test]
fn files_that_are_no_plans() {
    let folder = Folder::new();
    folder.write("bytes.toml", b"np = 1 # \xff\xfe");
    for (plan, says) in [("bytes.toml", "UTF-8"), ("nowhere.toml", "no such plan"), (".", "is a directory")] {
        refused(&folder.h5lab(&format!("run {plan}")).run(), Input, &[plan, says, "what to do: name a TOML file"]);
    }
}

/// Flags, and what is said of them.
const BAD_FLAGS: &[(&str, FailureKind, &[&str])] = &[
    ("--np 0", Usage, &["--np", "at least 1"]),
    ("--np -1", Usage, &["--np", "'-1'", "at least 1"]),
    ("--seed -1", Usage, &["--seed", "'-1'", "whole number"]),
    ("--repeat -2", Usage, &["--repeat", "at least 1"]),
    ("--buffer 99999999999999999999", Usage, &["--buffer", "too large"]),
    ("--methd posix", Usage, &["--methd", "--method"]),
    ("--method=", Usage, &["--method"]),
    ("--resume", Usage, &["--save"]),
    ("plan.toml --preset read", Usage, &["cannot be used with"]),
    ("--path nowhere/here", Storage, &["nowhere/here: the folder does not exist", "mkdir -p nowhere/here"]),
    ("--path notes.txt", Storage, &["notes.txt", "is a file, not a folder"]),
    ("--path notes.txt/x", Storage, &["notes.txt", "is a file, not a folder"]),
    ("--save nowhere/r.jsonl", Storage, &["nowhere/r.jsonl", "what to do", "--save"]),
    ("--save .", Storage, &["directory", "--save"]),
    ("--save notes.txt", Refused, &["notes.txt", "no result file", "--save"]),
];

#[test]
fn flags_that_cannot_be() {
    let folder = Folder::new();
    folder.write("notes.txt", "precious\n");
    for (flags, kind, says) in BAD_FLAGS {
        refused(&folder.h5lab(&format!("run --shape 4x5x6 {flags}")).run(), *kind, says);
    }
    assert_eq!(folder.names(), ["notes.txt"]);
    assert_eq!(folder.read("notes.txt"), b"precious\n");
}

#[test]
fn cells_that_cannot_be_are_listed_and_the_others_run() {
    let folder = Folder::new();
    let words = "run --shape 4x6x5 --np 2 --repeat 1 --ceiling false --method independent,gather,posix \
        --chunk 1x6x5,5x5 --filter none,gzip=1 --access projection,roi:9x9 --alignment default,4KiB --json --save r.jsonl";
    let quiet = folder.h5lab(words).ok();
    let records = quiet.records();
    assert_eq!(folder.records("r.jsonl"), records);
    assert_eq!((folder.names(), quiet.stderr.as_str()), (vec!["r.jsonl".to_owned()], ""), "{quiet}");
    let told = folder.h5lab(&words.replace("--json --save r.jsonl", "--dry-run").replace("--np 2", "--np 1,2")).ok();
    let axes = folder.h5lab("run --shape 4x6x5 --processes axis0,axis3 --dry-run").ok();
    assert!(axes.stderr.contains("processes axis3 does not fit a dataset of shape 4x6x5"), "{axes}");
    let reasons = ["skipped: 4x6x5 u16 as", "does not fit", "posix + alignment: this is a setting of HDF5"];
    if MPI {
        let why = "independent + filter: HDF5 cannot write filtered chunks from several ranks";
        let skipped = |np: u32| told.stderr.contains(&format!("np {np}: {why}"));
        assert!(skipped(2) && !skipped(1), "{told}");
    }
    for reason in reasons {
        assert!(told.stderr.contains(reason), "'{reason}': {told}");
    }
    let filtered = |method: &str| {
        let of_it = records.iter().filter(|r| r.experiment.method.name() == method);
        of_it.filter(|r| !r.experiment.layout.filters().is_empty()).count()
    };
    assert_eq!((filtered("independent"), filtered("gather"), filtered("posix")), (if MPI { 0 } else { 4 }, 4, 0));
}

#[test]
fn a_plan_of_nothing_but_impossible_cells_is_refused() {
    let folder = Folder::new();
    let words = "run --shape 4x5 --method posix --alignment 4KiB --save r.jsonl";
    let says = ["no cell of this plan can be measured here", "posix + alignment", "what to do"];
    refused(&folder.h5lab(words).run(), Usage, &says);
    assert_eq!(folder.names(), [""; 0]);
}

/// Each method, split, access and cache state, in one plan: all values are verified.
#[test]
fn every_method_and_split_reads_what_it_wrote() {
    let folder = Folder::new();
    let words = "run --shape 5x6x7 --dtype i32 --data ramp --np 3 --repeat 2 --processes axis0,axis2,blocks \
        --method independent,collective,gather,per-process,posix,null --access full,projection,sinogram:3 --json";
    let records = folder.h5lab(words).ok().records();
    let methods: BTreeSet<_> = records.iter().map(|r| r.experiment.method.name()).collect();
    assert_eq!(methods.len(), if MPI { 6 } else { 5 }, "{methods:?}");
    assert_eq!(records.len(), methods.len() * 3 * 4);
    for record in records {
        let e = &record.experiment;
        let wanted = if e.direction == Direction::Read { Verification::Passed } else { Verification::NotRead };
        assert_eq!((record.verification, record.samples.len()), (wanted, 2), "{}", e.in_words());
    }
    assert_eq!(folder.names(), [""; 0]);
}

/// Settings that differ have a column, those that don't have none; above the table stands what all rows share.
#[test]
fn rows_of_a_table_can_be_told_apart() {
    let folder = Folder::new();
    let words = "run --shape 4x6x5 --np 2 --method gather,per-process --chunk 2x3x5 --processes axis0,axis1 \
        --alignment default,4KiB --repeat 1 --ceiling false --save r.jsonl";
    let told = folder.h5lab(words).ok();
    let rows: BTreeSet<Vec<&str>> = told
        .stdout
        .lines()
        .skip_while(|line| !line.contains("alignment"))
        .skip(1)
        .take(8)
        .map(|line| line.split_whitespace().skip(1).take(9).collect())
        .collect();
    assert_eq!(rows.len(), 8, "{told}");
    assert!(rows.iter().all(|row| row.contains(&"axis0") != row.contains(&"axis1")), "{rows:?}");
    assert!(rows.iter().all(|row| row.contains(&"4096") != row.contains(&"-")), "{rows:?}");
    let title = told.stdout.lines().find(|line| line.starts_with("4x6x5 u16 detector, HDF5 ")).expect("a title");
    assert!(!title.contains("gather") && !told.stdout.contains("buffer"), "{told}");
}

/// Drivers for MPI allocate when the dataset is made, which the dataset's property list does not tell.
#[test]
fn the_allocation_time_is_the_one_in_force() {
    let folder = Folder::new();
    let words = "run --shape 4x6x5 --np 2 --method independent,gather --chunk 2x3x5 --repeat 1 --ceiling false --json";
    for record in folder.h5lab(words).ok().records() {
        let early = record.actual.driver == "mpio";
        assert_eq!(record.actual.in_force["allocation-time"], if early { "early" } else { "incremental" });
    }
}

#[cfg(feature = "mpi")]
#[test]
fn the_mpi_io_component_is_the_one_that_was_loaded() {
    let folder = Folder::new();
    let words = "run --shape 4x6x5 --np 2 --method collective --repeat 1 --ceiling false --json --mpi-io";
    for component in ["ompio", "romio"] {
        let records = folder.h5lab(&format!("{words} {component}")).ok().records();
        assert!(records.iter().all(|record| record.actual.in_force["mpi-io"] == component), "{records:?}");
    }
    let records = folder.h5lab(&format!("{words} default")).ok().records();
    assert!(records.iter().all(|record| !record.actual.in_force.contains_key("mpi-io")), "{records:?}");
}

#[test]
fn progress_is_told_cell_by_cell_to_those_who_listen() {
    let folder = Folder::new();
    let words = "run --shape 4x5x6 --access projection --repeat 2 --method gather";
    let told = folder.h5lab(words).ok();
    for text in ["cell 1 of 2: write rows by gather", "cell 2 of 2: read projection by gather", "s so far, about"] {
        assert!(told.stderr.contains(text), "'{text}': {told}");
    }
    for silent in ["--quiet", "--json"] {
        assert_eq!(folder.h5lab(&format!("{words} {silent}")).ok().stderr, "");
    }
}

/// `script` makes a terminal.
#[test]
fn a_terminal_gets_a_bar() {
    let folder = Folder::new();
    let line =
        format!("{} run --shape 64x100x600 --data ramp --access projection --repeat 5", env!("CARGO_BIN_EXE_h5lab"));
    let told = folder.tool("script", "-qec").env("TERM", "xterm").arg(line).arg("/dev/null").ok();
    for text in ["cell 1 of 2, round 1 of 5: write rows", "cell 2 of 2", "ETA "] {
        assert!(told.stdout.contains(text), "'{text}': {told}");
    }
    assert!(!told.stdout.contains("so far, about"), "no notes beside the bar: {told}");
}

/// The user's own mpirun: only the cells for its ranks, and one voice.
#[cfg(feature = "mpi")]
#[test]
fn ranks_of_another_launcher() {
    let folder = Folder::new();
    let words =
        "run --shape 5x6x7 --np 1,2 --method collective,per-process --access sinogram --repeat 2 --save r.jsonl";
    let told = folder.mpirun(2, words).ok();
    let records = folder.records("r.jsonl");
    assert!(records.iter().all(|r| r.experiment.np == 2 && r.failure.is_none()), "{told}");
    assert_eq!((records.len(), told.stdout.matches("collective").count() > 0), (4, true), "{told}");
    assert!(told.stderr.contains("skipped: np 1: the launcher started 2 ranks"), "{told}");
    assert_eq!(told.stderr.matches("cell 1 of 4").count(), 1, "{told}");
    assert_eq!(folder.names(), ["r.jsonl"]);
    let unasked = folder.mpirun(2, "run --shape 5x6x7 --repeat 1 --json --quiet").ok();
    assert_eq!(unasked.records()[0].experiment.np, 2, "a plan without rank counts takes the launcher's");
    let none = folder.mpirun(2, "run --shape 5x6x7 --np 1").run();
    refused(&none, Usage, &["the launcher started 2 ranks, but the plan has np = [1]", "what to do"]);
}

fn refused(outcome: &Outcome, kind: FailureKind, says: &[&str]) {
    assert_eq!(outcome.code, Some(i32::from(kind.exit_code())), "{outcome}");
    for text in says {
        assert!(outcome.stderr.contains(text), "stderr does not say '{text}': {outcome}");
    }
    assert_eq!(outcome.stdout, "", "what fails has no result: {outcome}");
}
