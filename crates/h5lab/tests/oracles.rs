//! Others read what h5lab writes, and h5lab reads what others write: h5py, NumPy, h5ls, h5dump, h5py with mpi4py.

mod common;

use common::{Folder, MPI, Outcome};
use h5lab_core::access::Access;
use h5lab_core::dataset::{Dataset, Dtype, Shape};
use h5lab_core::experiment::{CacheWanted, Direction, Experiment};
use h5lab_core::failure::FailureKind;
use h5lab_core::filter::Filter;
use h5lab_core::generate::{Data, DataKind};
use h5lab_core::layout::Layout;
use h5lab_core::method::Method;
use h5lab_core::record::{Record, Verification};
use h5lab_core::region::block;
use h5lab_core::split::Split;
use h5lab_core::warning::Warning;
use h5lab_io::comm::threads;
use h5lab_io::progress::Silent;
use h5lab_io::run::{self, Options, Team};

const COLUMNS: usize = 11;

/// A file to write: rows, ranks, other options; and ranks with which it is read.
const WRITTEN: &[(usize, usize, &str, usize)] = &[
    (7, 1, "", 3),
    (7, 2, "--buffer 100", 5),
    (7, 3, "--seed 42", 2),
    (7, 4, "--collective", 1),
    (7, 5, "--collective --buffer 60", 4),
    (3, 1, "--seed 18446744073709551615", 4),
    (3, 2, "--collective --fsync", 1),
    (3, 3, "--buffer 4", 5),
    (3, 4, "--repeat 2", 2),
    (3, 5, "--collective", 3),
];

/// Threads have no collective transfers.
fn for_this_build(options: &str) -> String {
    if MPI { options.to_owned() } else { options.replace("--collective", "") }
}

fn seed(options: &str) -> &str {
    options.split_once("--seed ").map_or("1", |(_, rest)| rest.split(' ').next().unwrap())
}

/// How h5py, NumPy, h5dump and `h5lab read` are told of a file.
struct Written {
    file: String,
    rows: usize,
    np: usize,
    seed: &'static str,
    read_np: usize,
    read_options: &'static str,
}

fn write_all(folder: &Folder) -> Vec<Written> {
    let each = WRITTEN.iter().map(|&(rows, np, options, read_np)| {
        let file = format!("rows{rows}-np{np}.h5");
        let words = format!("write {rows} {COLUMNS} {file} {}", for_this_build(options));
        // Both ways to start ranks: h5lab's own, and the user's mpirun.
        if MPI && rows == 3 {
            folder.mpirun(np, &words).ok();
        } else {
            folder.h5lab(&format!("{words} --np {np}")).ok();
        }
        // What was written independently is read collectively, and the other way round.
        let read_options = if MPI && !options.contains("--collective") { "--collective" } else { "" };
        Written { file, rows, np, seed: seed(options), read_np, read_options }
    });
    each.collect()
}

#[test]
fn every_row_that_h5lab_writes_is_what_numpy_computes() {
    let folder = Folder::new();
    let written = write_all(&folder);
    assert_eq!(written.len(), 10, "every np of 1 to 5, with 7 rows and with 3");

    let cases = written.iter().map(|w| format!("{}:{}:{COLUMNS}:{}:{}", w.file, w.rows, w.np, w.seed));
    let h5py = folder.python("check_written.py").words(&cases.collect::<Vec<_>>().join(" ")).ok();
    assert_eq!(h5py.stdout.lines().count(), written.len(), "{h5py}");

    for w in &written {
        tools_agree(&folder, w);
        h5lab_agrees(&folder, w);
    }
}

/// Methods that `h5lab write` does not have, in every kind of layout: the file, or the master of a virtual dataset, is to
/// others what an ordinary file is.
#[test]
fn files_of_every_method_are_what_numpy_computes() {
    let folder = Folder::new();
    let layouts = [
        ("contiguous", Layout::Contiguous),
        ("chunked", Layout::Chunked { chunk: vec![2, 5], filters: vec![] }),
        ("gzip", Layout::Chunked { chunk: vec![3, 4], filters: vec![Filter::Shuffle, Filter::Gzip(1)] }),
    ];
    let mut cases = Vec::new();
    for method in [Method::Independent, Method::Gather, Method::PerProcess] {
        for (name, layout) in &layouts {
            let np = if method == Method::Independent { 1 } else { 3 };
            let file = format!("{method}-{name}.h5");
            let experiment = experiment(method, layout.clone(), np);
            let written = threads::run(np, |comm| {
                let team = Team { comm, progress: &Silent, fault: None };
                run::run(&experiment, &folder.path(&file), Options::default(), team)
            });
            written.unwrap_or_else(|failure| panic!("{file}: {failure}"));
            cases.push(format!("{file}:7:{COLUMNS}:{np}:1"));
        }
    }
    let h5py = folder.python("check_written.py").words(&cases.join(" ")).ok();
    assert_eq!(h5py.stdout.lines().count(), 9, "{h5py}");
}

/// What `h5lab write 7 11` does, with another method and layout.
fn experiment(method: Method, layout: Layout, np: usize) -> Experiment {
    let data = Data { kind: DataKind::Uniform, seed: 1, stamp_ranks: Some(np) };
    let shape = Shape(vec![7, COLUMNS as u64]);
    Experiment {
        direction: Direction::Write,
        dataset: Dataset { name: "test".into(), shape, dtype: Dtype::F32, data: Some(data), from: None },
        layout,
        access: Access::Rows,
        split: Split::Axis(0),
        method,
        np,
        cache: CacheWanted::AsFound,
        fsync: false,
        repeat: 1,
        buffer: 100,
        tunables: Default::default(),
    }
}

fn tools_agree(folder: &Folder, w: &Written) {
    let listing = folder.tool("h5ls", &w.file).ok().stdout;
    let words: Vec<&str> = listing.split_whitespace().collect();
    let (rows, columns) = (format!("{{{},", w.rows), format!("{COLUMNS}}}"));
    assert_eq!(words, ["test", "Dataset", &rows, &columns], "{}: h5ls says {listing}", w.file);
    folder.tool("h5dump", &format!("-d /test -b LE -o dumped {}", w.file)).ok();
    assert!(folder.read("dumped") == folder.read(&format!("{}.raw", w.file)), "{}: h5dump has other values", w.file);
}

fn h5lab_agrees(folder: &Folder, w: &Written) {
    let read = folder.h5lab(&format!("read {} --np {} --json {}", w.file, w.read_np, w.read_options)).ok().record();
    assert_eq!(read.verification, Verification::Passed, "{}", w.file);
    assert_eq!(read.experiment.np, w.read_np);
    assert_eq!(read.samples[0].ranks.len(), w.read_np);
    let data = read.experiment.dataset.data.expect("the file says how its values were made");
    assert_eq!((data.seed.to_string().as_str(), data.stamp_ranks), (w.seed, Some(w.np)));
}

/// Somebody else's file: name, dataset to choose if any, shape; and the rank counts with which it is read.
type Foreign = (&'static str, &'static str, &'static [u64], &'static str);

const FOREIGN: &[Foreign] = &[
    ("big-endian.h5", "", &[7, 3], "3"),
    ("detector.h5", "", &[5, 4, 3], "2"),
    ("chunked.h5", "", &[12, 5], "5"),
    ("gzip.h5", "", &[12, 5], "2"),
    ("five.h5", "", &[3, 2, 2, 1, 2], "4"),
    ("line.h5", "", &[10], "3"),
    ("bytes.h5", "", &[1, 9], "2"),
    ("numpy-default.h5", "", &[6, 5], "2"),
    ("big-endian-long.h5", "", &[6, 5], "3"),
    ("unsigned-long.h5", "", &[3, 4], "1"),
    ("signed-bytes.h5", "", &[3, 4], "2"),
    ("no-rows.h5", "", &[0, 5], "2"),
    ("no-columns.h5", "", &[5, 0], "2"),
    ("growing.h5", "", &[6, 4], "1"),
    ("one-of-two.h5", "--dataset /entry/data", &[4, 4], "2"),
];

#[test]
fn files_that_h5py_wrote_are_read() {
    let folder = Folder::new();
    folder.python("make_foreign.py").ok();
    for (turn, &foreign) in FOREIGN.iter().enumerate() {
        let collective = if MPI && turn % 2 == 1 { "--collective" } else { "" };
        check_foreign(&folder, foreign, collective);
    }
}

fn check_foreign(folder: &Folder, (file, dataset, shape, np): Foreign, options: &str) {
    let words = format!("read {file} {dataset} {options} --np {np} --view process --json");
    let outcome = folder.h5lab(&words).ok();
    for record in outcome.records() {
        nothing_to_compare(&record, &outcome);
        assert_eq!(record.experiment.dataset.shape.0, shape, "{outcome}");
        views_are_the_ramps(&record, shape, &outcome);
    }
}

/// HDF5 does not read them through MPI-IO.
#[test]
fn virtual_datasets_are_read() {
    let folder = Folder::new();
    folder.python("make_foreign.py").ok();
    folder.h5lab("write 7 11 own.h5 --method per-process --np 2").ok();
    for options in ["", "--method gather", "--method per-process", "--method direct"] {
        for np in ["1", "3"] {
            check_foreign(&folder, ("virtual.h5", "", &[8, 10], np), options);
            let read = folder.h5lab(&format!("read own.h5 --json --np {np} {options}")).ok().record();
            assert_eq!(read.verification, Verification::Passed, "{options} {np}");
        }
        let alone = folder.h5lab(&format!("read own.h5 --json {options}")).ok().record();
        assert_eq!(alone.verification, Verification::Passed, "{options}");
    }
    if MPI {
        let refused = folder.h5lab("read virtual.h5 --collective --np 2").run();
        assert_eq!(refused.code, Some(i32::from(FailureKind::Usage.exit_code())), "{refused}");
        let says = ["'data' is virtual", "what to do: use the method independent, per-process or direct"];
        assert!(says.iter().all(|text| refused.stderr.contains(text)), "{refused}");
    }
}

#[test]
fn that_nothing_was_verified_is_said() {
    let folder = Folder::new();
    folder.python("make_foreign.py").ok();
    let text = folder.h5lab("read big-endian.h5 --np 2").ok();
    assert!(text.stdout.contains("no reference") && text.stderr.contains("read, but not verified"), "{text}");
}

fn nothing_to_compare(record: &Record, outcome: &Outcome) {
    assert_eq!(record.verification, Verification::NothingToCompare, "{outcome}");
    let reason = Some("h5lab did not write the dataset".to_owned());
    assert!(record.warnings.contains(&Warning::NothingToVerify { reason }), "{outcome}");
    assert_eq!(record.experiment.dataset.data, None, "{outcome}");
}

/// Each rank's first element is its own index: the number of elements before its rows.
fn views_are_the_ramps(record: &Record, shape: &[u64], outcome: &Outcome) {
    let np = record.experiment.np;
    assert_eq!(record.views.len(), np, "{outcome}");
    let row: u64 = shape[1..].iter().product();
    for view in &record.views {
        let (from, to) = block(shape[0], view.rank, np);
        assert_eq!(view.shape, [&[to - from], &shape[1..]].concat(), "{outcome}");
        let first = view.first.as_ref().map(|text| text.parse::<f64>().unwrap());
        assert_eq!(first, ((to - from) * row > 0).then_some((from * row) as f64), "rank {}: {outcome}", view.rank);
    }
}

#[cfg(feature = "mpi")]
#[test]
fn files_that_h5py_and_mpi4py_wrote_in_parallel_are_read() {
    let folder = Folder::new();
    folder.mpi_python(3, "make_parallel.py").arg("parallel.h5").ok();
    check_foreign(&folder, ("parallel.h5", "", &[7, 11], "1,2,5"), "--collective");
}
