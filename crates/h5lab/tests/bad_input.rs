//! Input that can't be: the exit code, the message that names the mend, and nothing left behind.

mod common;

use common::disk::Disk;
use common::{Folder, MPI, Outcome, Run, on_search_path, root_for, snapshot};
use h5lab_core::dataset::Dtype;
use h5lab_core::failure::FailureKind;
use h5lab_core::generate::{Data, DataKind};
use h5lab_core::record::Verification;
use h5lab_core::region::Region;
use h5lab_io::buffer::Buffer;
use rustix::process::Signal;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use FailureKind::{Environment, Input, Interrupted, Mismatch, Refused, Storage, Usage};

/// Words, the kind of failure, and what stderr must say: what is wrong, and the mend.
type Case = (&'static str, FailureKind, &'static [&'static str]);

/// Runs a case in a folder that it must leave as it was.
fn check(folder: &Folder, (words, kind, says): Case) {
    check_run(folder, folder.h5lab(words), kind, says);
}

fn check_run(folder: &Folder, run: Run, kind: FailureKind, says: &[&str]) -> Outcome {
    let before = folder.snapshot();
    let outcome = run.run();
    refused(&outcome, kind, says);
    let after = folder.snapshot();
    assert!(before == after, "it left {:?} where {:?} was: {outcome}", after.keys(), before.keys());
    outcome
}

fn refused(outcome: &Outcome, kind: FailureKind, says: &[&str]) {
    assert_eq!(outcome.code, Some(i32::from(kind.exit_code())), "{outcome}");
    for text in says {
        assert!(outcome.stderr.contains(text), "stderr does not say '{text}': {outcome}");
    }
    assert_eq!(outcome.stdout, "", "what fails has no result: {outcome}");
}

/// Runs a table of cases to its end, and then says all that was wrong.
fn check_all(folder: &Folder, cases: &[Case]) {
    assert!(!cases.is_empty());
    let wrong = cases.iter().filter(|case| catch_unwind(AssertUnwindSafe(|| check(folder, **case))).is_err());
    let wrong: Vec<&str> = wrong.map(|(words, ..)| *words).collect();
    assert!(wrong.is_empty(), "{} of {} cases failed: {wrong:#?}", wrong.len(), cases.len());
}

/// Ranks as this build has them, in cases that are worth the time.
fn with_two_ranks((words, kind, says): Case, folder: &Folder) {
    check_run(folder, folder.h5lab(words).words("--np 2"), kind, says);
}

const NOT_HDF5: &[&str] = &["not an HDF5 file", "what to do: name an HDF5 file"];
const TRUNCATED: &[&str] = &["the file is truncated", "what to do: copy or write it again"];
const NOT_NUMERIC: &[&str] =
    &["'data' is of a type that h5lab does not read", "what to do: choose another with --dataset", "uint16", "float64"];
const SCALAR: &[&str] = &["'data' is a scalar", "what to do: choose another with --dataset"];

const UNREADABLE: &[Case] = &[
    ("read text.h5", Input, NOT_HDF5),
    ("read empty.h5", Input, NOT_HDF5),
    ("read half-header.h5", Input, &["what to do"]),
    ("read truncated.h5", Input, TRUNCATED),
    ("read nowhere.h5", Input, &["nowhere.h5: no such file", "what to do: check the name"]),
    ("read nowhere/test.h5", Input, &["nowhere/test.h5: no such file", "what to do"]),
    ("read text.h5/test.h5", Storage, &["text.h5/test.h5: Not a directory", "what to do: check each part"]),
    ("read circle.h5", Storage, &["circle.h5: Too many levels of symbolic links", "what to do: check each part"]),
    ("read .", Input, &["is a directory", "what to do: name an HDF5 file in it"]),
    ("read", Input, &["test.h5: no such file", "what to do"]),
    ("read two.h5", Input, &["2 datasets", "what to do: choose one with --dataset", "entry/data, other"]),
    ("read two.h5 --dataset nope", Input, &["no dataset 'nope'", "--dataset; it has: entry/data, other"]),
    ("read two.h5 --dataset entry", Input, &["no dataset 'entry'", "entry/data, other"]),
    ("read no-dataset.h5", Input, &["no dataset in this file", "what to do: name another file"]),
    ("read scalar.h5", Input, SCALAR),
    ("read nothing.h5", Input, &["'data' is empty", "what to do: choose another with --dataset"]),
    ("read string.h5", Input, NOT_NUMERIC),
    ("read strings.h5", Input, NOT_NUMERIC),
    ("read compound.h5", Input, NOT_NUMERIC),
    ("read complex.h5", Input, NOT_NUMERIC),
    ("read flags.h5", Input, NOT_NUMERIC),
    ("read flags.h5", Input, &["does not read, bool", "f['as_uint8'] = f['data'].astype('uint8')"]),
    ("read half.h5", Input, NOT_NUMERIC),
    ("read half.h5", Input, &["does not read, float16", "f['as_float32'] = f['data'].astype('float32')"]),
];

#[test]
fn files_that_cannot_be_read() {
    let folder = Folder::new();
    folder.h5lab("write 8 1000 whole.h5").ok();
    let whole = folder.read("whole.h5");
    folder.write("truncated.h5", &whole[..whole.len() / 2]);
    folder.write("half-header.h5", &whole[..40]);
    folder.write("text.h5", "not HDF5 at all\n");
    folder.write("empty.h5", "");
    std::os::unix::fs::symlink("circle.h5", folder.path("circle.h5")).unwrap();
    folder.python("make_unreadable.py").ok();
    check_all(&folder, UNREADABLE);
    for text in ["read truncated.h5", "read two.h5", "read scalar.h5", "read nowhere.h5"] {
        let case = UNREADABLE.iter().find(|(words, ..)| *words == text).expect("a case of the table");
        with_two_ranks(*case, &folder);
    }
}

const WHOLE_NUMBER: &[&str] = &["whole number of at least 1"];

const IMPOSSIBLE: &[Case] = &[
    ("write 0 5", Usage, WHOLE_NUMBER),
    ("write -1 5", Usage, WHOLE_NUMBER),
    ("write 5 0", Usage, WHOLE_NUMBER),
    ("write 5 -3", Usage, WHOLE_NUMBER),
    ("write abc 5", Usage, WHOLE_NUMBER),
    ("write 1.5 5", Usage, WHOLE_NUMBER),
    ("write 1e3 5", Usage, WHOLE_NUMBER),
    ("write 99999999999999999999 5", Usage, &["99999999999999999999"]),
    ("write 4294967296 4294967296", Usage, &["more than 2^63 bytes", "what to do: make it smaller"]),
    ("write 18446744073709551615 1", Usage, &["more than 2^63 bytes", "what to do"]),
    ("write 5", Usage, &["NCOLS"]),
    ("write 3 4 a.h5 b.h5", Usage, &["unexpected argument 'b.h5'"]),
    ("write 3 4 --buffer 0", Usage, &["--buffer"]),
    ("write 3 4 --buffer 64MB", Usage, &["'64MB' for '--buffer <SIZE>': write a number of bytes"]),
    ("write 3 4 --buffer 1", Usage, &["does not hold one element", "what to do"]),
    ("write 3 4 --repeat 0", Usage, WHOLE_NUMBER),
    ("write 3 4 --seed -1", Usage, &["--seed", "'-1'", "whole number from 0"]),
    ("chunking --seed x", Usage, &["--seed", "'x'", "whole number from 0"]),
    ("write 3 4 --np 0", Usage, WHOLE_NUMBER),
    ("write 3 4 --np 2,x", Usage, WHOLE_NUMBER),
    ("write 3 4 --np 2,,3", Usage, WHOLE_NUMBER),
    ("write 3 4 --np -1", Usage, WHOLE_NUMBER),
    ("read --repeat -1", Usage, WHOLE_NUMBER),
    ("write 3 4 --buffer 99999999999999999999", Usage, &["--buffer", "too large", "smaller size"]),
    ("read --cache hot", Usage, &["as-found", "warm", "cold"]),
    ("read --view mine", Usage, &["process", "global"]),
    ("chunking --shape 0x5x5", Usage, &["every size must be at least 1"]),
    ("chunking --shape 4x5", Usage, &["3 axes", "what to do: write --shape IMAGESxROWSxCOLUMNS"]),
    ("chunking --shape 4,5,6", Usage, &["write whole numbers joined by x"]),
    ("chunking --shape 4x5x6 --chunk 1x2x2 --tile 9x9", Usage, &["tile 9x9", "4x5x6", "what to do"]),
    ("chunking --shape 4x5x6 --chunk 1x2x2 --tile 0x2", Usage, &["tile 0x2 is empty", "what to do"]),
    ("chunking --shape 4x5x6 --chunk 1x9x9 --tile 2x2", Usage, &["larger than the dataset 4x5x6", "what to do"]),
    ("chunking --shape 4x5x6 --chunk 2x2 --tile 2x2", Usage, &["chunk 2x2", "what to do"]),
    ("chunking --shape 4x5x6 --chunk 1x0x2 --tile 2x2", Usage, &["chunk 1x0x2", "what to do"]),
    ("chunking --gzip 10", Usage, &["0..=9"]),
    ("chunking --dtype c8", Usage, &["use one of u8, u16"]),
    ("chunking --data noise", Usage, &["use one of uniform, detector, tomography, ramp"]),
    ("chunking --path nowhere", Storage, &["nowhere: the folder does not exist", "mkdir -p nowhere"]),
    (
        "chunking --shape 1x40000x40000 --chunk 1x40000x40000",
        Usage,
        &["chunk 1x40000x40000: 11.9 GiB of f64", "less than 4 GiB", "what to do: write a --chunk with fewer elements"],
    ),
    (
        "run --shape 1x40000x40000 --dtype f64 --chunk 1x40000x40000",
        Usage,
        &["no cell of this plan", "11.9 GiB of f64", "less than 4 GiB"],
    ),
    ("write 3 4 --np 1000000", Usage, &["--np 1000000: that is more than 500 ranks on each of the", "what to do"]),
    ("frobnicate", Usage, &["unrecognized subcommand 'frobnicate'"]),
];

#[test]
fn words_that_cannot_be() {
    let folder = Folder::new();
    check_all(&folder, IMPOSSIBLE);
}

const UNWRITABLE: &[Case] = &[
    ("write 3 4 .", Input, &["is a directory", "what to do: name a file in it"]),
    ("write 3 4 nowhere/test.h5", Storage, &["nowhere: the folder does not exist", "mkdir -p nowhere"]),
    ("write 3 4 notes.txt/test.h5", Storage, &["notes.txt: is a file, not a folder", "what to do"]),
    ("write 3 4 notes.txt", Refused, &["did not make this file", "what to do: choose another name, or add --force"]),
    ("write 3 4 foreign.h5", Refused, &["did not make this file", "--force"]),
    ("write 3 4 mixed.h5", Refused, &["did not make this file", "--force"]),
    (
        "chunking --shape 4x5x6 --chunk 1x2x2 --tile 2x2 --path notes.txt",
        Storage,
        &["notes.txt: is a file, not a folder", "what to do: choose another place"],
    ),
    ("simple foreign.h5", Refused, &["did not make this file", "--force"]),
    ("write 10000000 10000000 t.h5", Storage, &["no room", "364 TiB needed", "free", "--ignore-free-space"]),
    ("chunking --shape 100000x100000x10000 --chunk 1x9x9 --tile 2x2", Storage, &["no room", "764 TiB needed", "free"]),
    ("write 3 4 t.h5 --save nowhere/r.jsonl", Storage, &["nowhere/r.jsonl", "what to do", "--save"]),
    ("write 3 4 t.h5 --save .", Storage, &["Is a directory", "what to do", "--save"]),
    ("chunking --shape 4x5x6 --chunk 1x2x2 --tile 2x2 --save nowhere/r.jsonl", Storage, &["nowhere/r.jsonl", "--save"]),
];

#[test]
fn places_that_cannot_be_written() {
    let folder = Folder::new();
    folder.write("notes.txt", "precious\n");
    folder.python("make_unreadable.py").ok();
    // A file that h5lab made, to which somebody has added data, is no longer h5lab's own.
    folder.h5lab("write 3 4 mixed.h5").ok();
    folder.python("add_dataset.py").arg("mixed.h5").ok();
    fs::rename(folder.path("two.h5"), folder.path("foreign.h5")).unwrap();
    check_all(&folder, UNWRITABLE);
    for text in ["write 3 4 foreign.h5", "write 3 4 nowhere/test.h5", "write 3 4 t.h5 --save ."] {
        let case = UNWRITABLE.iter().find(|(words, ..)| *words == text).expect("a case of the table");
        with_two_ranks(*case, &folder);
    }
}

const ITSELF: &[&str] = &["--save names the file that is measured", "what to do: name another file with --save"];

const INTO_ITSELF: &[Case] = &[
    ("write 3 4 new.h5 --save new.h5", Usage, ITSELF),
    ("write 3 4 new.h5 --save ./inner/../new.h5", Usage, ITSELF),
    ("write 3 4 to-come.h5 --save new.h5 --force", Usage, ITSELF),
    ("write 3 4 --force --save test.h5", Usage, ITSELF),
    ("read new.h5 --save new.h5", Usage, ITSELF),
    ("read there.h5 --save there.h5", Usage, ITSELF),
    ("read there.h5 --save hard.h5", Usage, ITSELF),
    ("write 3 4 hard.h5 --save soft.h5", Usage, ITSELF),
    (
        "chunking --shape 4x5x6 --chunk 1x2x2 --tile 2x2 --path inner --save inner/chunking-uniform-chunked.h5",
        Usage,
        ITSELF,
    ),
    ("tune there.h5 --save there.h5", Usage, ITSELF),
    ("tune there.h5 -o new.h5 --save new.h5", Usage, ITSELF),
    (
        "report r.jsonl --format csv -o inner/../r.jsonl --force",
        Usage,
        &["the report would overwrite the results", "-o"],
    ),
];

#[test]
fn records_are_not_saved_into_what_is_measured() {
    let folder = Folder::new();
    folder.h5lab("write 3 4 there.h5 --save r.jsonl").ok();
    fs::create_dir(folder.path("inner")).unwrap();
    fs::hard_link(folder.path("there.h5"), folder.path("hard.h5")).unwrap();
    std::os::unix::fs::symlink("there.h5", folder.path("soft.h5")).unwrap();
    std::os::unix::fs::symlink("new.h5", folder.path("to-come.h5")).unwrap();
    check_all(&folder, INTO_ITSELF);
    with_two_ranks(INTO_ITSELF[0], &folder);
}

#[test]
fn force_replaces_what_h5lab_did_not_make() {
    let folder = Folder::new();
    folder.write("notes.txt", "precious\n");
    folder.h5lab("write 3 4 notes.txt --force").ok();
    folder.h5lab("write 3 5 notes.txt").ok();
    let read = folder.h5lab("read notes.txt --json").ok().record();
    assert_eq!((read.verification, &read.experiment.dataset.shape.0[..]), (Verification::Passed, &[3, 5][..]));
    assert_eq!(folder.snapshot().len(), 1, "nothing else is left");
}

#[test]
fn what_replaces_a_file_has_its_permissions() {
    let folder = Folder::new();
    for words in ["write 3 4 test.h5", "write 3 4 test.h5 --np 2", "simple test.h5"] {
        folder.h5lab("write 2 2 test.h5").ok();
        set_mode(&folder.path("test.h5"), 0o640);
        folder.h5lab(words).ok();
        let mode = fs::metadata(folder.path("test.h5")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640, "{words}");
    }
}

#[test]
fn simple_takes_four_ranks_and_no_more() {
    let folder = Folder::new();
    const SAYS: &[&str] = &["5 ranks, but the dataset has 4 elements", "what to do: use at most --np 4"];
    check(&folder, ("simple --np 5", Usage, SAYS));
    // The others must not be gone before rank 0 has spoken: mpirun ends all when one fails.
    for _ in 0..3 {
        if !MPI {
            break;
        }
        let outcome = check_run(&folder, folder.mpirun(5, "simple"), Usage, SAYS);
        assert_eq!(outcome.stderr.matches("5 ranks").count(), 1, "rank 0 alone says it: {outcome}");
    }
}

#[test]
fn another_rank_count_than_asked_for() {
    let folder = Folder::new();
    if MPI {
        let says = ["--np 3 was asked for, but the launcher started 2 ranks", "what to do: leave out --np"];
        let outcome = check_run(&folder, folder.mpirun(2, "write 3 4 --np 3"), Usage, &says);
        assert_eq!(outcome.stderr.matches("--np 3 was asked for").count(), 1, "rank 0 alone says it: {outcome}");
    }
}

/// A launcher of another MPI starts N processes that do not know of each other.
#[test]
fn ranks_that_do_not_see_each_other() {
    let folder = Folder::new();
    let twin = |rank: &str| {
        let run = folder.h5lab("write 3 4").env("OMPI_COMM_WORLD_SIZE", "2").env("OMPI_COMM_WORLD_RANK", rank);
        check_run(&folder, run, Environment, &[])
    };
    let says = if MPI { "MPI sees each of them alone" } else { "MPI is not in this build" };
    let first = twin("0");
    assert!(first.stderr.contains(says) && first.stderr.contains("what to do"), "{first}");
    assert_eq!(twin("1").stderr, "", "the first speaks for all");
}

#[cfg(feature = "mpi")]
#[test]
fn no_mpirun_on_the_search_path() {
    let folder = Folder::new();
    let run = folder.h5lab("write 3 4 --np 2").env("PATH", "");
    check_run(&folder, run, Environment, &["mpirun not found", "what to do: ", "Open MPI"]);
}

#[cfg(not(feature = "mpi"))]
#[test]
fn collective_transfers_without_mpi() {
    let folder = Folder::new();
    let says = &["collective transfers need MPI, but MPI is not in this build", "what to do: leave out --collective"];
    check(&folder, ("write 3 4 --collective --np 2", Environment, says));
}

#[test]
fn values_that_changed_in_the_file_are_found() {
    let folder = Folder::new();
    folder.h5lab("write 7 11 good.h5 --np 3").ok();
    let good = folder.read("good.h5");
    let at = find_dataset(&good, 7, 11, 3);
    for (elements, np) in [(&[5 * 11 + 3][..], 1), (&[6 * 11 + 10, 2 * 11][..], 3), (&[0][..], 2)] {
        let mut bad = good.clone();
        elements.iter().for_each(|element| bad[at + element * 4] ^= 1);
        folder.write("bad.h5", bad);
        let first = elements.iter().min().unwrap();
        mismatch_is_told(&folder, &format!("--np {np}"), [first / 11, first % 11]);
    }
}

/// Where the dataset's bytes begin in the file.
fn find_dataset(file: &[u8], rows: u64, columns: u64, np: usize) -> usize {
    let data = Data { kind: DataKind::Uniform, seed: 1, stamp_ranks: Some(np) };
    let size = (rows * columns) as usize * 4;
    let mut buffer = Buffer::touched(size);
    let bytes = buffer.bytes_mut(size);
    data.fill(&[rows, columns], Dtype::F32, &Region::whole(&[rows, columns]), bytes);
    file.windows(bytes.len()).position(|window| *window == *bytes).expect("the file holds the dataset as it is")
}

fn mismatch_is_told(folder: &Folder, options: &str, [row, column]: [usize; 2]) {
    let outcome = folder.h5lab(&format!("read bad.h5 --json {options}")).run();
    let index = format!("test[{row},{column}]");
    assert_eq!(outcome.code, Some(i32::from(Mismatch.exit_code())), "{outcome}");
    assert!(outcome.stderr.contains(&index) && outcome.stderr.contains("what to do"), "{index}: {outcome}");
    let Verification::Failed { first } = outcome.record().verification else { panic!("{outcome}") };
    assert_eq!(first.index, [row as u64, column as u64], "{outcome}");
    assert_ne!(first.expected, first.found, "{outcome}");
}

/// How a command is told to stop.
#[derive(Clone, Copy, Debug)]
enum Stop {
    /// Ctrl-C in a terminal: the whole group hears it.
    CtrlC,
    /// `kill -INT`, to h5lab alone.
    Interrupt,
    /// `kill` or a batch scheduler, to h5lab alone.
    Terminate,
}

#[test]
fn a_write_that_is_stopped_leaves_what_was_there() {
    for how in [Stop::CtrlC, Stop::Terminate] {
        check_stopped("", how);
    }
}

#[test]
fn ranks_that_are_stopped_leave_what_was_there() {
    for how in [Stop::CtrlC, Stop::Interrupt, Stop::Terminate] {
        check_stopped("--np 2", how);
    }
}

fn check_stopped(options: &str, how: Stop) {
    let folder = Folder::new();
    folder.h5lab("write 3 4 test.h5").ok();
    let before = folder.snapshot();
    let running = folder.h5lab(&format!("write 1000 1000000 test.h5 --buffer 1MiB {options}")).start();
    wait_for(&folder.path("test.h5.h5lab-partial"));
    let told = Instant::now();
    match how {
        Stop::CtrlC => running.signal_all(Signal::INT),
        Stop::Interrupt => running.signal(Signal::INT),
        Stop::Terminate => running.signal(Signal::TERM),
    }
    let outcome = running.finish();
    assert!(told.elapsed() < Duration::from_secs(10), "{how:?} took {:.1} s: {outcome}", told.elapsed().as_secs_f64());
    assert_eq!(outcome.code, Some(i32::from(Interrupted.exit_code())), "{how:?}: {outcome}");
    // Ranks that outlive their parent would go on writing.
    std::thread::sleep(Duration::from_millis(300));
    let after = snapshot(folder.path("").as_path());
    assert!(before == after, "{how:?} left {:?}: {outcome}", after.keys());
}

fn wait_for(file: &Path) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !file.exists() {
        assert!(Instant::now() < deadline, "{} never came", file.display());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// `nobody`'s number, on every system that has one.
const NOBODY: u32 = 65534;

/// Folders that nobody may enter, and a copy of h5lab that everybody may run.
struct AsNobody {
    folder: tempfile::TempDir,
    h5lab: PathBuf,
}

impl AsNobody {
    fn new() -> Self {
        // Not below the build's folder, which may be in a home that others can't enter.
        let folder = tempfile::tempdir().unwrap();
        let h5lab = folder.path().join("h5lab");
        fs::copy(env!("CARGO_BIN_EXE_h5lab"), &h5lab).unwrap();
        set_mode(folder.path(), 0o755);
        set_mode(&h5lab, 0o755);
        AsNobody { folder, h5lab }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// h5lab as nobody; as who we are, if we are not root.
    fn h5lab(&self, words: &str) -> Run {
        let folder = self.folder.path();
        let run = if rustix::process::geteuid().is_root() {
            let nobody = format!("--reuid {NOBODY} --regid {NOBODY} --clear-groups --");
            Run::new(on_search_path("setpriv"), folder).words(&nobody).arg(&self.h5lab)
        } else {
            Run::new(&self.h5lab, folder)
        };
        run.env("HOME", "/nonexistent").words(words)
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn no_permission() {
    let nobody = AsNobody::new();
    fs::create_dir(nobody.path("closed")).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_h5lab"), nobody.path("secret.h5")).unwrap();
    set_mode(&nobody.path("closed"), 0o555);
    set_mode(&nobody.path("secret.h5"), 0);
    let save = format!("write 3 4 {}/t.h5 --save closed/r.jsonl", std::env::temp_dir().display());
    for (words, says) in [
        ("write 3 4 closed/test.h5", ["write into: closed", "what to do: choose a folder that you may write to"]),
        ("write 3 4 closed/test.h5 --np 2", ["write into: closed", "what to do"]),
        ("read secret.h5", ["secret.h5: Permission denied", "what to do: check the permissions"]),
        ("read secret.h5 --np 2", ["secret.h5: Permission denied", "what to do"]),
        ("chunking --shape 4x5x6 --chunk 1x2x2 --tile 2x2 --path closed", ["write into: closed", "what to do"]),
        (save.as_str(), ["closed/r.jsonl: Permission denied", "what to do"]),
    ] {
        refused(&nobody.h5lab(words).run(), Storage, &says);
    }
    assert_eq!(snapshot(&nobody.path("closed")).len(), 0, "nothing is left");
    set_mode(&nobody.path("closed"), 0o755);
}

/// The kernel tells only those who may write a file what of it is in the page cache.
#[test]
fn the_cache_of_others_files_is_not_known() {
    if !root_for("a file of another user") {
        return;
    }
    let nobody = AsNobody::new();
    Run::new(env!("CARGO_BIN_EXE_h5lab"), &nobody.path(".")).words("write 50 20000 roots.h5").ok();
    for cache in ["as-found", "warm", "cold"] {
        let read = nobody.h5lab(&format!("read roots.h5 --json --cache {cache}")).ok().record();
        assert_eq!(read.samples[0].resident, None, "{cache}");
        assert_eq!(read.cache_state(), h5lab_core::record::CacheState::Unverified, "{cache}");
    }
}

#[test]
fn a_full_file_system() {
    let Some(disk) = Disk::small(8) else { return };
    let folder = &disk.folder;
    let write = "write 4 1000000 disk/test.h5";
    let chunking = "chunking --path disk --shape 4x500x1000 --chunk 1x50x50 --tile 50x50 --data uniform";
    for (words, says) in [
        (write.to_owned(), &["no room: 15.3 MiB needed", "MiB free", "what to do: free space"][..]),
        (format!("{write} --np 2"), &["no room: 15.3 MiB needed", "what to do"]),
        (chunking.to_owned(), &["no room", "needed", "what to do: free space"]),
        (format!("{write} --ignore-free-space"), &["transfer", "no space left", "what to do: free space"]),
        (format!("{write} --ignore-free-space --np 2"), &["rank ", "no space left", "what to do: free space"]),
        (format!("{write} --ignore-free-space --np 2 {COLLECTIVE}"), &["no space left", "what to do: free space"]),
        (format!("{chunking} --ignore-free-space"), &["no space left", "free space", "the dataset needs 15.3 MiB"]),
    ] {
        refused(&folder.h5lab(&words).run(), Storage, says);
        assert_eq!(disk.names(), [""; 0], "{words}");
    }
    room_for_one_file_alone(&disk);
    if !MPI {
        // The bundled HDF5 has its assertions on in tests: it aborts when it closes a file that it could not write.
        return;
    }
    fs::write(disk.path().join("most"), vec![1; 8 << 20]).unwrap_err();
    let full = (0..1000).any(|k| fs::write(disk.path().join(format!("rest-{k}")), [1; 512]).is_err());
    assert!(full, "the last block is taken");
    refused(&folder.h5lab("simple disk/s.h5 --np 2").run(), Storage, &["no space left", "what to do: free space"]);
}

const COLLECTIVE: &str = if MPI { "--collective" } else { "" };

/// With room for the file, but not for the ceiling's beside it, the file is written and the ceiling left out.
fn room_for_one_file_alone(disk: &Disk) {
    let outcome = disk.folder.h5lab("write 4 300000 disk/test.h5").ok();
    assert!(outcome.stderr.contains("no posix ceiling: there is no room for a second file"), "{outcome}");
    assert_eq!(disk.names(), ["test.h5"]);
    let read = disk.folder.h5lab("read disk/test.h5 --json").ok().record();
    assert_eq!(read.verification, Verification::Passed);
}
