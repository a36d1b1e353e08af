//! What HDF5 must read, as h5lab predicts it, is what the system counts while HDF5 reads.
//!
//! Small files, every access, chunk caches from none to ample. Measured are the bytes that read calls returned to the
//! reading thread (`rchar` of `/proc/thread-self/io`) during the transfers.

use h5lab_core::access::Access;
use h5lab_core::dataset::{Dataset, Dtype, Shape};
use h5lab_core::experiment::{CacheWanted, Direction, Experiment};
use h5lab_core::filter::Filter;
use h5lab_core::generate::{Data, DataKind};
use h5lab_core::layout::Layout;
use h5lab_core::method::Method;
use h5lab_core::prediction::{Conditions, Prediction, bytes_of_all_chunks, predict_all};
use h5lab_core::split::Split;
use h5lab_core::tunables::Tunables;
use h5lab_io::comm::{Comm, Solo, threads};
use h5lab_io::host;
use h5lab_io::progress::Silent;
use h5lab_io::run::{Options, Outcome, Team, run};
use std::path::Path;
use std::sync::LazyLock;

const SHAPE: [u64; 3] = [24, 64, 80];
const ACCESSES: [&str; 8] = [
    "projection",
    "sinogram",
    "roi:20x20@3x5",
    "roi-series:20x20@3x5",
    "spectrum:7",
    "random:15:5x9x11",
    "full",
    "rows",
];

/// Relative difference that is let pass.
const TOLERANCE: f64 = 0.05;
/// Bytes besides the data that a transfer may read: the B-tree of the chunk index comes on top by its own formula; this
/// is for what else of the metadata is touched for the first time (HDF5 reads it in pieces of 512 bytes to a few KiB).
const OTHER_METADATA: u64 = 4096;
/// Read calls for metadata: one for each node of the chunk index, and a few others.
const OTHER_CALLS: u64 = 20;

/// A file, and who reads it.
#[derive(Clone)]
struct Case {
    dtype: Dtype,
    layout: Layout,
    method: Method,
    /// Local threads.
    np: usize,
}

impl Case {
    fn new(dtype: Dtype, chunk: Option<[u64; 3]>, filtered: bool) -> Self {
        let filters = if filtered { vec![Filter::Shuffle, Filter::Gzip(4)] } else { Vec::new() };
        let layout = chunk.map_or(Layout::Contiguous, |chunk| Layout::Chunked { chunk: chunk.to_vec(), filters });
        Case { dtype, layout, method: Method::Independent, np: 1 }
    }

    fn experiment(&self, direction: Direction, access: &str, cache: Option<u64>) -> Experiment {
        let kind = if self.dtype == Dtype::U16 { DataKind::Detector } else { DataKind::Uniform };
        Experiment {
            direction,
            dataset: Dataset {
                name: "data".into(),
                shape: Shape(SHAPE.to_vec()),
                dtype: self.dtype,
                data: Some(Data { kind, seed: 1, stamp_ranks: None }),
                from: None,
            },
            layout: self.layout.clone(),
            access: access.parse::<Access>().unwrap(),
            split: Split::Axis(0),
            method: self.method,
            np: self.np,
            cache: CacheWanted::AsFound,
            fsync: false,
            repeat: 1,
            buffer: 1 << 20,
            tunables: Tunables {
                threads: (self.method == Method::Direct).then_some(2),
                chunk_cache_bytes: cache,
                chunk_cache_slots: cache.filter(|&bytes| bytes > 0).map(|_| 101),
                ..Tunables::default()
            },
        }
    }

    fn filtered(&self) -> bool {
        !self.layout.filters().is_empty()
    }

    /// Reads with every access and compares; returns how many reads were compared.
    fn check(&self, caches: &[Option<u64>]) -> usize {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.h5");
        run_it(&self.experiment(Direction::Write, "rows", None), &path);
        let mut compared = 0;
        for &cache in caches {
            for access in ACCESSES {
                let mut experiment = self.experiment(Direction::Read, access, cache);
                // That the values are right is other tests' matter, and takes most of the time.
                experiment.dataset.data = None;
                compared += usize::from(self.compare(&experiment, &run_it(&experiment, &path)));
            }
        }
        compared
    }

    /// False if the system did not count.
    fn compare(&self, experiment: &Experiment, outcome: &Outcome) -> bool {
        let counters = &outcome.samples[0].counters;
        if counters.is_empty() {
            return false;
        }
        let want = predicted(experiment);
        let bytes = match outcome.stored_bytes.filter(|_| self.filtered()) {
            Some(stored) => want.bytes_to_read as f64 * stored as f64 / bytes_of_all_chunks(experiment) as f64,
            None => want.bytes_to_read as f64,
        };
        // Chunks that were compressed differ in size; on these small files more than their mean tells.
        let tolerance = if self.filtered() { 0.10 } else { TOLERANCE };
        let most = bytes * (1.0 + tolerance) + (want.index_bytes + OTHER_METADATA * self.np as u64) as f64;
        let least = bytes * (1.0 - tolerance);
        let got = counters.iter().map(|c| c.read_bytes).sum::<u64>() as f64;
        let what = format!("{experiment:?}: {bytes} predicted, {counters:?}, {want:?}");
        let calls = counters.iter().map(|c| c.read_calls).sum::<u64>();
        // Of requests that are several calls, direct tries one byte: are they in the page cache?
        let direct = self.method == Method::Direct;
        let others = if direct { want.reads / 2 } else { OTHER_CALLS * self.np as u64 };
        assert!((want.reads..=want.reads + others).contains(&calls), "{what}");
        if direct && !self.filtered() {
            assert_eq!(got, bytes + (calls - want.reads) as f64, "{what}");
        }
        assert!((least <= got && got <= most) || (self.filtered() && ragged(&self.layout)), "{what}");
        true
    }
}

fn run_it(experiment: &Experiment, path: &Path) -> Outcome {
    let options = Options { in_place: true, ..Options::default() };
    let alone = |comm: &dyn Comm| run(experiment, path, options, Team { comm, progress: &Silent, fault: None });
    match experiment.np {
        1 => alone(&Solo).unwrap(),
        np => threads::run(np, |comm| alone(comm)).unwrap(),
    }
}

fn predicted(experiment: &Experiment) -> Prediction {
    static VERSION: LazyLock<String> = LazyLock::new(|| host::hdf5::collect(&host::process_env).version);
    predict_all(experiment, &Conditions::expected(experiment, &VERSION, false)).unwrap()
}

/// True if chunks stick out of the dataset: their empty parts shrink, so that a mean size says nothing about one.
fn ragged(layout: &Layout) -> bool {
    matches!(layout, Layout::Chunked { chunk, .. } if SHAPE.iter().zip(chunk).any(|(n, c)| n % c != 0))
}

/// True if this system counts what a thread reads; then every comparison must have been made.
fn counts() -> bool {
    Path::new("/proc/thread-self/io").exists()
}

fn check_all(dtype: Dtype, filtered: bool) {
    let size = dtype.size() as u64;
    let chunks = [[1, 64, 80], [1, 20, 20], [1, 16, 20], [8, 16, 16], [24, 64, 80]];
    let mut compared = 0;
    for chunk in chunks {
        let bytes = chunk.iter().product::<u64>() * size;
        // HDF5's default, none, one that holds a few chunks, one that all but holds one.
        let caches = [None, Some(0), Some(bytes * 7 / 2), Some(bytes - 1)];
        compared += Case::new(dtype, Some(chunk), filtered).check(&caches);
    }
    assert!(compared == 5 * 4 * ACCESSES.len() || !counts());
}

fn check_one(case: &Case) {
    assert!(case.check(&[None]) == ACCESSES.len() || !counts(), "every access is compared");
}

#[test]
fn contiguous_u16() {
    check_one(&Case::new(Dtype::U16, None, false));
}

#[test]
fn contiguous_f64() {
    check_one(&Case::new(Dtype::F64, None, false));
}

#[test]
fn chunks_u16() {
    check_all(Dtype::U16, false);
}

#[test]
fn chunks_f64() {
    check_all(Dtype::F64, false);
}

#[test]
fn compressed_chunks_u16() {
    check_all(Dtype::U16, true);
}

#[test]
fn compressed_chunks_f64() {
    check_all(Dtype::F64, true);
}

/// Nothing is read that was not predicted, however many threads there are: what they hold is known to the byte.
#[test]
fn direct_reads_what_is_predicted() {
    let chunks = [None, Some([1, 64, 80]), Some([1, 20, 20]), Some([8, 16, 16]), Some([24, 64, 80])];
    for (chunk, np) in chunks.into_iter().flat_map(|chunk| [(chunk, 1), (chunk, 3)]) {
        for dtype in [Dtype::U16, Dtype::F64] {
            check_one(&Case { method: Method::Direct, np, ..Case::new(dtype, chunk, false) });
            if chunk.is_some() {
                check_one(&Case { method: Method::Direct, np, ..Case::new(dtype, chunk, true) });
            }
        }
    }
}

/// Threads share HDF5's caches, or leave the file to one of them; parts of a virtual dataset have their own.
#[test]
fn several_ranks_in_every_method() {
    for method in [Method::Independent, Method::Gather, Method::PerProcess, Method::Posix] {
        for (chunk, filtered) in [(None, false), (Some([1, 64, 80]), false), (Some([8, 16, 16]), true)] {
            // Which thread finds what in the one sieve buffer is decided by who comes first.
            let predictable = !matches!(method, Method::Independent | Method::PerProcess) || chunk.is_some();
            if predictable && (method != Method::Posix || chunk.is_none()) {
                check_one(&Case { method, np: 3, ..Case::new(Dtype::U16, chunk, filtered) });
            }
        }
    }
}
