//! What HDF5 does for a request, counted in closed form: chunks, calls, bytes, pieces that are copied, places on the device.
//!
//! The rules are those of [`crate::prediction`], which walks chunk by chunk; here thousands of layouts are counted in a
//! second, without the chunk cache's memory of what was read before.

use crate::region::{Region, strides};
use crate::sieve::DEFAULT_SIEVE_BYTES;
use std::collections::BTreeSet;

/// A dataset's layout, as far as it decides what is done.
#[derive(Clone, Copy, Debug)]
pub struct Geometry<'a> {
    /// Elements along each axis.
    pub shape: &'a [u64],
    /// Bytes of an element.
    pub element: u64,
    /// Elements of a chunk along each axis; `None`: contiguous.
    pub chunk: Option<&'a [u64]>,
    /// Whether chunks have filters.
    pub filtered: bool,
    /// Bytes of the chunk cache: larger chunks without filters are read piece by piece.
    pub cache_bytes: u64,
    /// Whether contiguous data is read through the sieve buffer (not with MPI-IO).
    pub sieve: bool,
}

/// What is done for some requests.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Work {
    /// Requests.
    pub requests: f64,
    /// Bytes asked for.
    pub asked: f64,
    /// Chunks touched.
    pub chunks: f64,
    /// Chunks read whole, and decoded if they have filters.
    pub whole_chunks: f64,
    /// Read calls for data.
    pub calls: f64,
    /// Bytes that they read, before compression.
    pub read: f64,
    /// Bytes in memory of the chunks that are read whole.
    pub whole: f64,
    /// Pieces that are contiguous in the file's chunk and in memory: each is copied by itself.
    pub pieces: f64,
    /// Bytes that are copied from the sieve buffer or a chunk in memory, not read straight to the caller's.
    pub copied: f64,
    /// Places on the device that are gone to, each once in the pass.
    pub places: f64,
    /// Bytes (before compression) that are fetched from there.
    pub fetched: f64,
    /// Nodes of the chunk index that are read, each once in the pass.
    pub nodes: f64,
}

/// Bytes that Linux reads ahead of a reader who goes forward (`read_ahead_kb`, 128 if nobody has set it): what lies between
/// two calls that are not further apart is read as well, and the second finds its bytes there.
pub(super) const READ_AHEAD: u64 = 128 << 10;

/// Entries of an index node, on average: between half full and full.
const ENTRIES: f64 = 40.0;

impl Work {
    /// The sum of both.
    pub fn plus(self, other: Work) -> Work {
        Work {
            requests: self.requests + other.requests,
            asked: self.asked + other.asked,
            chunks: self.chunks + other.chunks,
            whole_chunks: self.whole_chunks + other.whole_chunks,
            calls: self.calls + other.calls,
            read: self.read + other.read,
            whole: self.whole + other.whole,
            pieces: self.pieces + other.pieces,
            copied: self.copied + other.copied,
            places: self.places + other.places,
            fetched: self.fetched + other.fetched,
            nodes: self.nodes + other.nodes,
        }
    }

    /// What a pass over these requests does, one after the other. What two of them fetch alike is fetched once, and all of
    /// them together fetch no more than there is.
    pub fn of_pass(geometry: &Geometry<'_>, requests: &[Region]) -> Work {
        let mut met = BTreeSet::new();
        let mut all = requests.iter().filter(|r| !r.is_empty()).fold(Work::default(), |sum, request| {
            let mut one = Work::of(geometry, request);
            if !met.insert(geometry.box_of(request)) {
                (one.places, one.fetched, one.nodes) = (0.0, 0.0, 0.0);
            }
            sum.plus(one)
        });
        all.nodes = all.nodes.min(geometry.index_nodes());
        let share = (geometry.bytes() as f64 / all.fetched.max(1.0)).min(1.0);
        Work { places: all.places * share, fetched: all.fetched * share, ..all }
    }

    /// What one request does.
    pub fn of(geometry: &Geometry<'_>, request: &Region) -> Work {
        let asked = request.elements() as f64 * geometry.element as f64;
        let common = Work { requests: 1.0, asked, ..Work::default() };
        match geometry.chunk {
            None => contiguous(geometry, request, common),
            Some(chunk) => chunked(geometry, chunk, request, common),
        }
    }
}

impl Geometry<'_> {
    /// Bytes of a chunk before filters; of the whole dataset if there are none.
    pub fn chunk_bytes(&self) -> u64 {
        self.chunk.unwrap_or(self.shape).iter().product::<u64>() * self.element
    }

    /// Chunks that there are.
    pub fn chunks(&self) -> u64 {
        self.chunk.map_or(0, |chunk| self.shape.iter().zip(chunk).map(|(n, c)| n.div_ceil(*c)).product())
    }

    /// Bytes of the dataset before filters, chunks at the edge whole.
    pub fn bytes(&self) -> u64 {
        self.chunk.map_or(1, |_| self.chunks()) * self.chunk_bytes()
    }

    /// Whether chunks are always read whole.
    pub fn reads_whole(&self) -> bool {
        self.filtered || self.chunk_bytes() <= self.cache_bytes
    }

    fn index_nodes(&self) -> f64 {
        (self.chunks() as f64 / ENTRIES).ceil()
    }

    /// What a request touches: the box of chunks, or the region itself where pieces are read.
    fn box_of(&self, request: &Region) -> Vec<(u64, u64)> {
        let chunk = self.chunk.filter(|_| self.reads_whole());
        (0..request.axes())
            .map(|d| {
                let (from, to) = (request.start[d], request.start[d] + request.count[d] - 1);
                chunk.map_or((from, to), |chunk| (from / chunk[d], to / chunk[d]))
            })
            .collect()
    }
}

fn contiguous(geometry: &Geometry<'_>, request: &Region, common: Work) -> Work {
    let (length, outer) = run_length(&request.count, geometry.shape);
    let runs: u64 = request.count[..outer].iter().product();
    let run = length * geometry.element;
    let sieved = geometry.sieve && run <= DEFAULT_SIEVE_BYTES;
    let all = Work { pieces: runs as f64, copied: if sieved { common.asked } else { 0.0 }, ..common };
    let Some(last) = outer.checked_sub(1) else {
        return Work { calls: 1.0, read: run as f64, places: 1.0, fetched: run as f64, ..all };
    };
    // Runs that follow each other along the innermost axis outside of them, and what one call reads of those.
    let (along, step) = (request.count[last], strides(geometry.shape)[last] * geometry.element);
    let (together, bytes) =
        if sieved { ((DEFAULT_SIEVE_BYTES - run) / step + 1, DEFAULT_SIEVE_BYTES) } else { (1, run) };
    let (rows, calls, distance) = ((runs / along.max(1)) as f64, along.div_ceil(together), together * step);
    let read = rows * (calls * bytes) as f64;
    let all = Work { calls: rows * calls as f64, read, ..all };
    if distance <= bytes + READ_AHEAD {
        return Work { places: rows, fetched: rows * ((calls - 1) * distance + bytes) as f64, ..all };
    }
    Work { places: all.calls, fetched: read, ..all }
}

fn chunked(geometry: &Geometry<'_>, chunk: &[u64], request: &Region, common: Work) -> Work {
    let axes = request.axes();
    let touched: Vec<u64> = (0..axes)
        .map(|d| (request.start[d] + request.count[d] - 1) / chunk[d] - request.start[d] / chunk[d] + 1)
        .collect();
    let chunks = touched.iter().product::<u64>() as f64;
    let pieces = pieces(chunk, request, &touched);
    let grid: Vec<u64> = geometry.shape.iter().zip(chunk).map(|(n, c)| n.div_ceil(*c)).collect();
    let (_, outer) = run_length(&touched, &grid);
    let groups = touched[..outer].iter().product::<u64>() as f64;
    // A group of chunks that follow each other, and their entries in the index.
    let nodes = groups * (1.0 + (chunks / groups) / ENTRIES);
    let all = Work { chunks, pieces, nodes, ..common };
    if geometry.reads_whole() {
        let read = chunks * geometry.chunk_bytes() as f64;
        let copied = common.asked;
        return Work {
            whole_chunks: chunks,
            whole: read,
            calls: chunks,
            read,
            copied,
            places: groups,
            fetched: read,
            ..all
        };
    }
    Work { calls: pieces, read: common.asked, places: pieces, fetched: common.asked, ..all }
}

/// Pieces that are contiguous in a chunk and in memory of the request's own shape.
fn pieces(chunk: &[u64], request: &Region, touched: &[u64]) -> f64 {
    let mut axis = request.axes() - 1;
    // An axis that a single chunk holds whole joins its runs to longer ones.
    while axis > 0 && touched[axis] == 1 && request.count[axis] == chunk[axis] {
        axis -= 1;
    }
    request.count[..axis].iter().product::<u64>() as f64 * touched[axis] as f64
}

/// Elements that are contiguous in a box of `count` within `shape`, and the number of axes outside of such a run.
fn run_length(count: &[u64], shape: &[u64]) -> (u64, usize) {
    let (mut length, mut axis) = (1, count.len());
    while axis > 0 {
        axis -= 1;
        length *= count[axis];
        if count[axis] != shape[axis] {
            break;
        }
    }
    (length, axis)
}

/// What writing the whole dataset does, by a writer whose chunk cache holds what it has begun: each chunk is written once.
pub fn write_work(geometry: &Geometry<'_>) -> Work {
    let elements = geometry.shape.iter().product::<u64>() as f64;
    let bytes = elements * geometry.element as f64;
    match geometry.chunk {
        None => Work { requests: 1.0, asked: bytes, calls: 1.0, read: bytes, pieces: 1.0, ..Work::default() },
        Some(chunk) => {
            let chunks = geometry.chunks() as f64;
            let last = chunk.len() - 1;
            let rows = elements / chunk[last].min(geometry.shape[last]) as f64;
            let read = chunks * geometry.chunk_bytes() as f64;
            Work {
                requests: 1.0,
                asked: bytes,
                chunks,
                whole_chunks: chunks,
                whole: read,
                calls: chunks,
                read,
                pieces: rows,
                copied: bytes,
                ..Work::default()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Dataset, Dtype, Shape};
    use crate::experiment::Experiment;
    use crate::filter::Filter;
    use crate::layout::Layout;
    use crate::prediction::{Conditions, predict_requests};
    use proptest::prelude::*;

    fn experiment(shape: &[u64], layout: Layout) -> Experiment {
        let shape = Shape(shape.to_vec());
        Experiment::one_reader(Dataset { name: "d".into(), shape, dtype: Dtype::U16, data: None, from: None }, layout)
    }

    proptest! {
        /// For a single request the closed form counts what a walk through the chunks finds.
        #[test]
        fn one_request_is_counted_as_the_walk_counts_it(
            chunk in prop::collection::vec(1u64..20, 3), start in prop::collection::vec(0u64..20, 3), count in prop::collection::vec(1u64..20, 3),
            filtered: bool, cache_bytes in 0u64..4000,
        ) {
            let shape = [40, 40, 40];
            let request = Region::new(start, count);
            let filters = if filtered { vec![Filter::Gzip(1)] } else { vec![] };
            let experiment = experiment(&shape, Layout::Chunked { chunk: chunk.clone(), filters });
            let mut conditions = Conditions::expected(&experiment, "1.10.8", false);
            conditions.cache.bytes = cache_bytes;
            let walked = predict_requests(&experiment, std::slice::from_ref(&request), &conditions);
            let geometry = Geometry { shape: &shape, element: 2, chunk: Some(&chunk), filtered, cache_bytes, sieve: true };
            let work = Work::of(&geometry, &request);
            prop_assert_eq!(work.chunks as u64, walked.chunk_touches);
            prop_assert_eq!(work.whole_chunks as u64, walked.chunk_reads);
            prop_assert_eq!(work.asked as u64, walked.bytes_asked);
            prop_assert_eq!(work.read as u64, walked.bytes_to_read);
            // Pieces that edges cut are counted as whole runs: never fewer calls than the walk finds, rarely more.
            prop_assert!(work.calls as u64 <= walked.reads, "{} {}", work.calls, walked.reads);
        }
    }

    #[test]
    fn a_contiguous_dataset_is_sieved() {
        let shape = [100, 400, 500];
        let geometry =
            Geometry { shape: &shape, element: 2, chunk: None, filtered: false, cache_bytes: 1 << 20, sieve: true };
        let projection = Work::of(&geometry, &Region::new(vec![7, 0, 0], vec![1, 400, 500]));
        assert_eq!((projection.calls, projection.pieces, projection.read), (1.0, 1.0, 400_000.0));
        let sinogram = Work::of(&geometry, &Region::new(vec![0, 7, 0], vec![100, 1, 500]));
        assert_eq!((sinogram.calls, sinogram.read), (100.0, 100.0 * 65536.0));
        // An image is read straight to the caller's memory, a row of 1000 bytes by way of the sieve buffer.
        assert_eq!((projection.copied, sinogram.copied, sinogram.whole), (0.0, 100_000.0, 0.0));
        // 66 rows of a tile lie within one sieve buffer.
        let tile = Work::of(&geometry, &Region::new(vec![7, 0, 0], vec![1, 130, 100]));
        assert_eq!((tile.calls, tile.pieces), (2.0, 130.0));
        // The second begins where the first ends: one place. The rows of a sinogram are an image apart.
        assert_eq!((tile.places, tile.fetched), (1.0, 66.0 * 1000.0 + 65536.0));
        assert_eq!((sinogram.places, sinogram.fetched), (100.0, 100.0 * 65536.0));
    }

    #[test]
    fn a_pass_fetches_no_more_than_there_is() {
        let shape = [4096, 3072];
        let geometry =
            Geometry { shape: &shape, element: 2, chunk: None, filtered: false, cache_bytes: 1 << 20, sieve: true };
        let columns: Vec<Region> = (0..16).map(|k| Region::whole(&shape).slab(1, k * 100, k * 100 + 1)).collect();
        let pass = Work::of_pass(&geometry, &columns);
        assert_eq!(pass.fetched, 4096.0 * 3072.0 * 2.0);
        assert!(pass.places < 1.1 && pass.calls > 5000.0, "{pass:?}");
    }

    #[test]
    fn what_two_requests_fetch_alike_is_fetched_once() {
        let (shape, chunk) = ([64, 64, 64], [32, 32, 64]);
        let geometry = Geometry {
            shape: &shape,
            element: 2,
            chunk: Some(&chunk),
            filtered: true,
            cache_bytes: 1 << 20,
            sieve: true,
        };
        let requests: Vec<Region> = (0..4).map(|k| Region::whole(&shape).slab(0, k * 16, k * 16 + 1)).collect();
        let pass = Work::of_pass(&geometry, &requests);
        assert_eq!((pass.requests, pass.whole_chunks), (4.0, 8.0));
        assert_eq!((pass.whole, pass.copied), (8.0 * 131_072.0, 4.0 * 8192.0));
        assert_eq!(pass.fetched, 4.0 * 32.0 * 32.0 * 64.0 * 2.0);
    }
}
