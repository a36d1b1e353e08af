//! What each command prints, keeps and leaves: JSON, quiet, saved records, views, memory.

mod common;

use common::{Folder, MPI, Outcome, records};
use h5lab_core::experiment::Direction;
use h5lab_core::record::{Record, Verification};
use h5lab_core::warning::Warning;
use std::collections::BTreeMap;

const COLLECTIVE: &str = if MPI { "--collective" } else { "" };

/// A stack of images that takes no time.
const STACK: &str = "chunking --shape 4x64x64 --chunk 1x20x20 --tile 20x20";

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

#[test]
fn json_is_one_object_a_line_and_nothing_else() {
    let folder = Folder::new();
    let written = folder.h5lab("write 7 11 --np 1,2 --json --repeat 3").ok();
    let records = written.records();
    assert_eq!(records.iter().map(|r| r.experiment.np).collect::<Vec<_>>(), [1, 2]);
    for record in &records {
        complete(record, 3);
        assert_eq!(record.verification, Verification::NotRead);
        assert_eq!(record.command, ["h5lab", "write", "7", "11", "--np", "1,2", "--json", "--repeat", "3"]);
    }
    assert_eq!(written.stderr, "", "warnings are in the records: {written}");
    let read = folder.h5lab(&format!("--json read --np 3 --cache cold {COLLECTIVE}")).ok().record();
    complete(&read, 1);
    assert_eq!((read.verification, read.experiment.np), (Verification::Passed, 3));
}

/// Nothing of a record of 7 x 11 floats is missing or impossible.
fn complete(record: &Record, repeats: usize) {
    assert_eq!(record.samples.len(), repeats);
    for sample in &record.samples {
        assert_eq!(sample.ranks.len(), record.experiment.np, "every rank has its own times");
        assert!(sample.slowest().open > 0.0 && sample.slowest().transfer > 0.0 && sample.total() < 60.0);
    }
    let ceiling = record.ceiling.as_ref().expect("the ceiling was measured");
    assert_eq!((ceiling.samples.len(), ceiling.bytes), (repeats, 7 * 11 * 4), "interleaved with ours");
    assert_eq!(record.demand().bytes_asked, 7 * 11 * 4);
    assert_eq!(record.stored_bytes, Some(7 * 11 * 4));
    assert!(record.file_bytes.expect("the file is there") > 7 * 11 * 4);
    assert!(record.transfer_bandwidth().is_some() && record.total_bandwidth().is_some());
    let driver = if MPI { "mpio" } else { "sec2" };
    assert_eq!(record.actual.driver, driver);
    assert!(record.host.file_system.is_some(), "{:?}", record.host);
}

#[test]
fn chunking_flushes_its_writes_and_nothing_else() {
    let folder = Folder::new();
    let records = folder.h5lab(&format!("{STACK} --fsync --data ramp --json")).ok().records();
    let writes = records.iter().filter(|r| r.experiment.direction == Direction::Write);
    assert_eq!(writes.clone().count(), 3);
    assert!(writes.clone().all(|r| r.experiment.fsync && !r.warnings.contains(&Warning::NotSynced)));
    assert!(records.iter().all(|r| r.experiment.fsync == (r.experiment.direction == Direction::Write)));
}

#[test]
fn small_files_have_a_rate_and_what_failed_has_no_driver() {
    let folder = Folder::new();
    folder.h5lab("write 1 2 t.h5 --quiet").ok();
    let read = folder.h5lab("read t.h5").ok();
    let row = read.stdout.lines().find(|line| line.contains("8 B")).unwrap_or_else(|| panic!("{read}"));
    assert!(!row.split_whitespace().any(|cell| cell == "0"), "{read}");
    let failed = folder.h5lab("run --shape 8x8").env("H5LAB_FAULT", "0:open:error").run();
    assert!(failed.stdout.contains("transfers, HDF5") && !failed.stdout.contains("( driver)"), "{failed}");
}

#[test]
fn quiet_prints_nothing() {
    let folder = Folder::new();
    for words in ["write 7 11 --np 2", "read --np 2 --view process", "simple --np 2 simple.h5", STACK, "env"] {
        let outcome = folder.h5lab(words).arg("--quiet").ok();
        assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("", ""), "{outcome}");
    }
    let both = folder.h5lab("write 7 11 --quiet --json").ok();
    assert_eq!((both.records().len(), both.stderr.as_str()), (1, ""), "{both}");
}

#[test]
fn text_has_the_demos_lines_a_table_and_no_escapes() {
    let folder = Folder::new();
    let written = folder.h5lab("write 70 1100 --np 1,2 --fsync").ok();
    let text = lines(&written.stdout);
    assert_eq!(text[..2], ["np = 1", "Dataset size: 0.31 MB"], "{written}");
    assert!(text[2].starts_with("Collective write time: 0.") && text[2].ends_with(" seconds"), "{written}");
    let heads = ["transfer s", "of posix", "effi-", "speed"];
    assert!(heads.iter().all(|head| written.stdout.contains(head)), "{written}");
    assert_eq!(text.iter().filter(|line| line.contains("301 KiB")).count(), 2, "a row a rank count: {written}");
    let read = folder.h5lab("read").ok();
    assert!(read.stdout.contains(" yes ") && read.stdout.contains(" warm"), "{read}");
    let failed = folder.h5lab("read nowhere.h5").run();
    let help = folder.h5lab("write --help").ok();
    for outcome in [written, read, failed, help, folder.h5lab(STACK).ok(), folder.h5lab("env").ok()] {
        assert!(!outcome.stdout.contains('\x1b') && !outcome.stderr.contains('\x1b'), "escapes: {outcome}");
        assert!(!outcome.stdout.contains('\r') && !outcome.stderr.contains('\r'), "progress: {outcome}");
    }
}

#[test]
fn every_command_shows_an_example() {
    let folder = Folder::new();
    for command in ["write", "read", "chunking", "simple", "env"] {
        let help = folder.h5lab(&format!("{command} --help")).ok().stdout;
        assert!(help.contains(&format!("\n  h5lab {command}")), "{help}");
        assert!(help.contains("--json") && help.contains("--quiet"), "{help}");
    }
}

#[test]
fn saved_records_are_appended_and_a_half_written_line_does_no_harm() {
    let folder = Folder::new();
    folder.h5lab("write 7 11 --save r.jsonl --np 1,2").ok();
    let mut torn = String::from_utf8(folder.read("r.jsonl")).unwrap();
    assert_eq!(records(&torn).len(), 2);
    torn.push_str(r#"{"schema":1,"h5lab":"0.1"#);
    folder.write("r.jsonl", &torn);
    let read = folder.h5lab("read --save r.jsonl --repeat 3 --json").ok().record();
    assert_eq!(read.samples.len(), 3);
    let all = String::from_utf8(folder.read("r.jsonl")).unwrap();
    assert!(all.starts_with(&torn) && all.ends_with('\n'), "nothing that was there has changed");
    let last = all.lines().last().unwrap();
    assert_eq!(records(last), [read], "what is saved is what --json prints");
    assert_eq!(all.lines().count(), 4, "two records, the half line, the new record");
}

#[test]
fn what_a_list_has_twice_is_measured_once() {
    let folder = Folder::new();
    let written = folder.h5lab("write 7 11 --np 1,2,1 --json").ok();
    assert_eq!(written.records().iter().map(|r| r.experiment.np).collect::<Vec<_>>(), [1, 2]);
    assert!(written.stderr.contains("--np has 1 more than once"), "{written}");
    std::fs::create_dir(folder.path("a:b")).unwrap();
    std::os::unix::fs::symlink("a:b", folder.path("link")).unwrap();
    let swept = folder.h5lab("run --shape 8x8 --repeat 1 --np 1,1 --path a:b,link,./a:b --save r.jsonl").ok();
    assert_eq!(folder.records("r.jsonl").len(), 1, "{swept}");
    assert_eq!(swept.stderr.matches("the list has it already: it is measured once").count(), 3, "{swept}");
}

/// Files and datasets may have colons in their names: FILE is what is there.
#[test]
fn a_source_is_cut_where_there_is_a_file() {
    let folder = Folder::new();
    folder.python("make_foreign.py").ok();
    std::fs::copy(folder.path("colons.h5"), folder.path("12:30.h5")).unwrap();
    for source in ["colons.h5:a:b", "12:30.h5:a:b"] {
        let run = folder.h5lab("run --repeat 1 --access full --json --data").arg(format!("from {source}")).ok();
        assert!(run.records().iter().any(|r| r.verification == Verification::Passed), "{run}");
        folder.h5lab(&format!("show --json {source}")).ok();
    }
    folder.h5lab("show --json 12:30.h5").ok();
    let missing = folder.h5lab("run --data").arg("from colons.h5").run();
    assert!(missing.stderr.contains("what to do: write from, the file, a colon"), "{missing}");
}

#[test]
fn records_of_own_mpirun_and_the_users_mpirun_are_alike() {
    let folder = Folder::new();
    folder.h5lab("write 7 11 --np 2").ok();
    let own = folder.h5lab("read --json --np 2").ok().record();
    let users = if MPI { folder.mpirun(2, "read --json").ok().record() } else { own.clone() };
    let alike = |r: &Record| (r.experiment.clone(), r.actual.clone(), r.verification.clone(), r.stored_bytes);
    assert_eq!(alike(&own), alike(&users));
}

#[test]
fn views_come_in_rank_order() {
    let folder = Folder::new();
    folder.h5lab("write 7 11 --np 3").ok();
    let process = [
        " iproc = 0, shape = (2, 11), data[0,0] = 1000.",
        " iproc = 1, shape = (2, 11), data[0,0] = 2000.",
        " iproc = 2, shape = (3, 11), data[0,0] = 3000.",
    ];
    let global = [0, 1, 2].map(|rank| format!(" iproc = {rank}, shape = (7, 11), data[0,0] = 1000."));
    check_view(&folder.h5lab("read --view process --np 3").ok(), &process);
    check_view(&folder.h5lab(&format!("read --view global --np 3 {COLLECTIVE}")).ok(), &global);
    if MPI {
        check_view(&folder.mpirun(3, "read --view process --collective").ok(), &process);
        check_view(&folder.mpirun(3, "read --view global").ok(), &global);
    }
}

fn check_view(outcome: &Outcome, expected: &[impl AsRef<str>]) {
    let views: Vec<&str> = outcome.stdout.lines().filter(|line| line.contains("iproc")).collect();
    assert_eq!(views.len(), expected.len(), "{outcome}");
    for (view, expected) in views.iter().zip(expected) {
        let value = view.strip_prefix(expected.as_ref()).unwrap_or_else(|| panic!("{view}: {outcome}"));
        assert!(value.len() == 4 && value.bytes().all(|b| b.is_ascii_digit()), "four decimals: {view}");
    }
    let why = outcome.stdout.contains("while the file is open") || outcome.stdout.contains("when the file is closed");
    assert!(why, "the difference between the views is said: {outcome}");
}

#[test]
fn chunking_compares_the_layouts_and_leaves_nothing() {
    let folder = Folder::new();
    let outcome = folder.h5lab(STACK).words("--repeat 2").ok();
    assert_eq!(folder.snapshot().len(), 0, "{outcome}");
    let rows = outcome.stdout.lines().filter(|line| line.starts_with(" uniform ") || line.starts_with(" detector "));
    let rows: Vec<&str> = rows.collect();
    assert_eq!(rows.len(), 6, "three layouts of two kinds of data: {outcome}");
    assert!(rows.iter().all(|row| row.ends_with("yes")), "all are verified: {outcome}");
    for kind in ["uniform: ", "detector: "] {
        let lesson = outcome.stdout.lines().find(|line| line.starts_with(kind));
        assert!(lesson.is_some_and(|line| line.contains("gzip=4 shrinks the dataset")), "{outcome}");
    }
}

#[test]
fn chunking_keeps_files_that_h5py_reads_alike() {
    let folder = Folder::new();
    for dtype in ["f64", "u16"] {
        let records = folder.h5lab(STACK).words(&format!("--keep --json --dtype {dtype} --seed 7")).ok().records();
        assert_eq!(records.len(), 2 * 3 * 3, "write, warm and cold read, of each layout and kind");
        let read = records.iter().filter(|r| r.verification == Verification::Passed).count();
        assert_eq!(read, 2 * 3 * 2);
        assert_eq!(folder.snapshot().len(), 2 * 3, "the files and nothing else");
        let checked = folder.python("check_stacks.py").words(&format!("{dtype} 7")).ok();
        assert_eq!(checked.stdout.lines().count(), 6, "{checked}");
    }
}

#[test]
fn simple_shows_who_wrote_what() {
    let folder = Folder::new();
    let outcome = folder.h5lab("simple --np 1,2,4 --json").ok();
    let expected = [(1, vec![1]), (2, vec![1, 2]), (4, vec![1, 2, 3, 4])];
    let done: Vec<BTreeMap<String, serde_json::Value>> =
        outcome.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(done.len(), expected.len(), "{outcome}");
    for (done, (np, written)) in done.iter().zip(expected) {
        let data: Vec<u64> = written.iter().copied().chain(std::iter::repeat(0)).take(4).collect();
        assert_eq!(done["np"], np, "{outcome}");
        assert_eq!(done["written"], serde_json::json!(written), "{outcome}");
        assert_eq!(done["data"], serde_json::json!(data), "{outcome}");
    }
    let text = if MPI { folder.mpirun(4, "simple").ok() } else { folder.h5lab("simple --np 4").ok() };
    assert_eq!(text.stdout.matches("1 2 3 4").count(), 2, "{text}");
    let h5dump = folder.tool("h5dump", "-d /test simple.h5").ok().stdout;
    assert!(h5dump.contains("H5T_STD_U32LE") && h5dump.contains("(0): 1, 2, 3, 4\n"), "{h5dump}");
}

#[test]
fn env_says_what_is_here() {
    let folder = Folder::new();
    let text = folder.h5lab("env").ok().stdout;
    for head in ["HDF5\n", "MPI\n", "Host\n", "Launcher\n", "Path\n", "file system", "free of", "deflate"] {
        assert!(text.contains(head), "'{head}' is missing: {text}");
    }
    let host: h5lab_core::host::Host = serde_json::from_str(&folder.h5lab("env --json").ok().stdout).unwrap();
    assert_eq!(host.hdf5.parallel, Some(MPI));
    assert_eq!(host.mpi.library.is_some(), MPI);
    assert!(host.file_system.is_some_and(|fs| fs.free_bytes > 0 && fs.kind.is_some()));
    assert!(host.machine.cores.is_some_and(|cores| cores > 0));
}

#[test]
fn memory_is_bounded_by_the_buffer_not_by_the_data() {
    let folder = Folder::new();
    // What the libraries take for themselves, chunk caches of several MiB among it, is there without much data, too.
    for (size, little, options) in [
        ("write 4 5000000", "write 4 10", "--buffer 4MiB --no-ceiling"),
        ("write 4 5000000", "write 4 10", "--buffer 4MiB --no-ceiling --np 2"),
        // Memory that the page cache is going to need is nobody's own.
        ("write 4 5000000", "write 4 10", "--buffer 4MiB"),
        ("read", "read tiny.h5", "--buffer 4MiB --no-ceiling"),
        ("chunking --shape 20x500x500", "chunking --shape 5x500x500", "--chunk 1x20x20 --tile 20x20 --data uniform"),
    ] {
        folder.h5lab("write 4 10 tiny.h5").ok();
        let grown = peak_memory(&folder, size, options).saturating_sub(peak_memory(&folder, little, options));
        assert!(grown < 12 << 10, "{size} {options}: {} MiB more than with little data", grown >> 10);
    }
}

#[test]
fn names_that_begin_with_a_dash_follow_two() {
    let folder = Folder::new();
    folder.h5lab("write 3 4 --np 2 -- -dash.h5").ok();
    let read = folder.h5lab("read --np 2 --json -- -dash.h5").ok().record();
    assert_eq!(read.verification, h5lab_core::record::Verification::Passed);
}

/// The most memory that a process of this command had, in KiB.
fn peak_memory(folder: &Folder, words: &str, options: &str) -> u64 {
    let run = folder.python("peak_memory.py").arg(env!("CARGO_BIN_EXE_h5lab")).words(words).words(options).ok();
    let peak = run.stdout.trim().parse().unwrap_or_else(|_| panic!("{run}"));
    assert!(peak > 4 << 10, "less than a program can have: {run}");
    peak
}
